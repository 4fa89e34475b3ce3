"""Folders of images in the formats and sizes that data sets have, with drawn content.

What images show changes no label and little time, but how much detail they have changes how long
they take to decode: they are soft shapes with the noise that makes the files as large as real ones.
A few are drawn; the files are copies of them under names of their own.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

DRAWN = 8
NOISE = 6.0
ATTRIBUTES = 40
Array = NDArray[Any]


def picture(number: int, width: int, height: int) -> Array:
    """Bytes [height, width, 3]."""
    rng = np.random.default_rng(number)
    rough = rng.integers(0, 256, (height // 24 + 2, width // 24 + 2, 3), dtype=np.uint8)
    soft = Image.fromarray(rough).resize((width, height), Image.Resampling.BICUBIC)
    noisy = np.asarray(soft) + rng.normal(0, NOISE, (height, width, 3))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def file_of(array: Array, kind: str, *, quality: int = 85) -> bytes:
    """What a file of this kind holds: "jpg" (of this quality), "png" or "npy"."""
    file = io.BytesIO()
    if kind == "npy":
        np.save(file, array)
    else:
        form = "JPEG" if kind == "jpg" else "PNG"
        Image.fromarray(array).save(file, form, quality=quality)  # which a PNG does not mind
    return file.getvalue()


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def write_celeba(folder: Path, items: int) -> None:
    """Faces of 178 x 218; as many for training as `items`, 16 each for the other splits."""
    faces = [file_of(picture(number, 178, 218), "jpg") for number in range(DRAWN)]
    rows, splits = [], []
    for number in range(items + 32):
        name = f"{number + 1:06d}.jpg"
        _write(folder / "img_align_celeba" / name, faces[number % DRAWN])
        rows.append(
            name + "".join(f"{1 - 2 * (number >> i % 4 & 1):3d}" for i in range(ATTRIBUTES))
        )
        splits.append(f"{name} {0 if number < items else 1 + number % 2}")
    names = " ".join(f"attribute{i}" for i in range(ATTRIBUTES))
    text = "\n".join([str(len(rows)), names, *rows])
    (folder / "list_attr_celeba.txt").write_text(text + "\n")
    (folder / "list_eval_partition.txt").write_text("\n".join(splits) + "\n")


def write_photos(folder: Path, items: int) -> None:
    """A table of photos of 640 x 480 with three tasks."""
    photos = [file_of(picture(number, 640, 480), "jpg", quality=94) for number in range(DRAWN)]
    rows = []
    for number in range(items + 32):
        name = f"photos/{number:05d}.jpg"
        _write(folder / name, photos[number % DRAWN])
        split = "train" if number < items else ("val", "test")[number % 2]
        rows.append([name, "abc"[number % 3], ("yes", "no")[number % 5 > 2], number / 7, split])
    _write_table(folder, ["photo", "kind", "good", "width", "split"], rows)


def write_numbers(folder: Path, items: int) -> None:
    """A table of sixteen numbers with three tasks."""
    values = np.random.default_rng(0).normal(size=(items + 32, 16)).round(4).tolist()
    rows = []
    for number, each in enumerate(values):
        split = "train" if number < items else ("val", "test")[number % 2]
        rows.append([*each, "abc"[number % 3], ("yes", "no")[number % 5 > 2], number / 7, split])
    inputs = [f"x{i}" for i in range(16)]
    _write_table(folder, [*inputs, "kind", "good", "width", "split"], rows)


def _write_table(folder: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def write_decathlon(sets: Sequence[str], folder: Path, items: int) -> None:
    """Images whose shorter side is 72, as published; `items` in all for training."""
    images = [file_of(picture(number, 96, 72), "jpg") for number in range(DRAWN)]
    number = 0
    for place, name in enumerate(sets):
        categories = [
            {"id": 100_000 * (place + 1) + 1 + c, "name": f"{name} {c}"} for c in range(10)
        ]
        for split, count in (("train", items // len(sets) * 10 // 9 + 1), ("val", 8)):
            listed, labels = [], []
            for index in range(count):
                number += 1
                file = f"data/{name}/{split}/{index:06d}.jpg"
                _write(folder / file, images[number % DRAWN])
                listed.append({"id": number, "file_name": file, "width": 96, "height": 72})
                category = categories[index % 10]["id"]
                labels.append({"id": number, "image_id": number, "category_id": category})
            content = {"images": listed, "categories": categories, "annotations": labels}
            _write(folder / "annotations" / f"{name}_{split}.json", json.dumps(content).encode())


def write_taskonomy(folder: Path, items: int) -> None:
    """Rooms of 256 x 256 with their five targets."""
    drawn = []
    for number in range(DRAWN):
        colours = picture(number, 256, 256)
        wide = colours[..., 0].astype(np.uint16)
        arrays = {
            "rgb": colours,
            "segment_semantic": _blocks(number, 256, 256, 17) + np.uint8(1),
            "normal": picture(number + 100, 256, 256) // 2 + np.uint8(120),
            "depth_zbuffer": wide * 100,
            "keypoints2d": wide * 5,
            "edge_texture": wide * 40,
        }
        drawn.append({name: file_of(array, "png") for name, array in arrays.items()})
    _write_list(folder, "taskonomy.json", drawn, items, form="{part}/{name}_{part}.png")
    np.save(folder / "semseg_prior_factor.npy", np.ones(17))


def write_nyuv2(folder: Path, items: int) -> None:
    """Rooms of 640 x 480 with their three targets."""
    drawn = []
    for number in range(DRAWN):
        colours = picture(number, 640, 480)
        arrays = {
            "img.png": colours,
            "seg.png": _blocks(number, 640, 480, 40),
            "normal_mask.png": picture(number + 100, 640, 480) // 2 + np.uint8(120),
            "depth.npy": (1 + colours[..., 0] / 50).astype(np.float32),
        }
        drawn.append(
            {name: file_of(array, name.partition(".")[2]) for name, array in arrays.items()}
        )
    _write_list(folder, "nyu_v2_3task.json", drawn, items, form="{name}/{part}")


def _blocks(number: int, width: int, height: int, classes: int) -> Array:
    """A class for each pixel, alike within squares: uint8 [height, width]."""
    rng = np.random.default_rng(number)
    rough = rng.integers(0, classes, (height // 32, width // 32), dtype=np.uint8)
    return rough.repeat(32, axis=0).repeat(32, axis=1)


def _write_list(
    folder: Path, file: str, drawn: Sequence[dict[str, bytes]], items: int, *, form: str
) -> None:
    """A tenth more than `items`, for that is held out for validation."""
    content: dict[str, list[list[str]]] = {}
    for split, count in (("train", items * 10 // 9 + 1), ("test", 8)):
        content[split] = []
        for index in range(count):
            parts = drawn[index % DRAWN]
            names = [form.format(part=part, name=f"{split}_{index:05d}") for part in parts]
            for name, data in zip(names, parts.values(), strict=True):
                _write(folder / name, data)
            content[split].append(names)
    _write(folder / file, json.dumps(content).encode())
