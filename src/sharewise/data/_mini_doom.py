"""Monsters of Freedoom: sprites out of the WAD that the vizdoom wheel carries."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from sharewise.data._mini_source import (
    SPLITS,
    Drawn,
    Order,
    Pose,
    Source,
    channels_first,
    put,
)
from sharewise.data._mini_wad import Wad, wad_file
from sharewise.data._protocol import fraction

MONSTERS: Mapping[str, str] = MappingProxyType(
    {
        "BOS2": "hell-knight",
        "BOSS": "baron",
        "BSPI": "arachnotron",
        "CPOS": "chaingunner",
        "CYBR": "cyberdemon",
        "FATT": "mancubus",
        "HEAD": "cacodemon",
        "PAIN": "pain-elemental",
        "PLAY": "player",
        "POSS": "zombie",
        "SARG": "demon",
        "SKEL": "revenant",
        "SKUL": "lost-soul",
        "SPID": "mastermind",
        "SPOS": "shotgunner",
        "SSWV": "soldier",
        "TROO": "imp",
        "VILE": "archvile",
    }
)
"""Things with 30 pictures or more, by the four letters that their pictures' names begin with."""
_SHARES = {"train": 0.6, "val": 0.2, "test": 0.2}


def frame_splits(names: list[str]) -> dict[str, str]:
    """The split of each sprite: with its frame, whole.

    A name such as TROOA2A8 is a thing, and a frame of its movements (A) seen from an angle (2); the
    second pair says that the mirrored picture is frame A from angle 8. All angles of a frame are in
    one split, so that no picture has its mirror image or a turn by 45 degrees in another one.
    Frames of one thing are given to the splits in a hashed order, always to the one that is
    furthest behind its share, so that every thing is in every split.
    """
    frames = Counter(name[:5] for name in names)
    splits: dict[str, str] = {}
    for thing in MONSTERS:
        got = dict.fromkeys(SPLITS, 0)
        for frame in sorted(
            (frame for frame in frames if frame[:4] == thing),
            key=lambda frame: fraction("monsters", frame),
        ):
            behind = min(SPLITS, key=lambda split: got[split] / _SHARES[split])
            got[behind] += frames[frame]
            splits[frame] = behind
    return {name: splits[name[:5]] for name in names if name[:4] in MONSTERS}


def _draw_monsters(order: Order) -> Iterator[tuple[str, Drawn]]:
    """Each sprite several times: at other sizes and places, before a floor of the same WAD."""
    wad = Wad(_wad_path())
    floors = wad.flats()
    things = list(MONSTERS)
    splits = frame_splits(wad.sprites())
    pools: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name in sorted(splits, key=lambda name: fraction("monsters", order.seed, name)):
        pools[splits[name], name[:4]].append(name)
    for split, count in order.counts.items():
        for turn in range(count):
            # Things in turn, so that the classes are of one size.
            thing = things[turn % len(things)]
            pool = pools[split, thing]
            variant, place = divmod(turn // len(things), len(pool))
            name = pool[place]
            sample = f"{name}-{variant}"
            pixels = _scene(wad.sprite(name), floors, order, sample)
            yield split, Drawn(sample, things.index(thing), pixels)


def _scene(
    sprite: NDArray[np.uint8], floors: list[NDArray[np.uint8]], order: Order, sample: str
) -> NDArray[np.uint8]:
    """The sprite before a floor: its longer side 55 to 95 % of the image, brighter or darker."""
    from PIL import Image

    grow, right, down, light, which = (
        fraction("monsters", order.seed, sample, way)
        for way in ("grow", "x", "y", "light", "floor")
    )
    floor = Image.fromarray(floors[int(which * len(floors))]).resize((order.size, order.size))
    share = 0.55 + 0.4 * grow
    room = order.size * (1 - share)
    scale = order.size * share / max(sprite.shape[:2])
    reduced = Image.fromarray(sprite).resize(
        (max(1, round(sprite.shape[1] * scale)), max(1, round(sprite.shape[0] * scale)))
    )
    pose = Pose(0.0, 1.0, room * (right - 0.5), room * (down - 0.5))
    thing = put(reduced, order.size, pose)
    floor.paste(thing, mask=thing.getchannel("A"))
    brightness = 160 + int(96 * light)
    return (channels_first(floor).astype(np.int64) * brightness // 255).clip(0, 255).astype("u1")


def _wad_path() -> Path:
    return wad_file("freedoom2.wad", what="Monsters")


MONSTER = Source(
    classes=tuple(MONSTERS.values()),
    packages=("vizdoom", "pillow", "numpy"),
    extra="doom",
    about="18 monsters of Freedoom, in colour, before floors; the frames of their movements are "
    "split, with all angles of a frame in one split",
    draw=_draw_monsters,
)
