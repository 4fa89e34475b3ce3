"""Images and arrays in the files of a data set, as they are stored."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharewise.data._dense_files import pixels
from sharewise.data._images import COLOURED, opened, wrong_mode
from sharewise.errors import DataError

_ROUNDING = 1e-3
"""How far numbers in [0, 1] may lie outside: resizing leaves a little."""
_BROKEN = "Copy the file again."

Stored = NDArray[Any]


def read_stored(path: str, modes: frozenset[str]) -> Stored:
    """An image of one of these modes or, where the name ends in .npy, an array."""
    if path.endswith(".npy"):
        return _read_array(path)
    wanted = f"Pillow's mode {' or '.join(sorted(modes))}" if modes else "the form of an .npy file"
    return pixels(path, modes=modes, wanted=wanted)[0]


def read_colours(path: str) -> Stored:
    """Bytes [height, width, 3]: of an image file, or of an array of bytes or numbers in [0, 1]."""
    if not path.endswith(".npy"):
        from PIL import ImageOps

        with opened(path) as image:
            if image.mode not in COLOURED:
                raise wrong_mode(path, image.mode, "8 bits a channel: grey, palette or colour")
            return np.array(ImageOps.exif_transpose(image.convert("RGB")))
    array = _read_array(path)
    if array.ndim != 3 or array.shape[2] != 3:
        raise DataError(
            rule="An image that is an array has three channels: [height, width, 3].",
            found=f"{list(array.shape)} in {path}",
            fix=_BROKEN,
        )
    if array.dtype == np.uint8:
        return array
    wrong = array[~((array >= -_ROUNDING) & (array <= 1 + _ROUNDING))]  # so that NaN is wrong, too
    if wrong.size:
        raise DataError(
            rule="An image that is an array has bytes, or numbers in [0, 1].",
            found=f"{wrong.flat[0]} in {path}",
            fix="Divide the numbers by their largest, or store them as uint8.",
        )
    return np.clip(np.rint(array * 255), 0, 255).astype(np.uint8)


def _read_array(path: str) -> Stored:
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(
            rule="The arrays of a data set can be read.",
            found=f"{path} ({error})",
            fix=_BROKEN,
        ) from error
    if array.dtype.kind not in "buif":
        raise DataError(
            rule="An array of a data set holds real numbers.",
            found=f"{array.dtype} in {path}",
            fix=_BROKEN,
        )
    flat = array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array
    if flat.ndim not in (2, 3):
        raise DataError(
            rule="An array of a data set is [height, width] or [height, width, channels].",
            found=f"{list(array.shape)} in {path}",
            fix=_BROKEN,
        )
    return np.asarray(flat)


def shrunk(image: Stored, times: int) -> Stored:
    """Bytes [height, width, 3], each pixel the mean of times x times; what is over is cut off."""
    if times == 1:
        return image
    height, width = (side // times * times for side in image.shape[:2])
    blocks = image[:height, :width].reshape(height // times, times, width // times, times, 3)
    return np.rint(blocks.mean(axis=(1, 3))).astype(np.uint8)


def nearest(stored: Stored, times: int) -> Stored:
    """Targets in the same size, each pixel one out of times x times: labels cannot be mixed."""
    height, width = (side // times * times for side in stored.shape[:2])
    return stored[:height, :width][times // 2 :: times, times // 2 :: times]
