"""Finalists: the consensus's first trees, trained from scratch and compared on validation (ours).

The source takes one tree from the gates. On tasks whose gates hardly move, what twelve supernets
agree on is little more than which trees are worth a look; a short training of each says more.
"""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from sharewise.architecture import Architecture
from sharewise.evaluators import Evaluation, Trained
from sharewise.runs import cores
from sharewise.scores import Scores, relative_gain
from sharewise.tasks import metric_directions

# The seeds of comparisons start at 0: what is chosen must not be chosen for its luck with these.
_FIRST_SEED = 1_000_000

Tell = Callable[[dict[str, Any]], None]


class Record(Protocol):
    """Where trainings are kept, in order."""

    def known(self, asked: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The entry that answers what is asked, if it is there."""
        ...

    def append(self, entry: dict[str, Any]) -> None:
        """Keep an entry."""
        ...


@dataclass(frozen=True)
class Finalist:
    """A tree with its gains over sharing all on the validation split, in percent, one a seed."""

    architecture: Architecture
    gains: tuple[float, ...]

    @property
    def gain(self) -> float:
        """The mean over seeds."""
        return statistics.fmean(self.gains)


def best(finalists: Sequence[Finalist]) -> Architecture:
    """The tree that gains most; of equal ones the first."""
    return max(finalists, key=lambda each: each.gain).architecture


def shortlist(found: Sequence[Architecture], count: int) -> tuple[Architecture, ...]:
    """The first so many of the trees, the fully shared one among them: gains are over it."""
    if count == 1:
        return (found[0],)
    shared = Architecture.shared(found[0].tasks, found[0].num_stages)
    chosen = list(found[:count])
    if shared not in chosen:
        chosen[count - 1 :] = [shared]
    return tuple(chosen)


def judge(
    trees: Sequence[Architecture],
    trained: Trained,
    *,
    seeds: Sequence[int],
    record: Record,
    executor: Executor | None,
    tell: Tell,
) -> tuple[Finalist, ...]:
    """Train every tree with every seed, and give their gains; in the order of the trees.

    Of one seed all trees see the same batches, and equal branches begin with equal weights.
    """
    asked = [
        {"trained": tree.digest, "seed": seed, "epochs": trained.settings.epochs}
        for seed in seeds
        for tree in trees
    ]
    tell({"part": "finalists", "done": 0, "jobs": len(asked)})
    entries = []
    for entry in _entries(asked, trees, trained, record, executor):
        entries.append(entry)
        tell({"part": "finalists", "done": len(entries), "jobs": len(asked)})
    directions = metric_directions(trained.data.tasks)
    shared = Architecture.shared(trees[0].tasks, trees[0].num_stages).digest
    scores = {(entry["trained"], entry["seed"]): entry["scores"] for entry in entries}
    return tuple(
        Finalist(
            tree,
            tuple(
                relative_gain(scores[tree.digest, seed], scores[shared, seed], directions)
                for seed in seeds
            ),
        )
        for tree in trees
    )


def seeds_of(seed: int, count: int) -> tuple[int, ...]:
    """The seeds of the trainings of a search with this seed."""
    return tuple(_FIRST_SEED * (i + 1) + seed for i in range(count))


def _entries(
    asked: Sequence[Mapping[str, Any]],
    trees: Sequence[Architecture],
    trained: Trained,
    record: Record,
    executor: Executor | None,
) -> Iterator[Mapping[str, Any]]:
    """The journal's entries of all trainings, in order; those that it has are taken from it."""
    by_digest = {tree.digest: tree for tree in trees}
    known = [record.known(words) for words in asked]
    works = (
        partial(trained.evaluate, [by_digest[words["trained"]]], seed=words["seed"])
        for words, entry in zip(asked, known, strict=True)
        if entry is None
    )
    # A few ahead of the one that is waited for: the data travel with each, and may be large.
    begun: deque[Callable[[], tuple[Evaluation, ...]]] = deque()
    ahead = 1 if executor is None else cores() + 1
    for words, entry in zip(asked, known, strict=True):
        while len(begun) < ahead and (work := next(works, None)) is not None:
            begun.append(work if executor is None else executor.submit(work).result)
        if entry is not None:
            made = dict(entry)
        else:
            (evaluation,) = begun.popleft()()
            made = {**words, "scores": _scores(evaluation)}
        record.append(made)
        yield made


def _scores(evaluation: Evaluation) -> Scores:
    """{task: {metric: value}} of {metric: {task: value}}."""
    return {
        task: {
            metric: values[task] for metric, values in evaluation.measures.items() if task in values
        }
        for task in evaluation.per_task
    }
