from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from _split import all_of
from torch import Tensor

from sharewise.architecture import Architecture
from sharewise.data import PlantedData, TaskData, identity, planted
from sharewise.errors import InputError


def maps(data: PlantedData) -> dict[str, Tensor]:
    """The linear map [inputs, outputs] of each task, recovered from its samples."""
    inputs, targets = all_of(data)
    return {task: torch.linalg.lstsq(inputs, y).solution for task, y in targets.items()}


def rank(columns: Tensor) -> int:
    values = torch.linalg.svdvals(columns)
    return int((values > 1e-4 * values[0]).sum())


def test_it_is_task_data_of_the_shapes_asked_for() -> None:
    data = planted((2, 1), inputs=6, outputs=4, samples=50)
    assert isinstance(data, TaskData)
    assert data.input_shape == (6,)
    assert data.sizes() == {"train": 50, "val": 1000, "test": 1000}
    assert [task.name for task in data.tasks] == ["t0", "t1", "t2"]
    inputs, targets = all_of(data)
    assert inputs.shape == (50, 6)
    assert {y.shape for y in targets.values()} == {(50, 4)}


def test_the_truth_of_one_level_has_a_root_for_each_group() -> None:
    data = planted((4, 4), samples=10)
    assert data.truth.num_stages == 3
    assert data.truth.num_branches == (2, 2, 2)
    assert data.truth.levels[0] == data.truth.levels[2] == data.truth_groups
    assert data.truth.tasks == tuple(f"t{i}" for i in range(8))


def test_the_truth_of_two_levels_splits_at_the_last_stage() -> None:
    data = planted((3, (2, 3)), samples=10, stages=4)
    assert data.truth.num_branches == (2, 2, 2, 3)
    assert sorted(len(tasks) for tasks in data.truth.levels[0]) == [3, 5]
    assert sorted(len(tasks) for tasks in data.truth.levels[3]) == [2, 3, 3]
    assert data.truth.levels[3] == data.truth_groups
    assert data.truth.levels[2] == data.truth.levels[0]
    assert Architecture.from_json(data.truth.to_json()) == data.truth


def test_tasks_of_a_group_have_nearly_the_same_map() -> None:
    data = planted((3, 2), samples=400, nonlinearity=identity)
    found = maps(data)
    for task, own in found.items():
        assert 1.3 < own.std() < 1.8
        for another, its in found.items():
            together = any(task in group and another in group for group in data.truth_groups)
            gap = (own - its).std().item()  # eps of two tasks: .3 x sqrt(2)
            assert gap == pytest.approx(0.42 if together else 2.16, rel=0.1) or task == another


def test_inputs_have_the_scale_of_the_paper() -> None:
    inputs, targets = all_of(planted((2,), samples=2000))
    assert inputs.square().sum(dim=1).mean().item() == pytest.approx(1, rel=0.05)
    assert all(y.abs().max() <= 1 for y in targets.values())  # tanh


def test_a_nested_group_is_linear_in_features_that_its_tasks_share() -> None:
    data = planted(((2, 3),), inputs=12, outputs=3, samples=400, nonlinearity=identity)
    inputs, targets = all_of(data)
    for group in data.truth_groups:
        columns = torch.cat([targets[task] for task in group], dim=1)  # [samples, 6 or 9]
        assert rank(columns) == 3
        solution = torch.linalg.lstsq(inputs, columns).solution
        assert (inputs @ solution - columns).std() > 0.1 * columns.std()  # not linear in x
    assert rank(torch.cat(list(targets.values()), dim=1)) == 6


def test_names_are_shuffled_over_the_groups() -> None:
    groups = {planted((4, 4), seed=seed, samples=10).truth_groups for seed in range(8)}
    assert len(groups) > 4


def test_the_seed_alone_decides() -> None:
    torch.manual_seed(0)
    first = planted((2, 2), seed=5, samples=20)
    torch.manual_seed(1)
    again, other = planted((2, 2), seed=5, samples=20), planted((2, 2), seed=6, samples=20)
    assert torch.equal(all_of(first)[0], all_of(again)[0])
    assert all(torch.equal(y, all_of(again)[1][task]) for task, y in all_of(first)[1].items())
    assert first.truth == again.truth
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert not torch.equal(all_of(first)[0], all_of(other)[0])


def test_splits_hold_samples_of_their_own() -> None:
    data = planted((2,), samples=1000)
    train, val, test = (all_of(data, split)[0] for split in ("train", "val", "test"))
    assert not torch.equal(val, test)
    assert len(torch.cat([train, val, test]).unique(dim=0)) == 3000


def test_noise_is_added_to_the_same_maps() -> None:
    clean, noisy = (planted((2,), samples=500, noise=noise) for noise in (0.0, 0.5))
    assert torch.equal(all_of(clean)[0], all_of(noisy)[0])
    gaps = [all_of(noisy)[1][task] - y for task, y in all_of(clean)[1].items()]
    assert [gap.std().item() for gap in gaps] == pytest.approx([0.5, 0.5], rel=0.05)
    assert not torch.equal(gaps[0], gaps[1])


def test_settings_are_json_and_make_the_data_again() -> None:
    data = planted((3, (2, 3)), seed=2, samples=30, nonlinearity=torch.relu)
    settings: dict[str, Any] = json.loads(json.dumps(data.settings))
    assert settings.pop("name") == "planted"
    assert settings.pop("nonlinearity") == "relu"
    again = planted(settings.pop("groups"), nonlinearity=torch.relu, **settings)
    assert again.fingerprint == data.fingerprint
    assert again.truth == data.truth


@pytest.mark.parametrize(
    ("groups", "found"),
    [
        ((4, 0), "a group of 0 in (4, 0)"),
        ((3, (2, -1)), "a group of -1 in (3, (2, -1))"),
        ((), "no group in ()"),
        ((3, ()), "an empty group in (3, ())"),
        ((3, (2, (1, 1))), "(1, 1) inside a nested group in (3, (2, (1, 1)))"),
    ],
)
def test_groups_that_cannot_be_planted_are_named(groups: Any, found: str) -> None:
    with pytest.raises(InputError) as caught:
        planted(groups)
    assert str(caught.value) == (
        f"Planted groups are sizes of 1 or more, or sequences of such sizes. Found {found}. "
        "Write for instance (4, 4), or (3, (2, 3)) for a group that splits again."
    )


@pytest.mark.parametrize(
    ("groups", "numbers", "sentence"),
    [
        (
            (2, 2),
            {"samples": 0},
            "The samples of planted data with these groups is 1 or more. Found samples=0. "
            "Give a larger number.",
        ),
        (
            (2, (1, 1)),
            {"stages": 1},
            "The stages of planted data with these groups is 2 or more. Found stages=1. "
            "Give a larger number.",
        ),
        (
            (2, 2),
            {"noise": float("nan")},
            "The noise of planted data with these groups is 0 or more. Found noise=nan. "
            "Give a larger number.",
        ),
    ],
)
def test_numbers_out_of_range_are_named(groups: Any, numbers: Any, sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        planted(groups, **numbers)
    assert str(caught.value) == sentence
