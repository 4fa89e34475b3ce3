"""Levels of Freedoom: real pictures on real rooms, with five answers about every pixel.

In place of Taskonomy (Zamir et al., CVPR 2018), whose tasks these are in kind. What the targets
mean is this project's own. The levels are those of Freedoom (BSD), which the vizdoom wheel carries.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from sharewise.data._augment import Normalise
from sharewise.data._dense import WEIGHTS, dense_data, joined, split_counts, stored
from sharewise.data._doom_frames import DOOM_CLASSES, doom_frame
from sharewise.data._doom_game import game, places
from sharewise.data._doom_level import Level, read_level
from sharewise.data._mini_cache import Prepared, Shelf, Show, cache_folder, installed
from sharewise.data._mini_source import SPLITS, split_of
from sharewise.data._mini_wad import Wad, wad_file
from sharewise.data._protocol import fraction
from sharewise.data._tensors import TensorData
from sharewise.errors import DataError, InputError

WADS = ("freedoom1.wad", "freedoom2.wad")
_RECIPE = 2  # one more whenever the same settings make other frames
_PACKAGES = ("vizdoom", "pillow", "numpy")
_MOST_SIZE = 480
# Depths vary more than three times as much as in rooms: with the usual weight of 2 on metres, depth
# would be half of the sum of the losses, and the other tasks would have little of what is shared.
_WEIGHTS = {**WEIGHTS, "depth": 0.5}
# Of the pixels in 0..1, rounded.
_PREPARE = Normalise((0.19, 0.15, 0.12), (0.14, 0.115, 0.11))


def doom(
    seed: int = 0,
    *,
    size: int = 64,
    samples: int = 1500,
    cache: str | os.PathLike[str] | None = None,
    progress: Show | None = None,
) -> TensorData:
    """Images [batch, 3, size, size] of the 68 levels of Freedoom, with five targets a pixel.

    A frame is the middle square of what the game shows at eye height from a place near things,
    looking ahead in any direction: 73.7 degrees across. Images are bytes in memory; the network is
    given floats of about mean 0 and deviation 1. The first call renders the frames into a folder;
    later ones read them from there, also where vizdoom is not installed.

    Depth, normals and edges are not the game's, whose depth has 8 bits and is a few units off. A
    ray through each pixel's middle meets the walls, floors and ceilings that the level's lines and
    heights say. Where the game shows something else there (its label and its depth are compared,
    with a tolerance of 14 map units and 2 %), as with grates, a pixel has no label.

    segmentation: uint8 [batch, size, size], see `DOOM_CLASSES`; 255 without a label. Level surfaces
        are told by the geometry; things by the game's labels: monsters, items to take (weapons,
        ammunition, health, armour, keys), and other things as decoration.
    normals: [batch, 3, size, size], unit vectors along the camera's right, down and forward; they
        point towards the camera. NaN for the sky and things, which are flat pictures.
    depth: [batch, 1, size, size], metres of 32 map units, along the optical axis (not along the
        ray); of things, the depth of where they stand. NaN for the sky. Its loss weighs .5, not
        2 as in `scenes`, for depths vary more than three times as much here.
    keypoints: [batch, 1, size, size], at every corner of the level that can be seen (where two
        walls meet at the foot or head of one) from half a metre to 32 metres away, a bump of 1 that
        ends at 24 % of the size.
    edges: [batch, 1, size, size], 1 where a neighbour shows another plane or thing, falling to 0
        within 12 % of the size. NaN where that is not known. Numbers are kept as float16.

    The camera's axes are in map units; the game draws them 1.2 times as high as wide, so the square
    image spans 73.7 degrees across and 64.0 degrees down.

    A level decides the split of its frames, whatever the seed: about 60 % of the levels are for
    training, 20 % for validation, 20 % for test. `seed` decides the places. The fingerprint is of
    the settings, the packages' versions and the places.

    Args:
        seed: See above.
        size: Pixels of a side, 16 to 480.
        samples: Training images; validation and test have a third of that each.
        cache: The folder for prepared frames; by default $SHAREWISE_CACHE, or sharewise/ in the
            user's cache folder ($XDG_CACHE_HOME, ~/.cache).
        progress: Called with {"phase": words, "sample": done, "samples": of how many} for every
            frame that is rendered.

    Raises:
        InputError: size < 16, size > 480 or samples < 30.
        DataError: vizdoom is not installed, came without its levels, or stopped.
    """
    _check(size, samples)
    counts = split_counts(samples)
    made = {"recipe": _RECIPE, "seed": seed, "size": size, "counts": counts}
    shelf = Shelf(cache_folder(cache) / "doom", "doom", made, noun="data set")
    versions = {package: installed(package) for package in _PACKAGES}
    prepared = shelf.read(versions)
    if prepared is None:
        prepared = _prepare(shelf, made, versions, progress)
    splits = {
        split: {
            name.partition("/")[2]: tensor
            for name, tensor in prepared.tensors.items()
            if name.startswith(f"{split}/")
        }
        for split in SPLITS
    }
    return dense_data(
        {"name": "doom", "seed": seed, "size": size, "samples": samples},
        splits,
        classes=len(DOOM_CLASSES),
        prepare=_PREPARE,
        weights=_WEIGHTS,
        made_from={key: prepared.facts[key] for key in ("settings", "versions", "ids")},
    )


def _prepare(
    shelf: Shelf,
    made: Mapping[str, Any],
    versions: Mapping[str, str | None],
    progress: Show | None,
) -> Prepared:
    if versions["vizdoom"] is None:
        raise DataError(
            rule="The levels of doom are rendered by vizdoom.",
            found="no vizdoom in this Python",
            fix="Run pip install 'sharewise[doom]'.",
        )
    frames: dict[str, list[dict[str, Tensor]]] = defaultdict(list)
    ids: dict[str, list[str]] = defaultdict(list)
    total = sum(made["counts"].values())
    for level, number, frame in _rendered(made):
        split = level_split(level)
        frames[split].append(stored(frame))
        ids[split].append(f"{level}-{number}")
        if progress is not None:
            done = sum(map(len, ids.values()))
            progress({"phase": f"rendering {level}", "sample": done, "samples": total})
    tensors = {
        f"{split}/{name}": tensor
        for split in SPLITS
        for name, tensor in joined(frames[split]).items()
    }
    return shelf.write(tensors, {"versions": dict(versions), "ids": dict(ids)})


def level_split(level: str) -> str:
    """The split of a level and all its frames, whatever the seed."""
    return split_of("doom", level)


def level_counts(levels: list[str], counts: Mapping[str, int], seed: int) -> dict[str, int]:
    """The frames of each level: as many for each of a split, and the rest for some of them.

    A level takes longer to begin than a few frames, so there are as few levels as have four each.
    """
    wanted: dict[str, int] = {}
    for split, count in counts.items():
        mine = [level for level in levels if level_split(level) == split]
        mine.sort(key=lambda level: fraction("doom", seed, level))
        mine = mine[: -(-count // 4)]
        each, rest = divmod(count, max(1, len(mine)))
        wanted |= {level: each + (i < rest) for i, level in enumerate(mine)}
    return {level: wanted[level] for level in levels if level in wanted}


def _rendered(made: Mapping[str, Any]) -> Iterator[tuple[str, int, dict[str, Tensor]]]:
    """(level, number of the place, frame), file by file and level by level."""
    paths = [wad_file(name, what="The levels of doom") for name in WADS]
    wads = {path: Wad(path) for path in paths}
    levels = [level for wad in wads.values() for level in wad.levels()]
    if not levels:
        raise DataError(
            rule="The levels of doom are read from the WADs that the vizdoom wheel carries.",
            found=f"no level in {' or '.join(WADS)}",
            fix="Install vizdoom again: pip install 'sharewise[doom]'.",
        )
    wanted = level_counts(levels, made["counts"], made["seed"])
    for path, wad in wads.items():
        yield from _of_wad(path, wad, wanted, made)


def _of_wad(
    path: Path, wad: Wad, wanted: Mapping[str, int], made: Mapping[str, Any]
) -> Iterator[tuple[str, int, dict[str, Tensor]]]:
    names = [name for name in wad.levels() if name in wanted]
    # Rendered larger and made smaller, so that borders are smooth.
    with game(path, 192 if made["size"] <= 96 else 480) as running:
        for name in names:
            level: Level = read_level(wad, name)
            running.enter(name)
            left = wanted[name]
            for number, camera in places(level, "doom", made["seed"], name):
                frame = doom_frame(level, running.look(camera), made["size"])
                if _good(frame):
                    yield name, number, frame
                    left -= 1
                if not left:
                    break


def _good(frame: Mapping[str, Tensor]) -> bool:
    """Whether most pixels have labels, and the image is not black.

    A player is not put where there is no room, and some places are behind what cannot be seen
    through.
    """
    labelled = (frame["segmentation"] != 255).float().mean()
    return bool(labelled > 0.85 and frame["images"].float().mean() > 16)


def _check(size: int, samples: int) -> None:
    for name, value, least, most in (
        ("size", size, 16, _MOST_SIZE),
        ("samples", samples, 30, None),
    ):
        if value < least or (most is not None and value > most):
            bounds = f"{least} or more" if most is None else f"{least} to {most}"
            raise InputError(
                rule=f"The {name} of doom is {bounds}.",
                found=f"{name}={value}",
                fix="Give another number.",
            )
