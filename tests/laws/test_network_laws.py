"""Laws 4 and 11: costs are the built network's; trees are the networks one would write by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from sharewise.architecture import Architecture
from sharewise.backbones import Backbone, Stage, mlp, resnet18, resnet26, vgg16_bn
from sharewise.costs import CostTable, cost
from sharewise.errors import UnknownLayerError
from sharewise.networks import Network, build
from sharewise.spaces import Branching
from sharewise.tasks import Task, binary, classification, regression

TASKS = (classification("shape", 3), binary("bold"), regression("size", 2), binary("tall"))
NAMES = tuple(task.name for task in TASKS)
BACKBONES = {
    "mlp": mlp(5, (4, 6, 3)),
    "resnet18": resnet18(0.1, input_size=32),
    "resnet26": resnet26(0.1, input_size=16),
    "vgg16_bn": vgg16_bn(0.1, input_size=32),
}


def _sampled(backbone: Backbone, count: int) -> list[Architecture]:
    space = Branching(NAMES, backbone.num_stages)
    rng = np.random.default_rng(0)
    sampled = [space.sample(rng) for _ in range(count)]
    ends = (Architecture.shared, Architecture.independent)
    return [*sampled, *(end(NAMES, backbone.num_stages) for end in ends)]


@pytest.mark.parametrize("name", BACKBONES)
def test_cost_is_the_built_networks_count(name: str) -> None:
    backbone = BACKBONES[name]
    table, headless = CostTable.measure(backbone, TASKS), CostTable.measure(backbone)
    for architecture in _sampled(backbone, 6):
        network = build(architecture, backbone, TASKS)
        branches = sum(p.numel() for p in network.branches.parameters())
        assert table.of(architecture).params == sum(p.numel() for p in network.parameters())
        assert headless.of(architecture).params == branches


@pytest.mark.parametrize("name", BACKBONES)
def test_a_task_alone_costs_its_own_network(name: str) -> None:
    backbone = BACKBONES[name]
    alone = {
        task.name: cost(Architecture.shared([task.name], backbone.num_stages), backbone, [task])
        for task in TASKS
    }
    table = CostTable.measure(backbone, TASKS)
    for architecture in _sampled(backbone, 4):
        for task, found in table.of(architecture).per_task.items():
            assert (found.params, found.macs) == (alone[task].params, alone[task].macs)


@pytest.mark.parametrize("name", BACKBONES)
def test_cost_falls_along_coarser_moves_from_independent_to_shared(name: str) -> None:
    backbone = BACKBONES[name]
    space = Branching(NAMES, backbone.num_stages)
    table = CostTable.measure(backbone, TASKS)
    shared, apart = (
        table.of(end(NAMES, backbone.num_stages))
        for end in (Architecture.shared, Architecture.independent)
    )
    for architecture in _sampled(backbone, 20):
        here = table.of(architecture)
        assert shared.params <= here.params <= apart.params
        assert shared.macs <= here.macs <= apart.macs
        for coarser in space.coarser(architecture):
            there = table.of(coarser)
            assert there.params < here.params
            assert there.macs < here.macs


class _Inverse(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.linalg.inv(x)


@pytest.mark.parametrize("position", [0, 1])
def test_an_unknown_layer_raises_and_never_counts_as_zero(position: int) -> None:
    makes: list[Callable[[], nn.Module]] = [nn.Identity, nn.ReLU]
    makes[position] = _Inverse
    stages = tuple(Stage(f"stage{i}", make) for i, make in enumerate(makes))
    backbone = Backbone("own", stages, (4, 4))
    with pytest.raises(UnknownLayerError, match=rf"inv.* in stage 'stage{position}'"):
        cost(Architecture.shared(NAMES, 2), backbone)


def _count_runs(network: Network) -> Counter[int]:
    runs: Counter[int] = Counter()
    for i, branch in enumerate(network.branches):
        branch.register_forward_hook(lambda module, args, output, i=i: runs.update([i]))
    return runs


@pytest.mark.parametrize("name", BACKBONES)
def test_every_branch_runs_once_and_only_where_needed(name: str) -> None:
    backbone = BACKBONES[name]
    x = torch.randn(2, *backbone.input_shape)
    for architecture in _sampled(backbone, 4):
        network = build(architecture, backbone, TASKS).eval()
        runs = _count_runs(network)
        everything = network(x)
        assert runs == dict.fromkeys(range(len(network.branches)), 1)
        for tasks in (["size"], ["tall", "bold"]):
            runs.clear()
            outputs = network(x, tasks)
            needed = {
                i
                for i, (_, branch) in enumerate(architecture.branches())
                if set(branch.tasks) & set(tasks)
            }
            assert runs == dict.fromkeys(needed, 1)
            assert all(torch.equal(outputs[task], everything[task]) for task in tasks)


# Law 11. The networks below are written the usual way, without any of the package's modules.


class _HandBlock(nn.Module):
    def __init__(self, inplanes: int, planes: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = (
            nn.Sequential(
                nn.Conv2d(inplanes, planes, 1, stride, bias=False), nn.BatchNorm2d(planes)
            )
            if stride != 1 or inplanes != planes
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        out = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(out)) + self.downsample(x))


class _HandResNet18(nn.Module):
    def __init__(self, heads: dict[str, int]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = nn.Sequential(_HandBlock(64, 64, 1), _HandBlock(64, 64, 1))
        self.layer2 = nn.Sequential(_HandBlock(64, 128, 2), _HandBlock(128, 128, 1))
        self.layer3 = nn.Sequential(_HandBlock(128, 256, 2), _HandBlock(256, 256, 1))
        self.layer4 = nn.Sequential(_HandBlock(256, 512, 2), _HandBlock(512, 512, 1))
        self.fc = nn.ModuleDict({name: nn.Linear(512, size) for name, size in heads.items()})

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = self.maxpool(torch.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        x = functional.adaptive_avg_pool2d(x, 1).flatten(1)
        return {name: fc(x) for name, fc in self.fc.items()}


class _HandMlp(nn.Module):
    def __init__(self, heads: dict[str, int]) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(5, 16), nn.Linear(16, 16)
        self.three = nn.Linear(16, 16)
        self.fc = nn.ModuleDict({name: nn.Linear(16, size) for name, size in heads.items()})

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = torch.relu(self.three(torch.relu(self.two(torch.relu(self.one(x))))))
        return {name: fc(x) for name, fc in self.fc.items()}


_SIZES = {"shape": 3, "bold": 1, "size": 2}
_THREE = TASKS[:3]
_HAND: dict[str, tuple[Backbone, Callable[[dict[str, int]], nn.Module]]] = {
    "resnet18": (resnet18(input_size=64), _HandResNet18),
    "mlp": (mlp(5), _HandMlp),
}


def _copy(hand: nn.Module, parts: list[nn.Module]) -> None:
    """Weights and buffers of the parts, in order, into a hand-written network."""
    ours = [tensor for part in parts for tensor in part.state_dict().values()]
    theirs = list(hand.state_dict().values())
    for source, target in zip(ours, theirs, strict=True):
        target.copy_(source)


def _path(network: Network, task: str) -> list[nn.Module]:
    found = enumerate(network.architecture.branches())
    return [network.branches[i] for i, (_, branch) in found if task in branch.tasks]


def _step(network: nn.Module, x: Tensor) -> tuple[dict[str, Tensor], float]:
    """Outputs in training mode, and the sum of all gradients' sizes after a backward pass."""
    outputs = network.train()(x)
    torch.stack([output.square().sum() for output in outputs.values()]).sum().backward()
    gradients = sum(p.grad.abs().double().sum().item() for p in network.parameters())
    return outputs, gradients


@pytest.mark.parametrize("name", _HAND)
def test_the_shared_architecture_is_the_hand_written_network(name: str) -> None:
    backbone, hand_written = _HAND[name]
    tasks: tuple[Task, ...] = _THREE
    architecture = Architecture.shared(_SIZES, backbone.num_stages)
    network = build(architecture, backbone, tasks).eval()
    hand = hand_written(_SIZES).eval()
    _copy(hand, [*network.branches, *network.heads.values()])
    x = torch.randn(2, *backbone.input_shape)
    outputs, expected = network(x), hand(x)
    assert list(outputs) == list(expected)
    assert all(torch.equal(outputs[task], expected[task]) for task in _SIZES)
    (outputs, gradients), (expected, hand_gradients) = _step(network, x), _step(hand, x)
    assert all(torch.equal(outputs[task], expected[task]) for task in _SIZES)
    assert gradients == pytest.approx(hand_gradients, rel=1e-6)


@pytest.mark.parametrize("name", _HAND)
def test_the_independent_architecture_is_one_hand_written_network_a_task(name: str) -> None:
    backbone, hand_written = _HAND[name]
    architecture = Architecture.independent(_SIZES, backbone.num_stages)
    network = build(architecture, backbone, _THREE).eval()
    x = torch.randn(2, *backbone.input_shape)
    outputs = network(x)
    for task, size in _SIZES.items():
        hand = hand_written({task: size}).eval()
        _copy(hand, [*_path(network, task), network.heads[task]])
        assert torch.equal(outputs[task], hand(x)[task])
        assert torch.equal(network(x, [task])[task], hand(x)[task])
