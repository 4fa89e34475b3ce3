"""NYUv2: indoor images with segmentation, normals and depth.

Silberman, Hoiem, Kohli and Fergus, ECCV 2012, in the layout of Sun et al., NeurIPS 2020.
"""

from __future__ import annotations

import os

import numpy as np
import torch
from torch import Tensor

from sharewise.data._dense_files import check_labels
from sharewise.data._items import ItemData
from sharewise.data._listed import Asked, Dense, Listed, listed_data
from sharewise.data._listed_files import Stored
from sharewise.data._taskonomy import directions
from sharewise.tasks import depth, normals, segmentation

NAME, FILE = "nyuv2", "nyu_v2_3task.json"
CLASSES = 40


def nyuv2(
    folder: str | os.PathLike[str],
    *,
    size: int = 320,
    shrink: int = 1,
    flip: bool = True,
    memory_mb: int = 1024,
    workers: int | None = None,
) -> ItemData:
    """NYUv2 out of the user's folder: segmentation (40 classes), normals, depth.

    The folder holds nyu_v2_3task.json, lists of [img.png, seg.png, normal_mask.png, depth.npy] for
    train and test, and the files that they name. A label of 255, a black normal and a depth of 0,
    below or NaN are none. `val` is the list val where there is one, and else a tenth of train, by a
    hash of the image's name. The losses' weights are 1, 20 and 3.

    Args:
        folder: See above.
        size: The side of the squares that are cut out, anywhere in training and else in the middle;
            320 is the multiple of 32 next to the published 321.
        shrink: How many times smaller images are read before that, each side.
        flip: Whether half of the training images are mirrored.
        memory_mb: Read images that are kept in memory, in MB, if all of them fit.
        workers: Processes that read images; see `ItemData`.

    Raises:
        InputError: A size below 16 or a shrink below 1.
        DataError: A folder, file, item or pixel that is missing or wrong; named, and further ones
            counted.
    """
    listed = Listed(NAME, FILE, 4, _DENSE, val="val")
    return listed_data(listed, Asked(str(folder), size, shrink, flip, memory_mb, workers))


def _labels(stored: Stored, path: str) -> Tensor:
    check_labels(path, stored, CLASSES)
    return torch.from_numpy(stored.astype(np.uint8))


def measured_depth(stored: Stored, path: str) -> Tensor:
    """Distances [1, height, width]; NaN where not measured: 0, below, or not finite."""
    distances = torch.from_numpy(stored.astype(np.float32))[None]
    return distances.masked_fill(~(distances > 0) | distances.isinf(), torch.nan)


_DENSE = (
    Dense(segmentation("segmentation", CLASSES), 1, _labels, frozenset({"L", "P"})),
    Dense(normals(weight=20.0), 2, directions, frozenset({"RGB"}), True),
    Dense(depth(weight=3.0), 3, measured_depth, frozenset()),
)
