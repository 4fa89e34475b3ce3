"""compare() for a partition: its rows, random partitions, and the start that all have in common."""

from __future__ import annotations

import json
import pickle
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _small import FAST, NAMES, TASKS, make_data
from _small_search import BACKBONE, SPACE

from sharewise.architecture import Architecture, Branch, Group, Owners, Partition
from sharewise.backbones import mlp
from sharewise.baselines import CompareSettings, Comparison, compare
from sharewise.baselines._partitions import at_use, partition_rows, random_partition, space_of
from sharewise.costs import CostTable
from sharewise.errors import BudgetError, InputError, RunError
from sharewise.evaluation import Budget
from sharewise.evaluators import Initial, train_initial
from sharewise.evaluators._initial import weights_digest
from sharewise.networks import build
from sharewise.spaces import HiddenGroup, Partitioning
from sharewise.training import evaluate, train

DATA = make_data(flat=True)
FOUND = SPACE.decode(SPACE.with_use(SPACE.draw(np.random.default_rng(3)), 0.5), seed=1)
BUDGET = Budget(use=0.5)
SETTINGS = CompareSettings(seeds=(0, 4), random_trees=2, train=FAST)
ROWS = ["found", "shared", "independent", "divided", "random"]


@cache
def initial() -> Initial:
    return train_initial(BACKBONE, DATA, settings=FAST, device="cpu")


def run_compare(run: Path | None = None, **changes: Any) -> Comparison:
    given: dict[str, Any] = {
        "budget": BUDGET,
        "settings": SETTINGS,
        "initial": initial(),
        "device": "cpu",
    } | changes
    return compare(given.pop("found", FOUND), BACKBONE, DATA, run=run, **given)


@dataclass(frozen=True)
class Done:
    run: Path
    comparison: Comparison
    events: list[dict[str, Any]]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    run, events = tmp_path_factory.mktemp("runs") / "mine", list[dict[str, Any]]()
    return Done(run, run_compare(run, progress=events.append), events)


# --- rows


def test_a_partition_has_five_rows(done: Done) -> None:
    rows = {row.name: row.architectures for row in done.comparison.rows}
    assert list(rows) == ROWS
    assert rows["found"] == (FOUND,)
    assert rows["shared"] == (SPACE.share_all(),)
    assert rows["divided"] == (SPACE.independent(),)
    assert rows["independent"] == (Architecture.independent(NAMES, 2),)
    assert len(rows["random"]) == 4  # two for each of two seeds
    assert len(set(rows["random"])) > 1
    assert all(each in SPACE for each in rows["random"])
    assert (
        Comparison.from_dict(json.loads(json.dumps(done.comparison.to_dict()))) == done.comparison
    )


def test_gains_are_over_the_partition_that_shares_all(done: Done) -> None:
    shared = done.comparison.row("shared")
    assert shared.gain == {0: 0.0, 4: 0.0}
    found = done.comparison.row("found")
    for seed in (0, 4):
        ratios = [
            found.test[seed][task]["accuracy"] / shared.test[seed][task]["accuracy"] - 1
            for task in NAMES
        ]
        assert found.gain[seed] == pytest.approx(100 * np.mean(ratios))


def test_costs_tell_use_apart(done: Done) -> None:
    costs = {row.name: row.costs for row in done.comparison.rows}
    assert costs["found"][0].use == FOUND.mean_use
    assert (costs["shared"][0].use, costs["divided"][0].use) == (1.0, 0.5)
    assert costs["independent"][0].use is None
    assert costs["found"][0].params < costs["shared"][0].params < costs["independent"][0].params


def test_a_group_with_fewer_channels_than_tasks_is_not_divided() -> None:
    space = Partitioning(["a", "b", "c"], 1, [HiddenGroup(0, ("0",), 2)])
    settings = replace(SETTINGS, random_trees=0)
    rows, drawn = partition_rows(space.share_all(), BUDGET, settings, table=pytest.fail)
    assert list(rows) == ["shared"]
    assert drawn == {}


def test_without_random_trees_there_is_no_row_of_them() -> None:
    settings = CompareSettings(seeds=(0,), random_trees=0, train=FAST)
    assert [row.name for row in run_compare(settings=settings).rows] == ROWS[:4]


# --- random partitions


def drawn(
    space: Partitioning, found: Architecture, budget: Budget, *, count: int = 6, seeds: Any = (0,)
) -> dict[int, tuple[Architecture, ...]]:
    layers = mlp(5, widths=(3,) * space.num_stages, hidden=space.groups[0].channels)
    settings = CompareSettings(seeds=seeds, random_trees=count)
    table = CostTable.measure(layers)
    return partition_rows(found, budget, settings, table=lambda: table)[1]


@pytest.mark.parametrize("channels", [4, 16, 32])
@pytest.mark.parametrize("num_tasks", [2, 3, 5])
@pytest.mark.parametrize("use", [0.3, 0.5, 0.8])
def test_random_partitions_use_as_much_as_the_found_one(
    channels: int, num_tasks: int, use: float
) -> None:
    tasks = [f"t{index}" for index in range(num_tasks)]
    space = Partitioning(tasks, 2, [HiddenGroup(stage, ("0",), channels) for stage in (0, 1)])
    vector = space.draw(np.random.default_rng(channels))
    found = space.decode(space.with_use(vector, use), seed=0)
    for each in drawn(space, found, Budget(use=found.mean_use))[0]:
        assert found.mean_use - 1 / (2 * channels) <= each.mean_use <= found.mean_use + 1e-9
    rows = drawn(space, found, Budget(use=found.mean_use))[0]
    assert len(set(rows)) > 1 or channels == 4


@pytest.mark.parametrize("word", ["params", "macs"])
def test_random_partitions_keep_the_budget(word: str) -> None:
    # The found one has all channels in common, the cheapest way: chance alone would cost more.
    space = Partitioning(["a", "b", "c", "d"], 1, [HiddenGroup(0, ("0",), 32)])
    vector = np.ones(space.size)
    vector[space.forward_diagonal] = 0.375
    found = space.decode(vector, seed=0)
    table = CostTable.measure(mlp(5, widths=(3,), hidden=32))
    shared = table.of(space.share_all())
    budget = Budget(**{word: getattr(table.of(found), word) / getattr(shared, word)})
    for each in drawn(space, found, budget, count=10)[0]:
        assert budget.allows(table.of(each), shared)
        assert each.mean_use == pytest.approx(found.mean_use, abs=1 / 64)
    free = drawn(space, found, Budget(use=1.0), count=10)[0]
    over = [not budget.allows(table.of(each), shared) for each in free]
    assert any(over) == (word == "params")  # multiply-adds depend on the use alone


def test_one_over_budget_is_compared_with_random_ones_inside() -> None:
    space = Partitioning(["a", "b"], 1, [HiddenGroup(0, ("0",), 16)])
    for each in drawn(space, space.share_all(), Budget(use=0.5))[0]:
        assert each.mean_use == pytest.approx(0.5, abs=1 / 32)
        assert each.mean_use <= 0.5
    with pytest.raises(BudgetError) as caught:
        drawn(space, space.share_all(), Budget(params=0.5))
    assert str(caught.value) == (
        "Random partitions use as many channels as the found one, inside the budget. Found none at"
        " mean use 1. Give the budget that it was found in, or random_trees=0."
    )


def test_a_bound_on_latency_is_left_to_the_found_one() -> None:
    assert drawn(SPACE, FOUND, Budget(latency_ms=1e-9)) == drawn(SPACE, FOUND, Budget(params=1.0))
    both = drawn(SPACE, FOUND, Budget(latency_ms=1e-9, use=FOUND.mean_use))
    assert both == drawn(SPACE, FOUND, Budget(use=FOUND.mean_use))


def test_a_seed_draws_the_same_partitions_in_any_company() -> None:
    several = drawn(SPACE, FOUND, BUDGET, count=3, seeds=(5, -1, 2))
    assert drawn(SPACE, FOUND, BUDGET, count=1, seeds=(-1,))[-1][0] == several[-1][0]
    assert len({each for row in several.values() for each in row}) > 6


def test_shares_that_are_equal_grow_one_after_another() -> None:
    space = Partitioning(["a", "b", "c"], 1, [HiddenGroup(0, ("0",), 4)])
    shares = at_use(space, np.full(3, 0.5), 8 / 12)
    assert sorted(np.rint(4 * shares)) == [2, 3, 3]


def test_the_draws_are_the_published_ones_but_for_their_use() -> None:
    vector = SPACE.draw(np.random.default_rng(7))
    seed = int(_after(SPACE, 7).integers(2**32))
    expected = SPACE.decode(vector, seed=seed)
    found = random_partition(
        SPACE, np.random.default_rng(7), use=expected.mean_use, allows=lambda each: True
    )
    assert found.mean_use == expected.mean_use


def _after(space: Partitioning, seed: int) -> np.random.Generator:
    rng = np.random.default_rng(seed)
    space.draw(rng)
    return rng


# --- what cannot be compared so


def group(task: tuple[str, ...]) -> Partition:
    return Partition((Group(("0",), (Owners(8, task, task),)),))


def test_trees_with_partitions_are_refused() -> None:
    leaves = tuple(Branch((name,), (), group((name,))) for name in NAMES)
    for tree in (
        Architecture((Branch(NAMES, leaves, Partition()),)),
        Architecture((Branch(NAMES, (Branch(NAMES, (), group(NAMES)),)),)),
        Architecture.partitioned(NAMES, [Partition(), Partition()]),
    ):
        with pytest.raises(InputError, match="one branch a stage, each with a Partition, and"):
            run_compare(found=tree)
    assert space_of(FOUND) == SPACE


# --- an equal start, and resumes


def test_every_network_starts_from_the_common_initialisation(done: Done) -> None:
    network = initial().start(FOUND, BACKBONE, TASKS, seed=4)
    val = train(network, DATA, settings=FAST, seed=4, device="cpu")
    row = done.comparison.row("found")
    assert row.val[4] == val
    assert row.test[4] == evaluate(network, DATA, "test", batch_size=16, device="cpu")
    apart = initial().start(Architecture.independent(NAMES, 2), BACKBONE, TASKS, seed=0)
    val = train(apart, DATA, settings=FAST, seed=0, device="cpu")
    assert done.comparison.row("independent").val[0] == val


def test_from_scratch_is_another_comparison(done: Done) -> None:
    settings = CompareSettings(seeds=(0,), random_trees=0, train=FAST)
    scratch = run_compare(initial=None, settings=settings)
    network = build(FOUND, BACKBONE, TASKS, seed=0)
    val = train(network, DATA, settings=FAST, seed=0, device="cpu")
    assert scratch.row("found").val[0] == val
    with_start = {row.name: row.val[0] for row in done.comparison.rows}
    assert any(row.val[0] != with_start[row.name] for row in scratch.rows)


def test_progress_counts_the_trainings(done: Done) -> None:
    # Four rows of one network and two random ones, for two seeds.
    assert {event["jobs"] for event in done.events} == {12}
    assert done.events[-1]["done"] == 12
    assert {event["job"] for event in done.events} >= set(ROWS)


def test_finished_jobs_are_read_and_others_resumed(done: Done, tmp_path: Path) -> None:
    class StopError(Exception):
        pass

    def stop(event: dict[str, Any]) -> None:
        if event["done"] == 5:
            raise StopError

    with pytest.raises(StopError):
        run_compare(tmp_path, progress=stop)
    finished = {path.parent for path in tmp_path.glob("comparison/*/test.json")}
    times = {path: path.stat().st_mtime_ns for folder in finished for path in folder.iterdir()}
    assert 0 < len(finished) < 12
    resumed = run_compare(tmp_path)
    assert _scores(resumed) == _scores(done.comparison)
    assert all(path.stat().st_mtime_ns == times[path] for path in times if path.is_file())


def _scores(comparison: Comparison) -> list[Any]:
    return [(row.name, row.architectures, row.val, row.test) for row in comparison.rows]


def test_jobs_of_another_start_or_training_are_refused(done: Done) -> None:
    other = train_initial(BACKBONE, DATA, settings=FAST, seed=1, device="cpu")
    with pytest.raises(RunError) as caught:
        run_compare(done.run, initial=other)
    assert initial().digest in str(caught.value)
    assert other.digest in str(caught.value)
    with pytest.raises(RunError, match=r"initial is .* there and missing here"):
        run_compare(done.run, initial=None)
    slower = replace(SETTINGS, train=replace(FAST, lr=0.001))
    with pytest.raises(RunError, match=r"0\.001"):
        run_compare(done.run, settings=slower)


def test_the_initialisation_travels_to_workers() -> None:
    here, there = initial(), pickle.loads(pickle.dumps(initial()))
    assert (there.source, there.digest) == (here.source, here.digest)
    networks = [each.start(FOUND, BACKBONE, TASKS, seed=2) for each in (here, there)]
    assert weights_digest(networks[0]) == weights_digest(networks[1])
