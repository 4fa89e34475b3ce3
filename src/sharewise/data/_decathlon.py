"""The Visual Decathlon: ten image data sets, one classification task each.

Rebuffi, Bilen and Vedaldi, 2017; arXiv 1705.08045.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sharewise.data._annotations import (
    Annotated,
    Categories,
    annotation_file,
    read_categories,
    read_set,
)
from sharewise.data._augment import Augment, Normalise
from sharewise.data._images import Labelled, Photos, Picture
from sharewise.data._items import ItemData, Items
from sharewise.data._protocol import fraction
from sharewise.data._tensors import SeparateData
from sharewise.errors import DataError, InputError
from sharewise.tasks import classification

NAME = "decathlon"
PUBLISHED_SIZE = 72
"""Pixels of the published images' shorter side, for which padding and cutout are given."""
_HELD_OUT = 0.1
_PADDING, _CUTOUT = 4, 18
_JITTER = (0.3, 0.3, 0.3, 0.1)


@dataclass(frozen=True)
class _Set:
    """What is known of a set: channel statistics of its training images, and how they may change.

    flip: whether the mirrored image shows the same class. whole: squeezed into a square, because
    the images are twice as high as wide and the object fills them.
    """

    normalise: Normalise
    flip: bool = True
    whole: bool = False


def _grey(mean: float, deviation: float) -> Normalise:
    return Normalise((mean,) * 3, (deviation,) * 3)


SETS: Mapping[str, _Set] = MappingProxyType(
    {
        "imagenet12": _Set(Normalise((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))),
        "aircraft": _Set(Normalise((0.4798, 0.5107, 0.5344), (0.2107, 0.2051, 0.2373))),
        "cifar100": _Set(Normalise((0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761))),
        "daimlerpedcls": _Set(_grey(0.482, 0.2361), whole=True),
        "dtd": _Set(Normalise((0.527, 0.4703, 0.424), (0.2523, 0.2409, 0.2499))),
        "gtsrb": _Set(Normalise((0.3392, 0.3118, 0.3205), (0.2756, 0.2658, 0.2709)), flip=False),
        "vgg-flowers": _Set(Normalise((0.4341, 0.3831, 0.2971), (0.2851, 0.2384, 0.264))),
        "omniglot": _Set(_grey(0.081, 0.2705), flip=False),
        "svhn": _Set(Normalise((0.4377, 0.4438, 0.4728), (0.198, 0.201, 0.197)), flip=False),
        "ucf101": _Set(Normalise((0.4995, 0.4988, 0.4998), (0.109, 0.1081, 0.1068))),
    }
)
"""The ten sets, in the order in which results are given."""


def decathlon(
    folder: str | os.PathLike[str],
    *,
    sets: Sequence[str] | None = None,
    size: int = 64,
    jitter: bool = False,
    cutout: bool = False,
    memory_mb: int = 1024,
    workers: int | None = None,
) -> SeparateData:
    """The Visual Decathlon out of the user's folder: a classification task for each set.

    The folder is as published: annotations/SET_train.json and SET_val.json, and the images that
    they name, usually data/SET/train/... Labels of the published test images are hidden, so the
    published validation split is `test` here, and nobody chooses anything by it; a tenth of the
    published training split, by a hash of the image ids, is `val`, and the rest `train`.

    Images are read when they are needed. Their shorter side becomes `size`, and the middle of the
    longer one is kept; daimlerpedcls, whose pedestrians fill images twice as high as wide, is
    squeezed instead. Training images are padded with black (4 pixels for each 72), cropped to the
    size again, and half of them mirrored except in gtsrb, omniglot and svhn. Channels are
    normalised with the statistics of each set.

    Args:
        folder: See above.
        sets: Names of sets; None for all of the ten that have a training annotation there.
        size: Pixels of a side, 16 or more.
        jitter: Whether colours of training images change (.3 brightness, contrast, saturation; .1
            hue).
        cutout: Whether a square of training images is left out, 18 pixels for each 72.
        memory_mb: Decoded images that are kept in memory, in MB: of the smallest sets first, each
            whole or not at all.
        workers: Processes that read images, for each set; see `ItemData`.

    Raises:
        InputError: size < 16, a name that is none of the ten, or twice, or workers < 0.
        DataError: A folder or file that is missing, truncated or wrong, each named.
    """
    if size < 16:
        raise InputError(
            rule="The size of the decathlon's images is 16 or more.",
            found=f"size={size}",
            fix="Give a larger number; the published one is 72.",
        )
    home = Path(folder)
    names = present_sets(home, sets)
    read = {name: _read(home, name) for name in names}
    counts = {name: len(each.train.ids) + len(each.val.ids) for name, each in read.items()}
    kept = _kept(counts, size, memory_mb)
    chosen = {"size": size, "jitter": jitter, "cutout": cutout}
    parts = [_part(name, read[name], chosen, keep=name in kept, workers=workers) for name in names]
    where = {"name": NAME, "folder": str(folder), "sets": list(names)}
    return SeparateData(parts, name=NAME, settings={**where, **chosen})


def decathlon_classes(folder: str | os.PathLike[str], name: str) -> tuple[str, ...]:
    """What each label of a set means; DataError where its training annotation cannot be read."""
    return tuple(read_categories(Path(folder), name).values())


def present_sets(folder: Path, sets: Sequence[str] | None) -> tuple[str, ...]:
    """The names asked for, or all of the ten that are there.

    Raises InputError for an unknown name or one twice; DataError for a folder without any.
    """
    unknown = [name for name in sets or () if name not in SETS]
    if unknown or (sets is not None and (len(set(sets)) < len(sets) or not sets)):
        raise InputError(
            rule=f"The sets of the decathlon are some of {', '.join(SETS)}, each once.",
            found=repr(unknown[0]) if unknown else repr(list(sets or ())),
            fix="Correct or leave out the name.",
        )
    if not folder.is_dir():
        raise DataError(
            rule="The decathlon is read from a folder with annotations/ and data/.",
            found=f"no folder {folder}",
            fix="Correct the path, or unpack the published archives there.",
        )
    # By any of its files: one that is there in part is to be complained of, not left out.
    there = tuple(
        name
        for name in SETS
        if any(annotation_file(folder, name, split).is_file() for split in ("train", "val"))
    )
    if sets is None and not there:
        raise DataError(
            rule="The decathlon is read from a folder with annotations/ and data/.",
            found=f"no annotations/SET_train.json of any of the ten sets in {folder}",
            fix="Unpack the published annotations there.",
        )
    return there if sets is None else tuple(sets)


@dataclass(frozen=True)
class _Read:
    """The annotations of a set: of its published training and validation split."""

    categories: Categories
    train: Annotated
    val: Annotated


def _read(folder: Path, name: str) -> _Read:
    categories, (train, val) = read_set(folder, name, ("train", "val"))
    for split, least in ((train, 2), (val, 1)):
        if len(split.ids) < least:
            raise DataError(
                rule="The training split of a set has two images or more, the validation split"
                " one or more.",
                found=f"{len(split.ids)} in {split.file}",
                fix="Download the annotations again, or leave the set out.",
            )
    return _Read(categories, train, val)


def _kept(counts: Mapping[str, int], size: int, memory_mb: int) -> set[str]:
    """The sets whose images are kept in memory."""
    left = memory_mb * 10**6
    kept = set()
    for name in sorted(counts, key=lambda name: counts[name]):
        left -= counts[name] * 3 * size**2
        if left >= 0:
            kept.add(name)
    return kept


def _part(
    name: str, read: _Read, chosen: Mapping[str, Any], *, keep: bool, workers: int | None
) -> ItemData:
    about, size, train = SETS[name], chosen["size"], read.train
    # The lowest hashes, so that the share is exact and neither side empty.
    order = sorted(range(len(train.ids)), key=lambda i: fraction(NAME, name, train.ids[i]))
    held_out = set(order[: max(1, round(_HELD_OUT * len(order)))])
    chosen_ids = {
        "train": (train, [i for i in range(len(order)) if i not in held_out]),
        "val": (train, sorted(held_out)),
        "test": (read.val, list(range(len(read.val.ids)))),
    }
    load = Labelled(name, Picture(size, whole=about.whole))
    return ItemData(
        [classification(name, len(read.categories))],
        {
            which: Items([(str(split.paths[i]), split.labels[i]) for i in ids], load, keep=keep)
            for which, (split, ids) in chosen_ids.items()
        },
        input_shape=(3, size, size),
        settings={"name": name, **chosen},
        content={
            which: ([split.names[i] for i in ids], [split.labels[i] for i in ids])
            for which, (split, ids) in chosen_ids.items()
        },
        changes=Photos(
            about.normalise,
            Augment(
                padding=round(_PADDING * size / PUBLISHED_SIZE),
                flip=about.flip,
                jitter=_JITTER if chosen["jitter"] else (0.0,) * 4,
                cutout=round(_CUTOUT * size / PUBLISHED_SIZE) if chosen["cutout"] else 0,
            ),
        ),
        workers=workers,
    )
