"""Words for data: from a word on the command line, or the settings of a run, to the data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sharewise.cli._words import GROUPS, NUMBER, WHOLE, Kind, Word, one_of, read_word
from sharewise.errors import InputError

if TYPE_CHECKING:
    from sharewise.data import TaskData

# Small enough for two CPU cores: with the stem that halves twice, an epoch takes an eighth of the
# time that it takes with stem=small, and a search of few epochs gets further.
GLYPHS_BACKBONE = "resnet18:width=0.25,stem=imagenet"
DEFAULT_GROUPS = (4, 4)


@dataclass(frozen=True)
class DataWord(Word):
    """A data set that the command line can make.

    what, needs, get, licence: For people.
    make: The data, from options or from the `settings` of data made before, without the name.
    backbone: The word of the default backbone, from the settings of the data.
    """

    what: str
    needs: str
    get: str
    licence: str
    make: Callable[[Mapping[str, Any]], TaskData]
    backbone: Callable[[Mapping[str, Any]], str]


def read_data(text: str) -> Callable[[], TaskData]:
    """What makes the data of a word such as `glyphs:variants=2`; nothing is made yet.

    Raises:
        InputError: An unknown word or option, or a value of another kind.
    """
    word, options = read_word(text, DATA, what="a data set")
    return lambda: word.make(options)


def data_from(settings: Mapping[str, Any]) -> TaskData:
    """The data that has these settings; InputError where no word of the command line makes it."""
    word = DATA.get(settings.get("name", ""))
    options = {name: value for name, value in settings.items() if name != "name"}
    if word is None or set(options) != set(word.options):
        raise InputError(
            rule=f"The command line makes again only the data of its own words: {', '.join(DATA)}.",
            found=f"data with the settings {dict(settings)!r}",
            fix="Use the Python functions (sw.train, sw.compare) with your data and the run's"
            " architecture.json.",
        )
    return word.make(options)


def default_backbone(data: TaskData) -> str:
    """The word of the backbone that fits the data by default."""
    return DATA[data.name].backbone(data.settings)


def _make_glyphs(options: Mapping[str, Any]) -> TaskData:
    from sharewise.data import glyphs

    return glyphs(**options)


def _make_planted(options: Mapping[str, Any]) -> TaskData:
    import torch

    from sharewise.data import identity, planted

    values = dict(options)
    groups = values.pop("groups", DEFAULT_GROUPS)
    word = values.pop("nonlinearity", "tanh")
    if word not in _NONLINEARITIES:
        raise InputError(
            rule=f"The nonlinearity of planted data is one of {', '.join(_NONLINEARITIES)}.",
            found=repr(word),
            fix="Use the Python functions for a nonlinearity of your own.",
        )
    return planted(
        groups, nonlinearity=identity if word == "identity" else getattr(torch, word), **values
    )


def _planted_backbone(settings: Mapping[str, Any]) -> str:
    # A stage of this width holds what a planted group computes, and the truth has these stages.
    return f"mlp:widths={'+'.join([str(settings['outputs'])] * settings['stages'])}"


_NONLINEARITIES = ("tanh", "relu", "sigmoid", "sin", "identity")
_GLYPHS_OPTIONS: dict[str, Kind] = {"variants": WHOLE, "size": WHOLE, "seed": WHOLE}
_PLANTED_OPTIONS: dict[str, Kind] = {
    "groups": GROUPS,
    "seed": WHOLE,
    "inputs": WHOLE,
    "outputs": WHOLE,
    "samples": WHOLE,
    "spread": NUMBER,
    "scale": NUMBER,
    "nonlinearity": one_of(*_NONLINEARITIES),
    "noise": NUMBER,
    "stages": WHOLE,
}

DATA: Mapping[str, DataWord] = {
    "glyphs": DataWord(
        "glyphs",
        _GLYPHS_OPTIONS,
        what="Real letterforms: 62 characters in 22 fonts. Eight tasks: what is drawn (character,"
        " case, holes) and how (weight, slant, serif, mono, family).",
        needs="The fonts that matplotlib carries; matplotlib comes with sharewise.",
        get="Nothing to get: drawn on this machine in a few seconds.",
        licence="The fonts': DejaVu (Bitstream Vera and Arev), STIX (SIL OFL 1.1), Computer Modern"
        " (BaKoMa).",
        make=_make_glyphs,
        backbone=lambda settings: GLYPHS_BACKBONE,
    ),
    "planted": DataWord(
        "planted",
        _PLANTED_OPTIONS,
        what="Regression tasks in planted groups, so that the tree to be found is known.",
        needs="Nothing.",
        get="Nothing to get: generated on this machine.",
        licence="None needed: random numbers.",
        make=_make_planted,
        backbone=_planted_backbone,
    ),
}
