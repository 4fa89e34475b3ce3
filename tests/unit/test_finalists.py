"""Finalists of a branching search: the consensus's first trees, trained and compared."""

from __future__ import annotations

import dataclasses
import itertools
import math
import statistics
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from _small_search import Backwards

import sharewise as sw
from sharewise.errors import InputError
from sharewise.networks import inherit
from sharewise.scores import relative_gain
from sharewise.search._finalists import Finalist, best
from sharewise.tasks import metric_directions

BACKBONE = sw.backbones.mlp(6, (4, 4))
TRAINING = sw.TrainSettings(epochs=2, batch_size=32)
TUNING = sw.TrainSettings(epochs=1, batch_size=16)
SETTINGS = sw.SearchSettings(
    epochs=2,
    initialisations=2,
    batch_size=32,
    nodes=3,
    finalists=4,
    rejudged=1,
    training=TRAINING,
    tuning=TUNING,
)
JOBS = 4 + 3  # finalists, and again the better two of them and the shared one
STARTS = 2  # fully shared networks, one a seed
BUDGET = sw.Budget(params=1.6)


def small_data() -> Any:
    return sw.data.planted((2, 2), samples=160, outputs=4, inputs=6)


def search(run: Path | None = None, **changes: Any) -> sw.SearchResult:
    given: dict[str, Any] = {"budget": BUDGET, "settings": SETTINGS, "device": "cpu"} | changes
    data = given.pop("data", None) or small_data()
    return sw.search_branching(BACKBONE, data, run=run, **given)


def finalists(result: sw.SearchResult) -> list[dict[str, Any]]:
    return list(result.journal[-1]["read_off"]["finalists"])


class Sealed:
    """Data whose test split nobody may open."""

    def __init__(self, data: Any) -> None:
        self._data = data

    def __getattr__(self, name: str) -> Any:
        assert name != "test"
        return getattr(self._data, name)


def test_finalists_start_from_the_shared_network_and_the_best_is_the_answer() -> None:
    data = small_data()
    result = search()
    trained = [entry for entry in result.journal if "trained" in entry]
    trees = {
        tree.digest: tree
        for tree in (sw.Architecture.from_dict(each["architecture"]) for each in finalists(result))
    }
    shared = sw.Architecture.shared(result.architecture.tasks, 2)
    assert len(trees) == 4
    assert shared in trees.values()
    assert len(trained) == 4 + 3  # of the three that are not shared, the better two again
    scores = {}
    for entry in trained:
        tree = trees[entry["trained"]]
        assert BUDGET.allows(sw.cost(tree, BACKBONE, data.tasks), result.shared_cost)
        seed = entry["seed"]
        start = sw.build(shared, result.backbone, data.tasks, seed=seed)
        sw.train(start, data, settings=TRAINING, seed=seed, device="cpu")
        network = sw.build(tree, result.backbone, data.tasks, seed=seed)
        inherit(network, start)
        again = sw.train(network, data, settings=TUNING, seed=seed, device="cpu")
        assert again == entry["scores"]
        scores[tree.digest, entry["seed"]] = again
    first, second = sorted({entry["seed"] for entry in trained})
    directions = metric_directions(data.tasks)
    gains = {
        key: relative_gain(found, scores[shared.digest, key[1]], directions)
        for key, found in scores.items()
    }
    others = sorted((d for d in trees if d != shared.digest), key=lambda d: -gains[d, first])
    assert {d for d, seed in scores if seed == second} == {shared.digest, *others[:2]}
    pairs = {d: (gains[d, first], gains[d, second]) for d in (shared.digest, *others[:2])}
    top = max(pairs.values(), key=statistics.fmean)
    least = statistics.fmean(top) - statistics.stdev(top) / math.sqrt(2)
    near = [d for d, pair in pairs.items() if statistics.fmean(pair) >= least]
    params = {d: sw.cost(trees[d], BACKBONE, data.tasks).params for d in near}
    assert params[result.architecture.digest] == min(params.values())


def test_a_dearer_tree_has_to_gain_more_than_its_standard_error() -> None:
    shared = sw.Architecture.shared(["a", "b"], 2)
    split = sw.Architecture.independent(["a", "b"], 2)
    late = sw.Architecture.from_levels([[["a", "b"]], [["a"], ["b"]]])

    def answer(*gains: tuple[float, ...]) -> sw.Architecture:
        trees = (split, late, shared)
        found = [Finalist(tree, each) for tree, each in zip(trees, gains, strict=True)]
        return best(found, lambda tree: sum(tree.num_branches))

    assert answer((1.5, -0.5), (0.0, 0.2), (0.0, 0.0)) == shared  # .5 give or take 1
    assert answer((1.1, 0.9), (0.0, 0.2), (0.0, 0.0)) == split  # 1 give or take .1
    assert answer((1.1, 0.9), (1.0, 0.9), (0.0, 0.0)) == late
    assert answer((3.0,), (0.2, 0.2), (0.0, 0.0)) == late  # trained less often: not judged
    assert answer((0.5,), (0.3,), (0.0,)) == split  # one seed tells no error


@pytest.mark.parametrize(
    ("count", "moves"),
    [(40, 0), (2, 24)],  # more than there are inside the budget; two, and moves
)
def test_planted_groups_are_found_where_the_gates_have_hardly_been_trained(
    count: int, moves: int
) -> None:
    data = sw.data.planted((2, 2), seed=1)
    backbone = sw.backbones.mlp(32, (8, 8))
    shared = sw.cost(sw.Architecture.shared(data.truth.tasks, 2), backbone, data.tasks)
    pairs = sw.Architecture.from_levels([data.truth.levels[-1]] * 2)
    budget = sw.Budget(params=sw.cost(pairs, backbone, data.tasks).params / shared.params)
    settings = sw.SearchSettings(
        epochs=1,
        initialisations=1,
        finalists=count,
        moves=moves,
        rejudged=0,
        training=sw.TrainSettings(epochs=20, lr=3e-3),
        tuning=sw.TrainSettings(epochs=10, lr=3e-3),
    )
    result = sw.search_branching(backbone, data, budget=budget, settings=settings, device="cpu")
    assert result.architecture.levels[-1] == data.truth.levels[-1]


def test_the_fully_shared_tree_is_a_finalist_wherever_the_consensus_places_it() -> None:
    settings = dataclasses.replace(SETTINGS, finalists=2)
    tasks = small_data().tasks
    shared = sw.Architecture.shared(sorted(task.name for task in tasks), 2)
    for seed in range(3):
        result = search(settings=settings, seed=seed)
        assert len(_trees(result)) == 2
        assert shared in _trees(result)


def test_moves_try_changed_trees_inside_the_budget_none_twice() -> None:
    few = dataclasses.replace(SETTINGS, finalists=2)
    before = _trees(search(settings=few))
    result = search(settings=dataclasses.replace(few, moves=3))
    after = _trees(result)
    data = small_data()
    assert after[:2] == before
    assert len(set(after)) == len(after) == 5
    for tree in after:
        assert BUDGET.allows(sw.cost(tree, BACKBONE, data.tasks), result.shared_cost)


def test_moves_end_where_the_budget_leaves_no_other_tree() -> None:
    heard: list[dict[str, Any]] = []
    settings = dataclasses.replace(SETTINGS, finalists=200, moves=5)
    tight = sw.Budget(params=1.4)
    trees = _trees(search(settings=settings, budget=tight, progress=heard.append))
    without = _trees(search(settings=dataclasses.replace(settings, moves=0), budget=tight))
    assert set(trees) == set(without)
    last = [step for step in heard if step.get("part") == "finalists"][-1]
    assert last["done"] == last["jobs"]


def test_finalists_are_of_different_shapes_while_there_are_more() -> None:
    budget = sw.Budget(params=3)
    every = search(budget=budget, settings=dataclasses.replace(SETTINGS, finalists=200))
    shapes = dict.fromkeys(each.num_branches for each in _trees(every))
    few = search(budget=budget, settings=dataclasses.replace(SETTINGS, finalists=4))
    assert len(shapes) > 4
    assert len({each.num_branches for each in _trees(few)}) == 4
    assert len(_trees(every)) > len(shapes)  # when shapes are used up, others follow


def _trees(result: sw.SearchResult) -> list[sw.Architecture]:
    return [sw.Architecture.from_dict(each["architecture"]) for each in finalists(result)]


def test_one_finalist_is_not_trained() -> None:
    result = search(settings=dataclasses.replace(SETTINGS, finalists=1))
    assert not any("trained" in entry for entry in result.journal)
    assert "finalists" not in result.journal[-1]["read_off"]


def test_an_executor_changes_nothing(tmp_path: Path) -> None:
    search(tmp_path / "here")
    executor = Backwards()
    search(tmp_path / "there", executor=executor)
    assert executor.done == JOBS + STARTS
    for name in ("journal.jsonl", "architecture.json"):
        here, there = (tmp_path / folder / name for folder in ("here", "there"))
        assert here.read_bytes() == there.read_bytes()


def test_threads_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool, pytest.raises(InputError, match="ThreadPoolExecutor"):
        search(tmp_path / "run", executor=pool)
    assert not (tmp_path / "run").exists()


def test_a_metric_of_two_directions_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    data = Sealed(small_data())
    first = data.tasks[0]
    metric = dataclasses.replace(first.metrics[0], lower_is_better=False)
    data.tasks = (
        dataclasses.replace(first, metrics=(metric,)),
        *data.tasks[1:],
    )
    with pytest.raises(InputError, match="A metric of one name has one direction"):
        search(tmp_path / "run", data=data)
    assert not (tmp_path / "run").exists()


class StopError(Exception):
    """Raised by a test's progress."""


@pytest.mark.parametrize("after", [0, 1, 5])
def test_a_search_stopped_between_finalists_goes_on_with_those_that_it_has(
    tmp_path: Path, after: int
) -> None:
    search(tmp_path / "whole")

    def stop(step: dict[str, Any]) -> None:
        if step.get("part") == "finalists" and step["done"] == after:
            raise StopError

    with pytest.raises(StopError):
        search(tmp_path / "parts", progress=stop)
    executor = Backwards()
    search(tmp_path / "parts", resume=True, executor=executor)
    assert executor.done == JOBS - after + STARTS  # these are read where they are finished
    for name in ("journal.jsonl", "architecture.json"):
        whole, parts = (tmp_path / folder / name for folder in ("whole", "parts"))
        assert whole.read_bytes() == parts.read_bytes()
    executor = Backwards()
    search(tmp_path / "parts", resume=True, executor=executor)
    assert executor.done == 0


def test_the_test_split_stays_closed_and_the_callers_random_state_is_left_alone() -> None:
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    assert finalists(search(data=Sealed(small_data())))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_progress_counts_the_trainings() -> None:
    heard: list[dict[str, Any]] = []
    search(progress=heard.append)
    parts = [step for step in heard if step.get("part") == "finalists"]
    assert [(step["done"], step["jobs"]) for step in parts] == list(
        zip(range(JOBS + 1), itertools.repeat(JOBS), strict=False)
    )


@pytest.mark.parametrize(
    "changes", [{"finalists": 0}, {"rejudged": -1}, {"moves": -1}, {"finalists": True}]
)
def test_settings_outside_their_bounds_are_refused(changes: dict[str, Any]) -> None:
    name = next(iter(changes))
    with pytest.raises(InputError, match=f"Found {name}="):
        sw.SearchSettings(**changes)
