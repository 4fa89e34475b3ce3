"""sharewise compare with further rows: words, and the tree published for Taskonomy."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from _commands import call, found, make_run, refused

from sharewise.architecture import Architecture
from sharewise.cli._compare import known_trees, read_beside
from sharewise.errors import InputError
from sharewise.spaces import taskonomy_tree

CAPSYS = pytest.CaptureFixture[str]
FAST = ("--seeds", "1", "--epochs", "1", "--batch-size", "64", "--workers", "1")
TASKONOMY = ("segmentation", "normals", "depth", "keypoints", "edges")
STAGES = ("stem", "layer1", "layer2", "layer3", "layer4")


def write_tree(path: Path) -> Path:
    tasks = found().tasks
    pairs = [list(tasks[::2]), list(tasks[1::2])]
    path.write_text(Architecture.from_levels([[list(tasks)]] * 2 + [pairs]).to_json())
    return path


def test_further_rows_are_named_on_the_command_line(capsys: CAPSYS, tmp_path: Path) -> None:
    run, tree = make_run(tmp_path / "run"), write_tree(tmp_path / "tree.json")
    beside = ("--beside", f"mine={tree}", "--beside", f"same={run / 'architecture.json'}")
    told = call(capsys, "compare", run, *FAST, *beside, "--json")
    rows = {row["name"]: row for row in told.json["rows"]}
    assert list(rows) == ["found", "shared", "independent", "random", "mine", "same"]
    assert rows["same"]["test"] == rows["found"]["test"]
    assert "mine" in call(capsys, "compare", run, *FAST, *beside).out.splitlines()[0]
    assert call(capsys, "report", run).code == 0
    assert "mine" in (run / "report.html").read_text()
    sentence = refused(capsys, "compare", run, *FAST, "--beside", f"shared={tree}")
    assert "A further row of a comparison has a name of its own" in sentence
    assert "Found 'shared'." in sentence


@pytest.mark.parametrize("text", ["mine", "mine=", "=tree.json"])
def test_a_word_has_a_name_and_a_file(text: str) -> None:
    with pytest.raises(InputError, match=r"given as NAME=ARCH\.json") as caught:
        read_beside([text])
    assert caught.value.found == f"--beside {text}"


def test_a_name_is_given_once(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "a=b.json")
    assert list(read_beside([f"one={tree}", f"two={tree}"])) == ["one", "two"]
    with pytest.raises(InputError, match="after another of this name"):
        read_beside([f"one={tree}", f"one={tree}"])


def test_a_missing_file_is_named(capsys: CAPSYS, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    sentence = refused(capsys, "compare", run, "--beside", f"mine={tmp_path / 'none.json'}")
    assert "none.json" in sentence


def searched(tasks: tuple[str, ...], stages: tuple[str, ...]) -> Any:
    return SimpleNamespace(
        architecture=Architecture.shared(tasks, len(stages)),
        backbone=SimpleNamespace(stages=[SimpleNamespace(name=name) for name in stages]),
    )


def test_taskonomys_tasks_on_a_resnet_have_the_published_tree() -> None:
    assert known_trees(searched(TASKONOMY, STAGES)) == {"published": taskonomy_tree(TASKONOMY)}
    assert known_trees(searched(TASKONOMY, STAGES[:4])) == {}
    assert known_trees(searched(TASKONOMY[:3], STAGES)) == {}
