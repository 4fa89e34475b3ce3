"""Images of rooms with their five targets, exact at any size."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sharewise.data._dense_maps import edge_map, point_map
from sharewise.data._scenes_cast import (
    CLASS_OF,
    TANGENT,
    eye_of,
    first_hit,
    from_camera,
    normals,
    pixel_rays,
    to_camera,
)
from sharewise.data._scenes_draw import BOX, CONE, KINDS, Rooms, draw_rooms
from sharewise.data._scenes_shade import noisy, shade

_RAYS = 2**16  # at once: what is computed with stays in the processor's cache
_SLACK = 0.002  # share of the depth by which the surface at a visible point may come early
_CORNERS = torch.cartesian_prod(*(torch.tensor([-1.0, 1.0]),) * 3)  # [8, 3]


def scene_frames(
    seed: int, ids: Sequence[int], size: int, device: torch.device | str = "cpu"
) -> dict[str, Tensor]:
    """The rooms of these ids: images, targets, and the surface of every pixel; on the CPU.

    images: uint8 [rooms, 3, size, size].
    segmentation: uint8 [rooms, size, size], see `SCENE_CLASSES`.
    normals: float [rooms, 3, size, size], of length 1, along the camera's right, down and forward;
        they face the camera, so that their product with the ray is negative.
    depth: float [rooms, 1, size, size], metres along the optical axis (not along the ray).
    keypoints, edges: float [rooms, 1, size, size] in 0..1, see `scenes`.
    surfaces: int16 [rooms, size, size]: six for the room, six for each object; a new number where
        the thing or its face is another one.
    """
    rooms = draw_rooms(seed, ids)
    step = max(1, _RAYS // size**2)
    parts = [
        _frames(rooms.part(start, start + step, device), seed, ids[start : start + step], size)
        for start in range(0, len(ids), step)
    ]
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def _frames(rooms: Rooms, seed: int, ids: Sequence[int], size: int) -> dict[str, Tensor]:
    origin, direction = eye_of(rooms), pixel_rays(rooms, size)
    hit = first_hit(rooms, origin, direction)
    points = origin + hit.t * direction
    facing = normals(rooms, hit, points)
    image = noisy(shade(rooms, hit, points, facing), seed, ids, size)
    surfaces = hit.surface.reshape(-1, size, size)
    targets = {
        "segmentation": CLASS_OF.to(surfaces.device)[surfaces].to(torch.uint8),
        "normals": to_camera(rooms, facing).movedim(0, 1).reshape(-1, 3, size, size),
        "depth": hit.t.reshape(-1, 1, size, size),
        "keypoints": point_map(*visible_points(rooms), size),
        "edges": edge_map(surfaces),
        "surfaces": surfaces.to(torch.int16),
    }
    return {"images": image, **{name: target.cpu() for name, target in targets.items()}}


def visible_points(rooms: Rooms) -> tuple[Tensor, Tensor]:
    """The keypoints in the image, and which of them can be seen.

    They are the corners of the room and of boxes, the points of cones, and the middles of spheres
    and cylinders. A corner is seen where no surface comes before it; a middle where its own thing's
    surface does. Gives [rooms, points, 2], right and down from the upper left corner in shares of
    the image, and bool [rooms, points].
    """
    places, owners = _keypoints(rooms)  # [3, rooms, points], [points]
    seen = to_camera(rooms, places - eye_of(rooms))
    depth = seen[2].clamp(min=0.01)
    flat = torch.stack([seen[0] / depth, seen[1] / depth])
    inside = (seen[2] > 0.01) & (flat.abs() < TANGENT).all(dim=0)
    ray = from_camera(rooms, torch.stack([flat[0], flat[1], torch.ones_like(depth)]))
    hit = first_hit(rooms, eye_of(rooms), ray)
    owners = owners.to(hit.surface.device)
    there = torch.nn.functional.pad(rooms.present, (1, 0), value=True)[:, owners.clamp(min=0)]
    corner = hit.t >= (1 - _SLACK) * depth
    own = (hit.surface - 6).div(6, rounding_mode="floor") + 1 == owners
    solid = torch.tensor([i > 0 and KINDS[i - 1] not in (BOX, CONE) for i in owners.tolist()])
    shown = inside & there & torch.where(solid.to(own.device), own, corner)
    return (flat / TANGENT + 1).div(2).permute(1, 2, 0), shown


def _keypoints(rooms: Rooms) -> tuple[Tensor, Tensor]:
    """World points [3, rooms, points] and whose they are: 0 the room, then the objects."""
    corners = _CORNERS.to(rooms.eye.device)
    places = [rooms.extent[:, None] * (corners + 1) / 2]  # [rooms, points, 3]
    owners = [0] * 8
    for i, kind in enumerate(KINDS):
        if kind == BOX:
            own = corners
        else:
            own = torch.tensor([[0.0, 0.0, float(kind == CONE)]], device=corners.device)
        local = own * rooms.half[:, i, None]
        turned = [  # one by one, since the order of a sum decides its bits
            local[..., 0] * rooms.turn[:, i, j, 0, None]
            + local[..., 1] * rooms.turn[:, i, j, 1, None]
            + local[..., 2] * rooms.turn[:, i, j, 2, None]
            for j in range(3)
        ]
        places.append(torch.stack(turned, -1) + rooms.centre[:, i, None])
        owners += [i + 1] * len(own)
    return torch.cat(places, 1).permute(2, 0, 1), torch.tensor(owners)
