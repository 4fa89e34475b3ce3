"""A frame of the game with its five targets: the game's pictures, and rays into the same level.

The game's own depth is 8 bits, and it knows no normals. Depth, normals and edges are therefore
those of the level's geometry, which is exact, and are believed where the game agrees: where it
shows a wall, a floor or a ceiling, or a thing, at that depth. Elsewhere a pixel has no label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from torch import Tensor

from sharewise.data._dense_maps import edge_map, point_map
from sharewise.data._doom_cast import CEILING, FLOOR, SKY, UNKNOWN, WALL, Camera, Seen, cast
from sharewise.data._doom_level import Level, Numbers

DOOM_CLASSES = ("floor", "ceiling", "wall", "sky", "monster", "item", "decoration")
"""What each label of the segmentation of `doom` means."""
METRE = 32.0
"""Map units in a metre: a player of 56 is 1.75 m high."""
ASPECT = 1.2
"""How much higher than wide the game draws a map unit, as on screens of 320 x 200."""
STEP, FIRST = 7.14, 12.0
"""The depth of the game's byte b is about STEP b + FIRST map units; see `game_depth`."""
UNLABELLED = 255

_MONSTER, _ITEM, _DECORATION = 4, 5, 6
_ITEMS = frozenset(("Weapon", "Ammo", "Health", "Armor", "Key", "PowerUp", "Powerup", "Item"))
_NEAREST, _FARTHEST = 16.0, 1024.0  # map units between which corners are keypoints
_SLACK = 0.01  # share of the depth by which the surface at a visible corner may come early
_HIDES = 0.1  # share of the depth by which all pixels about a hidden corner come before it
_ASIDE = 1e-6  # a tangent
_THING = 10**7  # surfaces from here on are things


@dataclass(frozen=True)
class Thing:
    """A thing in sight. value: its bytes in the labels. category: the game's. x, y: map units."""

    value: int
    category: str
    x: float
    y: float


@dataclass(frozen=True)
class View:
    """What the game gives.

    image: uint8 [height, width, 3]. depth, labels: uint8 [height, width]. The angle of view is 90
    degrees across. things: those in sight.
    """

    camera: Camera
    image: NDArray[np.uint8]
    depth: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    things: Sequence[Thing]


def game_depth(stored: NDArray[np.uint8]) -> Numbers:
    """The game's depth bytes in map units along the optical axis, for bytes below 255.

    Measured on walls, floors and ceilings of known depth: a step is 7.14 units; where byte 0
    begins differs by a few units between resolutions, and between walls and floors.
    """
    return STEP * stored.astype(float) + FIRST


def tolerance(depth: Numbers) -> Numbers:
    """How far the game's depth may be from the true one, in map units: two steps, and 2 %."""
    return 2 * STEP + 0.02 * depth


def middles(size: int, height: int, width: int) -> tuple[Numbers, Numbers]:
    """Where pixels' middles are in the middle square of a view: right and down, [size] each.

    In tangents: a ray is (right, down, 1) in map units along the camera's axes.
    """
    place = ((2 * np.arange(size) + 1) / size - 1) * height / width
    return place, place / ASPECT


def doom_frame(level: Level, view: View, size: int) -> dict[str, Tensor]:
    """One frame: uint8 image [1, 3, size, size] and the targets of `doom`, of one sample."""
    right, down = middles(size, *view.labels.shape)
    seen = cast(level, view.camera, right, np.broadcast_to(down, (size, size)))
    kind, surface, depth = seen.kind.T, seen.surface.T.copy(), seen.depth.T.copy()
    agrees = _agrees(view, kind, depth, size)
    kind = np.where(agrees, kind, UNKNOWN)
    labels = _nearest(view.labels, size)[0]
    normals = _normals(level, view.camera, seen)  # [3, size, size]
    classes = np.where(kind == UNKNOWN, UNLABELLED, kind)
    game = game_depth(_nearest(view.depth, size)[0])
    for thing in view.things:
        mine = labels == thing.value
        away = float(view.camera.seen(np.array([[thing.x, thing.y, 0.0]]))[0, 2])
        near = np.abs(game - away) < tolerance(game)
        classes[mine], surface[mine], normals[:, mine] = _class(thing), _THING + thing.value, np.nan
        depth[mine] = np.where(near[mine], away, np.nan)
    lost = classes == UNLABELLED
    depth[lost], normals[:, lost] = np.nan, np.nan
    edges = edge_map(torch.from_numpy(surface)[None], torch.from_numpy(~lost)[None])
    return {
        "images": _image(view, size),
        "segmentation": torch.from_numpy(classes.astype(np.uint8))[None],
        "normals": torch.from_numpy(normals)[None].float(),
        "depth": torch.from_numpy(depth / METRE)[None, None].float(),
        "keypoints": point_map(*_corners(level, view, depth), size),
        "edges": edges,
    }


def _class(thing: Thing) -> int:
    if thing.category == "Monster":
        return _MONSTER
    return _ITEM if thing.category in _ITEMS else _DECORATION


def _square(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The middle of a view [height, width, ...], as wide as high."""
    height, width = values.shape[:2]
    return values[:, (width - height) // 2 : (width + height) // 2]


def _nearest(values: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """The game's pixel under each middle and its eight neighbours: [9, size, size], it first."""
    square = np.pad(_square(values), 1, mode="edge")
    height = len(square) - 2
    at = (2 * np.arange(size) + 1) * height // (2 * size) + 1
    steps = [(0, 0)] + [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]
    return np.stack([square[np.ix_(at + i, at + j)] for i, j in steps])


def _agrees(view: View, kind: NDArray[np.int64], depth: Numbers, size: int) -> NDArray[np.bool_]:
    """Where the game shows the same kind of surface at that depth, or does so a pixel beside.

    A pixel beside will do, because the game rounds the borders of what it draws. It labels walls
    and the sky 0, floors and ceilings 1. Floors nearer than its byte 0 have any byte.
    """
    labels, stored = _nearest(view.labels, size), _nearest(view.depth, size)
    known = np.nan_to_num(depth)
    flat = (kind == FLOOR) | (kind == CEILING)
    near = np.abs(game_depth(stored) - known) < tolerance(known)
    last = 255 * len(view.labels) // 480
    ended = (kind == WALL) & (stored >= last) & (known > game_depth(np.array(last)) - 2 * STEP)
    near |= (flat & (known < 2 * FIRST)) | ended
    same = (labels == 0) & (kind == WALL) | (labels == 1) & flat
    return (same & near | (labels <= 1) & (kind == SKY)).any(axis=0)


def _normals(level: Level, camera: Camera, seen: Seen) -> Numbers:
    """[3, rows, columns]: right, down, forward; NaN for the sky."""
    forward, right = camera.axes()
    along = level.end[seen.line] - level.start[seen.line]
    out = np.stack([along[..., 1], -along[..., 0]], -1)  # to the right of the line: its front
    out /= np.linalg.norm(out, axis=-1, keepdims=True)
    # Towards the camera: away from the ray.
    middle = level.start[seen.line] - np.array([camera.x, camera.y])
    out *= -np.sign((out * middle).sum(axis=-1, keepdims=True))
    wall = seen.kind == WALL
    normals = np.full((3, *seen.kind.shape), np.nan)
    normals[0], normals[1] = np.where(wall, out @ right, 0.0), 0.0
    normals[2] = np.where(wall, out @ forward, 0.0)
    normals[1] = np.where(seen.kind == FLOOR, -1.0, np.where(seen.kind == CEILING, 1.0, 0.0))
    normals[:, seen.kind >= SKY] = np.nan
    return normals.transpose(0, 2, 1).copy()


def _image(view: View, size: int) -> Tensor:
    from PIL import Image

    square = np.ascontiguousarray(_square(view.image))
    small = Image.fromarray(square).resize((size, size), Image.Resampling.BOX)
    return torch.from_numpy(np.asarray(small, np.uint8).transpose(2, 0, 1).copy())[None]


def _corners(level: Level, view: View, depth: Numbers) -> tuple[Tensor, Tensor]:
    """The level's corners in the image, and which can be seen: [1, n, 2] and bool [1, n].

    depth: of every pixel, in map units; a thing before a corner hides it.
    """
    size = len(depth)
    seen = view.camera.seen(level.corners)
    seen = seen[(seen[:, 2] > _NEAREST) & (seen[:, 2] < _FARTHEST)]
    right, down = seen[:, 0] / seen[:, 2], seen[:, 1] / seen[:, 2]
    height, width = view.labels.shape
    place = np.stack([right, down * ASPECT], 1) * width / height / 2 + 0.5
    inside = ((place > 0) & (place < 1)).all(axis=1)
    column, row = (place[inside] * size).astype(int).T
    around = np.pad(np.where(np.isnan(depth), np.inf, depth), 1, mode="edge")
    farthest = sliding_window_view(around, (3, 3)).max(axis=(2, 3))  # of a pixel and those beside
    inside[inside] = farthest[row, column] >= (1 - _HIDES) * seen[inside, 2]
    place, right, down, away = place[inside], right[inside], down[inside], seen[inside, 2]
    # A ray through an end of walls may slip between them: so one beside it on either side.
    beside = (cast(level, view.camera, right + way, down[:, None]) for way in (-_ASIDE, _ASIDE))
    first = [(each.masked, np.where(each.kind == SKY, np.inf, each.depth)) for each in beside]
    reach = np.fmax(*(np.where(masked, 0.0, depth) for masked, depth in first))[:, 0]
    visible = reach >= (1 - _SLACK) * away
    return torch.from_numpy(place[None]).float(), torch.from_numpy(visible[None])
