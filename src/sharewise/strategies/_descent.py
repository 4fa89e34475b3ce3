"""The published evolution's step: a gradient from pairs of opposite directions, with momentum.

Source: the released code of Newell et al., "Feature partitioning for efficient multi-task
architectures" (arXiv 1908.04339), as described in the notes on its section on search; an augmented
random search (Mania et al. 2018) with momentum.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sharewise.errors import InputError
from sharewise.settings import Settings, check_count, check_number
from sharewise.strategies._bound import Bound
from sharewise.strategies._strategy import Cube, Floats, Judged

_LEAST_SPREAD = 1e-4  # what is added to the spread of scores before they are divided by it


@dataclass(frozen=True)
class Antithetic(Settings):
    """A descent along a gradient from scores at both ends of random directions.

    Attributes:
        directions: Pairs of opposite proposals a step.
        kept: How many directions count: those with the best end.
        spread: Standard deviation of a direction, in each number.
        lr: Rate of the SGD with Nesterov momentum.
        momentum: Its momentum.
        penalty: Factor of the resource term, the forward diagonal itself; not applied under a hard
            bound on use.
        per_task: Whether normalisation, choice of directions and gradient are made for each task
            alone, and applied to the numbers that involve it.

    Raises:
        InputError: A number outside its bounds, or more directions kept than there are.
    """

    directions: int = 8
    kept: int = 7
    spread: float = 0.04
    lr: float = 0.25
    momentum: float = 0.8
    penalty: float = 0.001
    per_task: bool = False

    def __post_init__(self) -> None:
        check_count("directions", self.directions, least=1)
        check_count("kept", self.kept, least=1)
        if self.kept > self.directions:
            raise InputError(
                rule="At most as many directions are kept as there are.",
                found=f"kept={self.kept} of directions={self.directions}",
                fix=f"Give kept={self.directions}, or fewer.",
            )
        check_number("spread", self.spread, least=1e-6, most=1)
        check_number("lr", self.lr, least=0, most=100)
        check_number("momentum", self.momentum, least=0, most=1)
        check_number("penalty", self.penalty, least=0, most=100)

    def begin(self, cube: Cube, bound: Bound, judged: Sequence[Judged]) -> Descent:
        """At rest, at the best of the first draws."""
        best = max(judged, key=lambda each: each.score)
        return Descent(self, cube, bound, best.proposal.vector, (0.0,) * cube.size)


@dataclass(frozen=True, slots=True)
class Descent:
    """Where a descent is: its centre p, and its velocity, D numbers each."""

    step: Antithetic
    cube: Cube
    bound: Bound
    centre: tuple[float, ...]
    velocity: tuple[float, ...]

    def propose(self, rng: np.random.Generator) -> Floats:
        """Both ends of each direction, [2 * directions, D]: first, opposite, first, opposite ..

        delta_k = clamp(p + spread N(0, I)) - p; a hard bound takes the place of the clamp. The
        opposite end p - delta_k is clamped, too (ours: a proposal is a point of the cube).
        """
        p = np.array(self.centre)
        noise = rng.standard_normal((self.step.directions, len(p)))
        first = self.bound.nearest(self.cube, p + self.step.spread * noise)
        opposite = self.bound.nearest(self.cube, 2.0 * p - first)
        return np.stack([first, opposite], axis=1).reshape(-1, len(p))

    def after(self, judged: Sequence[Judged]) -> Descent:
        """One step of SGD with Nesterov momentum, as torch has it, then the clamp."""
        p = np.array(self.centre)
        gradient = self._gradient(p, judged)
        velocity = self.step.momentum * np.array(self.velocity) + gradient
        moved = p - self.step.lr * (gradient + self.step.momentum * velocity)
        centre = self.bound.nearest(self.cube, moved[None])[0]
        return dataclasses.replace(
            self, centre=tuple(centre.tolist()), velocity=tuple(velocity.tolist())
        )

    def _gradient(self, p: Floats, judged: Sequence[Judged]) -> Floats:
        """What descends: minus the gradient of the scores, plus the resource term."""
        delta = np.array([each.proposal.vector for each in judged[::2]]) - p  # [directions, D]
        if self.step.per_task and judged[0].per_task:
            tasks = sorted(judged[0].per_task)
            scores = [[each.per_task[task] for each in judged] for task in tasks]
            each_task = np.stack([self._ascent(np.array(s), delta) for s in scores], axis=1)
            involved = self.cube.involves
            touched = np.maximum(involved.sum(axis=1), 1)
            gradient: Floats = -(each_task * involved).sum(axis=1) / touched
        else:
            gradient = -self._ascent(np.array([each.score for each in judged]), delta)
        if self.bound.use is None:
            own = self.cube.forward_diagonal
            gradient[own] += self.step.penalty * p[own]
        return gradient

    def _ascent(self, scores: Floats, delta: Floats) -> Floats:
        """(1/kept) sum (s+ - s-) delta over the directions with the largest max(s+, s-)."""
        plus, minus = (scores / (scores.std() + _LEAST_SPREAD)).reshape(-1, 2).T
        best = np.argsort(-np.maximum(plus, minus), kind="stable")[: self.step.kept]
        ascent: Floats = (plus - minus)[best] @ delta[best] / self.step.kept
        return ascent
