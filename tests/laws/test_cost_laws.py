"""Law 4 for partitions: costs are those of the built and of the extracted networks."""

from __future__ import annotations

from functools import cache, partial

import numpy as np
import pytest
from _spaces import NAMES, partitioned_architectures
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from sharewise.architecture import Architecture, Branch, Group, Partition
from sharewise.backbones import Backbone, Stage, dry_run, mlp, resnet26, vgg16_bn
from sharewise.costs import CostTable
from sharewise.costs._count import MacCounter
from sharewise.networks import Network, build, extract
from sharewise.tasks import Task, classification


class _Odd(nn.Module):
    """Biases, a norm without weights, channel groups, a hidden layer that reads one."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, padding=1)
        self.middle = nn.Sequential(nn.BatchNorm2d(6), nn.ReLU(), nn.AvgPool2d(2))
        self.second = nn.Conv2d(6, 5, 1)
        self.third = nn.Conv2d(5, 8, (1, 3), bias=False)
        self.bare = nn.BatchNorm2d(8, affine=False)
        self.last = nn.Conv2d(8, 4, 1, groups=2)
        self.norm = nn.GroupNorm(2, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.last(self.bare(self.third(self.second(self.middle(self.first(x)))))))


BACKBONES = {
    "mlp": mlp(5, (4, 6, 3), 7),
    "odd": Backbone("odd", (Stage("one", _Odd), Stage("two", nn.Flatten)), (3, 8, 8)),
    "resnet26": resnet26(0.1, input_size=16),
    "vgg16_bn": vgg16_bn(0.05, input_size=32),
}
NUM_BUILT = {"mlp": 12, "odd": 12, "resnet26": 2, "vgg16_bn": 4}
# without shrinking: it would build hundreds of networks
few = partial(settings, deadline=None, phases=[Phase.explicit, Phase.generate])
table_of = cache(lambda name: CostTable.measure(BACKBONES[name]))


def _hidden(backbone: Backbone) -> list[list[tuple[str, int]]]:
    return [[(h.name, h.channels) for h in layout.hidden] for layout in backbone.layouts()]


def _tasks(architecture: Architecture) -> list[Task]:
    return [classification(name, 2 + NAMES.index(name)) for name in architecture.tasks]


def _params(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def _macs(network: Network, shape: tuple[int, ...]) -> int:
    counter = MacCounter("the network")
    dry_run(network, shape, subject="the network", mode=counter)
    return counter.macs


@pytest.mark.parametrize("name", BACKBONES)
def test_cost_is_the_built_networks_and_alone_the_extracted_ones(name: str) -> None:
    backbone = BACKBONES[name]

    @few(max_examples=NUM_BUILT[name])
    @given(partitioned_architectures(3, hidden=_hidden(backbone)))
    def law(architecture: Architecture) -> None:
        tasks = _tasks(architecture)
        found = CostTable.measure(backbone, tasks).of(architecture)
        network = build(architecture, backbone, tasks).to("meta")
        assert found.params == _params(network)
        assert found.macs == _macs(network, backbone.input_shape)
        for task in architecture.tasks:
            alone = extract(network, task, backbone=backbone)
            assert found.per_task[task].params == _params(alone)
            assert found.per_task[task].macs == _macs(alone, backbone.input_shape)

    law()


@pytest.mark.parametrize("name", BACKBONES)
def test_a_partition_costs_at_most_the_one_that_uses_everything(name: str) -> None:

    @few(max_examples=30)
    @given(partitioned_architectures(3, hidden=_hidden(BACKBONES[name])))
    def law(architecture: Architecture) -> None:
        here, whole = (table_of(name).of(a) for a in (architecture, _all_used(architecture)))
        assert here.params <= whole.params
        assert here.macs <= whole.macs
        assert here.use == pytest.approx(np.mean(list(architecture.use.values())))
        assert whole.use == 1
        for task, alone in here.per_task.items():
            assert alone.params <= whole.per_task[task].params
            assert (alone.macs < whole.per_task[task].macs) == (architecture.use[task] < 1)

    law()


def _all_used(architecture: Architecture) -> Architecture:
    def filled(branch: Branch) -> Branch:
        groups = []
        for group in branch.partition.groups if branch.partition else ():
            every = np.ones((len(branch.tasks), group.channels))
            groups.append(Group.from_masks(group.layers, branch.tasks, every, every))
        partition = None if branch.partition is None else Partition(tuple(groups))
        return Branch(branch.tasks, tuple(map(filled, branch.children)), partition)

    return Architecture(tuple(map(filled, architecture.roots)))


@pytest.mark.parametrize("name", BACKBONES)
@given(
    names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True),
    count=st.integers(0, 3),
)
@few(max_examples=8)
def test_norms_of_ones_own_cost_what_apart_trees_spend_on_them(
    name: str, names: list[str], count: int
) -> None:
    """Partitions without groups: the multiply-adds of `independent`, the weights of `shared`."""
    backbone = BACKBONES[name]
    stages = backbone.num_stages
    cost = table_of(name).of
    found = cost(Architecture.partitioned(names, [Partition()] * stages))
    apart, shared = (
        cost(end(names, stages)) for end in (Architecture.independent, Architecture.shared)
    )
    assert found.macs == apart.macs
    assert found.per_task == apart.per_task == shared.per_task
    norms = sum(
        part.weight.numel() + part.bias.numel()
        for stage in backbone.stages
        for part in stage.make().modules()
        if isinstance(part, nn.BatchNorm2d) and part.affine
    )
    assert found.params == shared.params + (len(names) - 1) * norms
