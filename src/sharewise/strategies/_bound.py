"""A hard bound on how much tasks use, and the nearest point that keeps it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from sharewise.errors import InputError
from sharewise.spaces import LEAST_SHARE
from sharewise.strategies._strategy import Cube, Floats

_HALVINGS = 36  # of a price: to 1e-10, beyond the millionths of a proposal


@dataclass(frozen=True, slots=True)
class Bound:
    """How much tasks may use at most.

    Every search with one bound stays inside it by the same projection, so that their scores are
    compared at the same use. What is bounded are the shares that are asked for; where a share is
    no whole number of the channels that are dealt together, what is realised may be half of these
    more. A search brings its candidates inside its budget, which counts whole ones.

    Attributes:
        use: The most, a mean of the forward diagonal, .05 to 1; None: no bound.
        per_task: Whether each task's own mean is bounded, rather than the mean over all.

    Raises:
        InputError: A bound below .05 or above 1.
    """

    use: float | None = None
    per_task: bool = False

    def __post_init__(self) -> None:
        if self.use is not None and not LEAST_SHARE <= self.use <= 1:
            raise InputError(
                rule=f"A bound on use is a share from {LEAST_SHARE:g}, a task's least, to 1.",
                found=f"use={self.use!r}",
                fix="Give use=0.5, for example, or None for no bound.",
            )

    def blocks(self, cube: Cube) -> list[NDArray[np.int64]]:
        """The positions whose mean is bounded: all of the forward diagonal, or each task's."""
        own = cube.forward_diagonal
        if self.use is None:
            return []
        if not self.per_task:
            return [own]
        return [own[flags] for flags in cube.involves[own].T if flags.any()]

    def nearest(self, cube: Cube, vectors: Floats) -> Floats:
        """The nearest vectors in the cube that keep the bound, [n, D] as given.

        All shares of a block are lowered by the same amount and clipped at the least: this is the
        Euclidean projection onto {x: least <= x <= 1, mean x <= use}.
        """
        inside = np.clip(vectors, 0.0, 1.0)
        for block in self.blocks(cube):
            shares = vectors[:, block]
            most = shares.max(axis=1, keepdims=True).clip(min=LEAST_SHARE)  # all at their least
            inside[:, block] = self.kept(partial(_less, shares), most=most)
        return inside

    def kept(self, lowered: Callable[[Floats], Floats], *, most: Floats) -> Floats:
        """The shares [n, k] of a block, lowered just enough for their means to keep the bound.

        Args:
            lowered: Shares [n, k] at prices [n, 1]; they fall as the price rises.
            most: Prices [n, 1] at which the bound is kept.
        """
        low, high = np.zeros_like(most), most
        free = lowered(low)
        over = free.mean(axis=1, keepdims=True) > self.use
        if not over.any():
            return free
        for _ in range(_HALVINGS):
            middle = (low + high) / 2.0
            above = lowered(middle).mean(axis=1, keepdims=True) > self.use
            low, high = np.where(above, middle, low), np.where(above, high, middle)
        return np.where(over, lowered(high), free)


def _less(shares: Floats, amount: Floats) -> Floats:
    """All shares lowered by an amount, as far as the least."""
    return np.clip(shares - amount, LEAST_SHARE, 1.0)
