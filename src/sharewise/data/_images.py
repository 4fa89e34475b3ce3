"""Data sets whose images lie in files and are read when they are needed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sharewise.data._augment import Augment, Normalise
from sharewise.data._protocol import Batch, check_batch_size, generator
from sharewise.errors import DataError
from sharewise.tasks import Task, check_tasks


class ImageFiles:
    """Images in files, as bytes [3, size, size] each.

    whole: the image is squeezed into the square. Otherwise its shorter side is made `size`, and
        the middle of the longer one is kept.
    keep: images once read stay in memory, 3 * size^2 bytes each. They do not travel to another
        process, which reads them again.
    """

    def __init__(
        self, paths: Sequence[Path], *, size: int, whole: bool = False, keep: bool = False
    ) -> None:
        self._paths = [str(path) for path in paths]
        self._size, self._whole, self._keep = size, whole, keep
        self._kept: dict[int, Tensor] = {}

    def __len__(self) -> int:
        return len(self._paths)

    @property
    def size(self) -> int:
        """Pixels of a side."""
        return self._size

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_kept": {}}

    def read(self, ids: Sequence[int]) -> Tensor:
        """Bytes [len(ids), 3, size, size]; DataError naming the first file that is no image."""
        images, broken = [], []
        for index in ids:
            try:
                images.append(self._image(index))
            except (OSError, ValueError, SyntaxError) as error:  # what Pillow raises on bad files
                broken.append(f"{self._paths[index]} ({error})")
        if broken:
            more = f", and {len(broken) - 1} more in this batch" if len(broken) > 1 else ""
            raise DataError(
                rule="The images of a data set can be read.",
                found=broken[0] + more,
                fix="Download or copy the file again.",
            )
        return torch.stack(images)

    def _image(self, index: int) -> Tensor:
        if index in self._kept:
            return self._kept[index]
        image = self._decode(self._paths[index])
        if self._keep:
            self._kept[index] = image
        return image

    def _decode(self, path: str) -> Tensor:
        # Imported late: data in memory has no need of it.
        from PIL import Image

        with Image.open(path) as opened:
            width, height = opened.size
            side = min(width, height)
            left, top = (0.0, 0.0) if self._whole else ((width - side) / 2, (height - side) / 2)
            image = opened.convert("RGB").resize(
                (self._size, self._size),
                Image.Resampling.BILINEAR,
                box=(left, top, width - left, height - top),
            )
        return torch.from_numpy(np.asarray(image, np.uint8).transpose(2, 0, 1).copy())


@dataclass(frozen=True)
class Labelled:
    """The images of a split, their names, and labels: int64 [images]."""

    files: ImageFiles
    names: Sequence[str]
    labels: Tensor


class ImageData:
    """One task on images in files. Satisfies TaskData.

    splits: "train", "val" and "test".
    prepare: bytes to what the network is given.
    augment: what training images go through before that. It depends on (seed, epoch) and the image
        alone, not on its batch.

    The fingerprint is of the settings, the names of the files and the labels; no image is read for
    it.

    Raises DataError for an empty split or labels that are not the task's.
    """

    def __init__(
        self,
        task: Task,
        splits: Mapping[str, Labelled],
        *,
        prepare: Normalise,
        augment: Augment | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        check_tasks([task])
        for split, labelled in splits.items():
            if len(labelled.files) == 0:
                raise DataError(
                    rule="Every split of a data set has samples.",
                    found=f"an empty {split} split in '{task.name}'",
                    fix="Give it some images.",
                )
            task.check(labelled.labels)
        self.name = task.name
        self.tasks = (task,)
        self.settings: dict[str, Any] = {"name": self.name, **(settings or {})}
        self._splits, self._prepare = splits, prepare
        self._augment = augment or Augment()
        size = splits["train"].files.size
        self.input_shape: tuple[int, ...] = (3, size, size)
        self.fingerprint = self._hash()

    def train(self, *, batch_size: int, seed: int, epoch: int) -> Iterator[Batch]:
        """Every training image once, in an order that only (seed, epoch) decides."""
        check_batch_size(batch_size)
        samples = self.sizes()["train"]
        order = torch.randperm(samples, generator=generator(seed, "order", epoch))
        chances = self._augment.chances(samples, seed, "augment", self.name, epoch)
        return (self._batch("train", ids, chances[ids]) for ids in order.split(batch_size))

    def val(self, *, batch_size: int) -> Iterator[Batch]:
        """Every validation image once, always in the same order."""
        return self._in_order("val", batch_size)

    def test(self, *, batch_size: int) -> Iterator[Batch]:
        """Every test image once, always in the same order."""
        return self._in_order("test", batch_size)

    def sizes(self) -> dict[str, int]:
        """Images in each split."""
        return {split: len(labelled.files) for split, labelled in self._splits.items()}

    def _in_order(self, split: str, batch_size: int) -> Iterator[Batch]:
        check_batch_size(batch_size)
        order = torch.arange(self.sizes()[split])
        return (self._batch(split, ids, None) for ids in order.split(batch_size))

    def _batch(self, split: str, ids: Tensor, chances: Tensor | None) -> Batch:
        labelled = self._splits[split]
        stored = labelled.files.read(ids.tolist())
        inputs = (
            self._prepare(stored)
            if chances is None
            else self._augment(stored, chances, self._prepare)
        )
        return Batch((self.name,), inputs, {self.name: labelled.labels[ids]})

    def _hash(self) -> str:
        digest = hashlib.sha256(json.dumps(self.settings, sort_keys=True).encode())
        for split, labelled in self._splits.items():
            content = [split, list(labelled.names), labelled.labels.tolist()]
            digest.update(json.dumps(content).encode())
        return digest.hexdigest()[:16]
