"""Rooms drawn at random: what stands where, from where it is seen, how it is lit and coloured.

Everything is made of sums, products, quotients and roots of the drawn numbers, and these are the
same bits on every machine, whatever is computed beside them. Sines are not, so there are none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from sharewise.data._protocol import generator

SCENE_CLASSES = ("floor", "ceiling", "wall", "box", "sphere", "cylinder", "cone")
"""What each label of the segmentation of `scenes` means."""
BOX, SPHERE, CYLINDER, CONE = 3, 4, 5, 6
KINDS = (BOX, BOX, BOX, SPHERE, SPHERE, CYLINDER, CYLINDER, CONE, CONE)
"""The class of each of the objects that a room may have."""
MATERIALS = 3 + len(KINDS)  # floor, ceiling, walls, then the objects
_NUMBERS = 400  # more than are used, so that another use later moves no other
_TRIES = 6


@dataclass(frozen=True)
class Rooms:
    """A batch of rooms, in metres; the world's third axis points up, its origin is a corner.

    extent: [rooms, 3]. The room is the box from 0 to it.
    eye: [rooms, 3], where the camera is. axes: [rooms, 3, 3]; rows are the camera's right, down and
        forward in the world.
    light: [rooms, 3], a lamp.
    present: bool [rooms, objects]. centre: [rooms, objects, 3]. turn: [rooms, objects, 3, 3], from
        the object's own axes into the world's. half: [rooms, objects, 3], half of the extents along
        its own axes; a sphere has three alike, a cylinder and a cone the first two.
    colours: [rooms, materials, 2, 3] in 0..1. pattern: [rooms, materials], whole numbers.
    grain: [rooms, materials], patches a metre. salt: [rooms], whole numbers below 2 ** 20.
    """

    extent: Tensor
    eye: Tensor
    axes: Tensor
    light: Tensor
    present: Tensor
    centre: Tensor
    turn: Tensor
    half: Tensor
    colours: Tensor
    pattern: Tensor
    grain: Tensor
    salt: Tensor

    def part(self, start: int, stop: int, device: torch.device | str) -> Rooms:
        """The rooms from `start` to before `stop`, in single precision, on a device."""
        return Rooms(*(_single(each[start:stop]).to(device) for each in self._values()))

    def _values(self) -> list[Tensor]:
        return [getattr(self, field.name) for field in fields(self)]


def _single(values: Tensor) -> Tensor:
    return values.float() if values.is_floating_point() else values


class _Numbers:
    """Uniform numbers in 0..1 for every room, handed out a few at a time, in double precision."""

    def __init__(self, seed: int, ids: Sequence[int]) -> None:
        self._rows = torch.stack(
            [
                torch.rand(_NUMBERS, generator=generator(seed, "scenes", i), dtype=torch.double)
                for i in ids
            ]
        )
        self._at = 0

    def take(self, *shape: int) -> Tensor:
        """[rooms, *shape]."""
        count = torch.Size(shape).numel()
        self._at += count
        return self._rows[:, self._at - count : self._at].reshape(-1, *shape)

    def between(self, low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * self.take(*shape)


def unit(vectors: Tensor) -> Tensor:
    """Vectors [..., n] at length 1."""
    total = vectors[..., 0] * vectors[..., 0]
    for i in range(1, vectors.shape[-1]):  # one by one, since the order of a sum decides its bits
        total = total + vectors[..., i] * vectors[..., i]
    return vectors / total.sqrt().clamp(min=1e-12)[..., None]


def draw_rooms(seed: int, ids: Sequence[int]) -> Rooms:
    """The rooms of these ids. A room depends on the seed and its own id alone."""
    numbers = _Numbers(seed, ids)
    low, high = torch.tensor([4.0, 4.0, 2.4]).double(), torch.tensor([8.0, 8.0, 3.4]).double()
    extent = low + (high - low) * numbers.take(3)
    eye, axes = _camera(numbers, extent)
    # Below the ceiling and away from the walls, so that every surface has light.
    light = extent * torch.cat([numbers.between(0.2, 0.8, 2), numbers.between(0.8, 0.93, 1)], 1)
    present, centre, turn, half = _objects(numbers, extent, eye)
    return Rooms(
        extent,
        eye,
        axes,
        light,
        present,
        centre,
        turn,
        half,
        colours=numbers.between(0.1, 1.0, MATERIALS, 2, 3),
        pattern=(4 * numbers.take(MATERIALS)).long(),
        grain=numbers.between(1.5, 5.0, MATERIALS),
        salt=(2**20 * numbers.take()).long(),
    )


def _camera(numbers: _Numbers, extent: Tensor) -> tuple[Tensor, Tensor]:
    """Somewhere in the room at the height of eyes, looking past its middle, a little tilted."""
    aside = numbers.between(-0.85, 0.85, 2)
    eye = torch.cat([extent[:, :2] / 2 * (1 + aside), numbers.between(1.0, 1.9, 1)], 1)
    past = -0.35 * aside + numbers.between(-0.3, 0.3, 2)
    goal = torch.cat([extent[:, :2] / 2 * (1 + past), numbers.between(0.2, 1.6, 1)], 1)
    forward = unit(goal - eye)
    level = unit(torch.stack([forward[:, 1], -forward[:, 0], torch.zeros_like(eye[:, 0])], 1))
    down = _cross(forward, level)
    half_angle = numbers.between(-0.06, 0.06, 1)  # the tangent of half the roll: up to 7 degrees
    cosine, sine = _turned(half_angle)
    right = cosine * level + sine * down
    return eye, torch.stack([right, cosine * down - sine * level, forward], 1)


def _cross(a: Tensor, b: Tensor) -> Tensor:
    turns = ((1, 2), (2, 0), (0, 1))
    return torch.stack([a[:, i] * b[:, j] - a[:, j] * b[:, i] for i, j in turns], 1)


def _turned(tangent: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine and sine of an angle, from the tangent of its half."""
    square = tangent * tangent
    return (1 - square) / (1 + square), 2 * tangent / (1 + square)


def _objects(
    numbers: _Numbers, extent: Tensor, eye: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Objects that stand on the floor upright, or hang in the air, turned in any way.

    None touches another, a wall or the camera: each is tried at some places and left out where none
    is free. Gives present, centre, turn and half of `Rooms`.
    """
    rooms, objects = len(extent), len(KINDS)
    kinds = torch.tensor(KINDS)
    half = numbers.between(0.12, 0.5, objects, 3)
    half[:, :, 1] = torch.where(kinds == BOX, half[:, :, 1], half[:, :, 0])  # round
    half[:, :, 2] = torch.where(kinds == SPHERE, half[:, :, 0], 1.3 * half[:, :, 2])
    hangs = numbers.take(objects) < 0.3
    turn = torch.where(
        hangs[..., None, None], _any_turn(numbers, objects), _upright_turn(numbers, objects)
    )
    wanted = numbers.take(objects) < 0.85
    places = numbers.take(objects, _TRIES, 3)
    flat = (half[..., 0] ** 2 + half[..., 1] ** 2).sqrt()  # from the upright axis
    radius = torch.where(hangs, (flat**2 + half[..., 2] ** 2).sqrt(), flat)
    present = torch.zeros(rooms, objects, dtype=torch.bool)
    centre = torch.zeros(rooms, objects, 3).double()
    for i in range(objects):
        own = radius[:, i, None]  # [rooms, 1]
        at = own[..., None] + (extent[:, None, :] - 2 * own[..., None]) * places[:, i]
        free = _apart(at, eye[:, None, :2], own + 0.5)  # [rooms, tries]
        for j in range(i):
            far = _apart(at, centre[:, j, None, :2], own + radius[:, j, None])
            free &= far | ~present[:, j, None]
        first = free.int().argmax(dim=1)
        place = at[torch.arange(rooms), first]
        height = torch.where(hangs[:, i], place[:, 2], half[:, i, 2])
        present[:, i] = wanted[:, i] & free.any(dim=1)
        centre[:, i] = torch.stack([place[:, 0], place[:, 1], height], 1)
    return present, centre, turn, half


def _apart(points: Tensor, other: Tensor, distance: Tensor) -> Tensor:
    """Whether points [rooms, tries, 3] are so far from another [rooms, 1, 2], seen from above."""
    x, y = points[..., 0] - other[..., 0], points[..., 1] - other[..., 1]
    return x * x + y * y > distance * distance


def _upright_turn(numbers: _Numbers, objects: int) -> Tensor:
    x, y = unit(numbers.between(-1, 1, objects, 2)).unbind(-1)
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    rows = [[x, -y, zero], [y, x, zero], [zero, zero, one]]
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def _any_turn(numbers: _Numbers, objects: int) -> Tensor:
    """Of a quaternion: all sums of products."""
    w, x, y, z = unit(numbers.between(-1, 1, objects, 4)).unbind(-1)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return torch.stack([torch.stack(row, -1) for row in rows], -2)
