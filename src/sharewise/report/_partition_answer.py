"""The answer of a partitioning run: a few sentences, and nothing that figures do not carry."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from sharewise.architecture import Architecture
from sharewise.report._answer import budget_words
from sharewise.report._read import Facts, Row
from sharewise.report._regions import mean_counts, shared_shares, updated_part
from sharewise.report._verdicts import against_random, against_shared, paired, params_words, verdict
from sharewise.report._words import (
    names_in_words,
    plural,
    quantity,
    share,
    signed,
    times,
)

_ALL = 0.9995  # of the channels: what rounds to every one of them
_ALL_SHARED = "sharing everything, where every task uses every channel"


def partition_answer(facts: Facts) -> list[str]:
    """Paragraphs: who uses how much, who shares with whom, what it costs, what it gained."""
    if facts.architecture is None:
        return [_unfinished(facts)]
    paragraphs = (
        (_opening(facts, facts.architecture), *against_shared(facts, _ALL_SHARED)),
        _sharing(facts.architecture),
        _costs(facts),
        _against_others(facts),
    )
    return [text for text in map(" ".join, paragraphs) if text]


def partition_figures(facts: Facts) -> Iterator[tuple[str, str]]:
    """(a large figure, what it is): use, cost and gains."""
    if facts.architecture is None:
        return
    bound = facts.budget.use if facts.budget else None
    room = f" (budget {share(bound)})" if bound else ""
    yield share(facts.architecture.mean_use), f"of the channels a task uses on average{room}"
    found, shared = facts.cost_of("found"), facts.cost_of("shared")
    if found and shared:
        yield times(found[1] / shared[1]), "the multiply-adds of sharing everything"
    row = facts.rows.get("found")
    if row is None:
        return
    over = plural(len(facts.seeds), "seed")
    if row.gains[0] is not None and found != shared:
        yield signed(*row.gains), f"mean gain over sharing everything, {over}"
    if row.gains_independent[0] is not None:
        yield signed(*row.gains_independent), f"mean gain over independent networks, {over}"


def group_words(facts: Facts) -> str:
    """Which channels were divided: "the 256 hidden channels of layer3"."""
    groups = facts.settings.get("groups") or ()
    stages = list(dict.fromkeys(int(group["stage"]) for group in groups))
    names = facts.settings.get("stages") or ()
    titles = [str(names[s]) if s < len(names) else f"stage {s + 1}" for s in stages]
    if not titles:
        return "the hidden channels"
    sizes = {int(group["channels"]) for group in groups}
    count = f"{sizes.pop()} " if len(sizes) == 1 and len(stages) == 1 else ""
    return f"the {count}hidden channels of {names_in_words(titles)}"


def _unfinished(facts: Facts) -> str:
    candidates = facts.trail.candidates
    if not candidates:
        return "This search has found nothing yet: the run folder has no architecture.json."
    best = max(candidates, key=lambda each: each.score)
    return (
        f"This search is not finished: its journal holds {plural(len(candidates), 'candidate')},"
        f" the best with a score of {best.score:.3f} where tasks use {share(best.mean_use)} of the"
        " channels, and there is no architecture.json yet. Resume it (--resume) to get an answer."
    )


def _opening(facts: Facts, architecture: Architecture) -> str:
    under = _bounds(facts)
    uses = architecture.use.values()
    count = len(uses)
    if count == 1:
        found = f"there is one task, which uses {share(min(uses))} of {group_words(facts)}"
    elif min(uses) >= _ALL:
        everyone = "both tasks" if count == 2 else f"all {count} tasks"
        found = f"sharewise found that {everyone} should use every one of {group_words(facts)}"
    else:
        low, high = share(min(uses)), share(max(uses))
        span = low if low == high else f"between {low} and {high}"
        found = f"sharewise gave each of {count} tasks {span} of {group_words(facts)}"
        found += f", {share(architecture.mean_use)} on average" if low != high else ""
    sentence = f"{under}{found}."
    return sentence[0].upper() + sentence[1:]


def _bounds(facts: Facts) -> str:
    """The budget as the beginning of a sentence."""
    if facts.budget is None:
        return ""
    if list(facts.budget.to_dict()) == ["use"]:
        return f"Where tasks may use {share(facts.budget.use or 0.0)} of the channels on average, "
    return f"Under a budget of {budget_words(facts.budget)}, "


def _sharing(architecture: Architecture) -> Iterator[str]:
    """How much is common to all, and who has most and least in common."""
    count = len(architecture.tasks)
    together = shared_shares(architecture)
    if count == 1 or together is None or architecture.mean_use >= _ALL:
        return
    counts = mean_counts(architecture)
    some = sum(part for number, part in counts.items() if 1 < number < count)
    whole = "both tasks" if count == 2 else f"all {count} tasks"
    parts = [
        (counts.get(count, 0.0), f"serve {whole}"),
        (some, "serve some tasks"),
        (counts.get(1, 0.0), "serve one task alone"),
        (counts.get(0, 0.0), "serve nobody and are not built"),
    ]
    told = [f"{share(part)} {words}" for part, words in parts if part]
    none = "" if counts.get(count) else f" None serves {whole}."
    yield f"Of these channels, {', '.join(told[:-1])}{' and ' if told[1:] else ''}{told[-1]}.{none}"
    pairs = {
        (one, other): float(together[i, j])
        for (i, one), (j, other) in combinations(enumerate(architecture.tasks), 2)
    }
    most, least = max(pairs, key=lambda pair: pairs[pair]), min(pairs, key=lambda pair: pairs[pair])
    if pairs[most] - pairs[least] > 0.01:
        yield (
            f"{' and '.join(most)} have most in common ({share(pairs[most])} of the channels),"
            f" {' and '.join(least)} least ({share(pairs[least])})."
        )
    updated = updated_part(architecture)
    if updated >= _ALL:
        yield "Every task updates all channels that it uses."
    else:
        yield (
            f"Tasks update {share(updated)} of what they use; the rest they take as other tasks"
            " train it."
        )


def _costs(facts: Facts) -> Iterator[str]:
    found = facts.cost_of("found")
    if found is None:
        return
    yield f"The whole network has {params_words(facts, found)}."
    rows = facts.rows
    alone = rows["found"].alone if "found" in rows else None
    if alone is None:
        return
    text = (
        f"One task alone runs through {quantity(alone[0])} of them and needs"
        f" {quantity(alone[1])} multiply-adds per sample on average"
    )
    whole = rows["shared"].alone if "shared" in rows else None
    if whole and whole != alone:
        text += f" ({times(alone[0] / whole[0])} and {times(alone[1] / whole[1])} of what it does"
        text += " with every channel)"
    yield f"{text}."


def _against_others(facts: Facts) -> Iterator[str]:
    found = facts.rows.get("found")
    if found is None:
        return
    known = {
        name: facts.rows[name]
        for name in ("independent", "divided", "random")
        if name in facts.rows and facts.rows[name].architectures != found.architectures
    }
    if "independent" in known:
        yield f"It {verdict('independent networks', found.gains_independent)}."
    if "divided" in known:
        gains = paired(found, known["divided"])
        yield f"It {verdict('dividing the channels into equal parts', gains)}."
    if "random" in known:
        reached = signed(*known["random"].gains)
        words = f"Random partitions of the same mean use reach {reached} over sharing all"
        yield from against_random(paired(found, known["random"]), words)
    yield from _conclusion(facts, found)


def _conclusion(facts: Facts, found: Row) -> Iterator[str]:
    """What is left to say for a partition that gains nothing over sharing everything."""
    shared = facts.rows.get("shared")
    mean, spread = found.gains
    if shared is None or found.architectures == shared.architectures:
        return
    if mean is None or spread is None or mean > spread:
        return
    if mean < -spread:
        yield "Who can pay for every channel should share everything here."
    elif found.macs < shared.macs:
        saved = times(found.macs / shared.macs)
        yield f"What speaks for it is its cost: {saved} the multiply-adds of sharing everything."
    else:
        yield "Nothing measured here speaks for it against sharing everything."
