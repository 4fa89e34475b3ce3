"""Rays into rooms: how far to the first surface, which one it is, and where it faces.

A ray is o + t d. From the camera d is 1 long along the optical axis, so that t is the depth. All
vectors are [3, rooms, rays], or [3, rooms, 1] where all rays of a room have the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sharewise.data._scenes_draw import BOX, CONE, CYLINDER, KINDS, SPHERE, Rooms

TANGENT = 0.75
"""Of half the angle of view: 73.7 degrees, across and down."""
SURFACES = 6 + 6 * len(KINDS)  # a room has six; each object up to six faces
_FLOOR, _CEILING, _WALL = 0, 1, 2


def _owners() -> tuple[list[int], list[int]]:
    classes, materials = [_WALL] * 4 + [_FLOOR, _CEILING], [2] * 4 + [0, 1]
    for i, kind in enumerate(KINDS):
        classes += [kind] * 6
        materials += [3 + i] * 6
    return classes, materials


CLASS_OF, MATERIAL_OF = (torch.tensor(each) for each in _owners())
"""The class and the material of each surface."""


@dataclass(frozen=True)
class Hit:
    """The first surface of every ray.

    t: [rooms, rays]. surface: whole numbers [rooms, rays], see `CLASS_OF`; -1 for none.
    """

    t: Tensor
    surface: Tensor

    def better(self, t: Tensor, surface: Tensor) -> Hit:
        """With another surface where it comes first."""
        first = t < self.t
        return Hit(torch.where(first, t, self.t), torch.where(first, surface, self.surface))


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Of vectors [3, ...], one component after another: a sum's order decides its bits."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def pixel_rays(rooms: Rooms, size: int) -> Tensor:
    """Directions [3, rooms, size * size] through the middles of pixels, row by row."""
    # In double precision (2 i + 1) / size is the same where two sizes have a middle in common.
    steps = torch.arange(size, dtype=torch.double, device=rooms.eye.device)
    across = (((2 * steps + 1) / size - 1) * TANGENT).float()
    down, right = torch.meshgrid(across, across, indexing="ij")
    seen = torch.stack([right, down, torch.ones_like(right)]).reshape(3, 1, -1)
    return from_camera(rooms, seen)


def from_camera(rooms: Rooms, seen: Tensor) -> Tensor:
    """Vectors [3, rooms, rays] from the camera's axes (right, down, forward) to the world's."""
    rows = rooms.axes.permute(1, 2, 0)[..., None]  # [3 of the camera, 3 of the world, rooms, 1]
    return torch.stack([dot(rows[:, i], seen) for i in range(3)])


def to_camera(rooms: Rooms, vectors: Tensor) -> Tensor:
    """The other way round."""
    rows = rooms.axes.permute(1, 2, 0)[..., None]
    return torch.stack([dot(rows[i], vectors) for i in range(3)])


def eye_of(rooms: Rooms) -> Tensor:
    """[3, rooms, 1]."""
    return rooms.eye.T[..., None]


def first_hit(rooms: Rooms, origin: Tensor, direction: Tensor) -> Hit:
    """The first surface of rays that start inside a room."""
    hit = objects_hit(rooms, origin, direction, _room_hit(rooms, origin, direction))
    return Hit(hit.t, hit.surface.long())  # it is looked up with


def objects_hit(rooms: Rooms, origin: Tensor, direction: Tensor, hit: Hit) -> Hit:
    """`hit`, or the surface of an object that comes before."""
    for i, kind in enumerate(KINDS):
        o = to_own(rooms, i, origin - rooms.centre[:, i].T[..., None])
        d = to_own(rooms, i, direction)
        t, face = _PRIMITIVES[kind](o, d, rooms.half[:, i].T[..., None])
        t = torch.where(rooms.present[:, i, None], t, torch.inf)
        hit = hit.better(t, 6 + 6 * i + face)
    return hit


def to_own(rooms: Rooms, i: int, vectors: Tensor) -> Tensor:
    """Vectors [3, rooms, rays] along the axes of object i."""
    columns = rooms.turn[:, i].permute(1, 2, 0)[..., None]  # [3 world, 3 own, rooms, 1]
    return torch.stack([dot(columns[:, j], vectors) for j in range(3)])


def _room_hit(rooms: Rooms, origin: Tensor, direction: Tensor) -> Hit:
    """Walls 0 to 3 (at x = 0, its end, y = 0, its end), floor 4, ceiling 5."""
    extent = rooms.extent.T[..., None]
    direction = _not_zero(direction)
    ahead = direction > 0
    t = (torch.where(ahead, extent, 0.0) - origin) / direction
    hit = Hit(t[0], ahead[0].int())
    return hit.better(t[1], 2 + ahead[1].int()).better(t[2], 4 + ahead[2].int())


def _not_zero(values: Tensor) -> Tensor:
    return torch.where(values.abs() < 1e-9, 1e-9, values)


def _box(o: Tensor, d: Tensor, half: Tensor) -> tuple[Tensor, Tensor]:
    """Faces 0 to 5: low and high along each axis."""
    d = _not_zero(d)
    enter = (-torch.where(d > 0, half, -half) - o) / d
    leave = (torch.where(d > 0, half, -half) - o) / d
    low = (d < 0).int()  # a ray that goes down an axis enters at its high face
    t, face = enter[0], low[0]
    for axis in (1, 2):
        later = enter[axis] > t
        t = torch.where(later, enter[axis], t)
        face = torch.where(later, 2 * axis + low[axis], face)
    out = torch.minimum(torch.minimum(leave[0], leave[1]), leave[2])
    return torch.where((t < out) & (t > 0), t, torch.inf), face


def _round(o: Tensor, d: Tensor, radius: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Where a ray in two or three dimensions enters and leaves a circle or ball; and if at all.

    By way of the point that is nearest to the middle, which keeps digits that the school formula
    loses for small things far away.
    """
    square, along = d[0] * d[0], o[0] * d[0]
    for i in range(1, len(d)):
        square, along = square + d[i] * d[i], along + o[i] * d[i]
    square = square.clamp(min=1e-12)
    nearest = -along / square
    aside = o + nearest * d
    distance = aside[0] * aside[0]
    for i in range(1, len(d)):
        distance = distance + aside[i] * aside[i]
    rest = radius * radius - distance
    reach = (rest.clamp(min=0) / square).sqrt()
    return nearest - reach, nearest + reach, rest > 0


def _sphere(o: Tensor, d: Tensor, half: Tensor) -> tuple[Tensor, Tensor]:
    t, _, meets = _round(o, d, half[0])
    return torch.where(meets & (t > 0), t, torch.inf), torch.zeros_like(t, dtype=torch.int)


def _cylinder(o: Tensor, d: Tensor, half: Tensor) -> tuple[Tensor, Tensor]:
    """Face 0 round about, 1 at the bottom, 2 at the top."""
    enter, leave, meets = _round(o[:2], d[:2], half[0])
    up = _not_zero(d[2])
    near = (-torch.where(up > 0, half[2], -half[2]) - o[2]) / up
    far = (torch.where(up > 0, half[2], -half[2]) - o[2]) / up
    side = enter > near
    t = torch.where(side, enter, near)
    face = (~side).int() * (2 - (up > 0).int())
    inside = meets & (t < torch.minimum(leave, far)) & (t > 0)
    return torch.where(inside, t, torch.inf), face


def _cone(o: Tensor, d: Tensor, half: Tensor) -> tuple[Tensor, Tensor]:
    """Face 0 round about, 1 the base. The point is at the top.

    On its side x^2 + y^2 = k^2 (h - z)^2 with k = radius / 2 h.
    """
    k = half[0] / (2 * half[2])
    high, down = k * (half[2] - o[2]), -k * d[2]  # k (h - z) = high + t down
    a = d[0] * d[0] + d[1] * d[1] - down * down
    b = o[0] * d[0] + o[1] * d[1] - high * down
    c = o[0] * o[0] + o[1] * o[1] - high * high
    root = (b * b - a * c).clamp(min=0).sqrt()
    # The two solutions without cancellation: q / a and c / q.
    q = -(b + torch.where(b >= 0, root, -root))
    t = torch.full_like(b, torch.inf)
    meets = b * b - a * c > 0
    for solution in (q / _not_zero(a), c / _not_zero(q)):
        z = o[2] + solution * d[2]
        enters = a * solution + b < 0  # else the rim of the base was missed by a rounding
        fits = meets & enters & (solution > 0) & (z.abs() <= half[2]) & (solution < t)
        t = torch.where(fits, solution, t)
    base = (-half[2] - o[2]) / _not_zero(d[2])
    x, y = o[0] + base * d[0], o[1] + base * d[1]
    under = (x * x + y * y < half[0] * half[0]) & (d[2] > 0)
    first = under & (base > 0) & (base < t)
    return torch.where(first, base, t), first.int()


_PRIMITIVES = {BOX: _box, SPHERE: _sphere, CYLINDER: _cylinder, CONE: _cone}


def local_points(rooms: Rooms, hit: Hit, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """World points [3, rooms, rays] along the axes of the object that was hit.

    Gives them, the object's turn [3 world, 3 own, rooms, rays] and its half [3, rooms, rays]; for
    the room itself its own origin and axes, and half a metre.
    """
    owner = (hit.surface - 6).div(6, rounding_mode="floor").clamp(min=-1) + 1  # 0: the room
    ones = torch.eye(3, device=points.device).expand(len(rooms.turn), 1, 3, 3)
    turns = torch.cat([ones, rooms.turn], 1).permute(2, 3, 0, 1)  # [3, 3, rooms, 1 + objects]
    middles = torch.nn.functional.pad(rooms.centre, (0, 0, 1, 0)).permute(2, 0, 1)
    halves = torch.nn.functional.pad(rooms.half, (0, 0, 1, 0), value=0.5).permute(2, 0, 1)
    turn = turns.gather(3, owner.expand(3, 3, *owner.shape))
    middle, half = (each.gather(2, owner.expand(3, *owner.shape)) for each in (middles, halves))
    moved = points - middle
    return torch.stack([dot(turn[:, j], moved) for j in range(3)]), turn, half


_FLAT = torch.zeros(SURFACES, 3)  # the outward normal of flat faces along the owner's axes
_CURVED = torch.zeros(SURFACES, 2)  # whether z counts in the normal (sphere, cone)


def _fill_normals() -> None:
    for axis in range(3):  # the room is seen from inside
        _FLAT[2 * axis, axis], _FLAT[2 * axis + 1, axis] = 1, -1
    for i, kind in enumerate(KINDS):
        base = 6 + 6 * i
        if kind == BOX:
            for axis in range(3):
                _FLAT[base + 2 * axis, axis], _FLAT[base + 2 * axis + 1, axis] = -1, 1
        if kind in (CYLINDER, CONE):
            _FLAT[base + 1, 2], _FLAT[base + 2, 2] = -1, 1
        _CURVED[base] = torch.tensor([float(kind == SPHERE), float(kind == CONE)])


_fill_normals()


def normals(rooms: Rooms, hit: Hit, points: Tensor) -> Tensor:
    """Outward unit normals [3, rooms, rays] in the world, at hit points in the world."""
    local, turn, half = local_points(rooms, hit, points)
    device = points.device
    flat = _FLAT.to(device)[hit.surface].movedim(-1, 0)
    sphere, cone = _CURVED.to(device)[hit.surface].movedim(-1, 0)
    k = half[0] / (2 * half[2])
    third = sphere * local[2] + cone * k * k * (half[2] - local[2])
    curved = torch.stack([local[0], local[1], third])
    curved = curved / dot(curved, curved).sqrt().clamp(min=1e-9)
    own = torch.where(dot(flat, flat) > 0, flat, curved)
    return torch.stack([dot(turn[i], own) for i in range(3)])
