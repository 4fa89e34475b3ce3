"""The file of predictions that a comparison leaves: arrays and what they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from sharewise.errors import FormatError

FORMAT = 1
PICTURES = ("classes", "normals", "depth", "numbers")
SIDES = ("target", "output")
Array = NDArray[Any]


@dataclass(frozen=True)
class Kind:
    """How a task's answers are drawn, one of PICTURES, and the names of its classes."""

    picture: str
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Pictures:
    """A few test images with what is right and what the found network answers.

    seed: of its training.
    kinds: {task: how it is drawn}.
    images: for each image {"input" or (task, side): array}; what has no label is missing.
    in_metres: whether depth is in metres, and normals are the camera's right, down and forward.
    """

    seed: int
    kinds: Mapping[str, Kind]
    images: tuple[Mapping[str | tuple[str, str], Array], ...]
    in_metres: bool


def read_pictures(path: Path) -> Pictures | None:
    """What `compare` kept in comparison/predictions.safetensors; None where there is no file.

    Raises:
        FormatError: It is broken, or of another format.
    """
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="numpy") as file:
            content = json.loads(file.metadata()["sharewise"])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return _pictures(content, arrays)
    except (SafetensorError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise FormatError(
            rule=f"{path.name} has the form that this version of sharewise writes.",
            found=f"{type(error).__name__}: {error} in {path}",
            fix="Remove it and compare again, which makes it anew, or leave it out of the report.",
        ) from error


def _pictures(content: Any, arrays: Mapping[str, Array]) -> Pictures:
    if content["format"] != FORMAT:
        raise ValueError(f"format {content['format']!r}")
    kinds = {
        str(task): Kind(str(kind["picture"]), tuple(map(str, kind["classes"])))
        for task, kind in content["tasks"].items()
    }
    images: list[dict[str | tuple[str, str], Array]] = [{} for _ in content["places"]]
    for name, array in arrays.items():
        number, _, rest = name.partition(".")
        task, _, side = rest.partition(".")
        _check(rest, array, kinds)
        images[int(number)][(task, side) if side else task] = array
    in_metres = bool(content.get("in_metres", False))  # left out before there was one
    return Pictures(int(content["seed"]), kinds, tuple(images), in_metres)


def _check(name: str, array: Array, kinds: Mapping[str, Kind]) -> None:
    task, _, side = name.partition(".")
    if name == "input":
        right = array.ndim == 3 and array.shape[0] in (1, 3) and array.dtype == np.uint8
    else:
        picture = kinds[task].picture
        shape = (3, *array.shape[-2:]) if picture == "normals" else array.shape[-2:]
        right = side in SIDES and picture in PICTURES and array.shape == shape and array.ndim > 1
    if not right:
        raise ValueError(f"an array {list(array.shape)} of {array.dtype} under the name {name!r}")
