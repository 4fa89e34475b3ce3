"""show, cost and data: what they print, and the sentences for bad files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from _commands import WIDTHS, call, found, make_run, refused
from _decathlon_folder import write_set

from sharewise.architecture import Architecture
from sharewise.backbones import mlp, resnet18
from sharewise.costs import cost
from sharewise.data import planted
from sharewise.evaluation import Cost

CAPSYS = pytest.CaptureFixture[str]
TREE = Architecture.from_levels([[["a", "b"]]] * 4 + [[["a"], ["b"]]])


def arch_file(folder: Path, tree: Architecture = TREE) -> Path:
    path = folder / "tree.json"
    path.write_text(tree.to_json())
    return path


# --- data ---


def test_data_lists_what_it_needs_how_to_get_it_and_its_licence(capsys: CAPSYS) -> None:
    listed = call(capsys, "data", "--json").json["data"]
    assert {"glyphs", "planted", "decathlon-mini", "decathlon", "table"} <= {
        each["name"] for each in listed
    }
    assert all(each["needs"] and each["get"] and each["licence"] for each in listed)
    text = call(capsys, "data").out
    assert "licence" in text
    assert "planted" in text
    assert "[samples" in text  # no markup
    assert "…" not in text


def test_data_shows_tasks_and_split_sizes(capsys: CAPSYS) -> None:
    shown = call(capsys, "data", "planted:groups=2+1,samples=50,outputs=3", "--json").json
    assert [task["name"] for task in shown["tasks"]] == ["t0", "t1", "t2"]
    assert shown["tasks"][0] == {
        "name": "t0",
        "answer": "3 numbers",
        "metrics": {"mse": "lower"},
    }
    assert shown["sizes"] == {"train": 50, "val": 1000, "test": 1000}
    assert shown["backbone"] == "mlp:widths=3+3+3"
    truth = planted((2, 1), samples=50, outputs=3).truth
    assert Architecture.from_dict(shown["truth"]) == truth
    assert truth.draw() in call(capsys, "data", "planted:groups=2+1,samples=50,outputs=3").out


def test_data_shows_the_classes_of_glyphs(capsys: CAPSYS) -> None:
    shown = call(capsys, "data", "glyphs:variants=1,size=16", "--json").json
    assert {task["name"]: len(task["answer"]) for task in shown["tasks"]}["character"] == 62
    text = call(capsys, "data", "glyphs:variants=1,size=16").out
    assert "upper, lower, digit" in text
    assert "62: A B C" in text


def test_data_shows_the_splits_of_each_task_with_samples_of_its_own(
    capsys: CAPSYS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHAREWISE_CACHE", str(tmp_path))
    word = "decathlon-mini:size=16,samples=36,domains=digits+monsters"
    shown = call(capsys, "data", word, "--json").json
    assert [task["name"] for task in shown["tasks"]] == ["digits", "monsters"]
    assert shown["tasks"][1]["answer"][-2:] == ["imp", "archvile"]
    assert shown["tasks"][1]["sizes"] == {"train": 36, "val": 12, "test": 12}
    assert shown["sizes"] == {"train": 72, "val": 24, "test": 24}
    text = call(capsys, "data", word).out
    assert "36 / 12 / 12" in text
    assert "18: hell-knight baron" in text
    assert "Freedoom (BSD)" in text


def test_data_shows_long_lists_of_classes_in_short(capsys: CAPSYS, tmp_path: Path) -> None:
    write_set(tmp_path, "omniglot", 8, size=(16, 16), kind="png", classes=101)
    shown = call(capsys, "data", f"decathlon:folder={tmp_path}", "--json").json
    assert len(shown["tasks"][0]["answer"]) == 101
    text = call(capsys, "data", f"decathlon:folder={tmp_path}").out
    assert "101: omniglot 0, omniglot 1, omniglot 2, omniglot 3, omniglot 4, ..." in text
    assert "27 / 3 / 8" in text


# --- cost ---


def test_cost_of_an_architecture_beside_the_shared_network(capsys: CAPSYS, tmp_path: Path) -> None:
    path = arch_file(tmp_path)
    words = ("cost", path, "--backbone", "resnet18:width=0.25", "--input-size", "32")
    shown = call(capsys, *words, "--json").json
    wanted = cost(TREE, resnet18(0.25, input_size=32))
    assert Cost.from_dict(shown["cost"]) == wanted
    shared = cost(Architecture.shared(["a", "b"], 5), resnet18(0.25, input_size=32))
    assert Cost.from_dict(shown["shared_cost"]) == shared
    assert shown["relative"]["params"] == wanted.params / shared.params
    assert shown["heads"] is False
    text = call(capsys, *words).out
    assert "all tasks" in text
    assert "a alone" in text
    assert "heads left out" in text


def test_cost_with_the_heads_of_data(capsys: CAPSYS, tmp_path: Path) -> None:
    tree = found()
    words = ("cost", arch_file(tmp_path, tree), "--data", "planted:groups=2+2,outputs=4,samples=9")
    shown = call(capsys, *words, "--backbone", "mlp:widths=6+6+6", "--json").json
    data = planted((2, 2), outputs=4, samples=9)
    assert Cost.from_dict(shown["cost"]) == cost(tree, mlp(32, WIDTHS), data.tasks)
    assert shown["heads"] is True
    assert call(capsys, *words).code == 0  # the data's own backbone


def test_cost_asks_for_a_backbone(capsys: CAPSYS, tmp_path: Path) -> None:
    assert refused(capsys, "cost", arch_file(tmp_path)) == (
        "A cost is counted for a backbone. Found neither --backbone nor --data. "
        "Add --backbone resnet18, for example."
    )


def test_cost_takes_one_input_size(capsys: CAPSYS, tmp_path: Path) -> None:
    sentence = refused(
        capsys, "cost", arch_file(tmp_path), "--data", "planted", "--input-size", "32"
    )
    assert sentence.startswith("The input size is the data's own, or given. Found --data and")


def test_cost_of_an_architecture_of_other_tasks(capsys: CAPSYS, tmp_path: Path) -> None:
    path = arch_file(tmp_path, Architecture.shared(["a", "b"], 3))
    sentence = refused(capsys, "cost", path, "--data", "planted:groups=2,samples=9")
    assert sentence == (
        "A cost with heads is counted for exactly the tasks of the architecture. Found "
        "architecture of ['a', 'b'] and heads of ['t0', 't1']. Give the tasks that the "
        "architecture names, or none to leave the heads out."
    )


def test_cost_of_an_architecture_of_another_backbone(capsys: CAPSYS, tmp_path: Path) -> None:
    sentence = refused(capsys, "cost", arch_file(tmp_path), "--backbone", "resnet26")
    assert "Found 5 stages in the architecture and 4 in backbone 'resnet26'." in sentence


def test_cost_of_an_unknown_backbone(capsys: CAPSYS, tmp_path: Path) -> None:
    sentence = refused(capsys, "cost", arch_file(tmp_path), "--backbone", "alexnet")
    assert sentence.startswith("A backbone is one of convnet, mlp,")


# --- architecture files ---


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (TREE.to_json()[:40], "Found text that stops being JSON at character"),
        ("", "Found text that stops being JSON at character 0 of 0"),
        ('{"format": 2, "roots": []}', "format 2"),
        ("[1]", "Found"),
        ("\x00\x01binary", "Found text that stops being JSON"),
    ],
)
@pytest.mark.parametrize("command", [("show",), ("cost", "--backbone", "resnet18")])
def test_a_file_that_is_no_architecture(
    capsys: CAPSYS, tmp_path: Path, command: tuple[str, ...], text: str, part: str
) -> None:
    path = tmp_path / "tree.json"
    path.write_text(text)
    sentence = refused(capsys, *command, path)
    assert sentence.startswith("An architecture is JSON in format 1, the only format")
    assert part in sentence
    assert str(path) in sentence


def test_a_missing_architecture_file(capsys: CAPSYS, tmp_path: Path) -> None:
    sentence = refused(capsys, "show", tmp_path / "tree.json")
    assert f"Found No such file or directory at {tmp_path / 'tree.json'}." in sentence


# --- show ---


def test_show_an_architecture(capsys: CAPSYS, tmp_path: Path) -> None:
    path = arch_file(tmp_path)
    assert call(capsys, "show", path).out == TREE.draw() + "\n"
    shown = call(capsys, "show", path, "--json").json
    assert Architecture.from_dict(shown["architecture"]) == TREE
    assert shown["num_branches"] == [1, 1, 1, 1, 2]
    assert shown["tasks"] == ["a", "b"]


def test_show_a_run_with_budget_costs_and_scores(capsys: CAPSYS, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    scores = {"t0": {"mse": 0.125}}
    (run / "scores.json").write_text(json.dumps({"format": 1, "split": "val", "scores": scores}))
    shown = call(capsys, "show", run, "--json").json
    assert shown["settings"]["budget"] == {"params": 2.0}
    assert shown["scores"] == scores
    data = planted((2, 2), samples=64, outputs=4)
    assert Cost.from_dict(shown["cost"]) == cost(found(), mlp(32, WIDTHS), data.tasks)
    text = call(capsys, "show", run).out
    assert found().draw() in text
    assert "Budget: params=2x. Seed: 0." in text
    assert "0.1250" in text


def test_show_a_run_of_the_users_own_data_without_costs(capsys: CAPSYS, tmp_path: Path) -> None:
    data = {"name": "mine", "fingerprint": "0", "settings": {"name": "mine"}}
    run = make_run(tmp_path / "run", data=data)
    text = call(capsys, "show", run).out
    assert found().draw() in text
    assert "Costs are left out: The command line makes again only the data" in text


def test_show_writes_a_picture(capsys: CAPSYS, tmp_path: Path) -> None:
    pytest.importorskip("sharewise.report")
    for what, out in ((arch_file(tmp_path), "a.svg"), (make_run(tmp_path / "run"), "b.svg")):
        told = call(capsys, "show", what, "--svg", tmp_path / out, "--json")
        assert told.json["svg"] == str(tmp_path / out)
        assert "<svg" in (tmp_path / out).read_text()


def test_a_picture_where_a_file_is_in_the_way(capsys: CAPSYS, tmp_path: Path) -> None:
    pytest.importorskip("sharewise.report")
    path = arch_file(tmp_path)
    sentence = refused(capsys, "show", path, "--svg", path / "tree.svg")
    assert "Found Not a directory at" in sentence


def test_show_a_folder_that_is_no_run(capsys: CAPSYS, tmp_path: Path) -> None:
    assert refused(capsys, "show", tmp_path) == (
        f"A run is a folder with a settings.json. Found none in {tmp_path}. "
        "Give the folder that a search was started with (--run)."
    )


@pytest.mark.parametrize("settings", [{"budget": 1}, {"data": {}}, {"backbone": None}])
def test_show_a_run_with_broken_settings(
    capsys: CAPSYS, tmp_path: Path, settings: dict[str, Any]
) -> None:
    run = make_run(tmp_path / "run", **settings)
    assert "The settings.json of a search holds data" in refused(capsys, "show", run)
