"""Frozen values of settings: to JSON values and back, and the checks they make of their fields."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Self, get_args, get_type_hints

from sharewise.errors import InputError


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """What frozen dataclasses of settings have in common; fields may be settings themselves."""

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON values, in the order of the fields."""
        return {name: _as_json(getattr(self, name)) for name in _names(type(self))}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The settings that `to_dict` wrote, with the defaults of those that are left out.

        Raises:
            InputError: a word that is not a setting, or a value outside its bounds.
        """
        check_fields(cls, values)
        kinds = get_type_hints(cls)
        return cls(**{name: _read(kinds[name], value) for name, value in values.items()})


def check_count(name: str, value: object, *, least: int = 1) -> None:
    """Raises InputError unless the value is a whole number, not below the least."""
    if type(value) is not int or value < least:
        raise InputError(
            rule=f"{name} is a whole number of at least {least}.",
            found=f"{name}={value!r}",
            fix=f"Give {name}={max(least, 1)} or more, or leave it out for its default.",
        )


def check_number(
    name: str, value: object, *, least: float = 0.0, most: float = math.inf, above: bool = False
) -> None:
    """Raises InputError unless the value is a finite number in these bounds.

    Both bounds are allowed themselves; with `above` the lower one is not.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    number = float(value) if is_number else math.nan  # type: ignore[arg-type]
    if math.isfinite(number) and least <= number <= most and not (above and number == least):
        return
    if math.isfinite(most):
        bounds = f"a number from {least:g} to {most:g}"
    else:
        bounds = f"a finite number {'above' if above else 'of at least'} {least:g}"
    raise InputError(
        rule=f"{name} is {bounds}.",
        found=f"{name}={value!r}",
        fix=f"Give such a number, or leave {name} out for its default.",
    )


def check_word(name: str, value: object, words: tuple[str, ...]) -> None:
    """Raises InputError unless the value is one of the words."""
    if value not in words:
        raise InputError(
            rule=f"{name} is one of {', '.join(map(repr, words))}.",
            found=f"{name}={value!r}",
            fix=f"Give {name}={words[0]!r}, or leave it out.",
        )


def check_fields(kind: type[Any], values: Mapping[str, Any]) -> None:
    """Raises InputError unless every word of `values` is a field of the dataclass."""
    known = _names(kind)
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise InputError(
            rule=f"{kind.__name__} has the settings {', '.join(known)}.",
            found=", ".join(map(repr, unknown)),
            fix="Leave them out, or read them with the version that wrote them.",
        )


def _names(kind: type[Any]) -> list[str]:
    return [field.name for field in dataclasses.fields(kind)]


def _as_json(value: Any) -> Any:
    if isinstance(value, Settings):
        return value.to_dict()
    return list(value) if isinstance(value, tuple) else value


def _read(kind: object, value: Any) -> Any:
    """The value as a field of this kind: of settings, or of `Settings | None`, read as those."""
    kinds = [
        each
        for each in (kind, *get_args(kind))
        if isinstance(each, type) and issubclass(each, Settings)
    ]
    if len(kinds) == 1 and value is not None:
        return kinds[0].from_dict(value)
    return value
