"""Random trees under a budget, compare(), its files, its table and its sentences."""

from __future__ import annotations

import copy
import dataclasses
import io
import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from _losses import loss_or_die
from rich.console import Console
from torch import Tensor, nn

from sharewise.architecture import Architecture
from sharewise.backbones import Backbone, mlp
from sharewise.baselines import (
    CompareSettings,
    Comparison,
    Row,
    compare,
    comparison_table,
    random_tree,
)
from sharewise.baselines._comparison import gains, mean_scores
from sharewise.baselines._random import draw_trees, seeded_rng
from sharewise.baselines._table import _large, _score_text
from sharewise.costs import CostTable
from sharewise.data import TaskData, TensorData
from sharewise.errors import (
    BudgetError,
    DataError,
    FormatError,
    InputError,
    RunError,
    TrainingError,
)
from sharewise.evaluation import Budget, Cost
from sharewise.networks import build
from sharewise.scores import relative_gain
from sharewise.spaces import Branching
from sharewise.tasks import Metric, Task, classification, regression
from sharewise.training import TrainSettings, evaluate, load_weights

TASKS = (classification("kind", 3), regression("left"), regression("right"))
NAMES = [task.name for task in TASKS]
TREE = Architecture.from_levels([[NAMES], [["kind"], ["left", "right"]]])
SHARED = Architecture.shared(NAMES, 2)
BUDGET = Budget(params=1.8)
FAST = TrainSettings(epochs=2, batch_size=20, lr=0.01)
ONE = CompareSettings(seeds=(0,), random_trees=0, train=FAST)


def make_split(seed: int) -> tuple[Tensor, dict[str, Tensor]]:
    inputs = torch.randn(40, 6, generator=torch.Generator().manual_seed(seed))  # [samples, 6]
    targets = {"kind": inputs[:, :3].argmax(1), "left": inputs[:, 3:4], "right": inputs[:, 4:5]}
    return inputs, targets


def make_data(tasks: tuple[Task, ...] = TASKS) -> TensorData:
    return TensorData(tasks, train=make_split(0), val=make_split(1), test=make_split(2))


def unlabelled(split: str) -> TensorData:
    splits = {name: make_split(seed) for seed, name in enumerate(("train", "val", "test"))}
    splits[split][1]["kind"] = torch.full((40,), -1)
    return TensorData(TASKS, **splits)


def make_backbone() -> Backbone:
    return mlp(6, widths=(8, 8))


def with_loss(loss: Callable[[Tensor, Tensor], Tensor]) -> TensorData:
    return make_data((dataclasses.replace(TASKS[0], loss=loss), *TASKS[1:]))


@pytest.fixture(scope="module")
def table() -> CostTable:
    return CostTable.measure(make_backbone(), TASKS)


@dataclasses.dataclass(frozen=True)
class Done:
    comparison: Comparison
    run: Path
    events: list[dict[str, Any]]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    run = tmp_path_factory.mktemp("runs") / "mine"
    settings = CompareSettings(seeds=(0, 5), random_trees=2, train=FAST)
    events: list[dict[str, Any]] = []
    comparison = compare(
        TREE,
        make_backbone(),
        make_data(),
        budget=BUDGET,
        settings=settings,
        run=run,
        progress=events.append,
    )
    return Done(comparison, run, events)


def folder_of(run: Path, architecture: Architecture, seed: int) -> Path:
    return run / "comparison" / f"{architecture.digest}-seed{seed}"


# --- settings


def test_settings_come_back_from_json() -> None:
    settings = CompareSettings(seeds=[4, 2], random_trees=3, train=FAST, workers=2)  # type: ignore[arg-type]
    assert settings.seeds == (4, 2)
    assert CompareSettings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings
    assert CompareSettings.from_dict({}) == CompareSettings()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"seeds": ()}, r"seeds are different whole numbers, at least one\. Found seeds=\(\)"),
        ({"seeds": (1, 1)}, r"Found seeds=\(1, 1\)"),
        ({"seeds": 3}, "Found seeds=3"),
        ({"seeds": (True,)}, "Found seeds="),
        ({"workers": 0}, r"workers is a whole number of at least 1\. Found workers=0"),
        ({"random_trees": -1}, r"random_trees is a whole number of at least 0\. Found"),
        ({"repeats": 1}, r"random_trees, train, shared, workers\. Found 'repeats'\."),
    ],
)
def test_settings_refuse(words: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        CompareSettings.from_dict(words)


# --- random trees


def test_random_trees_are_in_the_budget_and_use_it(table: CostTable) -> None:
    space = Branching(NAMES, 2)
    shared = table.of(SHARED)
    rng = np.random.default_rng(0)
    trees = [random_tree(space, BUDGET, table=table, rng=rng) for _ in range(60)]
    assert all(tree in space and BUDGET.allows(table.of(tree), shared) for tree in trees)
    allowed = {tree for tree in space.enumerate() if BUDGET.allows(table.of(tree), shared)}
    assert 1 < len(allowed) < space.size()
    assert set(trees) == allowed


def test_a_wide_budget_leaves_the_uniform_draw_as_it_is(table: CostTable) -> None:
    space = Branching(NAMES, 2)
    for seed in range(5):
        drawn = random_tree(space, Budget(params=9), table=table, rng=np.random.default_rng(seed))
        assert drawn == space.sample(np.random.default_rng(seed))


def test_the_tightest_budget_gives_the_shared_network(table: CostTable) -> None:
    rng = np.random.default_rng(1)
    assert random_tree(Branching(NAMES, 2), Budget(params=1), table=table, rng=rng) == SHARED


def test_a_budget_below_the_shared_network_is_refused(table: CostTable) -> None:
    with pytest.raises(BudgetError, match="leaves room for the fully shared network"):
        random_tree(
            Branching(NAMES, 2), Budget(params=0.5), table=table, rng=np.random.default_rng(0)
        )


def test_each_seed_and_index_has_a_tree_of_its_own() -> None:
    space = Branching([f"t{i}" for i in range(8)], 4)
    trees = {space.sample(seeded_rng(seed, index)) for seed in range(3) for index in range(2)}
    assert len(trees) == 6


def test_drawn_trees_are_kept_for_a_budget_whose_times_vary(
    table: CostTable, tmp_path: Path
) -> None:
    path = tmp_path / "comparison" / "random.json"
    space, budget = Branching(NAMES, 2), Budget(latency_ms=5)
    quick = dataclasses.replace(table, stage_ms=(0.1, 0.1), head_ms=dict.fromkeys(NAMES, 0.1))
    slow = dataclasses.replace(table, stage_ms=(2.2, 2.2), head_ms=dict.fromkeys(NAMES, 0.1))
    wanted = {seed: 1 for seed in range(6)}
    first = draw_trees(space, budget, table=lambda: quick, wanted=wanted, path=path)
    assert draw_trees(space, budget, table=lambda: slow, wanted=wanted, path=path) == first
    assert draw_trees(space, budget, table=lambda: slow, wanted=wanted, path=None) != first
    # Another budget has trees of its own, and more seeds add to those that are there.
    more = draw_trees(space, Budget(params=1), table=lambda: table, wanted={0: 1}, path=path)
    assert more == {0: (SHARED,)}
    added = draw_trees(space, budget, table=lambda: quick, wanted={0: 2, 9: 1}, path=path)
    assert added[0][0] == first[0][0]
    assert draw_trees(space, budget, table=lambda: slow, wanted=wanted, path=path) == first


@pytest.mark.parametrize("content", ['{"format": 2}', "[]", '{"format": 1, "trees": [{}]}', "{"])
def test_a_broken_file_of_trees_is_refused(content: str, table: CostTable, tmp_path: Path) -> None:
    path = tmp_path / "random.json"
    path.write_text(content)
    with pytest.raises(FormatError, match=r"random\.json"):
        draw_trees(Branching(NAMES, 2), BUDGET, table=lambda: table, wanted={0: 1}, path=path)


# --- what a comparison says


def test_rows_hold_the_networks_and_their_costs(done: Done, table: CostTable) -> None:
    rows = done.comparison.rows
    assert [row.name for row in rows] == ["found", "shared", "independent", "random"]
    assert [row.architectures for row in rows[:3]] == [
        (TREE,),
        (SHARED,),
        (Architecture.independent(NAMES, 2),),
    ]
    assert len(rows[3].architectures) == 4  # two seeds, two trees each
    for row in rows:
        for tree, cost in zip(row.architectures, row.costs, strict=True):
            assert dataclasses.replace(cost, latency_ms=None) == table.of(tree)
            assert cost.latency_ms is not None
            assert cost.latency_ms > 0
        assert BUDGET.allows(row.costs[0], rows[1].costs[0]) or row.name == "independent"
    assert rows[3].params == np.mean([cost.params for cost in rows[3].costs])
    assert rows[0].macs == rows[0].costs[0].macs
    assert rows[0].latency_ms == rows[0].costs[0].latency_ms


def test_a_row_trains_the_network_that_train_trains(done: Done) -> None:
    network = build(TREE, make_backbone(), TASKS, seed=5)
    load_weights(network, folder_of(done.run, TREE, 5) / "network.safetensors")
    row = done.comparison.row("found")
    assert evaluate(network, make_data(), "test", batch_size=20, device="cpu") == row.test[5]
    assert evaluate(network, make_data(), "val", batch_size=20, device="cpu") == row.val[5]


def test_gains_are_those_of_the_same_seed(done: Done) -> None:
    found, shared, independent, _ = done.comparison.rows
    directions = {"accuracy": False, "mse": True}
    assert done.comparison.lower_is_better == directions
    for seed in (0, 5):
        gain = relative_gain(found.test[seed], shared.test[seed], directions)
        assert found.gain[seed] == gain
        own = relative_gain(found.test[seed], independent.test[seed], directions)
        assert found.gain_independent[seed] == own
    assert found.gain_mean == pytest.approx(np.mean(list(found.gain.values())))
    assert found.gain_spread == pytest.approx(np.std(list(found.gain.values()), ddof=1))
    assert shared.gain == {0: 0.0, 5: 0.0}
    assert independent.gain_independent_mean == independent.gain_independent_spread == 0


def test_random_scores_are_means_over_the_trees_of_a_seed(done: Done) -> None:
    row = done.comparison.row("random")
    trees = row.architectures[2:]  # of the second seed
    scores = [
        json.loads((folder_of(done.run, tree, 5) / "test.json").read_text())["scores"]
        for tree in trees
    ]
    assert row.test[5] == mean_scores(scores)
    both = np.mean([scores[0]["left"]["mse"], scores[1]["left"]["mse"]])
    assert row.test[5]["left"]["mse"] == pytest.approx(both)


def test_a_reference_without_shares_gives_no_gain() -> None:
    scores = {0: {"a": {"accuracy": 0.5}}, 1: {"a": {"accuracy": 0.5}}}
    reference = {0: {"a": {"accuracy": 0.0}}, 1: {"a": {"accuracy": 0.25}}}
    found = gains(scores, reference, {"accuracy": False})
    assert found == {0: None, 1: 100.0}
    assert gains(reference, reference, {"accuracy": False}) == {0: 0.0, 1: 0.0}
    odd = {0: {"a": {"accuracy": math.nan}}}
    assert gains(odd, {0: {"a": {"accuracy": 0.5}}}, {"accuracy": False}) == {0: None}
    row = Row("found", (TREE,), (Cost(1, 1),), scores, scores, found, found)
    assert (row.gain_mean, row.gain_spread, row.latency_ms) == (None, None, None)


def test_one_seed_has_no_spread_and_random_trees_may_be_left_out() -> None:
    comparison = compare(TREE, make_backbone(), make_data(), budget=BUDGET, settings=ONE)
    assert [row.name for row in comparison.rows] == ["found", "shared", "independent"]
    assert comparison.row("found").gain_spread is None
    assert "±" not in text_of(comparison)
    with pytest.raises(InputError, match=r"found, shared, independent\. Found 'random'"):
        comparison.row("random")


def test_equal_architectures_are_trained_once() -> None:
    events: list[dict[str, Any]] = []
    comparison = compare(
        SHARED, make_backbone(), make_data(), budget=BUDGET, settings=ONE, progress=events.append
    )
    assert {event["job"] for event in events} == {"found + shared", "independent"}
    assert events[-1]["jobs"] == 2
    assert comparison.row("found").test == comparison.row("shared").test
    assert comparison.row("found").gain == {0: 0.0}


def test_a_latency_budget_measures_the_stages() -> None:
    settings = dataclasses.replace(ONE, random_trees=1)
    budget = Budget(latency_ms=1e6)
    comparison = compare(TREE, make_backbone(), make_data(), budget=budget, settings=settings)
    drawn = Branching(NAMES, 2).sample(seeded_rng(0, 0))
    assert comparison.row("random").architectures == (drawn,)


# --- how it goes


def test_progress_counts_the_longest_jobs_first(done: Done) -> None:
    events = done.events
    assert set(events[0]) == {"done", "jobs", "job", "seed", "epoch", "epochs"}
    jobs = events[0]["jobs"]
    assert [event["done"] for event in events] == sorted(event["done"] for event in events)
    assert events[-1]["done"] == jobs
    assert len(events) == jobs * (FAST.epochs + 1)
    assert events[0]["job"].startswith("independent")
    assert "shared" in events[-1]["job"]


def test_every_job_has_one_torch_thread_and_the_caller_keeps_its_own() -> None:
    before = torch.get_num_threads()
    seen: set[int] = set()
    torch.set_num_threads(2)
    try:
        compare(
            TREE,
            make_backbone(),
            make_data(),
            budget=BUDGET,
            settings=ONE,
            progress=lambda event: seen.add(
                torch.get_num_threads() if event["done"] == 0 and event["epoch"] == 1 else 1
            ),
        )
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert seen == {1}


def test_what_is_finished_is_read_and_not_trained_again(done: Done) -> None:
    settings = CompareSettings(seeds=(5, 0), random_trees=2, train=FAST)
    weights = folder_of(done.run, TREE, 0) / "network.safetensors"
    stamp = weights.stat().st_mtime_ns
    events: list[dict[str, Any]] = []
    again = compare(
        TREE,
        make_backbone(),
        make_data(),
        budget=BUDGET,
        settings=settings,
        run=done.run,
        progress=events.append,
    )
    assert weights.stat().st_mtime_ns == stamp
    assert len(events) == events[0]["jobs"]
    assert again.row("found").test == done.comparison.row("found").test
    assert again.row("random").val == done.comparison.row("random").val


def test_the_folders_hold_what_a_reader_needs(done: Done) -> None:
    names = {path.name for path in folder_of(done.run, TREE, 0).iterdir()}
    wanted = {"settings.json", "journal.jsonl", "scores.json", "test.json", "network.safetensors"}
    assert names == wanted
    read = json.loads((done.run / "comparison.json").read_text())
    assert sorted(Comparison.from_dict(read).seeds) == [0, 5]
    assert not (folder_of(done.run, TREE, 0) / "checkpoint").exists()


def test_no_run_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    compare(TREE, make_backbone(), make_data(), budget=BUDGET, settings=ONE)
    assert list(tmp_path.iterdir()) == []


# --- what is refused


def test_other_settings_in_the_same_run_show_both_sides(done: Done) -> None:
    other = dataclasses.replace(ONE, train=dataclasses.replace(FAST, epochs=3))
    with pytest.raises(RunError, match=r"train\.epochs is 2 there and 3 here"):
        compare(TREE, make_backbone(), make_data(), budget=BUDGET, settings=other, run=done.run)
    wider = mlp(6, widths=(9, 9))
    with pytest.raises(RunError, match=r"backbone\.settings is"):
        compare(TREE, wider, make_data(), budget=BUDGET, settings=ONE, run=done.run)


def test_an_architecture_that_does_not_fit_is_refused_before_any_training() -> None:
    events: list[dict[str, Any]] = []
    for wrong in (Architecture.shared(NAMES, 3), Architecture.shared(["kind", "left"], 2)):
        with pytest.raises(InputError):
            compare(
                wrong,
                make_backbone(),
                make_data(),
                budget=BUDGET,
                settings=ONE,
                progress=events.append,
            )
    assert events == []


def test_a_metric_has_one_direction() -> None:
    upside_down = Metric(
        "accuracy", lower_is_better=True, per_sample=TASKS[1].metrics[0].per_sample
    )
    tasks = (TASKS[0], dataclasses.replace(TASKS[1], metrics=(upside_down,)), TASKS[2])
    with pytest.raises(InputError, match=r"one direction in all tasks\. Found 'accuracy'"):
        compare(TREE, make_backbone(), make_data(tasks), budget=BUDGET, settings=ONE)


def test_a_job_that_fails_leaves_the_finished_ones_whole(tmp_path: Path) -> None:
    calls = 0

    def breaks(output: Tensor, target: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        # The first job, 2 epochs of 2 steps and 2 validation batches, is fine.
        return TASKS[0].loss(output, target) * (math.nan if calls > 10 else 1)

    backbone = make_backbone()
    with pytest.raises(TrainingError, match="'kind'") as caught:
        compare(TREE, backbone, with_loss(breaks), budget=BUDGET, settings=ONE, run=tmp_path)
    assert caught.value.__notes__ == ["while training 'found' from seed 0"]
    first = folder_of(tmp_path, Architecture.independent(NAMES, 2), 0)
    assert (first / "test.json").exists()
    assert not (tmp_path / "comparison.json").exists()
    resumed = compare(TREE, backbone, make_data(), budget=BUDGET, settings=ONE, run=tmp_path)
    whole = compare(TREE, backbone, make_data(), budget=BUDGET, settings=ONE)
    assert [row.test for row in resumed.rows] == [row.test for row in whole.rows]


def test_a_broken_file_of_scores_says_what_to_do(tmp_path: Path) -> None:
    compare(TREE, make_backbone(), make_data(), budget=BUDGET, settings=ONE, run=tmp_path)
    path = folder_of(tmp_path, TREE, 0) / "test.json"
    path.write_text('{"scores": {"kind": 1}}')
    with pytest.raises(FormatError, match=r"Remove the folder .* to train this network again"):
        compare(TREE, make_backbone(), make_data(), budget=BUDGET, settings=ONE, run=tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(RunError, match="Permission denied"):
        compare(TREE, make_backbone(), make_data(), budget=BUDGET, settings=ONE, run=tmp_path)


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "comparison").write_text("")
    settings = dataclasses.replace(ONE, random_trees=1)
    for each in (ONE, settings):
        with pytest.raises(RunError):
            compare(TREE, make_backbone(), make_data(), budget=BUDGET, settings=each, run=tmp_path)


# --- workers


TWO = dataclasses.replace(ONE, workers=2)


def refused_by_workers(data: TaskData, backbone: Backbone | None = None) -> str:
    with pytest.raises(InputError, match="are sent to other processes") as caught:
        compare(TREE, backbone or make_backbone(), data, budget=BUDGET, settings=TWO)
    assert "workers=1" in caught.value.fix
    return caught.value.found


def test_what_cannot_be_sent_to_a_worker_is_named() -> None:
    assert "the loss of task 'kind'" in refused_by_workers(
        with_loss(lambda output, target: output.sum() * 0)
    )
    plain = make_backbone()
    second = dataclasses.replace(plain.stages[1], make=lambda: nn.Linear(8, 8))
    backbone = dataclasses.replace(plain, stages=(plain.stages[0], second))
    assert "stage 'layer2' of the backbone" in refused_by_workers(make_data(), backbone)
    data = make_data()
    data._prepare = lambda inputs: inputs
    assert "the data 'tensors'" in refused_by_workers(data)


def test_the_error_of_a_worker_comes_back_as_itself() -> None:
    with pytest.raises(DataError, match="no label for 'kind' in the split 'val'") as caught:
        compare(TREE, make_backbone(), unlabelled("val"), budget=BUDGET, settings=TWO)
    assert "while training" in caught.value.__notes__[0]
    assert "Traceback" in caught.value.__notes__[0]


def test_a_worker_that_dies_is_noticed() -> None:
    deadly = with_loss(loss_or_die)
    with pytest.raises(RunError, match=r"exit code 3 while training '.*' from seed 0"):
        compare(TREE, make_backbone(), deadly, budget=BUDGET, settings=TWO)


# --- files


def test_a_comparison_comes_back_from_json(done: Done) -> None:
    read = Comparison.from_dict(json.loads(json.dumps(done.comparison.to_dict())))
    assert read == done.comparison
    row = done.comparison.to_dict()["rows"][0]
    assert row["gain_mean"] == done.comparison.rows[0].gain_mean
    assert list(row["test"]) == ["0", "5"]


def replaced(value: dict[str, Any], path: tuple[str | int, ...], new: Any) -> dict[str, Any]:
    changed: Any = copy.deepcopy(value)
    inner = changed
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = new
    return changed  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("path", "new"),
    [
        (("format",), 2),
        (("kind",), "search"),
        (("seeds",), []),
        (("seeds",), [0, 1]),
        (("seeds",), None),
        (("budget",), {"weight": 1}),
        (("train",), {"epochs": 0}),
        (("rows",), []),
        (("rows", 0, "architectures"), []),
        (("rows", 0, "architectures", 0), {"format": 9}),
        (("rows", 0, "costs", 0), {"params": 1}),
        (("rows", 0, "test", "0"), {"kind": 1}),
        (("rows", 0, "test", "0"), {"kind": {"accuracy": "high"}}),
        (("rows", 0, "gain"), {}),
        (("lower_is_better",), []),
    ],
)
def test_a_broken_comparison_is_refused(
    done: Done, path: tuple[str | int, ...], new: object
) -> None:
    broken = replaced(done.comparison.to_dict(), path, new)
    with pytest.raises(FormatError, match="A comparison is a JSON object of format 1"):
        Comparison.from_dict(broken)


@pytest.mark.parametrize("value", [None, [], "text", {}, 3])
def test_what_is_no_comparison_is_refused(value: object) -> None:
    with pytest.raises(FormatError, match="Make it again with compare"):
        Comparison.from_dict(value)


# --- the table


def text_of(comparison: Comparison) -> str:
    console = Console(width=80, file=io.StringIO(), force_terminal=False)
    console.print(comparison_table(comparison))
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_the_table_fits_a_terminal(done: Done) -> None:
    text = text_of(done.comparison)
    lines = text.splitlines()
    assert lines[0].split() == ["network", "found", "shared", "independent", "random"]
    assert "kind accuracy ↑" in text
    assert "left mse ↓" in text
    accuracy = [scores["kind"]["accuracy"] for scores in done.comparison.rows[0].test.values()]
    assert f"{np.mean(accuracy):.3f} ±{np.std(accuracy, ddof=1):.3f}" in text
    assert f"{done.comparison.rows[0].gain_mean:+.1f} ±" in text
    assert "+0.0 ±0.0" in text
    assert "over 2 seeds" in text
    assert "…" not in text


def test_partitions_are_shown_beside_what_they_are_compared_with() -> None:
    uses = {"found": 0.4, "shared": 1.0, "independent": None, "divided": 0.25, "random": 0.375}

    def row(name: str, use: float | None) -> Row:
        of_seed = {0: 0.5, 1: 0.7}  # the means over tasks; beside them another metric, lower
        test = {
            seed: {
                "a": {"accuracy": mean - 0.1, "entropy": 9.0},
                "b": {"accuracy": mean + 0.1, "entropy": 9.0},
            }
            for seed, mean in of_seed.items()
        }
        none = dict.fromkeys(of_seed, 0.0)
        return Row(name, (TREE,), (Cost(10, 10, use=use),), test, test, none, none)

    rows = tuple(row(name, use) for name, use in uses.items())
    lower = {"accuracy": False, "entropy": True}
    lines = text_of(Comparison(rows, (0, 1), BUDGET, FAST, lower)).splitlines()
    assert lines[0].split() == ["network", "found", "shared", "divided", "random", "independent"]
    cells = [line.split() for line in lines]
    assert ["use", "0.400", "1.000", "0.250", "0.375", "–"] in cells
    (means,) = (line for line in lines if line.startswith("mean"))  # its name may be folded
    assert means.count("0.600 ±0.141") == 5
    assert "…" not in "".join(lines)


def test_no_mean_accuracy_where_a_task_has_another_metric_first(done: Done) -> None:
    assert "mean accuracy" not in text_of(done.comparison)
    assert not any(line.startswith("use") for line in text_of(done.comparison).splitlines())


def test_missing_numbers_are_dashes() -> None:
    scores = {0: {"a": {"mse": 0.0}}}
    row = Row("found", (TREE,), (Cost(999_950, 1),), scores, scores, {0: None}, {0: None})
    lower = {"mse": True}
    lines = text_of(Comparison((row,), (0,), BUDGET, FAST, lower)).splitlines()
    cells = [tuple(line.split()) for line in lines]
    assert {("gain", "(%)", "–"), ("latency", "(ms)", "–"), ("params", "1", "M")} <= set(cells)
    assert ("a", "mse", "↓", "0.000") in cells


def test_numbers_are_short() -> None:
    assert [_large(value) for value in (12, 2160, 999_600, 11_176_512, 1.8e9)] == [
        "12",
        "2.16 k",
        "1 M",
        "11.2 M",
        "1.8 G",
    ]
    assert _score_text(0.0012345, 0.0001) == "0.00123 ±0.0001"
    assert _score_text(12345.0, None) == "1.23e+04"


def test_errors_of_the_data_come_through() -> None:
    begun: list[dict[str, Any]] = []
    with pytest.raises(DataError, match="no label for 'kind' in the split 'test'"):
        compare(
            TREE,
            make_backbone(),
            unlabelled("test"),
            budget=BUDGET,
            settings=ONE,
            progress=begun.append,
        )
    assert not begun  # nothing was trained in vain
