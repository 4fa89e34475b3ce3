"""Rooms with things in them: five exact answers about one image, at any size, without a file.

In place of Taskonomy (Zamir et al., CVPR 2018), whose tasks these are in kind. The rooms and what
the targets mean are this project's own.
"""

from __future__ import annotations

from itertools import count

import torch

from sharewise.data._augment import Normalise
from sharewise.data._dense import dense_data, joined, split_counts, stored
from sharewise.data._mini_source import split_of
from sharewise.data._protocol import check_least
from sharewise.data._scenes_draw import SCENE_CLASSES
from sharewise.data._scenes_frames import scene_frames
from sharewise.data._tensors import TensorData

_AT_ONCE = 256  # rooms whose float32 targets are in memory before they are made half
_RECIPE = 2  # one more whenever the same settings make other frames
# Of the pixels in 0..1, rounded.
_PREPARE = Normalise((0.37, 0.37, 0.37), (0.2, 0.2, 0.2))


def scenes(
    seed: int = 0, *, size: int = 64, samples: int = 1500, device: torch.device | str = "cpu"
) -> TensorData:
    """Images [batch, 3, size, size] of furnished rooms, ray-cast, with five targets a pixel.

    Every image is of a room of its own: a box of 4 to 8 m with up to nine boxes, balls, cylinders
    and cones, which stand or hang, in two-coloured patterns, under a lamp that throws shadows, seen
    from the height of eyes by a camera of 73.7 degrees across and down, with a little noise.
    Images are bytes in memory; the network is given floats of about mean 0 and deviation 1.

    Targets, all of what the ray through a pixel's middle meets first:

    segmentation: uint8 [batch, size, size], see `SCENE_CLASSES`.
    normals: [batch, 3, size, size], unit vectors along the camera's right, down and forward; they
        point towards the camera, so that a wall that is met head-on has (0, 0, -1).
    depth: [batch, 1, size, size], metres along the optical axis (not along the ray).
    keypoints: [batch, 1, size, size], at every corner of the room and of boxes and point of a cone
        that can be seen, and at the middle of balls and cylinders where it projects onto them, a
        bump of 1 that ends at 24 % of the size.
    edges: [batch, 1, size, size], 1 where a neighbour shows another surface (a face of a thing, or
        a side of the room), so at all that occludes or creases, falling to 0 within 12 % of the
        size. Numbers are kept as float16.

    A room depends on `seed` and its number alone: the same bits on the CPU however many are made
    at once, and at every size the same view. Its number decides its split, whatever the seed, 60 %
    train, 20 % validation, 20 % test; rooms are made until each split is full. No room, texture or
    camera is in two splits. The fingerprint is of the settings and the recipe's number.

    Args:
        seed: See above.
        size: Pixels of a side, 16 or more.
        samples: Training images; validation and test have a third of that each.
        device: Where it is computed; what comes back is on the CPU. Another device may round
            otherwise, so it is no part of the settings.

    Raises:
        InputError: size < 16 or samples < 3.
    """
    check_least("scenes", size=(size, 16), samples=(samples, 3))
    splits = {}
    for split, ids in scene_ids(samples).items():
        chunks = [ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE)]
        splits[split] = joined([stored(scene_frames(seed, ids, size, device)) for ids in chunks])
    settings = {"name": "scenes", "seed": seed, "size": size, "samples": samples}
    return dense_data(
        settings,
        splits,
        classes=len(SCENE_CLASSES),
        prepare=_PREPARE,
        made_from={"recipe": _RECIPE},
    )


def scene_ids(samples: int) -> dict[str, list[int]]:
    """The numbers of the rooms in each split."""
    wanted = split_counts(samples)
    ids: dict[str, list[int]] = {split: [] for split in wanted}
    for room in count():
        mine = ids[split_of("scenes", room)]
        if len(mine) < wanted[split_of("scenes", room)]:
            mine.append(room)
        if all(len(ids[split]) == wanted[split] for split in wanted):
            return ids
    raise AssertionError("count() does not end")
