"""Finalists: trees of the consensus, trained from scratch and compared on validation (ours).

The source takes one tree from the gates. On tasks whose gates hardly move, what twelve supernets
agree on is little more than which trees are worth a look; a short training of each says more.
"""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Any

from sharewise.architecture import Architecture
from sharewise.evaluators import Evaluation, Trained
from sharewise.runs import cores
from sharewise.scores import Scores, relative_gain
from sharewise.search._store import SearchStore
from sharewise.tasks import metric_directions

# The seeds of comparisons start at 0: what is chosen must not be chosen for its luck with these.
_FIRST_SEED = 1_000_000

Tell = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Finalist:
    """A tree with its gains over sharing all on the validation split, in percent.

    One gain for each seed that it was trained with: fewer where better trees left it behind.
    """

    architecture: Architecture
    gains: tuple[float, ...]

    @property
    def gain(self) -> float:
        """The mean over seeds."""
        return statistics.fmean(self.gains)

    @property
    def error(self) -> float:
        """The standard error of that mean; 0 of one seed, which does not tell."""
        count = len(self.gains)
        return statistics.stdev(self.gains) / math.sqrt(count) if count > 1 else 0.0


def best(finalists: Sequence[Finalist], price: Callable[[Architecture], float]) -> Architecture:
    """The cheapest tree that gains as much as the best one within the best one's standard error.

    Of those that were trained most often; of equals the first. A tree that costs more than another
    has to show what for: the one-standard-error rule (Breiman, Friedman, Olshen and Stone,
    Classification and regression trees, 1984).
    """
    most = max(len(each.gains) for each in finalists)
    judged = [each for each in finalists if len(each.gains) == most]
    top = max(judged, key=lambda each: each.gain)
    near = [each.architecture for each in judged if each.gain >= top.gain - top.error]
    return min(near, key=price)


def shortlist(found: Sequence[Architecture], count: int) -> tuple[Architecture, ...]:
    """So many of the trees, the fully shared one among them: gains are over it.

    The first tree of each shape (branches per stage) and then the others, each in their order.
    Where gates say little, the best explanations of the votes are small trees of one shape: they
    leave much of a budget unused, and trainings hardly tell them apart (docs/results/scenes.md).
    """
    if count == 1:
        return (found[0],)
    shared = _shared(found)
    shapes: dict[tuple[int, ...], Architecture] = {}
    for tree in found:
        shapes.setdefault(tree.num_branches, tree)
    chosen = list(dict.fromkeys([*shapes.values(), *found]))[:count]
    if shared not in chosen:
        chosen[count - 1 :] = [shared]
    return tuple(chosen)


def judge(
    trees: Sequence[Architecture],
    trained: Trained,
    *,
    seeds: Sequence[int],
    store: SearchStore,
    executor: Executor | None,
    tell: Tell,
) -> tuple[Finalist, ...]:
    """Train all trees with the first seed, and with each further one the better half again.

    Successive halving (Jamieson and Talwalkar, AISTATS 2016) by the mean gain so far. The fully
    shared tree is trained with every seed: gains are over it. Of one seed all trees see the same
    batches, and equal branches begin with equal weights.

    Returns:
        The trees in their order, with their gains.
    """
    directions = metric_directions(trained.data.tasks)
    shared = _shared(trees)
    others = [tree for tree in trees if tree != shared]
    counts = _halved(len(others), len(seeds))
    gains: dict[Architecture, list[float]] = {tree: [] for tree in trees}
    done, jobs = 0, sum(counts) + len(counts)
    tell({"part": "finalists", "done": done, "jobs": jobs})
    for seed, count in zip(seeds, counts, strict=True):
        others = sorted(others, key=lambda tree: -statistics.fmean(gains[tree] or [0.0]))[:count]
        scores: dict[Architecture, Scores] = {}
        for tree, found in _train([shared, *others], seed, trained, store, executor):
            scores[tree] = found
            done += 1
            tell({"part": "finalists", "done": done, "jobs": jobs})
        for tree, found in scores.items():
            gains[tree].append(relative_gain(found, scores[shared], directions))
    return tuple(Finalist(tree, tuple(gains[tree])) for tree in trees)


def seeds_of(seed: int, count: int) -> tuple[int, ...]:
    """The seeds of the trainings of a search with this seed."""
    return tuple(_FIRST_SEED * (i + 1) + seed for i in range(count))


def _shared(trees: Sequence[Architecture]) -> Architecture:
    return Architecture.shared(trees[0].tasks, trees[0].num_stages)


def _halved(count: int, rounds: int) -> list[int]:
    """How many are left in each round: all, half of them, a quarter, and so on; one at least."""
    return [-(-count // 2**number) for number in range(rounds)]


def _train(
    trees: Sequence[Architecture],
    seed: int,
    trained: Trained,
    store: SearchStore,
    executor: Executor | None,
) -> Iterator[tuple[Architecture, Scores]]:
    """The trees with their scores, in order; trainings that the store has are taken from it."""
    asked = [
        {"trained": tree.digest, "seed": seed, "epochs": trained.settings.epochs} for tree in trees
    ]
    known = [store.known(words) for words in asked]
    works = (
        partial(trained.evaluate, [tree], seed=seed)
        for tree, entry in zip(trees, known, strict=True)
        if entry is None
    )
    # A few ahead of the one that is waited for: the data travel with each, and may be large.
    begun: deque[Callable[[], tuple[Evaluation, ...]]] = deque()
    ahead = 1 if executor is None else cores() + 1
    for tree, words, entry in zip(trees, asked, known, strict=True):
        while len(begun) < ahead and (work := next(works, None)) is not None:
            begun.append(work if executor is None else executor.submit(work).result)
        if entry is not None:
            made = dict(entry)
        else:
            (evaluation,) = begun.popleft()()
            made = {**words, "scores": _scores(evaluation)}
        store.append(made)
        yield tree, made["scores"]


def _scores(evaluation: Evaluation) -> Scores:
    """{task: {metric: value}} of {metric: {task: value}}."""
    return {
        task: {
            metric: values[task] for metric, values in evaluation.measures.items() if task in values
        }
        for task in evaluation.per_task
    }
