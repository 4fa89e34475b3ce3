"""Folders of Tiny-Taskonomy, NYUv2 and Cityscapes in the layouts that are in use, tiny."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

COUNTS = {"train": 12, "test": 4}
Array = NDArray[Any]


def ramp(height: int, width: int) -> Array:
    """Which column a pixel is in, [height, width]."""
    return np.broadcast_to(np.arange(width), (height, width)).copy()


def save(path: Path, array: Array) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, array)
    else:
        Image.fromarray(array).save(path)


def write_list(
    folder: Path, file: str, write_item: Callable[[Path, str], Sequence[str]], **more: Any
) -> Path:
    """A folder with items for each split, as `write_item` writes them, and their list."""
    content: dict[str, Any] = {
        split: [list(write_item(folder, f"{split}_{i:02d}")) for i in range(count)]
        for split, count in COUNTS.items()
    }
    (folder / file).write_text(json.dumps(content | more))
    return folder


def number(name: str) -> int:
    return int(name[-2:]) + (100 if name.startswith("test") else 0)


def taskonomy_item(folder: Path, name: str, side: int = 32) -> list[str]:
    columns = ramp(side, side)
    wide = columns.astype(np.uint16)
    vectors = np.zeros((side, side, 3), np.uint8)
    vectors[..., 0], vectors[:, side // 2 :] = 255, (127, 255, 127)
    vectors[0] = 0
    arrays = {
        "rgb": np.stack([columns * 8, columns * 0 + number(name), columns * 0], 2).astype(np.uint8),
        "segment_semantic": (columns % 18).astype(np.uint8),
        "normal": vectors,
        "depth_zbuffer": np.where(columns == 3, 65535, wide * 100).astype(np.uint16),
        "keypoints2d": (wide * 20).astype(np.uint16),
        "edge_texture": (wide * 400).astype(np.uint16),
    }
    names = [f"{part}/{name}_{part}.png" for part in arrays]
    for path, array in zip(names, arrays.values(), strict=True):
        save(folder / path, array)
    return names


def write_taskonomy(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "semseg_prior_factor.npy", np.linspace(0.5, 2, 17))
    extra = [taskonomy_item(folder, "extra_00")]
    more = {"train1": extra, "train2": extra, "test_small": extra}
    return write_list(folder, "taskonomy.json", taskonomy_item, **more)


def nyuv2_item(folder: Path, name: str, side: int = 32) -> list[str]:
    columns = ramp(side, side + 8)
    vectors = np.full((side, side + 8, 3), (255, 127, 127), np.uint8)
    vectors[:2] = 0
    arrays: dict[str, Array] = {
        "img.png": np.stack([columns * 6] * 3, 2).astype(np.uint8),
        "seg.png": np.where(columns >= 39, 255, columns).astype(np.uint8),
        "normal_mask.png": vectors,
        "depth.npy": np.where(columns == 4, 0, columns / 10).astype(np.float32),
    }
    names = [f"{name}/{part}" for part in arrays]
    for path, array in zip(names, arrays.values(), strict=True):
        save(folder / path, array)
    return names


def write_nyuv2(folder: Path, **more: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return write_list(folder, "nyu_v2_3task.json", nyuv2_item, **more)


def cityscapes_item(folder: Path, name: str) -> list[str]:
    columns = ramp(16, 32)
    arrays: dict[str, Array] = {
        "image": np.stack([columns / 31] * 3, 2),
        "depth": (columns / 100)[..., None],
        "label_2": columns % 2,
        "label_7": columns % 7,
        "label_19": np.where(columns < 19, columns, -1).astype(float),
    }
    names = [f"{part}/{name}.npy" for part in arrays]
    for path, array in zip(names, arrays.values(), strict=True):
        save(folder / path, array)
    return names


def write_cityscapes(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return write_list(folder, "cityscape.json", cityscapes_item)
