"""What a word for data is: facts for people, and how the data are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sharewise.cli._progress import Show
from sharewise.cli._quick import Sizes
from sharewise.cli._words import Word

if TYPE_CHECKING:
    from sharewise.data import TaskData

Answers = Mapping[str, list[str] | str]
"""{task: the names of its classes, or what its numbers are}."""


@dataclass(frozen=True)
class DataWord(Word):
    """A data set that the command line can make.

    what, needs, get, licence: For people.
    make: The data, from options or from the `settings` of data made before, without the name;
        what takes long is shown.
    answers: What each task of the data is answered with.
    backbone: The word of the default backbone, from the settings of the data.
    divided: The same where tasks divide its channels, if that has to be another one.
    folder: What the user's folder holds, by example, for data that are read from one.
    budget: The default budget of a branching search, from options or settings; None: the usual one.
    search: {method: what takes the place of the default settings of its search}, where a step
        takes long.
    quick: Likewise of a quick try's.
    training: Likewise of trainings'.
    """

    what: str
    needs: str
    get: str
    licence: str
    make: Callable[[Mapping[str, Any], Show], TaskData]
    answers: Callable[[TaskData], Answers]
    backbone: Callable[[Mapping[str, Any]], str]
    divided: Callable[[Mapping[str, Any]], str] | None = None
    folder: str | None = None
    budget: Callable[[Mapping[str, Any]], str | None] = lambda _: None
    search: Mapping[str, Sizes] = field(default_factory=dict)
    quick: Mapping[str, Sizes] = field(default_factory=dict)
    training: Sizes = field(default_factory=dict)
