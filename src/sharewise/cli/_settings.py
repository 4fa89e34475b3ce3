"""Settings dataclasses from options of the command line."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any, TypeVar

from sharewise.cli._words import NUMBER, SIZE_OR_SIZES, SIZES, WHOLE, Kind, one_of, read_options

T = TypeVar("T")

_TEXT = Kind("a word", "cosine", str)
_TRUTH = one_of("true", "false")
_YES_NO = Kind("true or false", "true", lambda text: bool(_TRUTH.read(text) == "true"))


def read_settings(kind: type[T], text: str | None = None, **given: Any) -> T:
    """Settings with the options that were given; None leaves the default.

    Args:
        kind: A dataclass with a default for every field.
        text: More of them, as `name=value,name=value`.
        given: Values of options that have a flag of their own.

    Raises:
        InputError: An unknown name, a value of another kind, or outside the setting's bounds.
    """
    values = {name: value for name, value in given.items() if value is not None}
    if text:
        values |= read_options(text, _kinds(kind), subject="--set")
    return kind(**values)


def _kinds(kind: type[Any]) -> dict[str, Kind]:
    """The fields that a text can set, with what their values are."""
    hints = typing.get_type_hints(kind)
    kinds = {field.name: _kind(hints[field.name]) for field in dataclasses.fields(kind)}
    return {name: found for name, found in kinds.items() if found is not None}


def _kind(hint: Any) -> Kind | None:
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        inner = {part for part in typing.get_args(hint) if part is not types.NoneType}
        if inner == {int, tuple[int, ...]}:
            return SIZE_OR_SIZES
        hint = inner.pop() if len(inner) == 1 else float if inner == {int, float} else None
    if typing.get_origin(hint) is typing.Literal:
        return _TEXT
    known = {int: WHOLE, float: NUMBER, bool: _YES_NO, str: _TEXT, tuple[int, ...]: SIZES}
    return known.get(hint) if hint is not None else None
