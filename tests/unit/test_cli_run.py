"""train, compare, report and export: commands that work in the folder of a search."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from _commands import WIDTHS, call, found, make_run, refused
from safetensors import safe_open

from sharewise.architecture import Architecture
from sharewise.backbones import mlp
from sharewise.data import planted
from sharewise.networks import build
from sharewise.training import TrainSettings, load_weights, train

CAPSYS = pytest.CaptureFixture[str]
QUICK = ("--epochs", "2", "--batch-size", "32")


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


# --- train ---


def test_train_does_what_the_python_function_does(capsys: CAPSYS, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    told = call(capsys, "train", run, *QUICK, "--json")
    data = planted((2, 2), samples=64, outputs=4)
    network = build(found(), mlp(32, WIDTHS), data.tasks)
    scores = train(network, data, settings=TrainSettings(epochs=2, batch_size=32))
    assert told.json["scores"] == scores
    assert json.loads((run / "scores.json").read_text())["scores"] == scores
    again = build(found(), mlp(32, WIDTHS), data.tasks, seed=1)
    load_weights(again, run / "network.safetensors")
    inputs = torch.randn(3, 32)
    for task, output in network.eval()(inputs).items():
        assert torch.equal(again.eval()(inputs)[task], output)


def test_a_finished_training_is_shown_again_and_begun_again_on_request(
    capsys: CAPSYS, tmp_path: Path
) -> None:
    run = make_run(tmp_path / "run")
    first = call(capsys, "train", run, *QUICK).out
    before = (run / "network.safetensors").read_bytes()
    assert "mse" in first
    assert f"sharewise export {run}" in first
    assert call(capsys, "train", run, *QUICK).out == first
    sentence = refused(capsys, "train", run, "--epochs", "3", "--batch-size", "32")
    assert "settings.epochs is 2 there and 3 here" in sentence
    assert sentence.endswith(f"Or start afresh: sharewise train {run} --fresh")
    assert (run / "network.safetensors").read_bytes() == before
    assert call(capsys, "train", run, *QUICK, "--seed", "1", "--fresh").code == 0
    assert (run / "network.safetensors").read_bytes() != before


def test_a_loss_that_is_not_finite_says_where_and_stays_resumable(
    capsys: CAPSYS, tmp_path: Path
) -> None:
    run = make_run(tmp_path / "run")
    sentence = refused(capsys, "train", run, *QUICK, "--lr", "1e30")
    assert sentence.startswith("The loss of every task is a finite number. Found ")
    assert "task 't" in sentence
    assert "epoch 1" in sentence
    assert not (run / "network.safetensors").exists()
    assert call(capsys, "train", run, *QUICK, "--lr", "1e30").code == 2  # the same, again
    assert call(capsys, "train", run, *QUICK, "--fresh").code == 0


def test_train_without_a_run(capsys: CAPSYS, tmp_path: Path) -> None:
    for command in ("train", "compare", "report"):
        sentence = refused(capsys, command, tmp_path / "none")
        assert sentence.startswith("A run is a folder with a settings.json. Found none in")
    assert not list(tmp_path.iterdir())


def test_train_before_the_search_has_ended(capsys: CAPSYS, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    (run / "architecture.json").unlink()
    assert refused(capsys, "train", run) == (
        f"A search that has ended leaves an architecture.json. Found none in {run}. "
        "Go on with the search: the same command with --resume."
    )


def test_data_that_came_out_otherwise(capsys: CAPSYS, tmp_path: Path) -> None:
    data = planted((2, 2), samples=64, outputs=4)
    changed = {"name": "planted", "fingerprint": "0123", "settings": dict(data.settings)}
    run = make_run(tmp_path / "run", data=changed)
    before = files(run)
    for command in ("train", "compare"):
        sentence = refused(capsys, command, run)
        assert sentence.startswith("A run goes on with the data that it was searched with.")
        assert (
            f"fingerprint 0123 in {run / 'settings.json'} and {data.fingerprint} here" in sentence
        )
    assert files(run) == before


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        (
            {"data": {"name": "mine", "fingerprint": "", "settings": {"name": "mine"}}},
            "only the data of its own words: glyphs, planted, decathlon-mini, decathlon",
        ),
        ({"backbone": {}}, "only the backbones of its own words: convnet, mlp"),
    ],
)
def test_what_the_command_line_cannot_make_again(
    capsys: CAPSYS, tmp_path: Path, changes: dict[str, Any], part: str
) -> None:
    run = make_run(tmp_path / "run", **changes)
    for command in (("train",), ("compare",), ("export", "--to", "pt2")):
        sentence = refused(capsys, *command, run)
        assert part in sentence
        assert "Use the Python functions (sw.train, sw.compare)" in sentence


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("{", "An architecture is JSON in format 1"),
        ('{"format": 9, "roots": []}', "format 9"),
        (
            Architecture.shared(["a", "b"], 3).to_json(),
            "Found architecture of ['a', 'b'] and tasks ['t0', 't1', 't2', 't3'].",
        ),
        (Architecture.shared(["t0", "t1", "t2", "t3"], 2).to_json(), "Found 2 stages"),
    ],
)
def test_an_architecture_that_does_not_belong_to_the_run(
    capsys: CAPSYS, tmp_path: Path, text: str, part: str
) -> None:
    run = make_run(tmp_path / "run")
    (run / "architecture.json").write_text(text)
    before = files(run)
    assert part in refused(capsys, "train", run)
    assert files(run) == before


@pytest.mark.parametrize("settings", ["", "{", "[]", '{"data": 1}', "{}"])
def test_settings_that_cannot_be_read(capsys: CAPSYS, tmp_path: Path, settings: str) -> None:
    run = make_run(tmp_path / "run")
    (run / "settings.json").write_text(settings)
    assert "settings.json" in refused(capsys, "train", run)


def test_a_full_disk_while_training(
    capsys: CAPSYS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    run = make_run(tmp_path / "run")
    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        sentence = refused(capsys, "train", run, *QUICK)
    assert "Found No space left on device at" in sentence
    assert sentence.endswith("Free some space, or give another folder.")
    assert not (run / "network.safetensors").exists()
    assert not [name for name in files(run) if name.endswith(".tmp")]
    assert call(capsys, "train", run, *QUICK).code == 0


def test_a_file_where_the_training_belongs(capsys: CAPSYS, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    (run / "training").write_text("in the way")
    sentence = refused(capsys, "train", run, *QUICK)
    assert "Found File exists at" in sentence or "Found Not a directory at" in sentence


# --- export ---


def test_export_needs_a_trained_network(capsys: CAPSYS, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    assert refused(capsys, "export", run, "--to", "pt2") == (
        "A network is trained before it is exported. "
        f"Found no network.safetensors in {run}. Run: sharewise train {run}"
    )


def test_export_to_another_format(capsys: CAPSYS, tmp_path: Path) -> None:
    assert refused(capsys, "export", tmp_path, "--to", "pickle") == (
        "A network is exported to one of onnx, pt2, safetensors. Found 'pickle'. "
        "Write --to onnx, for example."
    )


def test_export_writes_a_checked_file(capsys: CAPSYS, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    call(capsys, "train", run, *QUICK)
    told = call(capsys, "export", run, "--to", "safetensors", "--json")
    path = run / "export.safetensors"
    assert told.json["path"] == str(path)
    assert told.json["bytes"] == path.stat().st_size
    assert told.json["difference"] == 0.0
    with safe_open(path, framework="pt") as file:
        assert Architecture.from_json(file.metadata()["architecture"]) == found()
    out = tmp_path / "network.pt2"
    text = call(capsys, "export", run, "--to", "pt2", "--out", out).out
    assert text.startswith(f"{out}: ")
    assert out.exists()
    (run / "network.safetensors").write_bytes(b"torn")
    sentence = refused(capsys, "export", run, "--to", "safetensors")
    assert sentence.startswith("Weights are read from a complete safetensors file.")


def test_export_has_the_formats_of_the_function() -> None:
    from sharewise.cli._export import FORMATS
    from sharewise.networks import _export

    assert FORMATS == _export.FORMATS


# --- compare and report ---


def test_compare_and_report(capsys: CAPSYS, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    told = call(capsys, "compare", run, "--seeds", "2", "--workers", "1", *QUICK, "--json")
    assert [row["name"] for row in told.json["rows"]] == [
        "found",
        "shared",
        "independent",
        "random",
    ]
    assert json.loads((run / "comparison.json").read_text())["rows"]
    text = call(capsys, "compare", run, "--seeds", "2", "--workers", "1", *QUICK).out
    assert "independent" in text
    assert "gain" in text
    sentence = refused(capsys, "compare", run, "--seeds", "2", "--epochs", "1")
    assert sentence.endswith(f"Or start afresh: sharewise compare {run} --fresh")
    assert (
        call(
            capsys, "compare", run, "--seeds", "1", "--epochs", "1", "--workers", "1", "--fresh"
        ).code
        == 0
    )
    told = call(capsys, "report", run, "--json")
    assert told.json == {"run": str(run), "report": str(run / "report.html")}
    assert call(capsys, "report", run).out == f"{run / 'report.html'}\n"
