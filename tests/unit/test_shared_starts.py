"""Comparisons whose networks start from one that shares everything, of the same seed."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import pytest
from _commands import call, make_run, refused

import sharewise as sw
from sharewise.architecture import Architecture
from sharewise.baselines import CompareSettings, Comparison, compare
from sharewise.cli._quick import COMPARE
from sharewise.errors import InputError, RunError
from sharewise.evaluators import Initial
from sharewise.networks import inherit

CAPSYS = pytest.CaptureFixture[str]
SHARED = sw.TrainSettings(epochs=2, batch_size=32, lr=1e-2)
TRAIN = sw.TrainSettings(epochs=1, batch_size=16, lr=5e-3)
SETTINGS = CompareSettings(seeds=(0, 3), train=TRAIN, shared=SHARED)
SEARCH = {"finalists": 2, "training": SHARED.to_dict(), "tuning": TRAIN.to_dict()}


def small_data() -> Any:
    return sw.data.planted((2, 2), samples=160, outputs=4, inputs=6)


def run_compare(run: Path | None = None, **changes: Any) -> Comparison:
    data = small_data()
    settings = changes.pop("settings", SETTINGS)
    budget = sw.Budget(params=2)
    return compare(
        data.truth,
        sw.backbones.mlp(6, (4,) * data.truth.num_stages),
        data,
        budget=budget,
        settings=settings,
        run=run,
        device="cpu",
        **changes,
    )


def rows_of(comparison: Comparison) -> list[Any]:
    return [(row.name, row.architectures, row.val, row.test) for row in comparison.rows]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Comparison, list[dict[str, Any]]]:
    run, events = tmp_path_factory.mktemp("whole"), []
    return run, run_compare(run, progress=events.append), events


def test_every_network_goes_on_from_the_shared_one_of_its_seed(
    done: tuple[Path, Comparison, Any],
) -> None:
    data, (_, comparison, _) = small_data(), done
    assert comparison.shared == SHARED
    for row in comparison.rows:
        tree = row.architectures[0]
        backbone = sw.backbones.mlp(6, (4,) * tree.num_stages)
        together = Architecture.shared(tree.tasks, tree.num_stages)
        seed = comparison.seeds[0]
        start = sw.build(together, backbone, data.tasks, seed=seed)
        sw.train(start, data, settings=SHARED, seed=seed, device="cpu")
        network = sw.build(tree, backbone, data.tasks, seed=seed)
        inherit(network, start)
        assert row.val[seed] == sw.train(network, data, settings=TRAIN, seed=seed, device="cpu")


def test_a_comparison_says_in_its_file_where_networks_started(
    done: tuple[Path, Comparison, Any],
) -> None:
    comparison = done[1]
    assert Comparison.from_dict(comparison.to_dict()) == comparison
    old = {name: value for name, value in comparison.to_dict().items() if name != "shared"}
    assert Comparison.from_dict(old).shared is None
    assert CompareSettings.from_dict(SETTINGS.to_dict()) == SETTINGS
    assert CompareSettings.from_dict(CompareSettings().to_dict()).shared is None


def test_starts_count_as_trainings(done: tuple[Path, Comparison, list[dict[str, Any]]]) -> None:
    events = done[2]
    starts = [event for event in events if event["job"] == "the start of all"]
    assert {event["seed"] for event in starts} == {0, 3}
    assert {event["epochs"] for event in starts} == {SHARED.epochs}
    assert {event["epochs"] for event in events if event not in starts} == {TRAIN.epochs}
    assert [event["done"] for event in events] == sorted(event["done"] for event in events)
    assert events[-1]["done"] == events[-1]["jobs"]
    assert events[: len(starts)] == starts


@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_finished_is_kept_and_the_rest_comes_out_the_same(
    done: tuple[Path, Comparison, Any], tmp_path: Path, workers: int
) -> None:
    whole, comparison, _ = done
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    tree = comparison.row("independent").architectures[0]
    shutil.rmtree(run / "comparison" / f"{tree.digest}-seed0")
    shutil.rmtree(run / "comparison" / "shared-seed0")
    events: list[dict[str, Any]] = []
    settings = dataclasses.replace(SETTINGS, workers=workers)
    again = run_compare(run, settings=settings, progress=events.append)
    assert rows_of(again) == rows_of(comparison)
    trained = [(event["job"], event["seed"]) for event in events if event["done"] < event["jobs"]]
    assert {name for name, seed in trained[-(SHARED.epochs + TRAIN.epochs) :]} == {
        "the start of all",
        "independent",
    }


def test_no_start_is_trained_where_nothing_is_left_to_do(
    done: tuple[Path, Comparison, Any], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(done[0], run)
    for seed in SETTINGS.seeds:
        shutil.rmtree(run / "comparison" / f"shared-seed{seed}")
    assert rows_of(run_compare(run)) == rows_of(done[1])
    assert not list((run / "comparison").glob("shared-*"))


def test_workers_change_no_score(done: tuple[Path, Comparison, Any]) -> None:
    settings = dataclasses.replace(SETTINGS, workers=2)
    assert rows_of(run_compare(settings=settings)) == rows_of(done[1])


def test_another_start_is_another_comparison(
    done: tuple[Path, Comparison, Any], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(done[0], run)
    settings = dataclasses.replace(SETTINGS, shared=None)
    with pytest.raises(RunError, match="shared"):
        run_compare(run, settings=settings)


def test_networks_start_from_one_kind_of_network() -> None:
    data = small_data()
    backbone = sw.backbones.mlp(6, (4,) * data.truth.num_stages)
    network = sw.build(data.truth, backbone, data.tasks)
    with pytest.raises(InputError, match="start from one kind of network"):
        run_compare(initial=Initial(network))


# --- the command line


def test_compare_and_train_do_as_the_finalists_of_the_search(
    capsys: CAPSYS, tmp_path: Path
) -> None:
    run = make_run(tmp_path / "run", search=SEARCH)
    words = ("--seeds", "1", "--workers", "1")
    told = call(capsys, "compare", run, *words, "--json").json
    assert told["shared"] == SHARED.to_dict()
    assert told["train"] == TRAIN.to_dict()
    caption = " ".join(call(capsys, "compare", run, *words).out.split())
    assert "For the first 2 of 3 epochs all of a seed are one shared network." in caption
    assert call(capsys, "report", run).code == 0
    page = (run / "report.html").read_text()
    assert "from a network that shares everything" in page
    assert "from scratch" not in page
    trained = call(capsys, "train", run, "--json").json
    rows = {row["name"]: row for row in told["rows"]}
    assert trained["scores"] == rows["found"]["val"]["0"]


def test_from_scratch_is_the_other_way(capsys: CAPSYS, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", search=SEARCH)
    words = ("--seeds", "1", "--workers", "1", "--epochs", "1")
    told = call(capsys, "compare", run, *words, "--from-scratch", "--json").json
    assert told["shared"] is None
    assert call(capsys, "report", run).code == 0
    assert "from scratch" in (run / "report.html").read_text()
    trained = call(capsys, "train", run, "--epochs", "1", "--from-scratch", "--json").json
    rows = {row["name"]: row for row in told["rows"]}
    assert trained["scores"] == rows["found"]["val"]["0"]
    assert "--fresh" in refused(capsys, "compare", run, *words)


def test_a_quick_comparison_starts_from_a_quick_network(capsys: CAPSYS, tmp_path: Path) -> None:
    longer = {**SHARED.to_dict(), "epochs": 5}
    run = make_run(tmp_path / "run", search={**SEARCH, "training": longer})
    told = call(capsys, "compare", run, "--quick", "--workers", "1", "--json").json
    assert told["shared"]["epochs"] == told["train"]["epochs"] == COMPARE["epochs"]


def test_settings_without_the_trainings_of_finalists(capsys: CAPSYS, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", search={"finalists": 2})
    assert "training" in refused(capsys, "compare", run)
    other = make_run(tmp_path / "other", search=None)
    assert "None for search" in refused(capsys, "train", other)
