"""Targets that are image files: labels, numbers or directions for each pixel."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharewise.data._images import middle, opened, wrong_mode
from sharewise.errors import DataError

IGNORE = 255
"""The label of a pixel without one."""
ONE_CHANNEL = frozenset({"1", "L", "P", "I", "I;16", "I;16L", "I;16B", "F"})
_FULL = {"1": 1.0, "L": 255.0, "P": 255.0, "F": 1.0}
_FULL_16 = 65535.0


def pixels(
    path: str | Path, *, modes: frozenset[str], wanted: str
) -> tuple[NDArray[np.generic], str]:
    """The pixels of an image file, [height, width] or [.., .., 3], and its mode.

    They are as stored, but turned as the file's EXIF says.

    Raises DataError for a file that is no image, torn, or of a mode that is not among these.
    """
    from PIL import ImageOps

    with opened(path) as image:
        if image.mode not in modes:
            raise wrong_mode(path, image.mode, wanted)
        ImageOps.exif_transpose(image, in_place=True)
        return np.array(image), image.mode


def square(stored: NDArray[np.generic], size: int) -> NDArray[np.generic]:
    """The middle square at another size, each pixel the nearest one: labels cannot be mixed.

    stored: [height, width, ...]. Returns [size, size, ...].
    """
    height, width = stored.shape[:2]
    left, top, right, bottom = middle((width, height))
    steps = (np.arange(size) + 0.5) / size
    rows = np.floor(top + steps * (bottom - top)).astype(int)
    columns = np.floor(left + steps * (right - left)).astype(int)
    return stored[rows[:, None], columns]


def check_size(
    path: str | Path, found: tuple[int, int], image: tuple[str, tuple[int, int]]
) -> None:
    """Raises DataError where a target's (width, height) is not that of its image (name, size)."""
    name, wanted = image
    if found != wanted:
        raise DataError(
            rule="A target that is an image has the size of its input image.",
            found=f"{path} of {found[0]} x {found[1]} pixels for {name} of {wanted[0]} x"
            f" {wanted[1]}",
            fix="Resize or cut one of them.",
        )


@dataclass(frozen=True)
class Labels:
    """Reads a class for each pixel: uint8 [size, size], 255 where there is none.

    mask: 0 is class 0 and every other value class 1, as in masks of 0 and 255.

    Raises DataError for a file that is not 8 bits and one channel, or with another label.
    """

    classes: int
    size: int
    mask: bool = False

    def __call__(self, path: str | Path, image: tuple[str, tuple[int, int]]) -> Tensor:
        found, _ = pixels(
            path, modes=frozenset({"1", "L", "P"}), wanted="8 bits and one channel: its classes"
        )
        check_size(path, (found.shape[1], found.shape[0]), image)
        labels = found.astype(np.uint8)
        if self.mask:
            labels = (labels > 0).astype(np.uint8)
        check_labels(path, labels, self.classes)
        return torch.from_numpy(square(labels, self.size).copy())

    def missing(self) -> Tensor:
        """What stands for no label."""
        return torch.full((self.size, self.size), IGNORE, dtype=torch.uint8)


def check_labels(path: str | Path, labels: NDArray[np.integer[Any]], classes: int) -> None:
    """Raises DataError where a label [height, width] is neither a class nor 255."""
    wrong = labels[((labels < 0) | (labels >= classes)) & (labels != IGNORE)]
    if wrong.size:
        more = f" and {wrong.size - 1} more pixels" if wrong.size > 1 else ""
        raise DataError(
            rule=f"The labels of pixels lie in 0..{classes - 1}, or are {IGNORE} where missing.",
            found=f"{wrong.flat[0]}{more} in {path}",
            fix="Correct the file, or give more classes.",
        )


@dataclass(frozen=True)
class Numbers:
    """Reads a number for each pixel, as a share of the full range: float [1, size, size].

    8 bits are divided by 255, 16 bits by 65535, floating point is kept. What is not finite has no
    label; with `positive` neither has 0.
    """

    size: int
    positive: bool = False

    def __call__(self, path: str | Path, image: tuple[str, tuple[int, int]]) -> Tensor:
        found, mode = pixels(path, modes=ONE_CHANNEL, wanted="one channel: its numbers")
        check_size(path, (found.shape[1], found.shape[0]), image)
        numbers = square(found, self.size).astype(np.float32) / _FULL.get(mode, _FULL_16)
        result = torch.from_numpy(numbers.astype(np.float32))
        result = result.masked_fill(~result.isfinite(), torch.nan)
        if self.positive:
            result = result.masked_fill(result <= 0, torch.nan)
        return result[None]

    def missing(self) -> Tensor:
        """What stands for no label."""
        return torch.full((1, self.size, self.size), torch.nan)


@dataclass(frozen=True)
class Directions:
    """Reads a direction for each pixel from 8-bit colours: unit vectors, float [3, size, size].

    A colour of 0..255 is -1..1. What is shorter than a half, such as black or middle grey, has no
    label: NaN.
    """

    size: int

    def __call__(self, path: str | Path, image: tuple[str, tuple[int, int]]) -> Tensor:
        found, _ = pixels(path, modes=frozenset({"RGB"}), wanted="three channels: a direction")
        check_size(path, (found.shape[1], found.shape[0]), image)
        return unit(square(found, self.size))

    def missing(self) -> Tensor:
        """What stands for no label."""
        return torch.full((3, self.size, self.size), torch.nan)


def unit(stored: NDArray[np.generic]) -> Tensor:
    """Directions of length 1, float [3, height, width], from colours 0..255 [height, width, 3].

    NaN where black, or shorter than a half.
    """
    # Channel after channel in memory: some four times faster than colour after colour.
    colours = torch.from_numpy(np.ascontiguousarray(stored.transpose(2, 0, 1), dtype=np.float32))
    black = (colours[0] == 0) & (colours[1] == 0) & (colours[2] == 0)
    vectors = colours / 127.5 - 1
    length = (vectors[0] ** 2 + vectors[1] ** 2 + vectors[2] ** 2).sqrt()
    return vectors / length.masked_fill(black | (length < 0.5), torch.nan)


DenseFile = Labels | Numbers | Directions
