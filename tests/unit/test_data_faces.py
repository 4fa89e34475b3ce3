"""Cartoon faces with forty exact attributes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from sharewise.data import FACE_ATTRIBUTES, TensorData, faces
from sharewise.data._mini_faces import _COLOURS, _PARTS, MOUTHS, words_of
from sharewise.errors import DataError, InputError


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def data(cache: Path) -> TensorData:
    return faces(size=16, samples=40, cache=cache)


def ids(cache: Path) -> dict[str, list[str]]:
    (facts,) = cache.rglob("faces-*.json")
    found: dict[str, list[str]] = json.loads(facts.read_text())["ids"]
    return found


def test_forty_attributes_of_parts_that_are_drawn() -> None:
    assert len(FACE_ATTRIBUTES) == 40
    drawn = {"mouth": {*MOUTHS}} | {part: {*each.split()} for part, (_, each) in _PARTS.items()}
    drawn |= {part: {*each.split()} for part, each in _COLOURS.items()}
    for name, (part, drawings) in FACE_ATTRIBUTES.items():
        assert drawings and drawings < drawn[part], name  # some of them, and never all


def test_labels_follow_from_what_is_drawn(data: TensorData, cache: Path) -> None:
    assert data.sizes() == {"train": 40, "val": 10, "test": 10}
    assert data.input_shape == (3, 16, 16)
    (batch,) = data.test(batch_size=20)
    for row, name in enumerate(ids(cache)["test"]):
        words = words_of(name)
        assert int(batch.targets["beard"][row]) == words["facial_hair"].startswith("BEARD")
        assert int(batch.targets["heart_eyes"][row]) == (words["eyes"] == "HEART")
        assert int(batch.targets["dark_skin"][row]) == (words["skin_color"] in ("AE5D29", "614335"))
        assert int(batch.targets["sunglasses"][row]) <= int(batch.targets["eyewear"][row])
    assert {int(v) for task in data.tasks for v in batch.targets[task.name]} == {0, 1}


def test_the_background_is_in_the_picture(data: TensorData) -> None:
    (batch,) = data.train(batch_size=60, seed=0, epoch=0)
    corner = batch.inputs[:, :, 0, 0] * 0.25 + 0.5
    blue = torch.tensor([[0x65, 0xC9, 0xFF], [0x51, 0x99, 0xE4]]) / 255
    near = torch.cdist(corner, blue).min(dim=1).values < 0.05
    assert torch.equal(near.long(), batch.targets["blue_background"])


def test_no_face_is_in_two_splits(data: TensorData, cache: Path) -> None:
    found = [name for each in ids(cache).values() for name in each]
    assert len(found) == len(set(found)) == 60


def test_settings_make_the_data_again_out_of_the_cache(
    data: TensorData, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sharewise.data._mini_faces._face", None)  # nothing is drawn again
    settings = json.loads(json.dumps(data.settings))
    assert settings.pop("name") == "faces"
    assert faces(**settings, cache=cache).fingerprint == data.fingerprint
    some = faces(size=16, samples=40, attributes=["beard"], cache=cache)
    assert [task.name for task in some.tasks] == ["beard"]
    assert some.fingerprint != data.fingerprint


def test_progress_is_told_for_each_face(tmp_path: Path) -> None:
    steps: list[Any] = []
    faces(1, size=16, samples=30, cache=tmp_path, progress=steps.append)
    assert [step["sample"] for step in steps] == list(range(1, 45))
    assert {step["samples"] for step in steps} == {44}


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"size": 8}, "The size of faces is 16 or more. Found size=8. Give a larger number."),
        ({"samples": 9}, "The samples of faces is 30 or more. Found samples=9. Give a larger "
         "number."),
        ({"attributes": ["old"]}, f"The attributes of faces are some of "
         f"{', '.join(FACE_ATTRIBUTES)}, each once. Found 'old'. Correct or leave out the name."),
    ],
)  # fmt: skip
def test_wrong_choices_are_refused(said: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        faces(cache=tmp_path, **said)
    assert str(caught.value) == sentence


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sharewise.data._mini.installed", lambda package: None)
    with pytest.raises(DataError) as caught:
        faces(size=16, samples=30, cache=tmp_path)
    assert str(caught.value) == (
        "Cartoon faces are drawn with python-avatars, resvg-py, pillow. Found no python-avatars in "
        "this Python. Run pip install 'sharewise[samples]'."
    )
