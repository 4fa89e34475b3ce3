"""Rooms and frames of a game on the command line: shown, made again, searched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from _commands import call, refused
from torch import Tensor

from sharewise.cli._backbone_words import read_backbone
from sharewise.cli._data_words import DATA, answers, data_from, default_backbone, read_data
from sharewise.cli._quick import QUICK_SEARCH
from sharewise.data import DOOM_CLASSES, SCENE_CLASSES, scenes
from sharewise.data import _doom as rendering
from sharewise.runs import read_json
from sharewise.training import TrainSettings

CAPSYS = pytest.CaptureFixture[str]
TASKS = ("segmentation", "normals", "depth", "keypoints", "edges")
SMALL = "scenes:size=16,samples=6,seed=2"


def test_scenes_are_shown_with_classes_units_and_metrics(capsys: CAPSYS) -> None:
    shown = call(capsys, "data", SMALL, "--json").json
    assert tuple(task["name"] for task in shown["tasks"]) == TASKS
    answer = {task["name"]: task["answer"] for task in shown["tasks"]}
    assert answer["segmentation"] == list(SCENE_CLASSES)
    assert "metres" in answer["depth"] and "unit vector" in answer["normals"]
    assert shown["tasks"][1]["metrics"]["median_angle"] == "lower"
    assert shown["sizes"] == {"train": 6, "val": 2, "test": 2}
    assert shown["fingerprint"] == scenes(2, size=16, samples=6).fingerprint
    text = call(capsys, "data", SMALL).out
    assert "7: floor ceiling wall box sphere cylinder cone" in text
    assert "Options: seed (a whole number), size (a whole number), samples" in text


def test_scenes_come_back_from_their_settings() -> None:
    made = read_data(SMALL)()
    assert data_from(made.settings).fingerprint == made.fingerprint


@pytest.mark.parametrize("divided", [False, True])
def test_the_default_backbone_is_cheap_and_ends_in_a_map_that_can_be_read(divided: bool) -> None:
    made = read_data(SMALL)()
    backbone = read_backbone(default_backbone(made, divided=divided), (3, 64, 64))
    x = torch.zeros(1, 3, 64, 64)
    for stage in backbone.stages:
        x = stage.make()(x)
    assert x.shape[-2:] == (8, 8)
    assert any(layout.hidden for layout in backbone.layouts())  # which tasks can divide


def test_a_quick_search_of_scenes_ends_with_a_network_that_is_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: CAPSYS
) -> None:
    monkeypatch.chdir(tmp_path)
    dilated = "resnet18:width=0.07,stem=imagenet,output_stride=8"
    words = ("search", SMALL, "--backbone", dilated, "--quick", "--epochs", "1", "--json")
    told = call(capsys, *words)
    assert told.code == 0, told.err
    trained = call(capsys, "train", told.json["run"], "--epochs", "1", "--json").json
    assert tuple(sorted(trained["scores"])) == tuple(sorted(TASKS))
    assert "miou" in trained["scores"]["segmentation"]


def test_searches_and_trainings_of_slow_data_are_shorter_unless_asked(
    tmp_path: Path, capsys: CAPSYS
) -> None:
    dilated = "resnet18:width=0.07,stem=imagenet,output_stride=8"
    run = tmp_path / "run"
    words = ("search", SMALL, "--backbone", dilated, "--run", run)
    assert call(capsys, *words, "--epochs", "1").code == 0
    settings = read_json(run / "settings.json")
    assert settings["budget"] == {"macs": 3}  # two of five tasks can part from the rest
    chosen = settings["search"]
    assert chosen["initialisations"] == DATA["scenes"].search["branching"]["initialisations"]
    assert chosen["epochs"] == 1
    told = call(capsys, "train", run, "--epochs", "1", "--json").json["settings"]
    assert told == {**chosen["tuning"], "epochs": 1}  # as the finalists were
    fresh = ("--fresh", "--from-scratch", "--epochs", "1", "--json")
    told = call(capsys, "train", run, *fresh).json["settings"]
    assert told == TrainSettings(**{**DATA["scenes"].training, "epochs": 1}).to_dict()


def test_a_quick_partitioning_search_of_slow_data_is_shorter_still(
    tmp_path: Path, capsys: CAPSYS
) -> None:
    words = ("search", SMALL, "--backbone", "resnet18:width=0.125", "--method", "partitioning")
    own = ("--evaluations", "1", "--workers", "1", "--set", "teachers.epochs=1,distil.steps=2")
    assert call(capsys, *words, *own, "--quick", "--run", tmp_path / "run").code == 0
    search = read_json(tmp_path / "run" / "settings.json")["search"]
    assert (search["evaluations"], search["teachers"]["epochs"]) == (1, 1)
    quick = DATA["scenes"].quick["partitioning"]["initial.epochs"]
    assert search["initial"]["epochs"] == quick < QUICK_SEARCH["partitioning"]["initial.epochs"]


def test_too_small_scenes_are_refused(capsys: CAPSYS) -> None:
    assert refused(capsys, "search", "scenes:size=8") == (
        "The size of scenes is 16 or more. Found size=8. Give a larger number."
    )


def frames(made: Mapping[str, Any]) -> Iterator[tuple[str, int, dict[str, Tensor]]]:
    """As many as asked for, of levels that no game has; their images are grey."""
    left, side = dict(made["counts"]), made["size"]
    for number in range(1000):
        split = rendering.level_split(f"MAP{number}")
        if left[split]:
            left[split] -= 1
            flat = torch.zeros(1, 1, side, side)
            yield (
                f"MAP{number}",
                number,
                {
                    "images": torch.full((1, 3, side, side), number % 256, dtype=torch.uint8),
                    "segmentation": torch.zeros(1, side, side, dtype=torch.uint8),
                    "normals": torch.tensor([0.0, 0.0, -1.0]).view(1, 3, 1, 1) + flat,
                    **{name: flat + 1 for name in ("depth", "keypoints", "edges")},
                },
            )


def test_doom_is_prepared_with_its_progress_shown_and_comes_back_from_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHAREWISE_CACHE", str(tmp_path))
    # What the game renders is tested in test_data_doom.py.
    monkeypatch.setattr(rendering, "_rendered", frames)
    steps: list[Mapping[str, Any]] = []
    made = read_data("doom:size=16,samples=30,seed=1")(steps.append)
    assert [step["sample"] for step in steps] == list(range(1, 51))
    assert {step["samples"] for step in steps} == {50}
    assert tuple(task.name for task in made.tasks) == TASKS
    assert answers(made)["segmentation"] == list(DOOM_CLASSES)
    assert "metres" in answers(made)["depth"]
    monkeypatch.setattr(rendering, "_rendered", lambda made: pytest.fail("rendered again"))
    assert data_from(made.settings).fingerprint == made.fingerprint


def test_doom_says_what_it_needs(capsys: CAPSYS) -> None:
    assert "sharewise[doom]" in DATA["doom"].get
    assert refused(capsys, "search", "doom:samples=3") == (
        "The samples of doom is 30 or more. Found samples=3. Give another number."
    )
