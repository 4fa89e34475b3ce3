"""Images with targets for each pixel, listed in a JSON file: Taskonomy, NYUv2, Cityscapes."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sharewise.data._augment import Normalise
from sharewise.data._dense_changes import DenseChanges
from sharewise.data._dense_files import check_size
from sharewise.data._faults import refuse
from sharewise.data._files import check_there, find_file, read_json_file
from sharewise.data._items import ItemData, Items, Sample, check_splits, kept
from sharewise.data._listed_files import Stored, nearest, read_colours, read_stored, shrunk
from sharewise.data._protocol import fraction
from sharewise.errors import DataError, InputError
from sharewise.tasks import Task

HELD_OUT = 0.1
"""Of the training items, by a hash of the image's name, where there is no validation split."""
_COLOURS = Normalise((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_BROKEN = "Copy the file again."


Target = Callable[[Stored, str], Tensor]
"""What a file holds, [height, width] or [height, width, 3], and its path; to the target. Raises
DataError for values that cannot be."""


@dataclass(frozen=True)
class Dense:
    """A task and where its targets are: their place in an item, and the modes of their images."""

    task: Task
    place: int
    target: Target
    modes: frozenset[str]
    direction: bool = False


@dataclass(frozen=True)
class Asked:
    """What a caller may choose; see the loaders."""

    folder: str
    size: int
    shrink: int
    flip: bool
    memory_mb: int
    workers: int | None


@dataclass(frozen=True)
class Listed:
    """A data set whose items are lists of files in a JSON file.

    file: its name. columns: how many files an item has. train, test: the names of the splits in it;
    val is one of them, or None for a tenth of train.
    """

    name: str
    file: str
    columns: int
    dense: tuple[Dense, ...]
    train: str = "train"
    test: str = "test"
    val: str | None = None


def listed_data(about: Listed, asked: Asked) -> ItemData:
    """The data of a folder.

    Raises InputError for a size below 16 or a shrink below 1; DataError for what is missing or
    wrong: the folder, the JSON file, a split, an item, a file; or images smaller than `size`.
    """
    if asked.size < 16 or asked.shrink < 1:
        raise InputError(
            rule="The size of the images is 16 or more, and they are shrunk 1 time or more.",
            found=f"size={asked.size}, shrink={asked.shrink}",
            fix="Give larger numbers.",
        )
    home = Path(asked.folder)
    splits = _read(about, home)
    shape = _shape(home / splits["train"][0][0], asked)
    load = ListedLoad(str(home), about.dense, asked.shrink, shape)
    count = sum(map(len, splits.values()))
    bytes_each = shape[0] * shape[1] * (3 + sum(12 if d.direction else 4 for d in about.dense))
    keep = kept(count, bytes_each, asked.memory_mb)
    names = tuple(dense.task.name for dense in about.dense)
    return ItemData(
        [dense.task for dense in about.dense],
        {split: Items(items, load, keep=keep) for split, items in splits.items()},
        input_shape=(3, asked.size, asked.size),
        settings={
            "name": about.name,
            "folder": asked.folder,
            "size": asked.size,
            "shrink": asked.shrink,
            "flip": asked.flip,
        },
        content={split: [list(item) for item in items] for split, items in splits.items()},
        changes=DenseChanges(
            _COLOURS,
            dense=names,
            directions=tuple(dense.task.name for dense in about.dense if dense.direction),
            flip=asked.flip,
            crop=asked.size,
        ),
        workers=asked.workers,
    )


@dataclass(frozen=True)
class ListedLoad:
    """Reads an item: bytes [3, height, width] of the shape, and its targets of the same size."""

    folder: str
    dense: tuple[Dense, ...]
    shrink: int
    shape: tuple[int, int]

    def __call__(self, item: Sequence[str]) -> Sample:
        paths = [os.path.join(self.folder, name) for name in item]
        image = read_colours(paths[0])
        height, width = image.shape[:2]
        small = shrunk(image, self.shrink)
        if small.shape[:2] != self.shape:
            raise DataError(
                rule="All images of a data set have one size.",
                found=f"{paths[0]} of {width} x {height} pixels, and the first training image of"
                f" {self.shape[1] * self.shrink} x {self.shape[0] * self.shrink}",
                fix="Resize or cut it.",
            )
        targets = {}
        for dense in self.dense:
            path = paths[dense.place]
            stored = read_stored(path, dense.modes)
            check_size(path, (stored.shape[1], stored.shape[0]), (paths[0], (width, height)))
            targets[dense.task.name] = dense.target(nearest(stored, self.shrink), path)
        return torch.from_numpy(small.transpose(2, 0, 1).copy()), targets


def _shape(path: Path, asked: Asked) -> tuple[int, int]:
    """Of the first image, once it is shrunk; DataError where nothing of this size can be cut."""
    height, width = shrunk(read_colours(str(path)), asked.shrink).shape[:2]
    if min(height, width) < asked.size:
        raise DataError(
            rule=f"Squares of {asked.size} pixels are cut out of the images.",
            found=f"{path} of {width} x {height} pixels"
            + (f" once it is shrunk {asked.shrink} times" if asked.shrink > 1 else ""),
            fix="Give a smaller size, or shrink the images less.",
        )
    return height, width


Item = tuple[str, ...]


def _read(about: Listed, home: Path) -> dict[str, list[Item]]:
    path = find_file(home, about.file)
    content = read_json_file(path)
    wanted = {"train": about.train, "test": about.test}
    if about.val is not None and isinstance(content, dict) and about.val in content:
        wanted["val"] = about.val
    splits = {split: _items(about, content, key, path) for split, key in wanted.items()}
    if "val" not in splits:
        splits |= _held_out(about, splits["train"])
    splits = {split: splits[split] for split in ("train", "val", "test")}
    check_splits({split: len(items) for split, items in splits.items()}, about.name)
    _refuse_shared(splits, path)
    check_there((home / name for items in splits.values() for i in items for name in i), path)
    return splits


def _items(about: Listed, content: Any, key: str, path: Path) -> list[Item]:
    items = content.get(key) if isinstance(content, dict) else None
    if not isinstance(items, list):
        raise DataError(
            rule=f"{about.file} holds lists of items for {about.train} and {about.test}.",
            found=f"no list for {key} in {path}",
            fix=_BROKEN,
        )
    refuse(
        [
            f"{item!r} as item {number} of {key}"
            for number, item in enumerate(items)
            if not isinstance(item, list)
            or len(item) != about.columns
            or not all(isinstance(name, str) for name in item)
        ],
        rule=f"An item of {about.file} is a list of {about.columns} names of files.",
        where=f" in {path}",
        fix=_BROKEN,
    )
    return [tuple(item) for item in items]


def _held_out(about: Listed, items: Sequence[Item]) -> dict[str, list[Item]]:
    # The lowest hashes, so that the share is exact and does not depend on the order.
    order = sorted(items, key=lambda item: fraction(about.name, item[0]))
    chosen = {item[0] for item in order[: max(1, round(HELD_OUT * len(items)))]}
    return {
        "train": [item for item in items if item[0] not in chosen],
        "val": [item for item in items if item[0] in chosen],
    }


def _refuse_shared(splits: Mapping[str, Sequence[Item]], path: Path) -> None:
    seen: dict[str, str] = {}
    shared = []
    for split, items in splits.items():
        for item in items:
            image = os.path.normpath(item[0])
            if seen.setdefault(image, split) != split:
                shared.append(f"{item[0]} for {seen[image]} and for {split}")
    refuse(shared, rule="An image is in one split.", where=f" in {path}", fix=_BROKEN)
