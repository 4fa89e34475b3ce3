"""NYUv2 on a small folder in the layout in use."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from _listed_folder import nyuv2_item, save, write_nyuv2

from sharewise.data import nyuv2
from sharewise.errors import DataError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_nyuv2(tmp_path)


def test_three_tasks_with_their_targets(folder: Path) -> None:
    data = nyuv2(folder, size=32)
    assert [(task.name, task.weight) for task in data.tasks] == [
        ("segmentation", 1),
        ("normals", 20),
        ("depth", 3),
    ]
    assert data.sizes() == {"train": 11, "val": 1, "test": 4}
    (batch,) = data.test(batch_size=9)
    for task in data.tasks:
        task.check(batch.targets[task.name])
    # The middle 32 of 40 columns.
    assert batch.targets["segmentation"][0, 0].tolist() == list(range(4, 36))
    depth = batch.targets["depth"][0, 0, 0]
    assert depth[0].isnan() and torch.allclose(depth[1:], torch.arange(5, 36) / 10)
    normals = batch.targets["normals"][0]
    assert normals[:, :2].isnan().all()
    assert torch.allclose(normals[0, 2:], torch.ones(30, 32), atol=1e-3)


def test_unlabelled_pixels_are_ignored(folder: Path) -> None:
    (batch,) = nyuv2(folder, size=32, flip=False).train(batch_size=99, seed=0, epoch=0)
    seen = set(batch.targets["segmentation"].unique().tolist())
    assert 255 in seen and max(seen - {255}) == 38


def test_a_list_of_validation_images_is_followed(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    items = [nyuv2_item(tmp_path, f"val_{i:02d}") for i in range(3)]
    data = nyuv2(write_nyuv2(tmp_path, val=items), size=16)
    assert data.sizes() == {"train": 12, "val": 3, "test": 4}
    settings = json.loads(json.dumps(data.settings))
    assert settings.pop("name") == "nyuv2"
    assert nyuv2(**settings).fingerprint == data.fingerprint


def refusal(folder: Path, file: str, array: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> str:
    data = nyuv2(folder, size=16)
    save(folder / "test_00" / file, array)
    with pytest.raises(DataError) as caught:
        list(data.test(batch_size=2))
    return str(caught.value)


def test_a_label_out_of_range_is_named(folder: Path) -> None:
    labels = np.zeros((32, 40), np.uint8)
    labels[0, :3] = 40
    assert refusal(folder, "seg.png", labels) == (
        "The labels of pixels lie in 0..39, or are 255 where missing. Found 40 and 2 more pixels in"
        f" {folder}/test_00/seg.png. Correct the file, or give more classes."
    )


def test_an_array_of_another_form_is_named(folder: Path) -> None:
    assert refusal(folder, "depth.npy", np.zeros(9)) == (
        "An array of a data set is [height, width] or [height, width, channels]. Found [9] in "
        f"{folder}/test_00/depth.npy. Copy the file again."
    )


def test_a_torn_array_is_named(folder: Path) -> None:
    data = nyuv2(folder, size=16)
    path = folder / "test_00" / "depth.npy"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match=r"The arrays of a data set can be read\.") as caught:
        list(data.test(batch_size=2))
    assert str(path) in str(caught.value)


def test_an_image_where_an_array_should_be_is_named(folder: Path) -> None:
    path = folder / "nyu_v2_3task.json"
    path.write_text(path.read_text().replace("test_00/depth.npy", "test_00/seg.png"))
    with pytest.raises(DataError, match=r"This image has the form of an \.npy file\."):
        list(nyuv2(folder, size=16).test(batch_size=2))
