"""Words for data with answers for each pixel that are made: rooms, and frames of a game."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sharewise.cli._data_word import Answers, DataWord
from sharewise.cli._progress import Show
from sharewise.cli._quick import Sizes
from sharewise.cli._words import WHOLE, Kind

if TYPE_CHECKING:
    from sharewise.data import TaskData

# Dilated, so that features are an eighth of the image each way (8 x 8 for 64 pixels, which the
# decoders' outputs are, too) and not 2 x 2. Of the ResNets that end so it is the cheapest: with
# stem=small it is 3 times the multiply-adds at 64 pixels.
DENSE_BACKBONE = "resnet18:width=0.25,stem=imagenet,output_stride=8"
# For data that are made here, of 64 pixels: so narrow that tasks stand in each other's way, and
# that two cores train it for more than a few epochs.
_NARROW = "resnet18:width=0.125,stem=imagenet,output_stride=8"

# The last stage twice, as in the tree published for Taskonomy, takes 1.5 to 1.6 times what sharing
# all takes.
DENSE_BUDGET = "macs=2x"
# Of five tasks, two can then have much of a network for themselves. Trees inside twice differ by
# less than trainings do (docs/results/scenes.md).
MADE_BUDGET = "macs=3x"

_TRAINING: Sizes = {"epochs": 8, "batch_size": 32, "lr": 3e-3}
_TUNING: Sizes = {"epochs": 4, "batch_size": 32, "lr": 2e-3}

# So that searches end in minutes on two cores, ResNet-34's in less than twenty, and quick tries in
# three. What the gates of one supernet say of such tasks is faint: many short initialisations
# propose trees, and short trainings from one network that shares all decide among these and small
# changes of the best (docs/results/scenes.md).
_SEARCH: Mapping[str, Sizes] = {
    "branching": {
        "epochs": 4,
        "batch_size": 32,
        "initialisations": 8,
        "finalists": 8,
        "moves": 12,
        **{f"training.{name}": value for name, value in _TRAINING.items()},
        **{f"tuning.{name}": value for name, value in _TUNING.items()},
    },
    "partitioning": {
        "evaluations": 64,
        "initial.epochs": 6,
        "teachers.epochs": 6,
        "distil.steps": 240,
    },
}
_QUICK: Mapping[str, Sizes] = {
    "partitioning": {
        "initial.epochs": 2,
        "teachers.epochs": 2,
        "distil.steps": 100,
    },
}
_OPTIONS: Mapping[str, Kind] = {"seed": WHOLE, "size": WHOLE, "samples": WHOLE}
_ANSWERS: Mapping[str, str] = {
    "normals": "a unit vector for each pixel: right, down, forward",
    "depth": "metres for each pixel, along the optical axis",
    "keypoints": "0 to 1 for each pixel, 1 at a corner or a thing's middle",
    "edges": "0 to 1 for each pixel, 1 where two surfaces meet",
}


def dense_backbone(settings: Mapping[str, Any]) -> str:
    """The default for answers for each pixel, whatever the size."""
    return DENSE_BACKBONE


def _narrow_backbone(settings: Mapping[str, Any]) -> str:
    return _NARROW


def _make_scenes(options: Mapping[str, Any], show: Show) -> TaskData:
    from sharewise.data import scenes

    return scenes(**options)


def _make_doom(options: Mapping[str, Any], show: Show) -> TaskData:
    from sharewise.data import doom

    return doom(**options, progress=show)


def _scenes_answers(data: TaskData) -> Answers:
    from sharewise.data import SCENE_CLASSES

    return {"segmentation": list(SCENE_CLASSES), **_ANSWERS}


def _doom_answers(data: TaskData) -> Answers:
    from sharewise.data import DOOM_CLASSES

    corner = {"keypoints": "0 to 1 for each pixel, 1 at a corner of the level"}
    return {"segmentation": list(DOOM_CLASSES), **_ANSWERS, **corner}


DENSE_WORDS: Mapping[str, DataWord] = {
    "scenes": DataWord(
        "scenes",
        _OPTIONS,
        what="Ray-cast rooms with things in them, and five exact targets for each pixel:"
        " segmentation, normals, depth, keypoints, edges. samples=1500 rooms for training by"
        " default, each of them other furniture.",
        needs="Nothing.",
        get="Nothing to get: drawn on this machine in under a minute.",
        licence="None needed: drawn by sharewise.",
        make=_make_scenes,
        answers=_scenes_answers,
        backbone=_narrow_backbone,
        budget=lambda _: MADE_BUDGET,
        search=_SEARCH,
        quick=_QUICK,
        training=_TRAINING,
    ),
    "doom": DataWord(
        "doom",
        _OPTIONS,
        what="The 68 textured levels of Freedoom as a player sees them, with the same five targets"
        " for each pixel; a level is in one split. samples=1500 frames for training by default.",
        needs="The package of the extra doom.",
        get="pip install 'sharewise[doom]'. The first use renders the frames into a cache folder"
        " (SHAREWISE_CACHE, or the user's) in a few minutes.",
        licence="Freedoom (BSD); the package vizdoom: MIT.",
        make=_make_doom,
        answers=_doom_answers,
        backbone=_narrow_backbone,
        budget=lambda _: MADE_BUDGET,
        search=_SEARCH,
        quick=_QUICK,
        training=_TRAINING,
    ),
}
