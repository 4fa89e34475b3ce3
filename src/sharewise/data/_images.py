"""Images in files: read with clear errors, made square, and changed in training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from sharewise.data._augment import Augment, Normalise
from sharewise.data._items import Sample, Targets
from sharewise.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

COLOURED = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"})
"""Pillow's modes of 8 bits a channel: those that can be shown as RGB without loss."""
_ORIENTATION = 0x0112  # the EXIF tag
_SIDEWAYS = frozenset({5, 6, 7, 8})


@contextmanager
def opened(path: str | Path) -> Iterator[Image]:
    """An image file, open while it is decoded; DataError where it is none, or torn."""
    # Imported late: data in memory has no need of it.
    from PIL import Image

    try:
        with Image.open(path) as image:
            yield image
    except (OSError, ValueError, SyntaxError) as error:  # what Pillow raises on bad files
        raise DataError(
            rule="The images of a data set can be read.",
            found=f"{path} ({error})",
            fix="Download or copy the file again.",
        ) from error


def upright_size(image: Image) -> tuple[int, int]:
    """(width, height) of an image as it is shown: cameras write sideways and say so in the EXIF."""
    width, height = image.size
    turned = image.format != "TIFF" and image.getexif().get(_ORIENTATION, 1) in _SIDEWAYS
    return (height, width) if turned else (width, height)  # Pillow turns a TIFF's by itself


def middle(size: tuple[float, float], *, whole: bool = False) -> tuple[float, float, float, float]:
    """The box of the middle square of an image (width, height); with `whole` of all of it."""
    width, height = size
    side = min(width, height)
    left, top = (0.0, 0.0) if whole else ((width - side) / 2, (height - side) / 2)
    return left, top, width - left, height - top


@dataclass(frozen=True)
class Picture:
    """Reads an image file as bytes [3, size, size], turned as its EXIF says.

    whole: the image is squeezed into the square. Otherwise its shorter side is made `size`, and
        the middle of the longer one is kept.

    Raises DataError for a file that is no image, torn, or of more than 8 bits a channel.
    """

    size: int
    whole: bool = False

    def __call__(self, path: str | Path) -> Tensor:
        from PIL import Image, ImageOps

        with opened(path) as image:
            if image.mode not in COLOURED:
                raise wrong_mode(path, image.mode, "8 bits a channel: grey, palette or colour")
            # A JPEG of four times the size or more is decoded at a half, a quarter or an eighth of
            # its own, never below twice what is asked for: photos take half the time or less.
            drafted = image.draft(None, (2 * self.size, 2 * self.size))
            # The extent is no whole number then: the last pixel may lie partly outside.
            extent = image.size if drafted is None else drafted[1][2:]
            square = image.convert("RGB").resize(
                (self.size, self.size),
                Image.Resampling.BILINEAR,
                box=middle(extent, whole=self.whole),
            )
            square = ImageOps.exif_transpose(square)  # the small one: the same, and quicker
        return torch.from_numpy(np.asarray(square, np.uint8).transpose(2, 0, 1).copy())


def wrong_mode(path: str | Path, mode: str, wanted: str) -> DataError:
    """An image whose pixels are of another kind."""
    return DataError(
        rule=f"This image has {wanted}.",
        found=f"{path} of Pillow's mode {mode}",
        fix="Save it again in that form.",
    )


@dataclass(frozen=True)
class Labelled:
    """Reads an item (path, label) of a task: the picture, and the label as int64 []."""

    task: str
    picture: Picture

    def __call__(self, item: tuple[str, int]) -> Sample:
        path, label = item
        return self.picture(path), {self.task: torch.tensor(label)}


@dataclass(frozen=True)
class Unlabelled:
    """Reads the path of an image without labels."""

    picture: Picture

    def __call__(self, item: str | Path) -> Sample:
        return self.picture(item), {}


@dataclass(frozen=True)
class Photos:
    """Bytes to what the network is given; training images go through `augment` before."""

    prepare: Normalise
    augment: Augment
    numbers: int = Augment.NUMBERS

    def __call__(self, inputs: Tensor, targets: Targets, chances: Tensor | None) -> Sample:
        if chances is None:
            return self.prepare(inputs), targets
        return self.augment(inputs, chances, self.prepare), targets
