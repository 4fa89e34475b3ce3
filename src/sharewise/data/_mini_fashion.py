"""Fashion-MNIST, where the system's package has put it: the one domain that pip does not bring."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

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
)
from sharewise.data._protocol import fraction
from sharewise.errors import DataError

FASHION_FOLDER = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package dataset-fashion-mnist puts it."""

_NAMES = (
    "top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "boot",
)
_IMAGES, _LABELS = 0x803, 0x801  # the first four bytes of an IDX file of bytes, with 3 axes and 1


def _draw_fashion(order: Order) -> Iterator[tuple[str, Drawn]]:
    """28 x 28 greys, whole; test images are of the official test split."""
    from PIL import Image

    parts = {
        part: (_read(f"{part}-images-idx3-ubyte.gz"), _read(f"{part}-labels-idx1-ubyte.gz"))
        for part in ("train", "t10k")
    }
    splits = {f"t10k-{index}": "test" for index in range(len(parts["t10k"][1]))}
    for index in range(len(parts["train"][1])):
        held_out = fraction("split", "fashion", index) < 0.25
        splits[f"train-{index}"] = "val" if held_out else "train"
    for name, split in choose(splits, order, "fashion"):
        part, number = name.split("-")
        images, labels = parts[part]
        picture = Image.fromarray(images[int(number)])
        pose = Pose(0.0, order.size / 28, 0.0, 0.0)
        pixels = channels_first(put(picture, order.size, pose))
        yield split, Drawn(name, int(labels[int(number)]), pixels)


def _read(name: str) -> NDArray[np.uint8]:
    """The bytes of a compressed IDX file: [images, 28, 28], or [labels]."""
    path = FASHION_FOLDER / name
    try:
        content = gzip.decompress(path.read_bytes())
        (kind,) = struct.unpack_from(">I", content)
        axes = {_IMAGES: 3, _LABELS: 1}[kind]
        shape = struct.unpack_from(f">{axes}I", content, 4)
        return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)
    except FileNotFoundError:
        found = f"no {path}"
    except (OSError, EOFError, KeyError, ValueError, struct.error, zlib.error) as error:
        found = f"{path}, which is no whole IDX file ({error})"
    raise DataError(
        rule="The domain 'fashion' is read from the files of Debian's dataset-fashion-mnist.",
        found=found,
        fix="Run apt-get install dataset-fashion-mnist, or leave the domain out.",
    )


FASHION = Source(
    classes=_NAMES,
    packages=("pillow",),
    extra="samples",
    about="Clothes of Fashion-MNIST, from Debian's dataset-fashion-mnist; test images are of the "
    "official test split",
    draw=_draw_fashion,
)
