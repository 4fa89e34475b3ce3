"""Trees in training against the fully shared one, from whose weights all of them start (ours).

Trained from scratch, the same tree scatters nearly as much as trees differ, on the dense data of
docs/results/scenes.md by seven times as much as here: one network is trained for each seed, and a
tree is what becomes of its copies where they go on apart.
"""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

from sharewise.architecture import Architecture
from sharewise.evaluators import Evaluation, Initial, Trained, train_shared
from sharewise.runs import cores
from sharewise.scores import Scores, relative_gain
from sharewise.search._store import SearchStore
from sharewise.tasks import metric_directions
from sharewise.training import TrainSettings

Tell = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Terms:
    """What all trainings of a contest have in common.

    trained: how a tree is trained on; its `initial` is filled in.
    training: how the fully shared network is trained before.
    """

    trained: Trained
    training: TrainSettings
    store: SearchStore
    executor: Executor | None
    tell: Tell


class Contest:
    """Trains trees, and keeps their gains over the fully shared one on the validation split.

    With each seed that one is trained from scratch; then it and the trees are trained on from its
    weights, alike, and see the same batches.

    Attributes:
        gains: {tree: its gain with each seed that it was trained with, in percent}.
    """

    def __init__(self, terms: Terms, *, seeds: Sequence[int], jobs: int) -> None:
        """`jobs`: how many trees are trained on in all, the fully shared one with each seed."""
        self.gains: dict[Architecture, list[float]] = {}
        self._terms = terms
        data = terms.trained.data
        self.shared = Architecture.shared(
            [task.name for task in data.tasks], terms.trained.backbone.num_stages
        )
        self._directions = metric_directions(data.tasks)
        self._references: dict[int, Scores] = {}
        self._seeds = tuple(seeds)
        self._starts: dict[int, Callable[[], Initial]] = {}
        self._done, self._jobs = 0, jobs
        self._tell(0)

    def judge(self, trees: Sequence[Architecture], *, seed: int) -> None:
        """Train the trees with this seed, before them the fully shared one if it was not yet."""
        wanted = [tree for tree in trees if tree != self.shared]
        if seed not in self._references:
            wanted = [self.shared, *wanted]
        for tree, scores in self._scores(wanted, seed):
            reference = self._references.setdefault(seed, scores)
            gain = relative_gain(scores, reference, self._directions)
            self.gains.setdefault(tree, []).append(gain)
            self._tell(1)

    def ranked(self, trees: Sequence[Architecture]) -> list[Architecture]:
        """The trees by their mean gain so far, best first; of equals in their order."""
        return sorted(trees, key=lambda tree: -statistics.fmean(self.gains[tree]))

    def leave_out(self, jobs: int) -> None:
        """So many trainings will not take place."""
        self._jobs -= jobs

    def _tell(self, more: int) -> None:
        self._done += more
        self._terms.tell({"part": "finalists", "done": self._done, "jobs": self._jobs})

    def _start(self, seed: int) -> Trained:
        """How trees are trained with this seed; the first call begins the networks of all seeds."""
        self._starts = self._starts or self._train_shared()
        return replace(self._terms.trained, initial=self._starts[seed]())

    def _train_shared(self) -> dict[int, Callable[[], Initial]]:
        """{seed: what gives its network}."""
        trained, executor = self._terms.trained, self._terms.executor
        works = {
            seed: partial(
                train_shared,
                trained.backbone,
                trained.data,
                settings=self._terms.training,
                seed=seed,
                run=self._terms.store.shared(seed),
                device=trained.device,
            )
            for seed in self._seeds
        }
        if executor is None:
            return {seed: cache(work) for seed, work in works.items()}
        return {seed: executor.submit(work).result for seed, work in works.items()}

    def _scores(
        self, trees: Sequence[Architecture], seed: int
    ) -> Iterator[tuple[Architecture, Scores]]:
        """The trees with their scores, in order; trainings that the store has are taken from it."""
        store, executor = self._terms.store, self._terms.executor
        epochs = self._terms.trained.settings.epochs
        asked = [{"trained": tree.digest, "seed": seed, "epochs": epochs} for tree in trees]
        known = [store.known(words) for words in asked]
        works = (
            partial(self._start(seed).evaluate, [tree], seed=seed)
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
                made = {**words, "scores": evaluation.scores}
            store.append(made)
            yield tree, made["scores"]
