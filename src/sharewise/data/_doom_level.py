"""The walls, floors and ceilings of a level, as a WAD has them."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sharewise.data._mini_wad import Wad

_SKY = b"F_SKY1"
_NOTHING = b"-"
Numbers = NDArray[np.float64]
Wholes = NDArray[np.int64]


@dataclass(frozen=True)
class Level:
    """In map units; x to the east, y to the north, z up.

    start, end: [lines, 2]. On the right of the way from start to end is a line's front.
    sides: [lines, 2], the sectors before and behind it, -1 for none.
    masked: bool [lines], whether something hangs in its opening, such as a grate.
    bare: bool [lines, 2, 2], whether seen from before and from behind the part of the wall below
        and the one above its opening have no picture, where the game draws whatever it finds.
    plane: [lines], equal for lines on one upright plane.
    floor, ceiling: [sectors], heights. sky: bool [sectors], whether the ceiling is the sky.
    things: [things, 2], where things lie at the start.
    corners: [corners, 3], see `corners`.
    """

    start: Numbers
    end: Numbers
    sides: Wholes
    masked: NDArray[np.bool_]
    bare: NDArray[np.bool_]
    plane: Wholes
    floor: Numbers
    ceiling: Numbers
    sky: NDArray[np.bool_]
    things: Numbers
    corners: Numbers


_SIDE = np.dtype(
    [("x", "<i2"), ("y", "<i2"), ("upper", "S8"), ("lower", "S8"), ("middle", "S8"), ("in", "<u2")]
)
_SECTOR = np.dtype(
    [("floor", "<i2"), ("ceiling", "<i2"), ("below", "S8"), ("above", "S8"), ("rest", "<3u2")]
)


def read_level(wad: Wad, name: str) -> Level:
    """A level of the WAD by its name, such as MAP01 or E1M1."""
    vertices = np.frombuffer(wad.part(name, "VERTEXES"), "<i2").reshape(-1, 2)
    lines = np.frombuffer(wad.part(name, "LINEDEFS"), "<u2").reshape(-1, 7).astype(np.int64)
    sides = np.frombuffer(wad.part(name, "SIDEDEFS"), _SIDE)
    sectors = np.frombuffer(wad.part(name, "SECTORS"), _SECTOR)
    things = np.frombuffer(wad.part(name, "THINGS"), "<i2").reshape(-1, 5)
    start, end = vertices[lines[:, 0]].astype(np.int64), vertices[lines[:, 1]].astype(np.int64)
    long = (start != end).any(axis=1)
    lines, start, end = lines[long], start[long], end[long]
    there = lines[:, 5:] != 0xFFFF
    side = sides[np.where(there, lines[:, 5:], 0)]  # [lines, 2]
    level = Level(
        start=start.astype(float),
        end=end.astype(float),
        sides=np.where(there, side["in"].astype(np.int64), -1),
        masked=(there.all(axis=1)[:, None] & (side["middle"] != _NOTHING)).any(axis=1),
        bare=np.stack([side[part] == _NOTHING for part in ("lower", "upper")], 2),
        plane=_planes(start, end),
        floor=sectors["floor"].astype(float),
        ceiling=sectors["ceiling"].astype(float),
        sky=np.char.upper(sectors["above"]) == _SKY,
        things=things[:, :2].astype(float),
        corners=np.zeros((0, 3)),
    )
    return replace(level, corners=corners(level))


def _planes(start: Wholes, end: Wholes) -> Wholes:
    """A number for every line, equal where two lie on one straight line: exact, in integers."""
    known: dict[tuple[int, int, int], int] = {}
    planes = []
    for (x, y), (to_x, to_y) in zip(start.tolist(), end.tolist(), strict=True):
        across, along = to_x - x, to_y - y
        shared = math.gcd(across, along)
        if (across, along) < (0, 0):
            shared = -shared
        across, along = across // shared, along // shared
        planes.append(known.setdefault((across, along, x * along - y * across), len(known)))
    return np.array(planes)


def wall_pieces(level: Level) -> list[tuple[int, float, float]]:
    """The upright surfaces: (line, lowest, highest)."""
    pieces = []
    floors, ceilings, sky = level.floor.tolist(), level.ceiling.tolist(), level.sky.tolist()
    for line, (front, back) in enumerate(level.sides.tolist()):
        if min(front, back) < 0:
            one = max(front, back)
            pieces.append((line, floors[one], ceilings[one]))
            continue
        for heights in (floors, ceilings):
            if heights is ceilings and sky[front] and sky[back]:
                continue  # the game draws the sky there
            low, high = sorted((heights[front], heights[back]))
            pieces.append((line, low, high))
    return [piece for piece in pieces if piece[1] < piece[2]]


def corners(level: Level) -> Numbers:
    """The points [corners, 3] where two walls on different planes meet at an end of theirs.

    There the lowest or the highest line of a wall's piece ends on another wall: the corners of
    rooms, steps, doors and pillars.
    """
    meeting: dict[tuple[float, float], list[tuple[int, float, float]]] = defaultdict(list)
    starts, ends, planes = level.start.tolist(), level.end.tolist(), level.plane.tolist()
    for line, low, high in wall_pieces(level):
        for x, y in (starts[line], ends[line]):
            meeting[x, y].append((planes[line], low, high))
    points = []
    for (x, y), pieces in meeting.items():
        for z in sorted({height for _, low, high in pieces for height in (low, high)}):
            if len({plane for plane, low, high in pieces if low <= z <= high}) > 1:
                points.append((x, y, z))
    return np.array(points, float).reshape(-1, 3)
