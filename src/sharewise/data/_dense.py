"""Five answers about every pixel: the tasks of `scenes` and `doom`, and data that hold them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from sharewise.data._mini_source import SPLITS
from sharewise.data._tensors import TensorData
from sharewise.tasks import Task, depth, edges, keypoints, normals, segmentation

WEIGHTS: Mapping[str, float] = {
    "segmentation": 1.0,
    "normals": 3.0,
    "depth": 2.0,
    "keypoints": 7.0,
    "edges": 7.0,
}
"""The weights of learning to branch (Guo, Lee and Ulbricht, ICML 2020, section 5) for Taskonomy."""


def dense_tasks(classes: int, weights: Mapping[str, float] = WEIGHTS) -> tuple[Task, ...]:
    """The five, in the order of Taskonomy's."""
    return (
        segmentation("segmentation", classes, weight=weights["segmentation"]),
        normals(weight=weights["normals"]),
        depth(weight=weights["depth"]),
        keypoints(weight=weights["keypoints"]),
        edges(weight=weights["edges"]),
    )


def stored(frames: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Images and targets as they are kept: whole numbers as they are, others as float16.

    Half the bytes of float32; a depth of 10 is then exact to .004.
    """
    return {
        name: frame.half() if frame.is_floating_point() else frame
        for name, frame in frames.items()
        if name == "images" or name in WEIGHTS
    }


def dense_data(
    settings: Mapping[str, Any],
    splits: Mapping[str, Mapping[str, Tensor]],
    *,
    classes: int,
    prepare: Callable[[Tensor], Tensor],
    weights: Mapping[str, float] = WEIGHTS,
    made_from: Any = None,
) -> TensorData:
    """Stored frames of each split as data.

    made_from: JSON that besides the settings decides the frames. The fingerprint is of this and
    the settings, not of pixels: the last bit of one may differ between machines and devices.
    """
    parts = {
        split: (frames["images"], {name: frames[name] for name in WEIGHTS})
        for split, frames in splits.items()
    }
    data = TensorData(
        dense_tasks(classes, weights),
        **{split: parts[split] for split in SPLITS},
        name=settings["name"],
        settings=settings,
        prepare=prepare,
    )
    text = json.dumps([dict(settings), made_from], sort_keys=True)
    data.fingerprint = hashlib.sha256(text.encode()).hexdigest()[:16]
    return data


def split_counts(samples: int) -> dict[str, int]:
    """As many for training as asked for; a third of that for validation, and for test."""
    return {"train": samples, "val": samples // 3, "test": samples // 3}


def joined(parts: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Frames one after another."""
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
