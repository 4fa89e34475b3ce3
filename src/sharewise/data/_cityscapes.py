"""Cityscapes: streets with segmentation and depth.

Cordts et al., CVPR 2016, in the layout of Sun et al., NeurIPS 2020.
"""

from __future__ import annotations

import os

import numpy as np
import torch
from torch import Tensor

from sharewise.data._dense_files import IGNORE, check_labels
from sharewise.data._items import ItemData
from sharewise.data._listed import Asked, Dense, Listed, listed_data
from sharewise.data._listed_files import Stored
from sharewise.data._nyuv2 import measured_depth
from sharewise.errors import DataError
from sharewise.tasks import depth, segmentation

NAME, FILE = "cityscapes", "cityscape.json"
CLASSES = 19


def cityscapes(
    folder: str | os.PathLike[str],
    *,
    size: int = 128,
    shrink: int = 1,
    flip: bool = True,
    memory_mb: int = 1024,
    workers: int | None = None,
) -> ItemData:
    """Cityscapes out of the user's folder: segmentation (19 classes), depth.

    The folder holds cityscape.json, lists of [img, depth, label2, label7, label19] for train and
    test, and the .npy files that they name: images [height, width, 3] of bytes or of numbers in
    [0, 1], depths and labels [height, width]. A label of -1 or 255 and a depth of 0 or below are
    none; label2 and label7 are not read. `val` is the list val where there is one, and else a tenth
    of train, by a hash of the image's name. The losses' weights are 1 and 20.

    Args:
        folder: See above.
        size: The side of the squares that are cut out, anywhere in training and else in the middle.
        shrink: How many times smaller images are read before that, each side.
        flip: Whether half of the training images are mirrored.
        memory_mb: Read images that are kept in memory, in MB, if all of them fit.
        workers: Processes that read images; see `ItemData`.

    Raises:
        InputError: A size below 16 or a shrink below 1.
        DataError: A folder, file, item or pixel that is missing or wrong; named, and further ones
            counted.
    """
    listed = Listed(NAME, FILE, 5, _DENSE, val="val")
    return listed_data(listed, Asked(str(folder), size, shrink, flip, memory_mb, workers))


def _labels(stored: Stored, path: str) -> Tensor:
    fractions = stored[~(np.isfinite(stored) & (stored == np.rint(stored)))]
    if fractions.size:
        raise DataError(
            rule=f"The labels of pixels are whole numbers: 0..{CLASSES - 1}, and -1 or {IGNORE}"
            " where missing.",
            found=f"{fractions.flat[0]} in {path}",
            fix="Correct the file.",
        )
    whole = stored.astype(np.int64)
    labels = np.where(whole == -1, IGNORE, whole)
    check_labels(path, labels, CLASSES)
    return torch.from_numpy(labels.astype(np.uint8))


_DENSE = (
    Dense(segmentation("segmentation", CLASSES), 4, _labels, frozenset()),
    Dense(depth(weight=20.0), 1, measured_depth, frozenset()),
)
