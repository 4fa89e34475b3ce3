"""What is sent to the Visual Decathlon: labels for the test images whose labels are hidden."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from sharewise.data._annotations import read_set
from sharewise.data._augment import Normalise
from sharewise.data._decathlon import SETS, present_sets
from sharewise.data._images import Picture, Unlabelled
from sharewise.data._items import Items
from sharewise.data._protocol import check_batch_size
from sharewise.errors import DataError, InputError
from sharewise.runs import write_atomic


@dataclass(frozen=True)
class StrippedImages:
    """The test images of a set, without labels.

    ids: their image ids, in order. categories: the category id of each label.
    """

    name: str
    ids: tuple[int, ...]
    categories: tuple[int, ...]
    files: Items
    prepare: Normalise

    def batches(self, *, batch_size: int) -> Iterator[Tensor]:
        """What a network is given: float [batch, 3, size, size], every image once, in order."""
        check_batch_size(batch_size)
        order = torch.arange(len(self.ids)).split(batch_size)
        return (self.prepare(self.files.read(part.tolist())[0]) for part in order)


def decathlon_stripped(
    folder: str | os.PathLike[str], *, sets: Sequence[str] | None = None, size: int = 64
) -> dict[str, StrippedImages]:
    """The test images of the Visual Decathlon, {set: images}, to write a submission for.

    Args:
        folder: As for `decathlon`, with annotations/SET_test_stripped.json.
        sets: Names of sets; None for all of the ten that have a training annotation there.
        size: That of the images the network was trained on.

    Raises InputError for an unknown name; DataError for a file that is missing or wrong.
    """
    home = Path(folder)
    stripped = {}
    for name in present_sets(home, sets):
        categories, (split,) = read_set(home, name, ("test_stripped",))
        files = Items(split.paths, Unlabelled(Picture(size, whole=SETS[name].whole)))
        stripped[name] = StrippedImages(
            name, split.ids, tuple(categories), files, SETS[name].normalise
        )
    return stripped


def write_submission(
    path: str | os.PathLike[str],
    predictions: Mapping[str, Sequence[int]],
    stripped: Mapping[str, StrippedImages],
) -> None:
    """Write the zip that is sent in: results.json, a list of {image_id, category_id}.

    Args:
        path: Of the zip; it is written whole or not at all.
        predictions: {set: the label 0, 1, ... of each image of `stripped[set]`, in its order}.
        stripped: From `decathlon_stripped`, of the same sets. The published server wants all ten.

    Raises:
        InputError: Other sets, another number of labels, or a label that a set does not have.
        DataError: Image ids that two sets share, for the list does not say which set is meant.
    """
    if set(predictions) != set(stripped) or not predictions:
        raise InputError(
            rule="A submission has predictions for the sets whose images are given.",
            found=f"predictions for {', '.join(predictions) or 'none'} and images of"
            f" {', '.join(stripped) or 'none'}",
            fix="Give both for the same sets.",
        )
    twice = [
        each
        for each, count in Counter(i for images in stripped.values() for i in images.ids).items()
        if count > 1
    ]
    if twice:
        raise DataError(
            rule="The test images of all sets have ids of their own.",
            found=f"image id {twice[0]} in two sets, and {len(twice) - 1} more",
            fix="Download the annotations again.",
        )
    results = [
        entry
        for name, images in stripped.items()
        for entry in _entries(images, [int(label) for label in predictions[name]])
    ]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        # A fixed date, so that equal predictions make equal files.
        entry = zipfile.ZipInfo("results.json", date_time=(1980, 1, 1, 0, 0, 0))
        entry.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(entry, json.dumps(results))
    write_atomic(Path(path), packed.getvalue())


def _entries(images: StrippedImages, labels: Sequence[int]) -> list[dict[str, int]]:
    if len(labels) != len(images.ids):
        raise InputError(
            rule="A submission has one label for each test image.",
            found=f"{len(labels)} labels for {len(images.ids)} images of '{images.name}'",
            fix="Predict every image of `decathlon_stripped` once, in order.",
        )
    wrong = [label for label in labels if not 0 <= label < len(images.categories)]
    if wrong:
        raise InputError(
            rule=f"The labels of '{images.name}' lie in 0..{len(images.categories) - 1}.",
            found=str(wrong[0]),
            fix="Give class numbers, such as the largest logit's, not category ids.",
        )
    return [
        {"image_id": image, "category_id": images.categories[label]}
        for image, label in zip(images.ids, labels, strict=True)
    ]
