"""What a domain of the small decathlon is, and chance that is the same on every machine."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sharewise.data._protocol import fraction

if TYPE_CHECKING:
    from PIL.Image import Image

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Drawn:
    """One image of a domain: uint8 [3, size, size], its label, and an id that names the sample."""

    id: str
    label: int
    pixels: NDArray[np.uint8]


@dataclass(frozen=True)
class Order:
    """What is asked of a source.

    size: of the images. seed: decides which samples are taken and how they are varied, never which
    split a sample is in. counts: {split: the most samples}. drawn: called after every sample.
    """

    size: int
    seed: int
    counts: Mapping[str, int]
    drawn: Callable[[], None]


@dataclass(frozen=True)
class Source:
    """Where a domain comes from.

    packages: distributions whose versions decide the images. extra: what installs them.
    about: where the images are from and how they are split, for people.
    draw: yields (split, sample) in any order, in each split at most as many as asked for.
    train_share: of the training images that other domains are given, so that it stays a challenge.
    """

    classes: tuple[str, ...]
    packages: tuple[str, ...]
    extra: str
    about: str
    draw: Callable[[Order], Iterable[tuple[str, Drawn]]]
    train_share: float = 1.0


def split_of(*identity: int | str) -> str:
    """The split of a sample, whatever the seed: 60 % train, 20 % validation, 20 % test."""
    draw = fraction("split", *identity)
    return "train" if draw < 0.6 else "val" if draw < 0.8 else "test"


def choose(splits: Mapping[str, str], order: Order, salt: str) -> list[tuple[str, str]]:
    """The samples to draw, as (id, split): in each split as many as asked for, or all there are.

    splits: {id: split}.
    """
    left = dict(order.counts)
    chosen = []
    for name in sorted(splits, key=lambda name: fraction(salt, order.seed, name)):
        if left[splits[name]] > 0:
            left[splits[name]] -= 1
            chosen.append((name, splits[name]))
    return chosen


@dataclass(frozen=True)
class Pose:
    """How a picture is put into an image: turned, scaled and moved.

    degrees: counter-clockwise. scale: pixels of the image for a pixel of the picture.
    right, down: in pixels of the image.
    """

    degrees: float
    scale: float
    right: float
    down: float


def put(picture: Image, size: int, pose: Pose) -> Image:
    """The picture in the middle of an empty (black, clear) square image, in a pose."""
    from PIL import Image

    sine, cosine = math.sin(math.radians(pose.degrees)), math.cos(math.radians(pose.degrees))
    along, across = cosine / pose.scale, sine / pose.scale
    x, y = size / 2 + pose.right, size / 2 + pose.down
    middle_x, middle_y = picture.width / 2, picture.height / 2
    # Pillow asks where in the picture each pixel of the image comes from.
    inverse = (
        along,
        -across,
        middle_x - along * x + across * y,
        across,
        along,
        middle_y - across * x - along * y,
    )
    return picture.transform(
        (size, size), Image.Transform.AFFINE, inverse, resample=Image.Resampling.BILINEAR
    )


def channels_first(image: Image) -> NDArray[np.uint8]:
    """Pixels [3, size, size]; a grey image is repeated."""
    return np.ascontiguousarray(np.asarray(image.convert("RGB"), np.uint8).transpose(2, 0, 1))
