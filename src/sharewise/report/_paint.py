"""Colours for what a network sees and answers, and images inside a page."""

from __future__ import annotations

import base64
import colorsys
import io
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Numbers = NDArray[Any]
Bytes = NDArray[np.uint8]  # [height, width, 3]

# Of middling lightness: apart from white, which means no label, and visible on a dark page, too.
_CLASSES = (
    (47, 102, 176), (224, 146, 60), (74, 165, 100), (194, 82, 139),
    (138, 116, 207), (201, 171, 60), (207, 90, 82), (63, 163, 168),
)  # fmt: skip
_GOLDEN = 0.381966  # of a circle: hues in steps of it never come near one another soon
_LIGHTNESS = (0.42, 0.56, 0.7)
_BLACK, _GREY = 16, 208  # of numbers: white is left to pixels without a label


def class_colour(label: int) -> tuple[int, int, int]:
    """Red, green and blue of a class, 0..255."""
    if label < len(_CLASSES):
        return _CLASSES[label]
    hue, light = (label * _GOLDEN) % 1.0, _LIGHTNESS[label % len(_LIGHTNESS)]
    red, green, blue = (round(255 * each) for each in colorsys.hls_to_rgb(hue, light, 0.5))
    return red, green, blue


def paint_classes(labels: Numbers) -> Bytes:
    """Whole numbers [height, width], -1 without a label."""
    colours = [class_colour(label) for label in range(int(labels.max(initial=0)) + 1)]
    table = np.array([*colours, (255, 255, 255)], dtype=np.uint8)
    painted: Bytes = table[labels]  # -1 is the last
    return painted


def paint_normals(vectors: Numbers) -> Bytes:
    """Unit vectors [3, height, width], NaN without a label: -1..1 to dark..bright of a colour."""
    return _white(np.moveaxis(127.5 * (vectors.astype(np.float64) + 1), 0, -1))


def paint_depth(depth: Numbers, low: float, high: float) -> Bytes:
    """Numbers [height, width], NaN without a label: matplotlib's viridis from low to high."""
    shares = _shares(depth, low, high)
    table = np.vstack([_viridis(), [[np.nan] * 3]])
    return _white(table[np.where(np.isnan(shares), 256, np.nan_to_num(shares) * 255).astype(int)])


def paint_numbers(numbers: Numbers, low: float, high: float) -> Bytes:
    """Numbers [height, width], NaN without a label: nearly black to light grey."""
    grey = _BLACK + _shares(numbers, low, high) * (_GREY - _BLACK)
    return _white(np.repeat(grey[..., None], 3, axis=-1))


def paint_input(image: Numbers) -> Bytes:
    """Bytes [1 or 3, height, width]."""
    return np.broadcast_to(np.moveaxis(image, 0, -1), (*image.shape[1:], 3)).astype(np.uint8)


def png(painted: Bytes) -> str:
    """An image as an address that holds all of it."""
    content = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(painted)).save(content, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"


def ramp(*, is_depth: bool) -> str:
    """A strip from the lowest to the highest colour, as an address."""
    strip = np.linspace(0, 1, 120)[None]
    return png((paint_depth if is_depth else paint_numbers)(strip, 0.0, 1.0))


def _shares(numbers: Numbers, low: float, high: float) -> NDArray[np.float64]:
    span = max(high - low, 1e-12)
    return np.clip((numbers.astype(np.float64) - low) / span, 0, 1)


def _white(colours: NDArray[np.float64]) -> Bytes:
    """0..255 to bytes; white where it is NaN."""
    unlabelled = np.isnan(colours).any(axis=-1, keepdims=True)
    return np.where(unlabelled, 255, np.clip(np.nan_to_num(colours), 0, 255).round()).astype(
        np.uint8
    )


@cache
def _viridis() -> NDArray[np.float64]:
    """[256, 3] in 0..255."""
    # Only pages with a depth need matplotlib, and it takes as long to import as all the rest.
    from matplotlib import colormaps

    colours: NDArray[np.float64] = colormaps["viridis"](np.arange(256))[:, :3] * 255
    return colours
