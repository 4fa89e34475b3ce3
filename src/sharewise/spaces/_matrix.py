"""From a point of the unit cube to target matrices P, and back.

The cube's T(T+1) numbers are two upper triangles with diagonal, forward and then backward, row by
row (Newell et al. 2019, arXiv 1908.04339). Every point is consistent for each pair of tasks, though
perhaps not for three and more: `realise` comes as near as it can.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sharewise.errors import InputError
from sharewise.spaces._targets import Bools, Floats

LEAST_SHARE = 0.05  # that a task uses: the published sampler's, and what every bound leaves it


def size(tasks: int) -> int:
    """How many numbers make the two matrices for some tasks."""
    return tasks * (tasks + 1)


def read_vector(vector: ArrayLike, numbers: int) -> Floats:
    """The vector as an array, or InputError where it is not a point of the unit cube."""
    values = np.asarray(vector, dtype=np.float64)
    inside = (values >= 0.0) & (values <= 1.0)  # false for NaN, too
    if values.shape != (numbers,) or not inside.all():
        outside = values[~inside]
        raise InputError(
            rule=f"A vector of this space has {numbers} numbers from 0 to 1.",
            found=f"{outside[0]:g} in it" if outside.size else f"shape {values.shape}",
            fix="Start from space.draw(rng), and clip what you change.",
        )
    return values


def diagonal(tasks: int) -> NDArray[np.int64]:
    """The positions of the forward diagonal, [tasks]; the backward one is half a vector further."""
    row, column = np.triu_indices(tasks)
    return np.flatnonzero(row == column)


def involves(tasks: int) -> Bools:
    """Which numbers say something about which task: [T(T+1), tasks]."""
    pair = np.stack(np.triu_indices(tasks), axis=1)  # [T(T+1)/2, 2]
    flags = (pair[:, :, None] == np.arange(tasks)).any(axis=1)
    return np.concatenate([flags, flags])


def targets(raw: Floats, tasks: int) -> tuple[Floats, Floats]:
    """The target matrices (F, B), each [tasks, tasks], of raw numbers [T(T+1)] in [0, 1].

    d_i = rF_ii, F_ij = lo + rF_ij (hi - lo) between the pair's bounds; b_i = rB_ii d_i and B_ij
    likewise, inside F.
    """
    raw_forward, raw_backward = _unfold(raw, tasks)
    d = np.diagonal(raw_forward)
    forward = _between(*_forward_bounds(d), raw_forward)
    np.fill_diagonal(forward, d)
    b = np.diagonal(raw_backward) * d
    backward = _between(*_backward_bounds(b, forward), raw_backward)
    np.fill_diagonal(backward, b)
    return forward, backward


def raw_of(forward: Floats, backward: Floats) -> Floats:
    """Raw numbers whose targets are these matrices; .5 where a bound leaves no choice."""
    tasks = len(forward)
    raw_forward = _part(*_forward_bounds(np.diagonal(forward)), forward)
    d, b = np.diagonal(forward), np.diagonal(backward)
    np.fill_diagonal(raw_forward, d)
    raw_backward = _part(*_backward_bounds(b, forward), backward)
    np.fill_diagonal(raw_backward, np.clip(b / d, 0.0, 1.0))
    upper = np.triu_indices(tasks)
    return np.concatenate([raw_forward[upper], raw_backward[upper]])


def draw(tasks: int, rng: np.random.Generator) -> Floats:
    """Raw numbers as the published sampler draws them.

    rF_ii = .5 + .2 N(0, 1), rB_ii = 1 + .15 N(0, 1), clamped to [.05, 1]; the others uniform, and
    clamped likewise.
    """
    raw = rng.random(size(tasks))
    own = diagonal(tasks)
    raw[own] = 0.5 + 0.2 * rng.standard_normal(tasks)
    raw[own + len(raw) // 2] = 1.0 + 0.15 * rng.standard_normal(tasks)
    return np.clip(raw, LEAST_SHARE, 1.0)


def _unfold(raw: Floats, tasks: int) -> Floats:
    """The two symmetric matrices, [2, tasks, tasks], of two upper triangles in a row."""
    row, column = np.triu_indices(tasks)
    full = np.empty((2, tasks, tasks))
    full[:, row, column] = full[:, column, row] = raw.reshape(2, -1)
    return full


def _forward_bounds(d: Floats) -> tuple[Floats, Floats]:
    return np.maximum(0.0, d[:, None] + d - 1.0), np.minimum(d[:, None], d)


def _backward_bounds(b: Floats, forward: Floats) -> tuple[Floats, Floats]:
    """Two tasks together update at most what they together use, in each pair."""
    d = np.diagonal(forward)
    low = np.maximum(0.0, b[:, None] + b - (d[:, None] + d) + forward)
    return low, np.minimum(forward, np.minimum(b[:, None], b))


def _between(low: Floats, high: Floats, part: Floats) -> Floats:
    return np.clip(low + part * (high - low), 0.0, high)


def _part(low: Floats, high: Floats, value: Floats) -> Floats:
    """Where a value lies between its bounds, 0 to 1; .5 where these are the same."""
    room = high - low
    free = room > 1e-9
    return np.where(free, np.clip((value - low) / np.where(free, room, 1.0), 0.0, 1.0), 0.5)
