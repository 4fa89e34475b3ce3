"""What a camera sees of a room: patterns on every surface, a lamp with shadows, a little noise."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sharewise.data._protocol import generator
from sharewise.data._scenes_cast import (
    MATERIAL_OF,
    Hit,
    dot,
    local_points,
    objects_hit,
)
from sharewise.data._scenes_draw import Rooms

_AMBIENT, _LAMP = 0.3, 1.1
_NOISE = 0.06  # of the whole range, uniform
_START = 0.002  # metres from a surface where the way to the lamp begins


def shade(rooms: Rooms, hit: Hit, points: Tensor, facing: Tensor) -> Tensor:
    """Light [3, rooms, rays], red, green, blue, in 0..1, of world points with world normals."""
    colour = _colours(rooms, hit, points)
    way = rooms.light.T[..., None] - points
    square = dot(way, way)
    slant = (dot(way, facing) / square.sqrt()).clamp(min=0)
    fall = 1 / (1 + 0.08 * square)  # softer than a lamp's, so that corners are not black
    far = Hit(torch.ones_like(square), torch.full_like(hit.surface, -1).int())
    lit = objects_hit(rooms, points + _START * facing, way, far).surface < 0
    return (colour * (_AMBIENT + _LAMP * slant * fall * lit)).clamp(0, 1)


def noisy(light: Tensor, seed: int, ids: Sequence[int], size: int) -> Tensor:
    """Light [3, rooms, rays] as bytes [rooms, 3, size, size] on the CPU, with each room's noise."""
    images = light.cpu().movedim(0, 1).reshape(-1, 3, size, size)
    noise = [torch.rand(3, size, size, generator=generator(seed, "noise", i)) for i in ids]
    images = images + _NOISE * (torch.stack(noise) - 0.5)
    return (255 * images.clamp(0, 1)).round().to(torch.uint8)


def _colours(rooms: Rooms, hit: Hit, points: Tensor) -> Tensor:
    """Of a solid pattern that each thing is cut out of, so that it tells nothing of a shape."""
    material = MATERIAL_OF.to(points.device)[hit.surface]
    local, _, _ = local_points(rooms, hit, points)
    place = local * rooms.grain.gather(1, material)
    share = _share(place, rooms.pattern.gather(1, material), rooms.salt[:, None] + 31 * material)
    pair = rooms.colours.permute(2, 3, 0, 1)  # [2, 3, rooms, materials]
    one, other = pair.gather(3, material.expand(2, 3, *material.shape))
    return one + share * (other - one)


def _share(place: Tensor, pattern: Tensor, salt: Tensor) -> Tensor:
    """How much of the second colour, in 0..1: cubes, layers, speckles, or little of it."""
    # Not at whole numbers, where floors and sides lie: they would flicker.
    cells = (place + 0.37).floor()
    rest = place + 0.37 - cells
    odd = cells[0] + cells[1] + cells[2]
    cubes = odd - 2 * (odd / 2).floor()
    layers = (rest[0] < 0.35).float()
    cloud = _cloud(cells.long(), rest, salt)
    share = torch.where(pattern == 0, cubes, torch.where(pattern == 1, layers, 0.0))
    return torch.where(pattern == 2, cloud, 0.75 * share + 0.25 * cloud)


def _cloud(cells: Tensor, rest: Tensor, salt: Tensor) -> Tensor:
    """Smooth noise: a random number in every corner of a grid, blended between them."""
    ease = rest * rest * (3 - 2 * rest)
    x = torch.stack([cells[0], cells[0] + 1]) * 73856093
    y = torch.stack([cells[1], cells[1] + 1]) * 19349663
    z = torch.stack([cells[2], cells[2] + 1]) * 83492791
    planes = []
    for k in range(2):
        rows = []
        for j in range(2):
            left, right = (_mixed((x[i] ^ y[j] ^ z[k]) + salt) for i in range(2))
            rows.append(left + ease[0] * (right - left))
        planes.append(rows[0] + ease[1] * (rows[1] - rows[0]))
    return planes[0] + ease[2] * (planes[1] - planes[0])


def _mixed(number: Tensor) -> Tensor:
    """Whole numbers to numbers in 0..1 that look random."""
    number = (number & 0x7FFFFFFF) * 1103515245 + 12345
    number = ((number >> 13) ^ number) & 0x7FFFFFFF
    number = (number * 69069 + 1) & 0x7FFFFFFF
    return (number >> 11).float() / 2**20
