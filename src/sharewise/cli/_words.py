"""Words of the command line such as `resnet18:width=0.25,stem=small`, read into values."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from sharewise.errors import InputError


@dataclass(frozen=True)
class Kind:
    """What the value of an option is: in words, by example, and how to read it.

    `read` raises ValueError for a text of another kind.
    """

    says: str
    example: str
    read: Callable[[str], Any]


@dataclass(frozen=True)
class Word:
    """A name and the options that it takes."""

    name: str
    options: Mapping[str, Kind]

    @property
    def example(self) -> str:
        """The word with one of its options."""
        first = next(iter(self.options.items()), None)
        return self.name if first is None else f"{self.name}:{first[0]}={first[1].example}"


W = TypeVar("W", bound=Word)


def read_word(text: str, words: Mapping[str, W], *, what: str) -> tuple[W, dict[str, Any]]:
    """The word and its options in `name:option=value,option=value`.

    Args:
        text: What was typed.
        words: The words there are, by name.
        what: What they are, with an article, as in "a data set".

    Raises:
        InputError: An unknown word or option, an option twice, a value of another kind.
    """
    name, _, rest = text.partition(":")
    if name not in words:
        close = difflib.get_close_matches(name, words, n=1)
        example = words[close[0]] if close else next(iter(words.values()))
        raise InputError(
            rule=f"{what.capitalize()} is one of {', '.join(words)}.",
            found=repr(name),
            fix=f"Did you mean {close[0]}?" if close else f"Write {example.example}, for example.",
        )
    word = words[name]
    return word, read_options(rest, word.options, subject=f"{name!r}") if rest else {}


def read_options(text: str, kinds: Mapping[str, Kind], *, subject: str) -> dict[str, Any]:
    """The values in `option=value,option=value`; `subject` is what they are options of."""
    values: dict[str, Any] = {}
    for part in text.split(","):
        name, _, value = (piece.strip() for piece in part.partition("="))
        if name not in kinds:
            raise InputError(
                rule=f"The options of {subject} are {', '.join(kinds) or 'none'}.",
                found=f"{name!r} in {text!r}",
                fix=_fix(kinds),
            )
        if name in values:
            raise InputError(
                rule="An option is given once.",
                found=f"{name!r} twice in {text!r}",
                fix="Leave one of them out.",
            )
        values[name] = read_value(value, kinds[name], name=name, subject=subject)
    return values


def read_value(text: str, kind: Kind, *, name: str, subject: str) -> Any:
    """One value of an option; InputError for a text of another kind."""
    try:
        return kind.read(text)
    except ValueError:
        raise InputError(
            rule=f"The option {name!r} of {subject} is {kind.says}.",
            found=f"{name}={text}",
            fix=f"Write {name}={kind.example}, for example.",
        ) from None


def one_of(*choices: str) -> Kind:
    """One of a few words."""

    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(text)
        return text

    return Kind(f"one of {', '.join(choices)}", choices[0], read)


def _fix(kinds: Mapping[str, Kind]) -> str:
    if not kinds:
        return "Leave it out."
    name, kind = next(iter(kinds.items()))
    return f"Write {name}={kind.example}, for example."


def _read_number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _read_size_or_sizes(text: str) -> int | tuple[int, ...]:
    sizes = _read_sizes(text)
    return sizes[0] if len(sizes) == 1 else sizes


def _read_sizes(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("+"))


def _read_yes_no(text: str) -> bool:
    if text not in ("yes", "no"):
        raise ValueError(text)
    return text == "yes"


_GROUP = re.compile(r"\d+|\(\d+(?:\+\d+)*\)")


def _read_groups(text: str) -> tuple[int | tuple[int, ...], ...]:
    parts = _GROUP.findall(text)
    if not parts or "+".join(parts) != text:
        raise ValueError(text)
    return tuple(_read_sizes(part[1:-1]) if part[0] == "(" else int(part) for part in parts)


WHOLE = Kind("a whole number", "2", int)
NUMBER = Kind("a number", "0.25", _read_number)
SIZES = Kind("whole numbers joined by +", "16+16+16", _read_sizes)
SIZE_OR_SIZES = Kind("a whole number, or one for each stage joined by +", "3", _read_size_or_sizes)
NAMES = Kind("names joined by +", "one+two", lambda text: tuple(text.split("+")))
PATH = Kind("a path", "decathlon-1.0", str)
YES_NO = Kind("yes or no", "yes", _read_yes_no)
GROUPS = Kind("sizes joined by +, a nested group in brackets, as in 3+(2+3)", "4+4", _read_groups)
