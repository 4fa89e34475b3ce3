"""Tiny-Taskonomy: rooms with five targets for each pixel.

Zamir et al., CVPR 2018, in the layout and protocol that branching methods are compared in: Sun,
Panda, Feris and Saenko, NeurIPS 2020.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sharewise.data._dense_files import unit
from sharewise.data._files import find_file
from sharewise.data._items import ItemData
from sharewise.data._listed import Asked, Dense, Listed, listed_data
from sharewise.data._listed_files import Stored
from sharewise.errors import DataError
from sharewise.tasks import depth, edges, keypoints, normals, segmentation

NAME = "taskonomy"
CLASSES = 17
FILE, PRIORS = "taskonomy.json", "semseg_prior_factor.npy"
FURTHEST = 64500
"""Raw depths from here on were not measured."""
KEYPOINT_MOST, EDGE_MOST = 0.005, 0.08
_WEIGHTS = {"segmentation": 1.0, "normals": 3.0, "depth": 2.0, "keypoints": 7.0, "edges": 7.0}
_BYTES = frozenset({"L", "P"})
_WIDE = frozenset({"I;16", "I;16B", "I"})
_RANGE = 2**16


def taskonomy(
    folder: str | os.PathLike[str],
    *,
    size: int = 224,
    shrink: int = 1,
    flip: bool = True,
    memory_mb: int = 1024,
    workers: int | None = None,
) -> ItemData:
    """Tiny-Taskonomy out of the user's folder: segmentation, normals, depth, keypoints, edges.

    The folder holds taskonomy.json, lists of [rgb, segment, normal, depth, keypoint, edge] for
    train and test, the images that they name, and semseg_prior_factor.npy. `val` is a tenth of
    train, by a hash of the image's name.

    Targets as in the protocol: 17 classes, weighted by semseg_prior_factor.npy; unit vectors, x
    turned round in the mirror; log(1 + d) / log(2^16) of raw depths below 64500; keypoints and
    edges as shares of 2^16, cut off at .005 and .08 and brought to [-1, 1]. The losses' weights are
    1, 3, 2, 7 and 7.

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
    priors = _read_priors(find_file(Path(folder), PRIORS))
    listed = Listed(NAME, FILE, 6, _dense(priors))
    return listed_data(listed, Asked(str(folder), size, shrink, flip, memory_mb, workers))


def _dense(priors: tuple[float, ...]) -> tuple[Dense, ...]:
    weights = _WEIGHTS
    return (
        Dense(
            segmentation(
                "segmentation", CLASSES, class_weights=priors, weight=weights["segmentation"]
            ),
            1,
            _labels,
            _BYTES,
        ),
        Dense(normals(weight=weights["normals"]), 2, directions, frozenset({"RGB"}), True),
        Dense(depth(weight=weights["depth"]), 3, _depth, _WIDE),
        Dense(keypoints(weight=weights["keypoints"]), 4, _keypoints, _WIDE),
        Dense(edges(weight=weights["edges"]), 5, _edges, _WIDE),
    )


def _labels(stored: Stored, path: str) -> Tensor:
    """Raw labels 1..17, and 0, which counts as 1; to 0..16."""
    wrong = stored[stored > CLASSES]
    if wrong.size:
        raise DataError(
            rule=f"The raw labels of Taskonomy lie in 0..{CLASSES}.",
            found=f"{wrong.flat[0]} in {path}",
            fix="Copy the file again.",
        )
    return torch.from_numpy(np.maximum(stored, 1).astype(np.uint8) - 1)


def directions(stored: Stored, path: str) -> Tensor:
    """Colours 0..255 to unit vectors, [3, height, width]; NaN where black or short."""
    return unit(stored)


def _depth(stored: Stored, path: str) -> Tensor:
    raw = torch.from_numpy(stored.astype(np.float32))[None]
    scaled = torch.log1p(raw) / math.log(_RANGE)
    return scaled.masked_fill(raw >= FURTHEST, torch.nan)


def _keypoints(stored: Stored, path: str) -> Tensor:
    return _share(stored, KEYPOINT_MOST)


def _edges(stored: Stored, path: str) -> Tensor:
    return _share(stored, EDGE_MOST)


def _share(stored: Stored, most: float) -> Tensor:
    share = torch.from_numpy(stored.astype(np.float32))[None] / _RANGE
    return 2 * share.clamp(max=most) / most - 1


def _read_priors(path: Path) -> tuple[float, ...]:
    try:
        priors = np.load(path, allow_pickle=False).ravel()
    except (OSError, ValueError, EOFError) as error:
        found = f"{path} ({error})"
    else:
        if priors.size == CLASSES and np.isfinite(priors).all() and (priors > 0).all():
            return tuple(map(float, priors))
        found = f"{priors.size} numbers in {path}"
    raise DataError(
        rule=f"{PRIORS} holds {CLASSES} positive numbers, the weights of the classes.",
        found=found,
        fix="Copy the file again.",
    )
