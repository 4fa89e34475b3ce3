"""Cityscapes on a small folder in the layout in use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from _listed_folder import write_cityscapes
from numpy.typing import NDArray

from sharewise.data import cityscapes
from sharewise.errors import DataError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_cityscapes(tmp_path)


def test_two_tasks_with_their_targets(folder: Path) -> None:
    data = cityscapes(folder, size=16)
    assert [(task.name, task.weight) for task in data.tasks] == [("segmentation", 1), ("depth", 20)]
    assert data.sizes() == {"train": 11, "val": 1, "test": 4}
    (batch,) = data.test(batch_size=9)
    for task in data.tasks:
        task.check(batch.targets[task.name])
    # The middle 16 of 32 columns; from 19 on there is no label.
    wanted = [i if i < 19 else 255 for i in range(8, 24)]
    assert batch.targets["segmentation"][0, 3].tolist() == wanted
    assert torch.allclose(batch.targets["depth"][0, 0, 3], torch.arange(8, 24) / 100)
    red = (batch.inputs[0, 0, 3] * 0.229 + 0.485) * 31
    assert torch.allclose(red, torch.arange(8.0, 24), atol=0.1)


def test_a_depth_of_zero_has_no_label(folder: Path) -> None:
    (batch,) = cityscapes(folder, size=16, flip=False).train(batch_size=99, seed=0, epoch=0)
    depth = batch.targets["depth"]
    assert depth.isnan().any() and (depth[~depth.isnan()] > 0).all()


def test_images_of_bytes_are_read_alike(folder: Path) -> None:
    before = next(cityscapes(folder, size=16).test(batch_size=9)).inputs
    for path in (folder / "image").iterdir():
        np.save(path, np.rint(np.load(path) * 255).astype(np.uint8))
    assert torch.equal(next(cityscapes(folder, size=16).test(batch_size=9)).inputs, before)


def test_settings_make_the_data_again(folder: Path) -> None:
    data = cityscapes(folder, size=16)
    settings = json.loads(json.dumps(data.settings))
    assert settings.pop("name") == "cityscapes"
    assert cityscapes(**settings).fingerprint == data.fingerprint


@pytest.mark.parametrize(
    ("file", "array", "sentence"),
    [
        (
            "label_19",
            np.full((16, 32), 19),
            "The labels of pixels lie in 0..18, or are 255 where missing. Found 19 and 511 more "
            "pixels in {path}. Correct the file, or give more classes.",
        ),
        (
            "label_19",
            np.full((16, 32), -2),
            "The labels of pixels lie in 0..18, or are 255 where missing. Found -2 and 511 more "
            "pixels in {path}. Correct the file, or give more classes.",
        ),
        (
            "label_19",
            np.full((16, 32), 2.5),
            "The labels of pixels are whole numbers: 0..18, and -1 or 255 where missing. Found 2.5 "
            "in {path}. Correct the file.",
        ),
        (
            "label_19",
            np.full((16, 32), np.nan),
            "The labels of pixels are whole numbers: 0..18, and -1 or 255 where missing. Found nan "
            "in {path}. Correct the file.",
        ),
        (
            "image",
            np.full((16, 32, 3), 255.0),
            "An image that is an array has bytes, or numbers in [0, 1]. Found 255.0 in {path}. "
            "Divide the numbers by their largest, or store them as uint8.",
        ),
        (
            "image",
            np.full((16, 32, 3), np.nan),
            "An image that is an array has bytes, or numbers in [0, 1]. Found nan in {path}. "
            "Divide the numbers by their largest, or store them as uint8.",
        ),
        (
            "depth",
            np.full((16, 32), "far"),
            "An array of a data set holds real numbers. Found <U3 in {path}. Copy the file again.",
        ),
        (
            "image",
            np.zeros((16, 32)),
            "An image that is an array has three channels: [height, width, 3]. Found [16, 32] in "
            "{path}. Copy the file again.",
        ),
        (
            "depth",
            np.zeros((16, 30)),
            "A target that is an image has the size of its input image. Found {path} of 30 x 16 "
            "pixels for {image} of 32 x 16. Resize or cut one of them.",
        ),
    ],
)
def test_a_bad_array_is_named(file: str, array: NDArray[Any], sentence: str, folder: Path) -> None:
    data = cityscapes(folder, size=16)
    path = folder / file / "test_02.npy"
    np.save(path, array)
    with pytest.raises(DataError) as caught:
        list(data.test(batch_size=4))
    image = folder / "image" / "test_02.npy"
    assert str(caught.value) == sentence.format(path=path, image=image)


def test_a_list_without_its_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Found no .*cityscape\.json"):
        cityscapes(tmp_path)
