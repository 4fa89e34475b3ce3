"""Settings dataclasses from options of the command line."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from sharewise.cli._words import (
    NAMES,
    NUMBER,
    SIZE_OR_SIZES,
    SIZES,
    WHOLE,
    Kind,
    one_of,
    read_options,
)
from sharewise.errors import InputError

T = TypeVar("T")

_TEXT = Kind("a word", "cosine", str)
_TRUTH = one_of("true", "false")
_YES_NO = Kind("true or false", "true", lambda text: bool(_TRUTH.read(text) == "true"))
_KNOWN: Mapping[Any, Kind] = {
    int: WHOLE,
    float: NUMBER,
    bool: _YES_NO,
    str: _TEXT,
    tuple[int, ...]: SIZES,
    tuple[str, ...]: NAMES,
}


def read_settings(
    kind: type[T],
    text: str | None = None,
    *,
    sizes: Mapping[str, Any] | None = None,
    **given: Any,
) -> T:
    """Settings with the options that were given; None leaves the default.

    A setting inside another, such as the steps in `distil`, is named with a dot: `distil.steps`.

    Args:
        kind: A dataclass with a default for every field.
        text: More of them, as `name=value,name=value`.
        sizes: What takes the place of defaults.
        given: Values of options that have a flag of their own.

    Raises:
        InputError: An unknown name, one that is given twice, a value of another kind, or outside
            the setting's bounds.
    """
    values = dict(sizes or {}) | {name: each for name, each in given.items() if each is not None}
    if text:
        more = read_options(text, _kinds(kind), subject="--set")
        twice = [name for name in more if given.get(name) is not None]
        if twice:
            raise InputError(
                rule="A setting is given once.",
                found=f"{twice[0]} in --set, and as --{twice[0].replace('_', '-')}",
                fix="Leave one of them out.",
            )
        values |= more
    return _changed(kind(), values)


def _changed(settings: T, values: Mapping[str, Any]) -> T:
    """The settings with other values, those inside them with theirs."""
    own: dict[str, Any] = {}
    inside: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        outer, dot, inner = name.partition(".")
        if dot:
            inside.setdefault(outer, {})[inner] = value
        else:
            own[name] = value
    own |= {name: _changed(getattr(settings, name), each) for name, each in inside.items()}
    changed: T = dataclasses.replace(settings, **own)  # type: ignore[type-var]
    return changed


def _kinds(kind: type[Any]) -> dict[str, Kind]:
    """The fields that a text can set, with what their values are."""
    hints = typing.get_type_hints(kind)
    kinds: dict[str, Kind] = {}
    for field in dataclasses.fields(kind):
        hint = hints[field.name]
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            kinds |= {f"{field.name}.{inner}": each for inner, each in _kinds(hint).items()}
        elif (found := _kind(hint)) is not None:
            kinds[field.name] = found
    return kinds


def _kind(hint: Any) -> Kind | None:
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        inner = {part for part in typing.get_args(hint) if part is not types.NoneType}
        if inner == {int, tuple[int, ...]}:
            return SIZE_OR_SIZES
        hint = inner.pop() if len(inner) == 1 else float if inner == {int, float} else None
    if typing.get_origin(hint) is typing.Literal:
        return _TEXT
    return _KNOWN.get(hint) if hint is not None else None
