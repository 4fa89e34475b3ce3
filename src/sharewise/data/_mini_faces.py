"""Cartoon faces: which of thirteen mouths, whatever the rest of the face."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharewise.data._mini_source import (
    Drawn,
    Order,
    Source,
    channels_first,
    split_of,
)
from sharewise.data._protocol import fraction

# Names of python-avatars, written down: what a new version adds changes no label.
_MOUTHS = (
    "CONCERNED DEFAULT DISBELIEF EATING GRIMACE SAD SCREAM_OPEN SERIOUS SMILE TONGUE TWINKLE VOMIT"
    " BIG_SMILE"
)
MOUTHS = tuple(_MOUTHS.split())
_PARTS: dict[str, tuple[str, str]] = {
    "top": (
        "HairType",
        "BIG_HAIR BOB BUN CAESAR CURLY CURVY DREADS FRO LONG_NOT_TOO_LONG MIA_WALLACE SHAGGY"
        " SHAVED_SIDES SHORT_CURLY SHORT_FLAT SHORT_ROUND SIDES STRAIGHT_1 STRAIGHT_STRAND",
    ),
    "eyes": (
        "EyeType",
        "CLOSED CRY DEFAULT EYE_ROLL HAPPY HEART SIDE SQUINT SURPRISED WINK_WACKY WINK X_DIZZY",
    ),
    "eyebrows": (
        "EyebrowType",
        "ANGRY DEFAULT_NATURAL DEFAULT FLAT_NATURAL RAISED_EXCITED SAD_CONCERNED UP_DOWN",
    ),
    "nose": ("NoseType", "DEFAULT SMALL WIDE"),
    # Beards stand twice for every three faces without one: they hide part of the mouth.
    "facial_hair": (
        "FacialHairType",
        "NONE NONE NONE BEARD_LIGHT BEARD_MEDIUM",
    ),
    "accessory": ("AccessoryType", "NONE NONE NONE PRESCRIPTION_1 ROUND SUNGLASSES WAYFARERS"),
    "clothing": ("ClothingType", "BLAZER_SHIRT COLLAR_SWEATER HOODIE OVERALL SHIRT_V_NECK"),
}
_COLOURS: dict[str, str] = {
    "skin_color": "FFDBB4 EDB98A FD9841 F8D25C D08B5B AE5D29 614335",
    "hair_color": "A55728 2C1B18 B58143 D6B370 724133 4A312C F59797 C93305 E8E1E1",
    "background_color": "65C9FF FF488E A7FFC4 FFDEB5 5199E4 3C4F5C E6E6E6 929598",
}


def _draw_faces(order: Order) -> Iterator[tuple[str, Drawn]]:
    left = dict(order.counts)
    seen: set[str] = set()
    index = 0
    while any(left.values()):
        words = _words(order.seed, index)
        index += 1
        name = " ".join(words.values())
        split = split_of("faces", name)
        if left[split] == 0 or name in seen:
            continue
        seen.add(name)
        left[split] -= 1
        pixels = _face(words, order, name)
        yield split, Drawn(name, MOUTHS.index(words["mouth"]), pixels)


def _words(seed: int, index: int) -> dict[str, str]:
    """The parts and colours of the face with this number."""

    def pick(part: str, words: Sequence[str]) -> str:
        return words[int(fraction("faces", seed, index, part) * len(words))]

    return {
        "mouth": pick("mouth", MOUTHS),
        **{part: pick(part, words.split()) for part, (_, words) in _PARTS.items()},
        **{part: pick(part, words.split()) for part, words in _COLOURS.items()},
    }


def words_of(name: str) -> dict[str, str]:
    """The parts and colours of the face with this id."""
    return dict(zip(("mouth", *_PARTS, *_COLOURS), name.split(" "), strict=True))


def _face(words: dict[str, str], order: Order, name: str) -> NDArray[np.uint8]:
    """The head from hair to chin, a little larger or smaller, moved a little."""
    import python_avatars
    import resvg_py
    from PIL import Image

    chosen: dict[str, Any] = {
        part: getattr(getattr(python_avatars, kind), words[part])
        for part, (kind, _) in _PARTS.items()
    }
    colours = {part: f"#{words[part]}" for part in _COLOURS}
    background = colours.pop("background_color")
    drawing = python_avatars.Avatar(
        style=python_avatars.AvatarStyle.TRANSPARENT,
        mouth=getattr(python_avatars.MouthType, words["mouth"]),
        facial_hair_color=colours["hair_color"],
        **chosen,
        **colours,
    ).render()
    png = resvg_py.svg_to_bytes(
        svg_string=drawing, width=2 * order.size, background=background, skip_system_fonts=True
    )
    picture = Image.open(io.BytesIO(bytes(png))).convert("RGB")
    grow, right, down = (
        fraction("faces", order.seed, name, way) - 0.5 for way in ("grow", "x", "y")
    )
    # The face is in the middle of the drawing's width, at about .44 of its height.
    half = picture.width * (0.30 + 0.08 * grow)
    x = picture.width * (0.5 + 0.08 * right)
    y = picture.width * (0.45 + 0.08 * down)
    box = (x - half, y - half, x + half, y + half)
    return channels_first(picture.resize((order.size, order.size), box=box))


FACE = Source(
    classes=tuple(mouth.lower() for mouth in MOUTHS),
    packages=("python-avatars", "resvg-py", "pillow"),
    extra="samples",
    about="Cartoon faces (python-avatars): 13 mouths, with hair, eyes, beards, glasses, clothes "
    "and colours at random",
    draw=_draw_faces,
)
