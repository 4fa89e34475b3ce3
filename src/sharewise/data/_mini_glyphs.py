"""Letterforms, twice: which character it is, and which font."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray

from sharewise.data._glyphs import CHARACTERS, FONTS, draw_all
from sharewise.data._mini_source import Drawn, Order, Source, choose, split_of
from sharewise.data._protocol import fraction

_VARIANTS = 2  # drawings of each pair of a font and a character


def _draw(order: Order, salt: str) -> Iterator[tuple[str, str, int, int, NDArray[np.uint8]]]:
    """(split, id, font, character, image [size, size]).

    A pair of a font and a character is in one split with all its drawings, and the two domains
    split the pairs differently.
    """
    seed = int(fraction(salt, order.seed) * 2**32)
    images = draw_all(order.size, _VARIANTS, seed)
    pairs = list(product(range(len(FONTS)), range(len(CHARACTERS))))
    names = {
        f"{FONTS[font].file}-{CHARACTERS[character]}-{variant}": (font, character, variant)
        for font, character in pairs
        for variant in range(_VARIANTS)
    }
    splits = {name: split_of(salt, *pair[:2]) for name, pair in names.items()}
    for name, split in choose(splits, order, salt):
        font, character, variant = names[name]
        image = images[pairs.index((font, character)), variant]
        yield split, name, font, character, image


def _draw_characters(order: Order) -> Iterator[tuple[str, Drawn]]:
    for split, name, _, character, image in _draw(order, "characters"):
        yield split, Drawn(name, character, np.stack([image] * 3))


def _draw_fonts(order: Order) -> Iterator[tuple[str, Drawn]]:
    """Dark ink on tinted paper."""
    for split, name, font, _, image in _draw(order, "fonts"):
        tint = [205 + int(51 * fraction("fonts", order.seed, name, way)) for way in ("r", "g", "b")]
        paper = np.array(tint, np.int64)[:, None, None]
        yield split, Drawn(name, font, (paper * (255 - image) // 255).astype(np.uint8))


CHARACTER = Source(
    classes=tuple(CHARACTERS),
    packages=("matplotlib", "numpy"),
    extra="",
    about="62 characters in 22 fonts (matplotlib), white on black; validation and test ask for "
    "pairs of a font and a character that training has not shown",
    draw=_draw_characters,
)
FONT = Source(
    classes=tuple(font.file for font in FONTS),
    packages=("matplotlib", "numpy"),
    extra="",
    about="Which of 22 fonts a character is in (matplotlib), dark on tinted paper; pairs of a font "
    "and a character are split, otherwise than in the characters",
    draw=_draw_fonts,
)
