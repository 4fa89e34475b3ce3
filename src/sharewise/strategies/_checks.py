"""Checks of a strategy's settings."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from sharewise.errors import InputError


def check_count(name: str, value: object, *, least: int) -> None:
    """A whole number, not below the least."""
    if type(value) is not int or value < least:
        raise InputError(
            rule=f"{name} is a whole number of at least {least}.",
            found=f"{name}={value!r}",
            fix=f"Leave {name} out for its default.",
        )


def check_number(name: str, value: float, *, least: float, most: float) -> None:
    """A finite number between bounds, both of them allowed."""
    if type(value) not in (int, float) or not (math.isfinite(value) and least <= value <= most):
        raise InputError(
            rule=f"{name} is a number from {least:g} to {most:g}.",
            found=f"{name}={value!r}",
            fix=f"Leave {name} out for its default.",
        )


def check_words(kind: type[Any], values: Mapping[str, Any]) -> None:
    """Every word is a field of the dataclass."""
    known = [field.name for field in dataclasses.fields(kind)]
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise InputError(
            rule=f"{kind.__name__} has the settings {', '.join(known)}.",
            found=", ".join(map(repr, unknown)),
            fix="Leave them out, or read them with the version that wrote them.",
        )
