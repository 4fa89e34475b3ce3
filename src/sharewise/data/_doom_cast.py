"""Rays into a level: exact depth, surface and normal of what the game draws.

The levels of Doom are made of upright walls and level floors. A ray seen from above crosses lines
one after another; between two of them it is over one sector, and either stays between its floor
and its ceiling or ends at one of them. The camera is level: its optical axis is horizontal.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharewise.data._doom_level import Level, Numbers, Wholes

FLOOR, CEILING, WALL, SKY, UNKNOWN = range(5)
_NO_PLANE = 10**6


@dataclass(frozen=True)
class Camera:
    """x, y, z: in map units. degrees: of the optical axis, 0 east, 90 north."""

    x: float
    y: float
    z: float
    degrees: float

    def axes(self) -> tuple[Numbers, Numbers]:
        """Forward and right on the map, [2] each."""
        angle = math.radians(self.degrees)
        return (
            np.array([math.cos(angle), math.sin(angle)]),
            np.array([math.sin(angle), -math.cos(angle)]),
        )

    def seen(self, points: Numbers) -> Numbers:
        """World points [n, 3] along the camera's axes: right, down, forward."""
        forward, right = self.axes()
        moved = points - np.array([self.x, self.y, self.z])
        return np.stack([moved[:, :2] @ right, -moved[:, 2], moved[:, :2] @ forward], 1)


@dataclass(frozen=True)
class Seen:
    """What rays end at. All are [columns, rows].

    kind: FLOOR, CEILING, WALL, SKY, or UNKNOWN where the level is not closed.
    depth: map units along the optical axis; NaN for SKY and UNKNOWN.
    surface: whole numbers, equal for one plane.
    line: the line of a WALL, else -1.
    masked: whether the ray crosses a line before in whose opening something hangs.
    """

    kind: Wholes
    depth: Numbers
    surface: Wholes
    line: Wholes
    masked: NDArray[np.bool_]


@dataclass(frozen=True)
class _Crossings:
    """The lines that the columns' rays cross, by depth: [columns, most]; depth inf for none.

    side: from which the line is seen, 0 from its front. near, far: the sectors before and behind.
    """

    depth: Numbers
    line: Wholes
    side: Wholes
    near: Wholes
    far: Wholes


def cast(level: Level, camera: Camera, right: Numbers, down: Numbers) -> Seen:
    """The first surface of rays (right, down, 1) along the camera's axes.

    right: [columns]. down: [columns, rows].
    """
    crossings = _crossings(level, camera, right)
    missing = np.isinf(crossings.depth)
    reach = np.where(missing, 0, crossings.depth)
    z = camera.z - down[:, :, None] * reach[:, None]  # [columns, rows, most]
    end = _first_end(level, crossings, missing, z)
    near, far, line, side = (
        end.at(each[:, None])
        for each in (crossings.near, crossings.far, crossings.line, crossings.side)
    )
    height = np.where(end.kind == FLOOR, level.floor[near], level.ceiling[near])
    plain = (end.kind == FLOOR) | (end.kind == CEILING)
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = np.where(plain, (camera.z - height) / down, end.at(reach[:, None]))
    both_sky = level.sky[near] & level.sky[far] & (far >= 0)
    sky = (end.kind == CEILING) & level.sky[near] | end.upper & both_sky
    lost = end.at(missing[:, None]) | ~end.at(_joined(crossings)[:, None])
    lost |= end.lower & level.bare[line, side, 0] | end.upper & level.bare[line, side, 1] & ~sky
    lost |= ~(depth > 0)  # seen from below a floor, where the level has changed
    kind = np.where(lost, UNKNOWN, np.where(sky, SKY, end.kind))
    hangs = level.masked[crossings.line] & ~missing
    before: Wholes = np.cumsum(hangs, axis=1) - hangs
    surface = np.where(plain, -2 - 2 * height - (kind == CEILING), level.plane[line])
    return Seen(
        kind=kind,
        depth=np.where(kind >= SKY, np.nan, depth),
        surface=np.where(kind >= SKY, _NO_PLANE + kind, surface).astype(np.int64),
        line=np.where(kind == WALL, line, -1),
        masked=end.at(before[:, None]) > 0,
    )


@dataclass(frozen=True)
class _End:
    """Where rays [columns, rows] end: at which crossing, or on the way to it, and at what.

    lower, upper: whether at the wall below or above an opening.
    """

    first: Wholes
    kind: Wholes
    lower: NDArray[np.bool_]
    upper: NDArray[np.bool_]

    def at(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values of crossings [columns, 1 or rows, most] at the one: [columns, rows]."""
        shape = (*self.first.shape, values.shape[2])
        return np.take_along_axis(np.broadcast_to(values, shape), self.first[..., None], 2)[..., 0]


def _first_end(level: Level, crossings: _Crossings, missing: NDArray[Any], z: Numbers) -> _End:
    near, far = crossings.near[:, None], crossings.far[:, None]
    on_floor, on_ceiling = z < level.floor[near], z > level.ceiling[near]
    closed = far < 0
    low, high = (z < level.floor[far]) & ~closed, (z > level.ceiling[far]) & ~closed
    ends = on_floor | on_ceiling | closed | low | high | missing[:, None]
    first = ends.argmax(axis=2)
    end = _End(first, first, first > 0, first > 0)  # to look up with, before the rest is known
    kind = np.where(end.at(on_floor), FLOOR, np.where(end.at(on_ceiling), CEILING, WALL))
    wall = kind == WALL
    lower = wall & end.at(low)
    return _End(end.first, kind, lower, wall & end.at(high) & ~lower)


def sector_at(level: Level, camera: Camera) -> int:
    """The sector that a place is in; -1 outside, and where rays in several ways disagree."""
    crossings = _crossings(level, camera, np.array([-1.3, 0.0, 1.3]))
    sectors = set(crossings.near[:, 0].tolist())
    found = sectors.pop()
    return found if not sectors and np.isfinite(crossings.depth[:, 0]).all() else -1


def _crossings(level: Level, camera: Camera, right: Numbers) -> _Crossings:
    forward, aside = camera.axes()
    ray = forward + right[:, None] * aside  # [columns, 2]
    ahead = np.flatnonzero(_maybe_seen(level, camera, right))
    along = level.end[ahead] - level.start[ahead]  # [lines, 2]
    to_start = level.start[ahead] - np.array([camera.x, camera.y])
    # Positive where the ray goes from a line's front, on its right, to its back.
    turn = along[:, 0] * ray[:, 1, None] - along[:, 1] * ray[:, 0, None]  # [columns, lines]
    offset = along[:, 0] * to_start[:, 1] - along[:, 1] * to_start[:, 0]  # [lines]
    across = ray[:, 0, None] * to_start[:, 1] - ray[:, 1, None] * to_start[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        depth, share = offset / turn, across / turn
    columns, lines = np.nonzero((depth > 0) & (share >= 0) & (share < 1) & (turn != 0))
    order = np.lexsort((depth[columns, lines], columns))
    columns, lines = columns[order], lines[order]
    depths, sides = depth[columns, lines], (turn[columns, lines] < 0).astype(np.int64)
    lines = ahead[lines]
    counts = np.bincount(columns, minlength=len(right))
    place = np.arange(len(columns)) - np.repeat(np.cumsum(counts) - counts, counts)
    most = int(counts.max(initial=0)) + 1  # one without a line ends every column
    found = _Crossings(
        np.full((len(right), most), np.inf), *np.zeros((4, len(right), most), np.int64)
    )
    found.depth[columns, place] = depths
    found.line[columns, place] = lines
    found.side[columns, place] = sides
    found.near[columns, place] = level.sides[lines, sides]
    found.far[columns, place] = level.sides[lines, 1 - sides]
    return found


def _maybe_seen(level: Level, camera: Camera, right: Numbers) -> NDArray[np.bool_]:
    """Which lines [lines] are not wholly behind the camera or on one side of all rays."""
    forward, aside = camera.axes()
    place = np.array([camera.x, camera.y])
    ends = [(end - place) for end in (level.start, level.end)]
    ways = (forward, aside - right.min(initial=0) * forward, right.max(initial=0) * forward - aside)
    inside = [np.maximum(*(end @ way for end in ends)) > -1e-6 for way in ways]
    both: NDArray[np.bool_] = np.logical_and.reduce(inside)
    return both


def _joined(crossings: _Crossings) -> NDArray[np.bool_]:
    """Whether up to here each line is entered from where the one before it has led to."""
    good = crossings.near >= 0
    good[:, 1:] &= crossings.near[:, 1:] == crossings.far[:, :-1]
    joined: NDArray[np.bool_] = np.logical_and.accumulate(good, axis=1)
    return joined
