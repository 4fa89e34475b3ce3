"""Words for the originals in the user's folder, and for faces and molecules out of packages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sharewise.cli._data_word import Answers, DataWord
from sharewise.cli._dense_words import DENSE_BUDGET, dense_backbone
from sharewise.cli._folder_words import folder_of
from sharewise.cli._progress import Show
from sharewise.cli._words import NAMES, PATH, WHOLE, YES_NO, Kind

if TYPE_CHECKING:
    from sharewise.data import TaskData

_IMAGES: Mapping[str, Kind] = {"folder": PATH, "size": WHOLE, "flip": YES_NO}
_DENSE: Mapping[str, Kind] = {"folder": PATH, "size": WHOLE, "shrink": WHOLE, "flip": YES_NO}
_ANSWERS: Mapping[str, str] = {
    "segmentation": "a class for each pixel",
    "normals": "a direction for each pixel",
    "depth": "a distance for each pixel",
    "keypoints": "a number for each pixel",
    "edges": "a number for each pixel",
}


def _make(name: str, options: Mapping[str, Any]) -> TaskData:
    from sharewise import data as room

    folder_of(options, name)
    made: TaskData = getattr(room, name)(**options)
    return made


def _make_celeba(options: Mapping[str, Any], show: Show) -> TaskData:
    return _make("celeba", options)


def _make_taskonomy(options: Mapping[str, Any], show: Show) -> TaskData:
    return _make("taskonomy", options)


def _make_nyuv2(options: Mapping[str, Any], show: Show) -> TaskData:
    return _make("nyuv2", options)


def _make_cityscapes(options: Mapping[str, Any], show: Show) -> TaskData:
    return _make("cityscapes", options)


def _make_qm9(options: Mapping[str, Any], show: Show) -> TaskData:
    from sharewise.data import qm9

    return qm9(**options, progress=show)


def _make_faces(options: Mapping[str, Any], show: Show) -> TaskData:
    from sharewise.data import faces

    return faces(**options, progress=show)


def _yes_or_no(data: TaskData) -> Answers:
    return {task.name: ["no", "yes"] for task in data.tasks}


def _per_pixel(data: TaskData) -> Answers:
    return {task.name: _ANSWERS[task.name] for task in data.tasks}


def _qm9_answers(data: TaskData) -> Answers:
    from sharewise.data import QM9_UNITS

    return {task.name: f"a number, {QM9_UNITS[task.name]}" for task in data.tasks}


def _attributes_backbone(settings: Mapping[str, Any]) -> str:
    stem = "small" if settings["size"] < 48 else "imagenet"
    return f"resnet18:width=0.25,stem={stem}"


def _molecules_backbone(settings: Mapping[str, Any]) -> str:
    return "mlp:widths=128+128+128+128"


DISK_WORDS: Mapping[str, DataWord] = {
    "celeba": DataWord(
        "celeba",
        {**_IMAGES, "attributes": NAMES},
        what="CelebA: 202 599 faces with forty attributes, each a yes-or-no task; official split.",
        needs="A folder with list_attr_celeba.txt, list_eval_partition.txt and img_align_celeba/.",
        get="From its site, https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html (1.4 GB).",
        licence="For non-commercial research only; its site says more.",
        make=_make_celeba,
        answers=_yes_or_no,
        backbone=_attributes_backbone,
        folder="celeba",
    ),
    "taskonomy": DataWord(
        "taskonomy",
        _DENSE,
        what="Tiny-Taskonomy: rooms with five targets for each pixel: segmentation, normals, depth,"
        " keypoints, edges.",
        needs="A folder with taskonomy.json (train and test: lists of rgb, segment, normal, depth,"
        " keypoint, edge), the PNG files that it names, and semseg_prior_factor.npy.",
        get="The images from http://taskonomy.stanford.edu/, the lists from those who compare"
        " branching methods on it (AdaShare, for example).",
        licence="Taskonomy's: for non-commercial research only.",
        make=_make_taskonomy,
        answers=_per_pixel,
        backbone=dense_backbone,
        budget=lambda _: DENSE_BUDGET,
        folder="taskonomy",
    ),
    "nyuv2": DataWord(
        "nyuv2",
        _DENSE,
        what="NYUv2: indoor images with segmentation (40 classes), normals and depth.",
        needs="A folder with nyu_v2_3task.json (train and test: lists of img.png, seg.png,"
        " normal_mask.png, depth.npy) and the files that it names.",
        get="https://cs.nyu.edu/~fergus/datasets/nyu_depth_v2.html; in this layout from those who"
        " compare branching methods on it (AdaShare, for example).",
        licence="Its site gives none: ask its authors before other use than research.",
        make=_make_nyuv2,
        answers=_per_pixel,
        backbone=dense_backbone,
        budget=lambda _: DENSE_BUDGET,
        folder="nyuv2",
    ),
    "cityscapes": DataWord(
        "cityscapes",
        _DENSE,
        what="Cityscapes: streets with segmentation (19 classes) and depth.",
        needs="A folder with cityscape.json (train and test: lists of img, depth, label2, label7,"
        " label19) and the .npy files that it names.",
        get="https://www.cityscapes-dataset.com/ after registration; in this layout from those who"
        " compare branching methods on it (AdaShare, for example).",
        licence="Cityscapes': for non-commercial use, after registration.",
        make=_make_cityscapes,
        answers=_per_pixel,
        backbone=dense_backbone,
        budget=lambda _: DENSE_BUDGET,
        folder="cityscapes",
    ),
    "faces": DataWord(
        "faces",
        {"seed": WHOLE, "size": WHOLE, "samples": WHOLE, "attributes": NAMES},
        what="Cartoon faces with forty attributes, each a yes-or-no task, in CelebA's form; labels"
        " are exact.",
        needs="The packages of the extra samples.",
        get="pip install 'sharewise[samples]'. The first use draws the faces into a cache folder"
        " (SHAREWISE_CACHE, or the user's), about 9 ms each.",
        licence="Avataaars by Pablo Stanley (free for any use); python-avatars and resvg-py (MIT).",
        make=_make_faces,
        answers=_yes_or_no,
        backbone=_attributes_backbone,
    ),
    "qm9": DataWord(
        "qm9",
        {"samples": WHOLE, "targets": NAMES, "folder": PATH},
        what="QM9: twelve properties of 130 831 small molecules, each a number to be told from its"
        " composition and Coulomb matrix. samples=20000 of them by default.",
        needs="The package of the extra molecules, or a folder with its three CSV files.",
        get="pip install 'sharewise[molecules]' (104 MB). The first use computes the inputs into a"
        " cache folder (SHAREWISE_CACHE, or the user's) in under a minute.",
        licence="QM9: CC0; the package qm9pack: MIT.",
        make=_make_qm9,
        answers=_qm9_answers,
        backbone=_molecules_backbone,
        divided=lambda settings: f"{_molecules_backbone(settings)},hidden=128",
        # Of an MLP of equal stages 1.5x pays for a second last stage alone.
        budget=lambda _: "macs=2x",
    ),
}
