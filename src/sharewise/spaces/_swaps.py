"""A search over swaps: masks with given row sums whose overlaps come near a target.

A row (a task's mask) keeps its number of channels; a swap drops one channel of a row and adds
another, which moves the row's overlaps by at most one channel each. The search takes the best
swap of a row until no row has one. It does so first on a rounded distance, which pulls in a
straight line on what is far off, and then on the absolute distance itself. After that it shakes the
masks a few times and resumes; with few tasks, where a search takes no time, it also starts anew.

Every number here is a whole multiple of a power of two and small enough that float64 holds it
exactly, and every tie is broken by position. So a seed gives the same masks on every machine, in
whatever order its matrix product adds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Channels = NDArray[np.intp]

_GRAIN = 1024  # targets are rounded to this fraction of a channel
_BARRED = 2.0**30  # above every cost, for channels that a swap must not touch
_STEEP, _ROUNDED = 8.0, 4.0  # channels: distances below these are rounded, at first and then
_MOST = 64  # kinds of channels on either side that a swap is picked from, in all pairs
_STARTS = 12  # divided by the number of tasks: starts from other masks
_SHAKES = 8  # times that a start's masks are shaken when no swap helps any more
_SHAKE = 16  # swaps in one shake
_NOISE = 3  # noise of 0, 1 or 2 channels is added to what a swap costs
_STEPS = np.array([[0.0], [1.0], [-1.0]])
_EXACT_BITS = 53  # whole numbers of so many bits are exact in float64


def nearest(target: Floats, counts: NDArray[np.int64], *, inside: Bools, seed: int) -> Bools:
    """Masks with `counts[t]` channels in row t, overlaps near `target`.

    Args:
        target: Wanted overlaps in channels, [tasks, tasks]; the diagonal is not read.
        counts: Channels of each task, [tasks], at most those of its row of `inside`.
        inside: The channels that each task may have, [tasks, channels].
        seed: Of the start and of the shakes.

    Returns:
        The masks, [tasks, channels], the nearest that were found by the sum of absolute distances.
    """
    rng = np.random.default_rng(seed)
    best = _settled(_start(counts, inside, rng), target, inside)
    for _ in range(1, _STARTS // len(target)):
        if not best.is_nearest():
            found = _settled(_start(counts, inside, rng), target, inside)
            best = min(best, found, key=_Search.distance)
    for _ in range(_SHAKES):
        if best.is_nearest():
            break
        search = _Search(target, best.masks.copy(), inside)
        search.shake(rng)
        search.settle(0.0)
        best = min(search, best, key=_Search.distance)
    return best.masks > 0


def _start(counts: NDArray[np.int64], inside: Bools, rng: np.random.Generator) -> Floats:
    masks = np.zeros(inside.shape)
    for mask, count, allowed in zip(masks, counts, inside, strict=True):
        mask[rng.permutation(np.flatnonzero(allowed))[:count]] = 1.0
    return masks


def _settled(masks: Floats, target: Floats, inside: Bools) -> _Search:
    search = _Search(target, masks, inside)
    search.descend(_STEEP)
    search.settle(_ROUNDED)
    search.settle(0.0)
    return search


class _Search:
    """Masks [tasks, channels] of 0.0 and 1.0, and how far their overlaps are from the target."""

    def __init__(self, target: Floats, masks: Floats, inside: Bools) -> None:
        tasks = len(masks)
        self.masks = masks
        self._inside = inside.astype(np.float64)
        self.away = masks @ masks.T - np.rint(target * _GRAIN) / _GRAIN  # [tasks, tasks]
        np.fill_diagonal(self.away, 0.0)
        # What a channel costs extra when a row drops it, or adds it: barred, or nothing.
        self._drop = np.where(inside & (masks > 0), 0.0, _BARRED)
        self._add = np.where(inside & (masks == 0), 0.0, _BARRED)
        # Channels of one kind have equal owners and are open to the same tasks: one stands for all.
        numbered = 2 * tasks <= _EXACT_BITS
        self._bits = 2.0 ** np.arange(2 * tasks) if numbered else np.zeros(2 * tasks)
        both = np.concatenate([masks, inside])
        self._patterns = self._bits @ both if numbered else np.arange(0.0, masks.shape[1])
        self._kinds: Channels | None = None  # a channel of each, once it is asked for

    def distance(self) -> float:
        """Twice the sum of absolute distances over pairs of tasks, in channels."""
        return float(np.abs(self.away).sum())

    def is_nearest(self) -> bool:
        """Whether each pair is as near as whole channels come."""
        return bool(np.abs(self.away).max() <= 0.5)

    def descend(self, width: float) -> None:
        """Take the steepest swap of all rows at once, as long as it helps."""
        while True:
            slopes = np.clip(self.away / width, -1.0, 1.0) @ self.masks  # [tasks, channels]
            worst, best = slopes - self._drop, slopes + self._add
            row = int((worst.max(axis=1) - best.min(axis=1)).argmax())
            dropped, added = int(worst[row].argmax()), int(best[row].argmin())
            if max(self._drop[row, dropped], self._add[row, added]) == _BARRED:
                return
            there = self._after(row, dropped, added)
            if (_rounded(there, width) - _rounded(self.away[row], width)).sum() >= 0.0:
                return
            self._swap(row, dropped, added)

    def settle(self, width: float) -> None:
        """Take each row's best swap in turn until no row has one that helps."""
        row, idle = 0, 0
        while idle < len(self.masks):
            swap = self._best_swap(row, width)
            if swap is None:
                row, idle = (row + 1) % len(self.masks), idle + 1
            else:
                self._swap(row, *swap)
                idle = 0

    def shake(self, rng: np.random.Generator) -> None:
        """Take swaps of random rows that cost little, by costs that noise is added to."""
        for row in rng.integers(len(self.masks), size=_SHAKE):
            dropped, added, costs = self._swaps(int(row), 0.0)
            if costs.size:
                # Of cheap swaps, those to where a task that wants more in common may follow, too.
                lean = np.clip(self.away[row], -1.0, 1.0) @ self._inside
                noisy = costs + rng.integers(_NOISE, size=costs.shape)
                noisy += lean[added] - lean[dropped][:, None]
                first, second = divmod(int(noisy.argmin()), added.size)
                self._swap(int(row), int(dropped[first]), int(added[second]))

    def _after(self, row: int, dropped: int, added: int) -> Floats:
        """The row's distances after a swap."""
        there: Floats = self.away[row] + self.masks[:, added] - self.masks[:, dropped]
        there[row] = 0.0
        return there

    def _swap(self, row: int, dropped: int, added: int) -> None:
        self.away[row] = self.away[:, row] = self._after(row, dropped, added)
        self.masks[row, dropped], self.masks[row, added] = 0.0, 1.0
        self._drop[row, dropped], self._drop[row, added] = _BARRED, 0.0
        self._add[row, dropped], self._add[row, added] = 0.0, _BARRED
        self._patterns[dropped] -= self._bits[row]
        self._patterns[added] += self._bits[row]
        self._kinds = None

    def _best_swap(self, row: int, width: float) -> tuple[int, int] | None:
        """The channels of a row whose swap brings most; None where none brings anything."""
        dropped, added, costs = self._swaps(row, width)
        if not costs.size:
            return None
        first, second = divmod(int(costs.argmin()), added.size)
        if costs[first, second] >= 0.0:
            return None
        return int(dropped[first]), int(added[second])

    def _swaps(self, row: int, width: float) -> tuple[Channels, Channels, Floats]:
        """Channels that a row may drop and add, and what their swaps cost: [dropped, added].

        With up and down, what one channel more or less costs at each other task, a swap costs
        sum_s up_s b_s (1 - a_s) + down_s a_s (1 - b_s), for the dropped column a and the added b.
        """
        here, more, less = _rounded(self.away[row] + _STEPS, width)
        up, down = more - here, less - here
        up[row] = down[row] = 0.0
        dropped = self._candidates(self._drop[row], down)
        added = self._candidates(self._add[row], up)
        a, b = self.masks[:, dropped], self.masks[:, added]
        return dropped, added, (down @ a)[:, None] + up @ b - (a.T * (up + down)) @ b

    def _candidates(self, barred: Floats, costs: Floats) -> Channels:
        """One channel of each kind that is not barred; of many, the cheapest."""
        if self._kinds is None:
            self._kinds = np.unique(self._patterns, return_index=True)[1]
        channels: Channels = self._kinds[barred[self._kinds] == 0.0]
        if channels.size > _MOST:
            cheapest = (costs @ self.masks[:, channels]).argsort(kind="stable")[:_MOST]
            channels = channels[cheapest]
        return channels


def _rounded(away: Floats, width: float) -> Floats:
    """|away|, with a parabola in place of the corner below `width` (Huber's function)."""
    size = np.abs(away)
    if width == 0.0:
        return size
    return np.where(size < width, size * size / (2.0 * width), size - width / 2.0)
