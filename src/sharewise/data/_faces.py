"""Cartoon faces with forty attributes, exact by construction: CelebA's form without its licence."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from sharewise.data._augment import Normalise
from sharewise.data._faces_attributes import FACE_ATTRIBUTES
from sharewise.data._mini import fingerprint_of, prepare, versions_of
from sharewise.data._mini_cache import Shelf, cache_folder
from sharewise.data._mini_faces import FACE, words_of
from sharewise.data._mini_source import Order
from sharewise.data._protocol import check_least
from sharewise.data._tensors import Split, TensorData
from sharewise.errors import DataError, InputError
from sharewise.tasks import binary

NAME = "faces"
_RECIPE = 1  # another one where a face would be drawn otherwise
_COLOURS = Normalise((0.5,) * 3, (0.25,) * 3)

Progress = Callable[[Mapping[str, Any]], None]


def faces(
    seed: int = 0,
    *,
    size: int = 64,
    samples: int = 2000,
    attributes: tuple[str, ...] | list[str] | None = None,
    cache: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> TensorData:
    """Cartoon faces (python-avatars), a yes-or-no task for each of forty attributes.

    An attribute is a set of drawings of one part: of mouth, eyes, eyebrows, nose, beard, glasses,
    hair and its colour, skin, clothes, background; `FACE_ATTRIBUTES` lists them. So labels are
    exact, whether the part can be seen or, as eyes behind sunglasses, cannot. Faces are drawn with
    `pip install 'sharewise[samples]'`, about 9 ms each, and then kept in a folder.

    A face belongs to one split whatever the seed: about 60 % train, 20 % val, 20 % test of all
    faces. No face comes twice.

    Args:
        seed: Which faces are drawn.
        size: Pixels of a side, 16 or more.
        samples: Of the training split, 30 or more; a quarter as many for val and for test.
        attributes: Names of those that are tasks; None for all forty.
        cache: Where drawn faces are kept; None for $SHAREWISE_CACHE, or the user's cache folder.
        progress: Called with {"sample": int, "samples": int} for each face that is drawn.

    Raises:
        InputError: A number that is too small; an attribute that is none or twice.
        DataError: A package is missing.
    """
    check_least("faces", size=(size, 16), samples=(samples, 30))
    names = tuple(FACE_ATTRIBUTES) if attributes is None else _chosen(attributes)
    counts = {"train": samples, "val": samples // 4, "test": samples // 4}
    # As a domain of the small decathlon they have another name, and other counts.
    settings = {"name": NAME, "recipe": _RECIPE, "seed": seed, "size": size, "counts": counts}
    shelf = Shelf(cache_folder(cache) / NAME, NAME, settings)
    prepared = shelf.read(versions_of(FACE))
    if prepared is None:
        _check_packages()
        shown = _shown(progress, sum(counts.values()))
        prepared = prepare(NAME, FACE, Order(size, seed, counts, shown), shelf)
    tensors, ids = prepared.tensors, prepared.facts["ids"]

    def part(split: str) -> Split:
        return tensors[f"{split}/inputs"], _labels(ids[split], names)

    data = TensorData(
        [binary(name) for name in names],
        train=part("train"),
        val=part("val"),
        test=part("test"),
        name=NAME,
        settings={
            "name": NAME,
            "seed": seed,
            "size": size,
            "samples": samples,
            "attributes": list(names),
        },
        prepare=_COLOURS,
    )
    # Of what decides the images, not of their bytes: a pixel may be rounded differently.
    data.fingerprint = fingerprint_of(prepared, list(names))
    return data


def _labels(ids: list[str], names: tuple[str, ...]) -> dict[str, Tensor]:
    """{attribute: int64 [faces]}, from the words that name each face."""
    words = [words_of(each) for each in ids]
    return {
        name: torch.tensor([int(each[part] in drawings) for each in words])
        for name in names
        for part, drawings in [FACE_ATTRIBUTES[name]]
    }


def _chosen(attributes: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    unknown = [name for name in attributes if name not in FACE_ATTRIBUTES]
    if unknown or len(set(attributes)) < len(attributes) or not attributes:
        raise InputError(
            rule=f"The attributes of faces are some of {', '.join(FACE_ATTRIBUTES)}, each once.",
            found=repr(unknown[0]) if unknown else repr(list(attributes)),
            fix="Correct or leave out the name.",
        )
    return tuple(attributes)


def _check_packages() -> None:
    missing = [package for package, found in versions_of(FACE).items() if found is None]
    if missing:
        raise DataError(
            rule=f"Cartoon faces are drawn with {', '.join(FACE.packages)}.",
            found=f"no {missing[0]} in this Python",
            fix=f"Run pip install 'sharewise[{FACE.extra}]'.",
        )


def _shown(progress: Progress | None, samples: int) -> Callable[[], None]:
    """What is called after each face, and tells the caller how many there are by then."""
    done = 0

    def drawn() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress({"phase": NAME, "sample": done, "samples": samples})

    return drawn
