"""Our evolution's step: offspring at the peaks of models of each task's score."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sharewise.errors import InputError
from sharewise.settings import Settings, check_count, check_number
from sharewise.strategies._bound import Bound
from sharewise.strategies._curves import Curves, peak
from sharewise.strategies._model import learn
from sharewise.strategies._strategy import Cube, Floats, Judged


@dataclass(frozen=True)
class Modelled(Settings):
    """Offspring where models of the tasks' scores, fitted to all judgements, have their peaks.

    A task's score is modelled as a sum of parabolas in the numbers that involve it, so a few dozen
    judgements are enough. Of each round, one offspring is at the peak of the expected score, most
    are at peaks of models drawn from the posterior (Thompson sampling), and some are mutants of the
    best so far: these need no model.

    Attributes:
        offspring: Proposals a round.
        mutants: How many of them are mutants, fewer than `offspring`.
        parents: From how many of the best so far, as expected, mutants are made.
        spread: Standard deviation of a mutation, in each number.

    Raises:
        InputError: A number outside its bounds, or no offspring but mutants.
    """

    offspring: int = 16
    mutants: int = 4
    parents: int = 4
    spread: float = 0.1

    def __post_init__(self) -> None:
        check_count("offspring", self.offspring, least=1)
        check_count("mutants", self.mutants, least=0)
        check_count("parents", self.parents, least=1)
        check_number("spread", self.spread, least=0, most=1)
        if self.mutants >= self.offspring:
            raise InputError(
                rule="A round has more offspring than mutants.",
                found=f"mutants={self.mutants} of offspring={self.offspring}",
                fix=f"Give mutants={self.offspring // 4}, for example.",
            )

    def begin(self, cube: Cube, bound: Bound, judged: Sequence[Judged]) -> Guided:
        """With the first draws to learn from."""
        return Guided(self, cube, bound, (tuple(judged),))


@dataclass(frozen=True, slots=True)
class Guided:
    """All that was judged, one tuple a round."""

    step: Modelled
    cube: Cube
    bound: Bound
    rounds: tuple[tuple[Judged, ...], ...]

    def propose(self, rng: np.random.Generator) -> Floats:
        """Peaks of the expected score and of drawn models, then mutants: [offspring, D]."""
        step = self.step
        curves = learn(self.cube, self.rounds, rng=rng, draws=step.offspring - step.mutants)
        return np.concatenate([peak(curves, self.cube, self.bound), self._mutants(curves, rng)])

    def after(self, judged: Sequence[Judged]) -> Guided:
        """With one more round to learn from."""
        return dataclasses.replace(self, rounds=(*self.rounds, tuple(judged)))

    def _mutants(self, curves: Curves, rng: np.random.Generator) -> Floats:
        """Mutations of the judged proposals with the highest expected scores, [mutants, D]."""
        seen = np.array([each.proposal.vector for part in self.rounds for each in part])
        best = np.argsort(-curves.expected(seen), kind="stable")[: self.step.parents]
        parents = seen[rng.choice(best, size=self.step.mutants)]
        noise = rng.standard_normal(parents.shape)
        return self.bound.nearest(self.cube, parents + self.step.spread * noise)
