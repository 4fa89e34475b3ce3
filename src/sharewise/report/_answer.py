"""The answer of a run in a few sentences, and nothing that its figures do not carry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sharewise.architecture import Architecture, Branch
from sharewise.evaluation import Budget
from sharewise.report._read import Facts
from sharewise.report._verdicts import against_random, against_shared, apart, params_words, verdict
from sharewise.report._words import THIN, names_in_words, plural, quantity, signed

_MOST_SPLITS = 3  # sentences; deeper splits are counted
_MOST_BRANCHES = 4  # named in one sentence
_MOST_NAMED = 4  # tasks of a branch


def answer(facts: Facts) -> list[str]:
    """Paragraphs: what was found, what is shared where, what it costs and how it scores."""
    if facts.architecture is None:
        return [_unfinished(facts)]
    paragraphs = (
        (_opening(facts, facts.architecture), *against_shared(facts)),
        sharing(facts.architecture, facts.stage_names),
        (*_costs(facts), *_against_others(facts)),
    )
    return [text for text in map(" ".join, paragraphs) if text]


def budget_words(budget: Budget) -> str:
    """The bounds of a budget as a phrase."""
    bounds = budget.to_dict()
    phrases = {
        "params": "{}× the parameters of sharing everything",
        "macs": "{}× the multiply-adds of sharing everything",
        "params_m": f"{{}}{THIN}M parameters",
        "macs_g": f"{{}}{THIN}G multiply-adds",
        "latency_ms": f"{{}}{THIN}ms",
        "use": "a mean share of {} of the channels",
        "task_use": "a share of {} of the channels for each task",
    }
    return " and ".join(phrases[word].format(f"{bound:g}") for word, bound in bounds.items())


def sharing(architecture: Architecture, stage_names: Sequence[str]) -> Iterator[str]:
    """What is shared where, a sentence for each split."""
    num_tasks, levels = len(architecture.tasks), architecture.levels
    if num_tasks == 1 or len(levels[0]) == num_tasks or len(levels[-1]) == 1:
        return  # the opening says it
    splits = list(_splits(architecture))
    for stage, parent, children in splits[:_MOST_SPLITS]:
        whole = names_in_words(parent) if len(parent) < num_tasks else f"the {num_tasks} tasks"
        yield f"At {stage_names[stage]}, {whole} split into {_parts(children)}."
    if len(splits) <= _MOST_SPLITS:
        return
    yield f"{plural(len(splits) - _MOST_SPLITS, 'more split follows', 'more splits follow')}."
    together = [names_in_words(tasks) for tasks in levels[-1] if len(tasks) > 1]
    if not together:
        yield "At the last stage every task has a branch of its own."
    elif len(together) <= _MOST_BRANCHES:
        yield f"What still shares the last stage: {'; '.join(together)}."
    else:
        yield f"{len(levels[-1])} branches are left at the last stage."


def _unfinished(facts: Facts) -> str:
    if not facts.epochs:
        return "This search has found nothing yet: the run folder has no architecture.json."
    return (
        f"This search is not finished: its journal holds {plural(len(facts.epochs), 'epoch')},"
        " and there is no architecture.json yet. Resume it (--resume) to get an answer."
    )


def _opening(facts: Facts, architecture: Architecture) -> str:
    under = f"Under a budget of {budget_words(facts.budget)}, " if facts.budget else ""
    num_tasks, levels = len(architecture.tasks), architecture.levels
    everyone = "both tasks" if num_tasks == 2 else f"all {num_tasks} tasks"
    if num_tasks == 1:
        found = "there is one task, so there was nothing to share"
    elif len(levels[-1]) == 1:
        found = f"sharewise found that {everyone} share every stage"
    elif len(levels[0]) == num_tasks:
        found = f"sharewise found {num_tasks} independent networks: no stage is shared"
    elif len(levels[0]) > 1:
        found = f"sharewise found {len(levels[0])} trees that share nothing with each other"
    else:
        num_shared = sum(len(level) == 1 for level in levels)
        trunk = facts.stage_names[:num_shared]
        ends = f"{trunk[0]} through {trunk[-1]}" if num_shared > 2 else " and ".join(trunk)
        found = f"sharewise found a tree in which {everyone} share {ends}"
    sentence = f"{under}{found}."
    return sentence[0].upper() + sentence[1:]


def _splits(
    architecture: Architecture,
) -> Iterator[tuple[int, tuple[str, ...], tuple[Branch, ...]]]:
    """(stage of the children, tasks of the parent, children), the first stages first."""
    if len(architecture.roots) > 1:
        yield 0, architecture.tasks, architecture.roots
    branches = sorted(architecture.branches(), key=lambda pair: pair[0])
    for stage, branch in branches:
        if len(branch.children) > 1:
            yield stage + 1, branch.tasks, branch.children


def _parts(children: Sequence[Branch]) -> str:
    """The branches of a split: names, or counts where there are too many."""
    if len(children) > _MOST_BRANCHES:
        return f"{len(children)} branches"
    large = [child for child in children if len(child.tasks) > _MOST_NAMED]
    phrases = [names_in_words(child.tasks) for child in children if child not in large]
    if len(large) == 1 and phrases:
        phrases.append(f"the other {len(large[0].tasks)} tasks")
    else:
        phrases += [f"{len(child.tasks)} tasks" for child in large]
    ones = [f"one for {phrase}" for phrase in phrases]
    if len(ones) == 2 and len(children[0].tasks) == 1:
        return f"2 branches, {ones[0]} and {ones[1]}"
    return f"{len(children)} branches, {', '.join(ones[:-1])}, and {ones[-1]}"


def _costs(facts: Facts) -> Iterator[str]:
    found = facts.cost_of("found")
    if found is not None:
        needs = f"needs {quantity(found[1])} multiply-adds per sample"
        yield f"It has {params_words(facts, found)} and {needs}."


def _against_others(facts: Facts) -> Iterator[str]:
    found, independent = facts.rows.get("found"), facts.rows.get("independent")
    if found is None:
        return
    if independent is not None and found.architectures != independent.architectures:
        yield f"It {verdict('independent networks', found.gains_independent)}."
    if "random" in facts.rows:
        random = facts.rows["random"]
        words = f"Random trees under the same budget reach {signed(*random.gains)}"
        yield from against_random(apart(found, random), words)
