"""search and demo: the whole path, resumed runs, and the sentences for what cannot be searched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from _commands import call, refused

from sharewise.architecture import Architecture
from sharewise.cli import _demo
from sharewise.runs import Journal

CAPSYS = pytest.CaptureFixture[str]
DATA = "planted:groups=2+1,samples=64,outputs=4,inputs=8"
QUICK = ("--epochs", "2", "--initialisations", "2", "--batch-size", "32")


def search_words(run: Path, *more: str) -> tuple[str, ...]:
    return ("search", DATA, "--run", str(run), *QUICK, *more)


def test_search_prints_the_tree_and_leaves_a_run(capsys: CAPSYS, tmp_path: Path) -> None:
    run = tmp_path / "deep" / "run"
    told = call(capsys, *search_words(run, "--budget", "params=2x", "--json"))
    assert told.code == 0, told.err
    found = Architecture.from_json((run / "architecture.json").read_text())
    assert Architecture.from_dict(told.json["architecture"]) == found
    assert told.json["run"] == str(run)
    assert told.json["budget"] == {"params": 2.0}
    assert told.json["relative"]["params"] <= 2.0
    text = call(capsys, *search_words(run, "--budget", "params=2x", "--resume")).out
    assert found.draw() in text
    assert f"Next: sharewise compare {run}" in text
    assert call(capsys, "show", run, "--json").json["cost"] == told.json["cost"]


def test_an_interrupted_search_goes_on_to_the_same_journal(capsys: CAPSYS, tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert call(capsys, *search_words(whole)).code == 0
    assert call(capsys, *search_words(cut)).code == 0
    lines = (cut / "journal.jsonl").read_bytes()
    Journal.read(cut / "journal.jsonl").truncate(1)
    (cut / "architecture.json").unlink()
    for checkpoint in (cut / "checkpoint").iterdir():
        checkpoint.unlink()
    assert call(capsys, *search_words(cut, "--resume")).code == 0
    assert (cut / "journal.jsonl").read_bytes() == lines
    assert (whole / "journal.jsonl").read_bytes() == lines


def test_the_default_folder_is_named_by_data_and_seed(
    capsys: CAPSYS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told = call(capsys, "search", DATA, *QUICK, "--seed", "3", "--json")
    assert told.json["run"] == "runs/planted-3"
    assert (tmp_path / "runs" / "planted-3" / "architecture.json").is_file()


def test_more_settings_are_given_by_name(capsys: CAPSYS, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert call(capsys, *search_words(run, "--set", "nodes=2,gate_lr=0.05")).code == 0
    settings = json.loads((run / "settings.json").read_text())["search"]
    assert (settings["nodes"], settings["gate_lr"], settings["epochs"]) == (2, 0.05, 2)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ("shapes",),
            "A data set is one of glyphs, planted, decathlon-mini, decathlon, ",
        ),
        (("planted:groups=4-4",), "The option 'groups' of 'planted' is sizes joined by +"),
        (("planted:groups=0",), "Planted groups are sizes of 1 or more"),
        ((DATA, "--method", "luck"), "A search method is one of branching, partitioning. Found"),
        ((DATA, "--backbone", "alexnet"), "A backbone is one of convnet, mlp, resnet18, resnet26"),
        ((DATA, "--backbone", "resnet18"), "The backbone resnet18 reads images"),
        ((DATA, "--backbone", "mlp:widths=0"), "widths is a positive whole number."),
        ((DATA, "--budget", "size=2"), "A budget is written with the words params, macs,"),
        ((DATA, "--budget", "params=lots"), "A bound is a number;"),
        ((DATA, "--budget", "params=-1"), "A bound is a positive number"),
        ((DATA, "--budget", "use=0.5"), "A bound on use is for partitions"),
        ((DATA, "--budget", "params=0.5x"), "A budget leaves room for the fully shared network"),
        ((DATA, "--set", "luck=1"), "The options of --set are epochs, batch_size,"),
        ((DATA, "--set", "gates=open"), "Counts and rates of a search"),
        ((DATA, "--device", "abacus"), "A device is 'auto', 'cpu' or one that this machine has."),
    ],
)
def test_what_cannot_be_searched_leaves_no_run(
    capsys: CAPSYS, tmp_path: Path, words: tuple[str, ...], sentence: str
) -> None:
    told = refused(capsys, "search", *words, "--run", tmp_path / "run", "--json")
    assert told.startswith(sentence)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_belongs_to_another_search(capsys: CAPSYS, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert call(capsys, *search_words(run)).code == 0
    before = (run / "settings.json").read_bytes()
    sentence = refused(capsys, *search_words(run, "--seed", "1", "--resume"))
    assert "belongs to another search" in sentence
    assert "seed is 0 there and 1 here" in sentence
    sentence = refused(capsys, *search_words(run))
    assert sentence.startswith("A run is begun once.")
    assert "--resume" in sentence
    assert (run / "settings.json").read_bytes() == before


def test_a_file_where_the_run_belongs(capsys: CAPSYS, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    sentence = refused(capsys, *search_words(tmp_path / "file" / "run"))
    assert "Found Not a directory at" in sentence


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc, which nobody can write")
def test_a_place_that_cannot_be_written(capsys: CAPSYS) -> None:
    sentence = refused(capsys, *search_words(Path("/proc/sharewise/run")))
    assert "Found No such file or directory at /proc/sharewise" in sentence


# --- demo ---


@pytest.fixture
def small_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_demo, "DATA", DATA)
    monkeypatch.setattr(_demo, "BACKBONE", "mlp:widths=6+6+6")
    monkeypatch.setattr(_demo, "SEARCH", {"epochs": 2, "initialisations": 2})
    monkeypatch.setattr(_demo, "TRAIN", {"epochs": 1})
    monkeypatch.setattr(_demo, "SEEDS", (0, 1))
    monkeypatch.setattr(_demo, "WORKERS", 1)


@pytest.mark.usefixtures("small_demo")
def test_demo_ends_with_the_comparison_and_the_reports_path(capsys: CAPSYS, tmp_path: Path) -> None:
    run = tmp_path / "demo"
    told = call(capsys, "demo", "--run", run)
    assert told.code == 0, told.err
    report = run / "report.html"
    assert report.is_file()
    assert told.out.splitlines()[-1] == f"Report: {report}"
    found = Architecture.from_json((run / "architecture.json").read_text())
    assert found.draw() in told.out
    assert "independent" in told.out
    assert "--fresh" not in told.out

    again = call(capsys, "demo", "--run", run)
    assert "This demo had finished before" in again.out
    assert again.out.splitlines()[-1] == told.out.splitlines()[-1]
    shown = call(capsys, "demo", "--run", run, "--json").json
    assert shown["shown_again"] is True
    assert shown["report"] == str(report)
    assert shown["comparison"]["rows"][0]["name"] == "found"

    (run / "mine.txt").write_text("the user's own")
    fresh = call(capsys, "demo", "--run", run, "--fresh")
    assert fresh.code == 0
    assert "This demo had finished before" not in fresh.out
    assert (run / "mine.txt").exists()


@pytest.mark.usefixtures("small_demo")
def test_an_interrupted_demo_goes_on(
    capsys: CAPSYS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "demo"

    def stop(*words: object, **more: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("sharewise.baselines.compare", stop)
        told = call(capsys, "demo", "--run", run)
    assert told.code == 130
    assert "The same command goes on from what is on disk." in told.err
    journal = (run / "journal.jsonl").read_bytes()
    assert call(capsys, "demo", "--run", run).code == 0
    assert (run / "journal.jsonl").read_bytes() == journal


@pytest.mark.usefixtures("small_demo")
def test_a_demo_of_other_sizes_says_how_to_start_afresh(
    capsys: CAPSYS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "demo"
    assert call(capsys, "demo", "--run", run).code == 0
    (run / "report.html").unlink()
    monkeypatch.setattr(_demo, "SEED", 5)
    sentence = refused(capsys, "demo", "--run", run)
    assert sentence.endswith(f"Or start afresh: sharewise demo --run {run} --fresh")


def test_fresh_never_touches_a_folder_that_is_no_run(capsys: CAPSYS, tmp_path: Path) -> None:
    (tmp_path / "comparison").mkdir()
    (tmp_path / "comparison" / "mine.txt").write_text("the user's own")
    assert "A run is a folder with a settings.json." in refused(
        capsys, "demo", "--run", tmp_path, "--fresh"
    )
    assert (tmp_path / "comparison" / "mine.txt").exists()
