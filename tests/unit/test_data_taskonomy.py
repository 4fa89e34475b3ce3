"""Tiny-Taskonomy on a small folder in the layout in use, and what all lists refuse."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from _listed_folder import number, save, taskonomy_item, write_taskonomy
from torch import Tensor

from sharewise.data import ItemData, taskonomy
from sharewise.errors import DataError, InputError

TASKS = ["segmentation", "normals", "depth", "keypoints", "edges"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_taskonomy(tmp_path_factory.mktemp("taskonomy"))


@pytest.fixture
def spoilt(tmp_path: Path) -> Path:
    return write_taskonomy(tmp_path)


def whole(data: ItemData, split: str = "test") -> tuple[Tensor, dict[str, Tensor]]:
    (batch,) = getattr(data, split)(batch_size=100)
    return batch.inputs, batch.targets


def test_five_tasks_with_the_weights_of_the_protocol(folder: Path) -> None:
    data = taskonomy(folder, size=32)
    assert [(task.name, task.weight) for task in data.tasks] == list(
        zip(TASKS, (1, 3, 2, 7, 7), strict=True)
    )
    assert data.sizes() == {"train": 11, "val": 1, "test": 4}
    inputs, targets = whole(data)
    assert inputs.shape == (4, 3, 32, 32) and data.input_shape == (3, 32, 32)
    for task in data.tasks:
        task.check(targets[task.name])


def test_targets_are_those_of_the_protocol(folder: Path) -> None:
    _, targets = whole(taskonomy(folder, size=32))
    columns = torch.arange(32.0)
    assert targets["segmentation"][0, 5].tolist() == [max(i % 18, 1) - 1 for i in range(32)]
    depth = targets["depth"][0, 0, 5]
    assert depth[3].isnan() and int(depth.isnan().sum()) == 1
    wanted = torch.log(1 + columns * 100) / math.log(65536)
    assert torch.allclose(depth[4:], wanted[4:])
    points = (columns * 20 / 65536).clamp(max=0.005) / 0.005 * 2 - 1
    assert torch.allclose(targets["keypoints"][0, 0, 5], points, atol=1e-6)
    edges = (columns * 400 / 65536).clamp(max=0.08) / 0.08 * 2 - 1
    assert torch.allclose(targets["edges"][0, 0, 5], edges, atol=1e-6)
    assert points.max() == 1 and edges.max() == 1  # both are cut off somewhere
    normals = targets["normals"][0]
    assert normals[:, 0].isnan().all() and not normals[:, 1:].isnan().any()
    assert torch.allclose(normals[:, 1:].norm(dim=0), torch.ones(31, 32))
    assert normals[0, 5, 2] < -0.5 or normals[0, 5, 2] > 0.5


def test_training_cuts_and_mirrors_targets_with_their_images(folder: Path) -> None:
    data = taskonomy(folder, size=24)
    (batch,) = data.train(batch_size=100, seed=0, epoch=0)
    # Red rises by 8 from column to column: it tells where a square is from, and whether mirrored.
    red = batch.inputs[:, 0, 0] * 0.229 + 0.485
    columns = (red * 255 / 8).round().long()
    steps = columns[:, 1] - columns[:, 0]
    assert set(steps.tolist()) == {-1, 1}
    assert len({min(each) for each in columns.tolist()}) > 3
    labels = ((columns % 18).clamp(min=1) - 1).tolist()
    assert batch.targets["segmentation"][:, 0].tolist() == labels
    for x, mirror, normals in zip(columns, steps < 0, batch.targets["normals"], strict=True):
        leftmost = int((x < 16).nonzero()[0, 0])
        row = normals[0, 12]
        assert not row.isnan().any()
        sign = -1 if mirror else 1
        assert float(row[leftmost]) * sign == pytest.approx(0.577, abs=0.01)


def test_images_may_be_read_smaller(folder: Path) -> None:
    inputs, targets = whole(taskonomy(folder, size=16, shrink=2))
    assert inputs.shape == (4, 3, 16, 16)
    red = (inputs[0, 0, 3] * 0.229 + 0.485) * 255
    assert torch.allclose(red, torch.arange(16) * 16.0 + 4, atol=0.6)  # means of two columns
    assert targets["segmentation"][0, 3].tolist() == [
        max(i % 18, 1) - 1 for i in range(1, 32, 2)
    ]  # not a mean


def test_validation_images_follow_from_their_names_alone(spoilt: Path) -> None:
    (chosen,) = (item[0] for item in taskonomy(spoilt, size=16).items("val").items)
    path = spoilt / "taskonomy.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "train": content["train"][::-1]}))
    data = taskonomy(spoilt, size=16)
    assert [item[0] for item in data.items("val").items] == [chosen]
    assert chosen not in [item[0] for item in data.items("train").items]


def test_settings_make_the_data_again(folder: Path) -> None:
    data = taskonomy(folder, size=16, shrink=2, flip=False)
    settings = json.loads(json.dumps(data.settings))
    assert settings.pop("name") == "taskonomy"
    assert taskonomy(**settings).fingerprint == data.fingerprint
    assert taskonomy(**settings | {"flip": True}).fingerprint != data.fingerprint


def test_workers_change_no_bit(folder: Path) -> None:
    alone, helped = (
        list(taskonomy(folder, size=16, memory_mb=0, workers=workers).val(batch_size=2))
        for workers in (0, 2)
    )
    for one, other in zip(alone, helped, strict=True):
        assert torch.equal(one.inputs, other.inputs)
        assert all(torch.equal(one.targets[t].nan_to_num(9), other.targets[t].nan_to_num(9))
                   for t in TASKS[1:])  # fmt: skip


# --- refusals ---

Spoil = Callable[[Path], object]


def relist(edit: Callable[[Any], object]) -> Spoil:
    def spoil(folder: Path) -> None:
        path = folder / "taskonomy.json"
        content = json.loads(path.read_text())
        edit(content)
        path.write_text(json.dumps(content))

    return spoil


LIST = "{folder}/taskonomy.json"
AGAIN = "Copy the file again."


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (
            lambda folder: (folder / "taskonomy.json").unlink(),
            "These data have taskonomy.json in their folder. Found no " + LIST + ". Copy it there, "
            "or correct the path of the folder.",
        ),
        (
            relist(lambda content: content.pop("test")),
            "taskonomy.json holds lists of items for train and test. Found no list for test in "
            + LIST + ". " + AGAIN,
        ),
        (
            relist(lambda content: [content["train"][i].pop() for i in (2, 5)]),
            "An item of taskonomy.json is a list of 6 names of files. Found ['rgb/train_02_rgb.png'"
            ", 'segment_semantic/train_02_segment_semantic.png', 'normal/train_02_normal.png', "
            "'depth_zbuffer/train_02_depth_zbuffer.png', 'keypoints2d/train_02_keypoints2d.png'] as"
            " item 2 of train and 1 more in " + LIST + ". " + AGAIN,
        ),
        (
            relist(lambda content: content["test"].extend(content["train"])),
            "An image is in one split. Found rgb/train_0",
        ),
        (
            relist(
                lambda content: content["test"].append(
                    [f"./{content['train'][0][0]}", *content["train"][0][1:]]
                )
            ),
            "An image is in one split. Found ./rgb/train_0",
        ),
        (
            relist(lambda content: content["test"].clear()),
            "Every split of a data set has samples. Found an empty test split in 'taskonomy'. Give "
            "it some samples.",
        ),
        (
            lambda folder: [(folder / f"normal/train_0{i}_normal.png").unlink() for i in (1, 3)],
            "The files that taskonomy.json lists are there. Found no {folder}/normal/train_0",
        ),
        (
            lambda folder: np.save(folder / "semseg_prior_factor.npy", np.ones(16)),
            "semseg_prior_factor.npy holds 17 positive numbers, the weights of the classes. Found "
            "16 numbers in {folder}/semseg_prior_factor.npy. " + AGAIN,
        ),
        (
            lambda folder: (folder / "semseg_prior_factor.npy").write_bytes(b"no array"),
            "semseg_prior_factor.npy holds 17 positive numbers, the weights of the classes. Found "
            "{folder}/semseg_prior_factor.npy (",
        ),
    ],
)  # fmt: skip
def test_a_bad_list_is_named(spoil: Spoil, sentence: str, spoilt: Path) -> None:
    spoil(spoilt)
    with pytest.raises(DataError) as caught:
        taskonomy(spoilt, size=16)
    assert str(caught.value).startswith(sentence.format(folder=spoilt))
    if "train_0" in sentence and "Found no" in sentence:
        assert " and 1 more." in str(caught.value)


def test_a_torn_list_is_named(spoilt: Path) -> None:
    path = spoilt / "taskonomy.json"
    path.write_text(path.read_text()[:-9])
    with pytest.raises(DataError, match=r"taskonomy\.json is one JSON value") as caught:
        taskonomy(spoilt, size=16)
    assert str(path) in str(caught.value)


def replace(part: str, array: np.ndarray[Any, Any]) -> Spoil:
    return lambda folder: save(folder / part / f"test_01_{part}.png", array)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (
            lambda folder: [
                (folder / f"rgb/test_0{i}_rgb.png").write_bytes(b"\x89PNG no") for i in (1, 2)
            ],
            "The images of a data set can be read. Found {folder}/rgb/test_01_rgb.png (cannot "
            "identify image file '{folder}/rgb/test_01_rgb.png'), and 1 more in this batch. "
            "Download or copy the file again.",
        ),
        (
            lambda folder: taskonomy_item(folder, "test_01", 40),
            "All images of a data set have one size. Found {folder}/rgb/test_01_rgb.png of 40 x 40 "
            "pixels, and the first training image of 32 x 32. Resize or cut it.",
        ),
        (
            replace("edge_texture", np.zeros((16, 32), np.uint16)),
            "A target that is an image has the size of its input image. Found "
            "{folder}/edge_texture/test_01_edge_texture.png of 32 x 16 pixels for "
            "{folder}/rgb/test_01_rgb.png of 32 x 32. Resize or cut one of them.",
        ),
        (
            replace("depth_zbuffer", np.zeros((32, 32), np.uint8)),
            "This image has Pillow's mode I or I;16 or I;16B. Found "
            "{folder}/depth_zbuffer/test_01_depth_zbuffer.png of Pillow's mode L. Save it again in "
            "that form.",
        ),
        (
            replace("rgb", np.zeros((32, 32), np.uint16)),
            "This image has 8 bits a channel: grey, palette or colour. Found"
            " {folder}/rgb/test_01_rgb.png of Pillow's mode I;16. Save it again in that form.",
        ),
        (
            replace("segment_semantic", np.full((32, 32), 18, np.uint8)),
            "The raw labels of Taskonomy lie in 0..17. Found 18 in "
            "{folder}/segment_semantic/test_01_segment_semantic.png. Copy the file again.",
        ),
    ],
)
def test_a_bad_file_is_named_when_it_is_read(spoil: Spoil, sentence: str, spoilt: Path) -> None:
    data = taskonomy(spoilt, size=16)
    spoil(spoilt)
    with pytest.raises(DataError) as caught:
        whole(data)
    assert str(caught.value) == sentence.format(folder=spoilt)


def test_sizes_that_do_not_fit_are_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="Found size=8, shrink=0"):
        taskonomy(folder, size=8, shrink=0)
    with pytest.raises(DataError) as caught:
        taskonomy(folder, size=32, shrink=2)
    first = json.loads((folder / "taskonomy.json").read_text())["train"]
    assert str(caught.value).startswith("Squares of 32 pixels are cut out of the images. Found ")
    assert any(str(folder / item[0]) in str(caught.value) for item in first)
    assert "of 16 x 16 pixels once it is shrunk 2 times" in str(caught.value)


def test_which_image_is_which(folder: Path) -> None:
    inputs, _ = whole(taskonomy(folder, size=32))
    green = ((inputs[:, 1, 0, 0] * 0.224 + 0.456) * 255).round().long().tolist()
    assert green == [number(f"test_{i:02d}") for i in range(4)]
