"""Real letterforms: 62 characters in the 22 full Latin fonts that matplotlib carries.

Two kinds of task, so that there is something to share and something to keep apart: what is drawn
(character, case, holes) and how it is drawn (weight, slant, serif, mono, family).
"""

from __future__ import annotations

import hashlib
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharewise.data._protocol import check_least
from sharewise.data._tensors import Split, TensorData
from sharewise.errors import DataError
from sharewise.tasks import Task, binary, classification

if TYPE_CHECKING:
    from matplotlib.ft2font import FT2Font

CHARACTERS = string.ascii_uppercase + string.ascii_lowercase + string.digits

GLYPH_CLASSES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "character": tuple(CHARACTERS),
        "case": ("upper", "lower", "digit"),
        "holes": ("none", "one", "two"),
        "weight": ("regular", "bold"),
        "slant": ("upright", "slanted"),
        "serif": ("sans", "serif"),
        "mono": ("proportional", "monospaced"),
        "family": (
            "DejaVu Sans",
            "DejaVu Sans Mono",
            "DejaVu Serif",
            "STIX General",
            "Computer Modern",
        ),
    }
)
"""What each label of each task means."""


@dataclass(frozen=True)
class _Font:
    """A font file of matplotlib (without .ttf) and how it looks: labels written by hand."""

    file: str
    family: str
    bold: bool = False
    slanted: bool = False
    serif: bool = False
    mono: bool = False


def _four(files: str, family: str, *, serif: bool = False, mono: bool = False) -> Iterator[_Font]:
    """The regular, bold, slanted and bold slanted font of a family."""
    for i, file in enumerate(files.split()):
        yield _Font(file, family, bold=i in (1, 3), slanted=i >= 2, serif=serif, mono=mono)


FONTS: tuple[_Font, ...] = (
    *_four("DejaVuSans DejaVuSans-Bold DejaVuSans-Oblique DejaVuSans-BoldOblique", "DejaVu Sans"),
    *_four(
        "DejaVuSansMono DejaVuSansMono-Bold DejaVuSansMono-Oblique DejaVuSansMono-BoldOblique",
        "DejaVu Sans Mono",
        mono=True,
    ),
    *_four(
        "DejaVuSerif DejaVuSerif-Bold DejaVuSerif-Italic DejaVuSerif-BoldItalic",
        "DejaVu Serif",
        serif=True,
    ),
    *_four(
        "STIXGeneral STIXGeneralBol STIXGeneralItalic STIXGeneralBolIta",
        "STIX General",
        serif=True,
    ),
    _Font("cmr10", "Computer Modern", serif=True),
    _Font("cmb10", "Computer Modern", bold=True, serif=True),
    _Font("cmti10", "Computer Modern", slanted=True, serif=True),
    _Font("cmmi10", "Computer Modern", slanted=True, serif=True),
    _Font("cmss10", "Computer Modern"),
    _Font("cmtt10", "Computer Modern", serif=True, mono=True),
)

# Holes, by counting the white areas that ink encloses. Three characters differ between fonts: a
# g with a second bowl, a Q whose tail crosses its bowl, and an open 4.
_ONE_HOLE = frozenset("ADOPQRabdegopq0469")
_TWO_HOLES = frozenset("B8")
_STIX = ("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta")
_OTHER_HOLES: dict[tuple[str, str], int] = {
    **{(file, "g"): 2 for file in (*_STIX, "cmr10", "cmb10", "cmss10", "cmtt10")},
    **{(file, "Q"): 2 for file in ("cmr10", "cmb10", "cmti10", "cmmi10")},
    ("cmti10", "4"): 0,
}


def _holes(font: _Font, character: str) -> int:
    usual = (character in _ONE_HOLE) + 2 * (character in _TWO_HOLES)
    return _OTHER_HOLES.get((font.file, character), usual)


def _labels(font: _Font, character: str) -> dict[str, int]:
    # The digits of this one italic are upright.
    upright = font.file == "cmmi10" and character.isdigit()
    return {
        "character": CHARACTERS.index(character),
        "case": 2 if character.isdigit() else int(character.islower()),
        "holes": _holes(font, character),
        "weight": int(font.bold),
        "slant": int(font.slanted and not upright),
        "serif": int(font.serif),
        "mono": int(font.mono),
        "family": GLYPH_CLASSES["family"].index(font.family),
    }


def glyph_tasks() -> tuple[Task, ...]:
    """The eight tasks: what is drawn, then how."""
    return tuple(
        binary(name) if len(classes) == 2 else classification(name, len(classes))
        for name, classes in GLYPH_CLASSES.items()
    )


def glyphs(seed: int = 0, *, size: int = 32, variants: int = 4) -> TensorData:
    """Letterforms [batch, 3, size, size] (grey, repeated) with eight tasks that share them.

    Each of the 1364 pairs of a font and a character is drawn `variants` times, with a size between
    .52 and .72 of the image, a shift, a contrast and a little noise that `seed` decides. Values are
    scaled to about zero mean and unit deviation. A pair belongs to one split whatever the seed
    (70 % train, 15 % validation, 15 % test, by a hash of its name), so that validation and test
    ask for characters in fonts they were not seen in. Every class is in training.

    Raises InputError for size < 16 or variants < 1; DataError where matplotlib comes without its
    fonts.
    """
    check_least("glyphs", size=(size, 16), variants=(variants, 1))
    pairs = [(font, character) for font in FONTS for character in CHARACTERS]
    images = draw_all(size, variants, seed)  # [pairs, variants, size, size]
    labels = [_labels(font, character) for font, character in pairs]
    splits = np.array([_split_of(font, character) for font, character in pairs])

    def split(name: str) -> Split:
        chosen = np.flatnonzero(splits == name)
        targets = {
            task: torch.tensor([labels[pair][task] for pair in chosen]).repeat_interleave(variants)
            for task in GLYPH_CLASSES
        }
        return torch.from_numpy(images[chosen].reshape(-1, 1, size, size)), targets

    return TensorData(
        glyph_tasks(),
        train=split("train"),
        val=split("val"),
        test=split("test"),
        name="glyphs",
        settings={"name": "glyphs", "seed": seed, "size": size, "variants": variants},
        prepare=_prepare,
    )


def _split_of(font: _Font, character: str) -> str:
    """The same for every seed, so that no choice of seed moves a test pair into training."""
    draw = hashlib.sha256(f"{font.file}/{character}".encode()).digest()[0] / 256
    return "train" if draw < 0.7 else "val" if draw < 0.85 else "test"


_NOISE = 0.05  # standard deviation; ink is 1
_MEAN, _DEVIATION = 16.0, 39.0  # of the stored bytes, rounded


def _prepare(stored: Tensor) -> Tensor:
    """Bytes [batch, 1, size, size] to float32 [batch, 3, size, size]."""
    return ((stored.float() - _MEAN) / _DEVIATION).expand(-1, 3, -1, -1)


def draw_all(size: int, variants: int, seed: int) -> NDArray[np.uint8]:
    """Every pair, font by font: bytes [pairs, variants, size, size]."""
    draw = np.random.default_rng([seed, size, variants])
    pairs = len(FONTS) * len(CHARACTERS)
    heights = size * draw.uniform(0.52, 0.72, (pairs, variants))  # pixels per em
    shifts = size * draw.uniform(-0.12, 0.12, (2, pairs, variants))  # pixels down, right
    ink = np.zeros((pairs, variants, size, size), np.float32)  # 0 paper, 1 ink
    rest = np.zeros((2, pairs, variants), np.float32)  # the shifts' part below a pixel
    for pair, (font, character) in enumerate(product(_open_fonts(), CHARACTERS)):
        for variant in range(variants):
            at = (pair, variant)
            glyph = _glyph(font, character, heights[at])
            room = np.array([size, size]) - glyph.shape
            corner = np.clip(room / 2 + shifts[:, pair, variant], 0, room)
            top, left = corner.astype(int)
            ink[pair, variant, top : top + glyph.shape[0], left : left + glyph.shape[1]] = glyph
            rest[:, pair, variant] = corner % 1
    for axis in (0, 1):
        part = rest[axis, :, :, None, None]
        ink = (1 - part) * ink + part * np.roll(ink, 1, axis=axis + 2)
    contrast = draw.uniform(0.55, 1.0, (pairs, variants, 1, 1))
    noise = draw.normal(0.0, _NOISE, ink.shape)
    return (255 * np.clip(contrast * ink + noise, 0, 1)).astype(np.uint8)


def _glyph(font: FT2Font, character: str, height: float) -> NDArray[np.float32]:
    """The inked box of one character, 0 to 1, `height` pixels per em.

    It is not hinted, for hints would make neighbouring sizes look alike.
    """
    from matplotlib.ft2font import LoadFlags

    font.set_size(height, 72)  # at 72 dots an inch, a point is a pixel
    font.set_text(character, 0.0, flags=LoadFlags.NO_HINTING)
    font.draw_glyphs_to_bitmap(antialiased=True)
    return np.divide(font.get_image(), 255, dtype=np.float32)


def _open_fonts() -> list[FT2Font]:
    # Imported late: most users never draw glyphs, and matplotlib looks for its settings on import.
    import matplotlib
    from matplotlib.ft2font import FT2Font

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    missing = [font.file for font in FONTS if not (folder / f"{font.file}.ttf").is_file()]
    if missing:
        raise DataError(
            rule="Glyphs are drawn with fonts that matplotlib carries.",
            found=f"no {missing[0]}.ttf among them",
            fix="Install matplotlib from PyPI; some distributions leave its fonts out.",
        )
    return [FT2Font(str(folder / f"{font.file}.ttf")) for font in FONTS]
