"""Sums of parabolas, one in each number of a vector, and where they are highest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from sharewise.spaces import LEAST_SHARE
from sharewise.strategies._bound import Bound
from sharewise.strategies._strategy import Cube, Floats

WIDTH = float(np.sqrt(12.0))  # of the unit interval, in standard deviations of a uniform number


def centred(vectors: Floats) -> Floats:
    """z: of mean 0 and variance 1 for uniform numbers."""
    return (vectors - 0.5) * WIDTH


@dataclass(frozen=True, slots=True)
class Curves:
    """Scores sum_p slope_p z_p + bend_p z_p^2, up to a constant, with z = sqrt(12) (x - .5).

    Attributes:
        slope: [draws, D]; row 0 is the expected score's, the others are drawn from the posterior.
        bend: [draws, D], likewise.
    """

    slope: Floats
    bend: Floats

    def expected(self, vectors: Floats) -> Floats:
        """Expected scores [n] of vectors [n, D], up to a constant."""
        z = centred(vectors)
        expected: Floats = z @ self.slope[0] + z**2 @ self.bend[0]
        return expected


def peak(curves: Curves, cube: Cube, bound: Bound) -> Floats:
    """The highest points of the cube inside the bound, [draws, D], each number by itself.

    The bound is a price on the shares of a block: each share takes the value that is best at that
    price. Where a curve bends upwards its share jumps, and the bound may then be kept with room to
    spare.
    """
    low = np.zeros(curves.slope.shape[1])
    if bound.use is not None:
        low[cube.forward_diagonal] = LEAST_SHARE
    highest = _highest(curves.slope, curves.bend, low)
    for block in bound.blocks(cube):
        slope, bend = curves.slope[:, block], curves.bend[:, block]
        at_price = partial(_at_price, slope, bend, low[block])
        # No derivative is above this, so at this price all shares are at their least.
        most = (np.abs(slope) + 2.0 * WIDTH * np.abs(bend)).max(axis=1, keepdims=True)
        highest[:, block] = bound.kept(at_price, most=most + 1e-9)
    return highest


def _at_price(slope: Floats, bend: Floats, low: Floats, price: Floats) -> Floats:
    return _highest(slope - price, bend, low)


def _highest(slope: Floats, bend: Floats, low: Floats) -> Floats:
    """The x in [low, 1] with the highest slope z + bend z^2, number by number."""
    bottom = np.broadcast_to(centred(low), slope.shape)
    top = np.full(slope.shape, WIDTH / 2.0)
    falling = np.minimum(bend, -1e-12)
    turn = np.clip(-slope / (2.0 * falling), bottom, top)
    ends = np.where(slope * top + bend * top**2 > slope * bottom + bend * bottom**2, top, bottom)
    best: Floats = np.where(bend <= 0.0, turn, ends)  # the middle where it is flat
    return np.asarray(np.clip(best / WIDTH + 0.5, low, 1.0))
