"""The space of a partitioning search, and vectors that are brought inside its budget."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from _small import NAMES, TASKS, Block, make_backbone, make_data
from numpy.typing import NDArray
from torch import nn

from sharewise.backbones import Backbone, Stage, mlp
from sharewise.costs import CostTable
from sharewise.data import TensorData
from sharewise.errors import BudgetError, InputError
from sharewise.evaluation import Budget
from sharewise.networks import build
from sharewise.search import PartitionSettings, hidden_groups
from sharewise.search._partition_plan import Plan
from sharewise.spaces import HiddenGroup
from sharewise.tasks import binary

# Nearly all parameters are hidden ones, so that a budget on parameters bites.
WIDE = mlp(16, widths=(4, 4), hidden=32)
DATA = make_data(flat=True)


def plan_of(budget: Budget, backbone: Backbone = WIDE, **changes: object) -> Plan:
    given = {"stages": ("layer1", "layer2"), "unit": 1} | changes
    return Plan.of(backbone, DATA, budget, PartitionSettings(**given))  # type: ignore[arg-type]


def vectors(plan: Plan, count: int) -> list[NDArray[np.float64]]:
    """Drawn ones, all corners of what tasks may have in common, and ones that use all or little."""
    rng = np.random.default_rng(0)
    found = [plan.space.draw(rng) for _ in range(count)]
    found += [np.full(plan.space.size, value) for value in (0.0, 0.5, 1.0)]
    apart = np.zeros(plan.space.size)
    apart[plan.space.forward_diagonal] = 1.0
    return [*found, apart]


@pytest.mark.parametrize("matrices", ["network", "group"])
@pytest.mark.parametrize(
    "budget",
    [
        Budget(use=0.3),
        Budget(params=0.6),
        Budget(macs=0.5),
        Budget(params=0.4, macs=0.7, use=0.45),
        Budget(params_m=7e-4),
        Budget(macs_g=1.5e-6),
    ],
    ids=str,
)
def test_every_vector_comes_inside_the_budget(budget: Budget, matrices: str) -> None:
    plan = plan_of(budget, matrices=matrices)
    shared = plan.table.of(plan.space.share_all())
    assert not budget.allows(shared, shared)  # it bites
    for seed, vector in enumerate(vectors(plan, 6)):
        cost = plan.table.of(plan.decode(vector, seed=seed))
        assert budget.allows(cost, shared)
        assert plan.decode(vector, seed=seed) in plan.space


def test_the_cost_is_that_of_the_network_that_is_built() -> None:
    plan = plan_of(Budget(params=0.5))
    architecture = plan.decode(vectors(plan, 1)[0], seed=0)
    network = build(architecture, WIDE, TASKS)
    params = sum(each.numel() for each in network.parameters())
    whole = build(plan.space.share_all(), WIDE, TASKS)
    assert params <= 0.5 * sum(each.numel() for each in whole.parameters())


def test_a_vector_inside_the_budget_is_not_moved() -> None:
    plan = plan_of(Budget(use=0.9, params=1.0))
    for seed, vector in enumerate(vectors(plan, 4)[:4]):
        assert plan.decode(vector, seed=seed) == plan.space.decode(vector, seed=seed)
        for found, expected in zip(
            plan.targets_of(vector, seed=seed), plan.space.matrices_of(vector), strict=True
        ):
            assert np.array_equal(found, expected)


@pytest.mark.parametrize("budget", [Budget(params=0.6), Budget(macs=0.5)], ids=str)
def test_a_vector_is_moved_no_further_than_the_budget_asks_for(budget: Budget) -> None:
    plan = plan_of(budget)
    spent = []
    for seed, vector in enumerate(vectors(plan, 6)):
        if not plan._allows(plan.space.decode(vector, seed=seed)):
            cost = plan.table.of(plan.decode(vector, seed=seed))
            spent.append(
                cost.params / plan.shared.params / 0.6
                if budget.params
                else cost.macs / plan.shared.macs / 0.5
            )
    assert len(spent) > 2
    assert min(spent) > 0.85  # steps of a channel


def test_targets_are_those_of_the_vector_that_was_decoded() -> None:
    plan = plan_of(Budget(macs=0.4))
    for seed, vector in enumerate(vectors(plan, 4)):
        forward, backward = plan.targets_of(vector, seed=seed)[0]
        realised, updated = plan.space.realised(plan.decode(vector, seed=seed))[0]
        # The diagonals are met, but for what whole channels (and at least one) leave.
        assert np.abs(np.diagonal(forward) - np.diagonal(realised)).max() <= 1 / 32
        assert np.abs(np.diagonal(backward) - np.diagonal(updated)).max() <= 1 / 32


def test_a_budget_that_only_channels_in_common_meet_is_met_by_every_vector() -> None:
    # Both tasks use 2 of 32 channels at least. In common they cost less than apart, and the budget
    # lies between: channels that are apart are joined.
    plan = plan_of(Budget(use=1.0))
    least = np.zeros(plan.space.size)
    least[plan.space.forward_diagonal] = 0.05
    together = least.copy()
    together[: len(together) // 2] = 1.0
    together[plan.space.forward_diagonal] = 0.05
    costs = [plan.table.of(plan.space.decode(each, seed=0)).params for each in (together, least)]
    assert costs[0] < costs[1]
    tight = plan_of(Budget(params=sum(costs) / 2 / plan.shared.params))
    for seed, vector in enumerate(vectors(tight, 6)):
        cost = tight.table.of(tight.decode(vector, seed=seed))
        assert cost.params <= sum(costs) / 2


@pytest.mark.parametrize("seed", range(5))
def test_the_least_is_possible(seed: int) -> None:
    # One channel of four is a quarter of them, more than the least share of .05.
    narrow = mlp(16, widths=(4, 4), hidden=4)
    plan = plan_of(Budget(use=0.25), narrow)
    for vector in vectors(plan, 3):
        assert plan.decode(vector, seed=seed).mean_use == 0.25
    least = np.full(plan.space.size, 1.0)
    least[plan.space.forward_diagonal] = 0.05
    macs = plan.table.of(plan.space.decode(least)).macs / plan.shared.macs
    tight = plan_of(Budget(macs=macs), narrow)
    for vector in vectors(tight, 3):
        assert tight.decode(vector, seed=seed).mean_use == 0.25


# --- the exact optimum


def test_the_exact_optimum_keeps_the_budget_or_gives_way() -> None:
    for budget in (Budget(use=0.4), Budget(params=0.45), Budget(macs=0.5)):
        plan = plan_of(budget)
        for seed, vector in enumerate(vectors(plan, 3)):
            found = plan.exact(vector, seed=seed)
            assert budget.allows(plan.table.of(found), plan.shared)
            assert found.use == plan.decode(vector, seed=seed).use


def test_more_tasks_than_the_exact_optimum_takes_are_no_error() -> None:
    tasks = tuple(replace(TASKS[0], name=f"t{index:02}") for index in range(13))
    space = replace(plan_of(Budget(use=0.5)).space, tasks=[task.name for task in tasks])
    plan = Plan(space, CostTable.measure(WIDE, tasks), Budget(use=0.5))
    vector = space.draw(np.random.default_rng(0))
    with pytest.raises(InputError, match="at most 12 tasks"):
        space.decode_exactly(vector)
    assert plan.exact(vector, seed=2) == plan.decode(vector, seed=2)


# --- budgets that nothing keeps


@pytest.mark.parametrize("budget", [Budget(params=0.01), Budget(macs=0.001), Budget(params_m=1e-6)])
def test_an_impossible_budget_is_refused_with_the_least_costs(budget: Budget) -> None:
    with pytest.raises(BudgetError) as caught:
        plan_of(budget)
    # 2 of 32 channels each, the same ones: what is left beside norms and heads.
    assert caught.value.rule == (
        "A budget leaves room for a partition in which every task has a few channels."
    )
    least = plan_of(Budget(use=1.0))
    vector = np.full(least.space.size, 1.0)
    vector[least.space.forward_diagonal] = 0.05
    cost = least.table.of(least.space.decode(vector))
    assert caught.value.found == (
        f"{budget}, where even mean use 0.06 costs {cost.params / least.shared.params:.3g} of the"
        f" parameters and {cost.macs / least.shared.macs:.3g} of the multiply-adds of sharing all"
    )


def test_too_small_a_use_is_refused() -> None:
    with pytest.raises(BudgetError, match=r"leaves every task a share of \.05 of the channels"):
        plan_of(Budget(use=0.04))


def test_latency_is_not_bounded_by_a_search() -> None:
    with pytest.raises(BudgetError, match="A partitioning search bounds use, parameters or"):
        plan_of(Budget(latency_ms=3.0, use=0.5))


# --- which layers


def test_layers_of_equal_width_make_a_group_and_the_last_stage_is_the_default() -> None:
    backbone = make_backbone()
    group = HiddenGroup(1, ("0.conv1", "1.conv1"), 8)
    assert hidden_groups(backbone) == hidden_groups(backbone, ["blocks"]) == (group,)
    assert hidden_groups(WIDE, unit=1) == (HiddenGroup(1, ("0",), 32),)
    both = (HiddenGroup(0, ("0",), 32), HiddenGroup(1, ("0",), 32))
    assert hidden_groups(WIDE, ["layer2", "layer1"], unit=1) == both
    plan = Plan.of(WIDE, DATA, Budget(use=0.5), PartitionSettings())
    assert (plan.first, plan.space.tasks) == (1, NAMES)
    assert plan_of(Budget(use=0.5)).first == 0


@pytest.mark.parametrize(
    ("channels", "tasks", "unit"),
    [(512, 2, 16), (128, 2, 16), (128, 9, 8), (96, 2, 16), (100, 2, 4), (24, 2, 4), (12, 2, 2)],
)
def test_channels_are_dealt_in_units_that_leave_a_choice(
    channels: int, tasks: int, unit: int
) -> None:
    backbone = mlp(16, widths=(4,), hidden=channels)
    names = [binary(f"task{i}") for i in range(tasks)]
    labels = {task.name: torch.zeros(2, dtype=torch.long) for task in names}
    split = (torch.zeros(2, 16), labels)
    data = TensorData(names, train=split, val=split, test=split)
    plan = Plan.of(backbone, data, Budget(use=0.5), PartitionSettings())
    assert [group.unit for group in plan.space.groups] == [unit]
    asked = Plan.of(backbone, data, Budget(use=0.5), PartitionSettings(unit=channels // 2))
    assert asked.space.groups[0].units == 2


def test_a_unit_that_does_not_divide_the_channels_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        Plan.of(WIDE, DATA, Budget(use=0.5), PartitionSettings(unit=5))
    assert str(caught.value) == (
        "The channels of a hidden group are a whole number of its units. Found 32 channels in units"
        " of 5. Give a unit that divides the channels, such as 1."
    )


def make_mixed() -> nn.Module:
    wide = Block()
    wide.conv1 = nn.Conv2d(4, 12, 1, bias=False)
    wide.bn1, wide.conv2 = nn.BatchNorm2d(12), nn.Conv2d(12, 4, 1, bias=False)
    return nn.Sequential(Block(), wide, Block())


def test_layers_of_different_widths_are_groups_of_their_own() -> None:
    stages = (make_backbone().stages[0], Stage("mixed", make_mixed))
    groups = hidden_groups(Backbone("mixed", stages, (1, 4, 4)))
    assert groups == (
        HiddenGroup(1, ("0.conv1", "2.conv1"), 8),
        HiddenGroup(1, ("1.conv1",), 12, 2),
    )
