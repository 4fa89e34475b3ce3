"""CelebA: faces with forty binary attributes each.

Liu, Luo, Wang and Tang, ICCV 2015; the official split.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sharewise.data._augment import Augment, Normalise
from sharewise.data._faults import refuse
from sharewise.data._files import check_there, find_file, read_text_lines
from sharewise.data._images import Photos, Picture
from sharewise.data._items import ItemData, Items, Sample, kept
from sharewise.errors import DataError, InputError
from sharewise.tasks import binary

NAME = "celeba"
ATTRIBUTES, PARTITION, IMAGES = (
    "list_attr_celeba.txt",
    "list_eval_partition.txt",
    "img_align_celeba",
)
_BELOW = ("Anno", "Eval", "Img")  # as the archives are unpacked
_SPLITS = ("train", "val", "test")
_COLOURS = Normalise((0.5,) * 3, (0.25,) * 3)
_AGAIN = "Download the file again."
_ONE_LABEL = "The attributes of a face are 1 or -1, one for each name in the second line."


def celeba(
    folder: str | os.PathLike[str],
    *,
    attributes: Sequence[str] | None = None,
    size: int = 64,
    flip: bool = True,
    memory_mb: int = 1024,
    workers: int | None = None,
) -> ItemData:
    """CelebA out of the user's folder: a yes-or-no task for each attribute.

    The folder holds list_attr_celeba.txt, list_eval_partition.txt and img_align_celeba/, also in
    the Anno/, Eval/ and Img/ of the published archives. The split is the official one: 162 770,
    19 867 and 19 962 of the whole. The middle square of the aligned images (178 x 218) is kept.

    Args:
        folder: See above.
        attributes: Names of those that are tasks; None for all forty.
        size: Pixels of a side, 16 or more.
        flip: Whether half of the training images are mirrored.
        memory_mb: Decoded images that are kept in memory, in MB, if all of them fit.
        workers: Processes that read images; see `ItemData`.

    Raises:
        InputError: size < 16, or an attribute that is none or twice.
        DataError: A folder, file or line that is missing or wrong; named, and further ones counted.
    """
    if size < 16:
        raise InputError(
            rule="The size of CelebA's images is 16 or more.",
            found=f"size={size}",
            fix="Give a larger number.",
        )
    home = Path(folder)
    read = _read(home)
    chosen = read.names if attributes is None else _chosen(attributes, read.names)
    columns = [read.names.index(name) for name in chosen]
    labels = read.labels[:, columns]
    load = _Load(str(read.images), read.files, chosen, labels, Picture(size))
    keep = kept(len(read.files), 3 * size**2, memory_mb)
    ids = {split: [int(i) for i in np.flatnonzero(read.splits == number)]
           for number, split in enumerate(_SPLITS)}  # fmt: skip
    return ItemData(
        [binary(name) for name in chosen],
        {split: Items(each, load, keep=keep) for split, each in ids.items()},
        input_shape=(3, size, size),
        settings={
            "name": NAME,
            "folder": str(folder),
            "attributes": list(chosen),
            "size": size,
            "flip": flip,
        },
        content={
            split: [[read.files[i] for i in each], labels[each].tolist()]
            for split, each in ids.items()
        },
        changes=Photos(_COLOURS, Augment(flip=flip)),
        workers=workers,
    )


@dataclass(frozen=True)
class _Load:
    """Reads the face with a number."""

    folder: str
    files: tuple[str, ...]
    names: tuple[str, ...]
    labels: Tensor  # int64 [faces, attributes]
    picture: Picture

    def __call__(self, item: int) -> Sample:
        image = self.picture(Path(self.folder) / self.files[item])
        return image, dict(zip(self.names, self.labels[item], strict=True))


@dataclass(frozen=True)
class _Faces:
    """names: of the attributes. labels: int64 [faces, attributes]. splits: 0, 1, 2 [faces]."""

    images: Path
    names: tuple[str, ...]
    files: tuple[str, ...]
    labels: Tensor
    splits: np.ndarray[tuple[int], np.dtype[np.int64]]


def _read(home: Path) -> _Faces:
    path = find_file(home, ATTRIBUTES, below=_BELOW)
    images = find_file(home, IMAGES, below=_BELOW)
    names, files, labels = _read_attributes(path)
    split_of = _read_partition(find_file(home, PARTITION, below=_BELOW))
    bare = [name for name in files if name not in split_of]
    refuse(
        [f"no line for {name}" for name in bare],
        rule=f"Every face of {ATTRIBUTES} is in one split.",
        where=f" in {home / PARTITION}",
        fix=_AGAIN,
    )
    check_there((images / name for name in files), path)
    splits = np.array([split_of[name] for name in files])
    return _Faces(images, names, files, labels, splits)


def _read_attributes(path: Path) -> tuple[tuple[str, ...], tuple[str, ...], Tensor]:
    lines = read_text_lines(path)
    count = lines[0].strip() if lines else ""
    names = tuple(lines[1].split()) if len(lines) > 1 else ()
    rows = [(number, line.split()) for number, line in enumerate(lines[2:], start=3) if line]
    if not names or not count.isdecimal() or int(count) != len(rows):
        raise DataError(
            rule=f"{ATTRIBUTES} begins with the number of faces and the names of the attributes.",
            found=f"'{count}' and {len(rows)} faces in {path}, line 1",
            fix=_AGAIN,
        )
    wrong = [
        f"{fault} in {path}, line {number}"
        for number, row in rows
        if (fault := _fault(row, len(names))) is not None
    ]
    refuse(wrong, rule=_ONE_LABEL, fix=_AGAIN)
    values = np.array([row[1:] for _, row in rows], dtype=np.int64)
    return names, tuple(row[0] for _, row in rows), torch.from_numpy((values + 1) // 2)


def _fault(row: Sequence[str], attributes: int) -> str | None:
    if len(row) != attributes + 1:
        return f"{len(row) - 1} attributes for {attributes} names"
    return next((f"'{value}'" for value in row[1:] if value not in ("1", "-1")), None)


def _read_partition(path: Path) -> Mapping[str, int]:
    """{file: 0, 1 or 2}."""
    rows = [(number, line.split()) for number, line in enumerate(read_text_lines(path), start=1)]
    wrong = [
        f"'{' '.join(row)}' in {path}, line {number}"
        for number, row in rows
        if row and (len(row) != 2 or row[1] not in ("0", "1", "2"))
    ]
    refuse(
        wrong,
        rule=f"A line of {PARTITION} is a file and 0 (train), 1 (val) or 2 (test).",
        fix=_AGAIN,
    )
    twice = [name for name, count in Counter(row[0] for _, row in rows if row).items() if count > 1]
    refuse(
        [f"{name} twice" for name in twice],
        rule="A face is in one split, once.",
        where=f" in {path}",
        fix=_AGAIN,
    )
    return {row[0]: int(row[1]) for _, row in rows if row}


def _chosen(attributes: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    unknown = [name for name in attributes if name not in names]
    if unknown or len(set(attributes)) < len(attributes) or not attributes:
        raise InputError(
            rule=f"The attributes are some of {', '.join(names)}, each once.",
            found=repr(unknown[0]) if unknown else repr(list(attributes)),
            fix="Correct or leave out the name.",
        )
    return tuple(attributes)
