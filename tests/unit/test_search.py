"""Branching search, as a user sees it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import sharewise as sw
from sharewise.data import Batch, SeparateData, TensorData
from sharewise.errors import BudgetError, InputError, RunError, TrainingError
from sharewise.runs import Journal
from sharewise.search import Constant, Exponential, InverseRoot, Linear, PerEpoch

QUICK: dict[str, Any] = {"epochs": 3, "initialisations": 2, "batch_size": 32, "nodes": 3}
BACKBONE = sw.backbones.mlp(6, (4, 4))


def small_data(**changes: Any) -> Any:
    given = {"samples": 160, "outputs": 4, "inputs": 6} | changes
    return sw.data.planted((2, 2), **given)


def search(data: Any = None, **changes: Any) -> sw.SearchResult:
    given = {"budget": sw.Budget(params=2.0), "device": "cpu"} | changes
    settings = sw.SearchSettings(**QUICK | given.pop("settings", {}))
    return sw.search_branching(
        given.pop("backbone", BACKBONE), data or small_data(), settings=settings, **given
    )


@pytest.mark.parametrize("seed", [0, 1])
def test_with_default_settings_planted_groups_are_found_exactly(seed: int) -> None:
    data = sw.data.planted((4, 4), seed=seed)
    backbone = sw.backbones.mlp(32)
    shared = sw.cost(sw.Architecture.shared(data.truth.tasks, 3), backbone, data.tasks)
    truth = sw.cost(data.truth, backbone, data.tasks)
    budget = sw.Budget(params=truth.params / shared.params)
    result = sw.search_branching(backbone, data, budget=budget, seed=seed)
    assert result.architecture == data.truth


def test_the_result_keeps_its_budget_and_can_be_built_and_trained() -> None:
    data = small_data()
    result = search(data)
    assert result.budget.allows(result.cost, result.shared_cost)
    network = sw.build(result.architecture, result.backbone, data.tasks)
    assert sum(p.numel() for p in network.parameters()) == result.cost.params
    scores = sw.train(network, data, settings=sw.TrainSettings(epochs=1), device="cpu")
    assert set(scores) == {task.name for task in data.tasks}


@pytest.mark.parametrize(
    "budget",
    [sw.Budget(params=1.0), sw.Budget(macs=1.4), sw.Budget(params_m=0.01), sw.Budget(params=9)],
)
@pytest.mark.parametrize("read_off", ["consensus", "argmax"])
def test_every_budget_is_a_hard_bound(budget: sw.Budget, read_off: str) -> None:
    result = search(budget=budget, settings={"read_off": read_off})
    assert budget.allows(result.cost, result.shared_cost)
    if budget.params == 1.0:
        assert result.architecture == sw.Architecture.shared(result.architecture.tasks, 2)


def test_a_bound_on_latency_is_kept_by_measured_times() -> None:
    loose = search(budget=sw.Budget(latency_ms=1000.0))
    assert loose.cost.latency_ms is not None
    assert loose.cost.latency_ms <= 1000.0
    with pytest.raises(BudgetError, match="the fully shared network needs"):
        search(budget=sw.Budget(latency_ms=1e-6))


def test_the_same_gates_can_be_read_under_another_budget() -> None:
    result = search(budget=sw.Budget(params=3.0))
    tight = result.under(sw.Budget(params=1.0))
    assert tight == sw.Architecture.shared(tight.tasks, 2)
    assert result.under(sw.Budget(params=3.0)) == result.architecture
    steered = search(settings={"cost_weight": 0.1})
    with pytest.raises(InputError, match="Search again under the other budget"):
        steered.under(sw.Budget(params=1.0))


def test_inherited_weights_fit_the_network() -> None:
    data = small_data()
    result = search(data)
    network = sw.build(result.architecture, result.backbone, data.tasks)
    found = network.load_state_dict(dict(result.inherited), strict=False)
    assert not found.unexpected_keys
    assert not found.missing_keys  # an mlp has no running statistics


@pytest.mark.parametrize(
    "settings",
    [
        {"gates": "straight-through", "noise": 1.0},
        {"noise": 1.0, "temperature": PerEpoch(10.0)},
        {"running": 1.0, "balance": 0.0},
        {"update": "alternate"},
        {"update": "held-out"},
        {"cost_weight": 0.1, "cost_start": 0.0},
        {"warmup": 0.0},
        {"nodes": (1, 2)},
    ],
)
@pytest.mark.parametrize("stacked", [True, False])
def test_every_way_of_searching_gives_a_tree_and_finite_losses(
    settings: dict[str, Any], stacked: bool
) -> None:
    result = search(settings={**settings, "stacked": stacked})
    assert result.architecture.num_stages == 2
    for entry in result.journal[:-1]:
        assert all(math.isfinite(loss) for loss in entry["losses"].values())


def test_the_published_recipe_runs_all_nodes_of_one_initialisation() -> None:
    settings = sw.SearchSettings.published(epochs=2, batch_size=32, nodes=2)
    result = sw.search_branching(
        BACKBONE, small_data(), budget=sw.Budget(params=2.0), settings=settings, device="cpu"
    )
    assert len(result.votes) == 1
    assert result.journal[1]["active"] == 2


def test_a_cost_term_makes_trees_cheaper_in_expectation() -> None:
    settings = {"epochs": 6, "cost_start": 0.0, "balance": 0.0, "gate_lr": 0.1}
    free = search(settings={**settings, "cost_weight": 0.0})
    priced = search(settings={**settings, "cost_weight": 5.0})
    assert priced.journal[-2]["expected_cost"] < free.journal[-2]["expected_cost"]


def test_convolutions_are_searched_one_initialisation_after_another() -> None:
    draw = torch.Generator().manual_seed(0)
    tasks = [sw.tasks.binary("a"), sw.tasks.classification("b", 3)]

    def split(size: int) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        inputs = torch.randn(size, 3, 16, 16, generator=draw)
        return inputs, {
            "a": torch.randint(0, 2, (size,), generator=draw),
            "b": torch.randint(0, 3, (size,), generator=draw),
        }

    data = TensorData(tasks, train=split(24), val=split(8), test=split(8))
    backbone = sw.backbones.resnet18(0.0625, input_size=32)
    result = search(data, backbone=backbone, settings={"batch_size": 8})
    assert result.backbone.input_shape == (3, 16, 16)  # bound to the data's
    assert result.architecture.num_stages == 5


def test_tasks_with_inputs_of_their_own_and_missing_labels_are_searched() -> None:
    whole = small_data()
    parts = []
    for task in whole.tasks:
        splits = {split: _all(whole, split, task.name) for split in ("train", "val", "test")}
        splits["train"][1][task.name][::2] = float("nan")
        parts.append(TensorData([task], **splits))
    result = search(SeparateData(parts))
    assert set(result.journal[0]["losses"]) == {task.name for task in whole.tasks}
    assert all(math.isfinite(loss) for loss in result.journal[0]["losses"].values())


def _all(data: Any, split: str, task: str) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    batches = (
        data.train(batch_size=10**6, seed=0, epoch=1)
        if split == "train"
        else getattr(data, split)(batch_size=10**6)
    )
    batch = next(iter(batches))
    return batch.inputs, {task: batch.targets[task].clone()}


class Poisoned:
    """Data whose loss is NaN for one task from a given epoch on."""

    def __init__(self, data: Any, epoch: int) -> None:
        self._data, self._epoch = data, epoch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._data, name)

    def train(self, *, batch_size: int, seed: int, epoch: int) -> Iterator[Batch]:
        for step, batch in enumerate(
            self._data.train(batch_size=batch_size, seed=seed, epoch=epoch), start=1
        ):
            if epoch >= self._epoch and step == 2:
                batch.targets["t1"][:] = float("inf")
            yield batch


def test_a_loss_that_is_not_finite_names_the_task_and_step_and_the_run_resumes(
    tmp_path: Path,
) -> None:
    whole = search(run=tmp_path / "whole")
    with pytest.raises(TrainingError) as caught:
        search(Poisoned(small_data(), 2), run=tmp_path / "run")
    assert str(caught.value) == (
        "The loss of every task is a finite number. Found a loss of inf for task 't1' at epoch 2,"
        " step 2 of the search. Look for NaN or infinite values in that task's inputs, targets and"
        " loss, or search with a lower lr; resume=True goes on from the last whole epoch."
    )
    assert len(Journal.read(tmp_path / "run" / "journal.jsonl").entries) == 1
    resumed = search(run=tmp_path / "run", resume=True)
    assert resumed.journal == whole.journal


def test_a_folder_that_belongs_to_another_search_is_refused_and_kept(tmp_path: Path) -> None:
    search(run=tmp_path)
    before = (tmp_path / "journal.jsonl").read_bytes()
    with pytest.raises(RunError, match=r'belongs to another search.*"params": 3\.0'):
        search(run=tmp_path, resume=True, budget=sw.Budget(params=3.0))
    with pytest.raises(RunError, match="resume=True"):
        search(run=tmp_path)
    assert (tmp_path / "journal.jsonl").read_bytes() == before


def test_bad_input_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    cases: list[tuple[type[Exception], str, dict[str, Any]]] = [
        (BudgetError, "leaves room for the fully shared", {"budget": sw.Budget(params=0.9)}),
        (BudgetError, "A bound on use is for partitions", {"budget": sw.Budget(use=0.5)}),
        (InputError, "keeps its input channels", {"backbone": sw.backbones.mlp(7, (4, 4))}),
        (InputError, "one number per stage", {"settings": {"nodes": (2, 2, 2)}}),
        (InputError, "one that this machine has", {"device": "cuda:77"}),
        (InputError, "All copies of a stage have the same shapes", {"backbone": changing()}),
    ]
    for error, match, changes in cases:
        with pytest.raises(error, match=match):
            search(run=folder, **changes)
        assert not folder.exists()


def changing() -> sw.Backbone:
    """A backbone whose stage is deeper at each call of make()."""
    depths = iter(range(1, 1000))

    def make() -> nn.Module:
        return nn.Sequential(*(nn.Linear(6, 6) for _ in range(next(depths))))

    return sw.Backbone("changing", (sw.Stage("only", make),), (6,))


def test_a_head_that_does_not_fit_names_the_task_and_the_features() -> None:
    data = small_data()
    task = dataclasses.replace(data.tasks[0], head=lambda shape: nn.Linear(9, 4))
    data = Poisoned(data, 99)
    data.tasks = (task, *data._data.tasks[1:])
    with pytest.raises(InputError, match=f"'{task.name}'.*4"):
        search(data)


@pytest.mark.parametrize(
    "changes",
    [
        {"epochs": 0},
        {"lr": -1.0},
        {"gate_lr": float("nan")},
        {"nodes": 0},
        {"running": 1.5},
        {"gates": "hard"},
        {"update": "both"},
    ],
)
def test_settings_outside_their_bounds_are_refused(changes: dict[str, Any]) -> None:
    name = next(iter(changes))
    with pytest.raises(InputError, match=f"Found {name}="):
        sw.SearchSettings(**changes)


def test_temperatures_follow_their_schedules() -> None:
    assert [Exponential(4.0, 1.0)(share, 1) for share in (0.0, 0.5, 1.0)] == [4.0, 2.0, 1.0]
    assert [Linear(5.0, 1.0)(share, 1) for share in (0.0, 0.5, 1.0)] == [5.0, 3.0, 1.0]
    assert [PerEpoch(10.0)(0.3, epoch) for epoch in (1, 4)] == [10.0, 2.5]
    assert [InverseRoot(3.0)(0.3, epoch) for epoch in (1, 9)] == [3.0, 1.0]
    assert Constant(0.7)(0.9, 8) == 0.7
    with pytest.raises(InputError, match="above 0"):
        Exponential(end=0.0)


def test_progress_hears_of_every_epoch_and_the_journal_says_what_was_run() -> None:
    heard: list[int] = []
    result = search(progress=lambda entry: heard.append(entry["epoch"]), settings={"warmup": 0.4})
    assert heard == [1, 2, 3]
    first, last = result.journal[0], result.journal[2]
    assert (first["phase"], last["phase"]) == ("warmup", "search")
    assert first["active"] == 1.0  # one node per stage
    assert last["active"] == 2.0  # round(.67 * 3) of three nodes
    assert len(last["gates"]) == 2
    assert all(sum(row) == pytest.approx(1, abs=1e-3) for row in last["gates"][0][0])


def test_the_callers_random_state_is_left_alone() -> None:
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    search()
    assert torch.equal(torch.random.get_rng_state(), before)
