"""Laws 5, 6 and 11 for partitions: compact is masked, owners are kept apart, ends are plain."""

from __future__ import annotations

import copy
import dataclasses
import itertools
from collections.abc import Callable, Iterable, Mapping
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from sharewise.architecture import Architecture, Group, Partition
from sharewise.backbones import Backbone, Stage, mlp, resnet26, vgg16_bn
from sharewise.networks import (
    Network,
    PartitionedBranch,
    build,
    build_masked,
    compact,
    extract,
    inherit,
)
from sharewise.tasks import classification

NAMES = ("a", "b", "c")
Masks = list[list[bool]]


class Tiny(nn.Module):
    """A residual block and a chain: hidden layers "conv1", "one" and "two" (of n channels)."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(2, n, 3, padding=1), nn.BatchNorm2d(n)
        self.conv2, self.bn2 = nn.Conv2d(n, 2, 3, padding=1, bias=False), nn.BatchNorm2d(2)
        self.one, self.two = nn.Conv2d(2, n, 1), nn.Conv2d(n, n, 3, padding_mode="circular")
        self.norm, self.three = nn.BatchNorm2d(n, momentum=None), nn.Conv2d(n, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        hidden = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        x = functional.relu(self.bn2(self.conv2(hidden)) + x, inplace=True)
        hidden = torch.sigmoid(self.two(functional.elu(self.one(x), inplace=True)))
        return self.three(functional.max_pool2d(self.norm(hidden), 2))


def tiny(n: int) -> Backbone:
    return Backbone("tiny", (Stage("tiny", partial(Tiny, n)),), (2, 6, 6))


def first_stages(backbone: Backbone, count: int) -> Backbone:
    return dataclasses.replace(backbone, stages=backbone.stages[:count])


BACKBONES = {
    "tiny4": tiny(4),
    "tiny6": tiny(6),
    "resnet26": first_stages(resnet26(0.06, 2, input_size=8), 2),
    "vgg16_bn": first_stages(vgg16_bn(0.07, 2, input_size=16), 3),
    "mlp": mlp(3, (4, 3), hidden=5),
}


def architecture(backbone: Backbone, owners: Callable[[int, int], tuple[Masks, Masks]],
                 tasks: Iterable[str] = NAMES) -> Architecture:  # fmt: skip
    """Every hidden layer in a group of its own, whose masks `owners(number, channels)` gives."""
    names, partitions = tuple(tasks), []
    for layout in backbone.layouts():
        groups = [
            Group.from_masks([each.name], names, *owners(i, each.channels))
            for i, each in enumerate(layout.hidden)
        ]
        partitions.append(Partition(tuple(groups)))
    return Architecture.partitioned(names, partitions)


def _states(tasks: int) -> st.SearchStrategy[list[int]]:
    """One channel: 0 for a task that does not use it, 1 where it is frozen, 2 for an updater."""
    some = st.lists(st.sampled_from([0, 1, 2]), min_size=tasks, max_size=tasks)
    return st.one_of(some, st.sampled_from([[0] * tasks, [1] * tasks, [2] * tasks]))


@st.composite
def architectures(draw: st.DrawFn, backbone: Backbone) -> Architecture:
    """Any partition of 1 to 3 tasks: with channels of nobody, of all, and frozen ones."""
    tasks = NAMES[: draw(st.integers(1, 3))]

    def owners(number: int, channels: int) -> tuple[Masks, Masks]:
        palette = draw(st.lists(_states(len(tasks)), min_size=1, max_size=4))
        rows = [palette[draw(st.integers(0, len(palette) - 1))] for _ in range(channels)]
        for i in range(len(tasks)):  # every task uses a channel of each group
            if not any(row[i] for row in rows):
                place = draw(st.integers(0, channels - 1))
                rows[place] = [2 if i == j else state for j, state in enumerate(rows[place])]
        use = [[row[i] > 0 for row in rows] for i in range(len(tasks))]
        update = [[row[i] > 1 for row in rows] for i in range(len(tasks))]
        return use, update

    return architecture(backbone, owners, tasks)


def one_channel_each(number: int, channels: int) -> tuple[Masks, Masks]:
    masks = [[j == (number + i) % channels for j in range(channels)] for i in range(3)]
    return masks, masks


def nobody_but_one_that_has_all(number: int, channels: int) -> tuple[Masks, Masks]:
    """Task a uses all but channel 1, which nobody does; b and c only look at channel 0."""
    use = [[j != 1 for j in range(channels)]] + [[j == 0 for j in range(channels)]] * 2
    return use, [use[0], [False] * channels, [False] * channels]


def everything_frozen(number: int, channels: int) -> tuple[Masks, Masks]:
    return [[(i + j) % 2 == 0 for j in range(channels)] for i in range(3)], [[False] * channels] * 3


ENDS = (one_channel_each, nobody_but_one_that_has_all, everything_frozen)


def network_of(
    found: Architecture, backbone: Backbone, *, masked: bool = False, seed: int = 0
) -> Network:
    """In double precision, with norms that differ from task to task, as after some training."""
    tasks = [classification(name, 3) for name in found.tasks]
    make = build_masked if masked else build
    network = make(found, backbone, tasks, seed=seed).double()
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if ".norms." in name and tensor.is_floating_point():
                tensor.add_(0.1 * (1 + NAMES.index(name.split(".norms.")[1][0])))
    return network


def batches(backbone: Backbone, count: int, size: int = 3) -> list[Tensor]:
    generator = torch.Generator().manual_seed(count)
    shape = (size, *backbone.input_shape)
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(count)]


def optimiser_of(name: str, network: nn.Module) -> torch.optim.Optimizer:
    if name == "sgd":
        return torch.optim.SGD(
            network.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1, nesterov=True
        )
    return torch.optim.Adam(network.parameters(), lr=0.1, weight_decay=0.1)


def step(network: Network, optimiser: torch.optim.Optimizer, x: Tensor, task: str) -> None:
    optimiser.zero_grad(set_to_none=True)
    network.train()(x, [task])[task].square().sum().backward()
    optimiser.step()


def assert_close(there: Mapping[str, Tensor], here: Mapping[str, Tensor]) -> None:
    for task in here:
        torch.testing.assert_close(there[task], here[task], rtol=1e-6, atol=1e-7)


def check_forms(found: Architecture, backbone: Backbone) -> None:
    """Law 5 for one architecture: in both modes, and after training steps."""
    joint, masked = (network_of(found, backbone, masked=masked) for masked in (False, True))
    optimisers = [torch.optim.SGD(n.parameters(), lr=0.02, momentum=0.5) for n in (joint, masked)]
    *training, x = batches(backbone, 3)
    for steps in (0, 2):
        for network, optimiser in zip((joint, masked), optimisers, strict=True):
            for batch, task in itertools.product(training[:steps], found.tasks):
                step(network, optimiser, batch, task)
        alone = {t: extract(joint, t, backbone=backbone) for t in found.tasks}
        cut = compact(masked)
        for mode in (False, True):
            expected = joint.train(mode)(x)
            assert_close({t: alone[t].train(mode)(x)[t] for t in found.tasks}, expected)
            assert_close(masked.train(mode)(x), expected)
            assert_close(cut.train(mode)(x), expected)
    alone = {t: extract(masked, t, backbone=backbone) for t in found.tasks}
    expected = masked.eval()(x)
    assert_close({t: alone[t].eval()(x)[t] for t in found.tasks}, expected)


@pytest.mark.parametrize("name", ["tiny4", "tiny6"])
@given(data=st.data())
@settings(max_examples=8, deadline=None)
def test_compact_masked_and_extracted_are_one_network(name: str, data: st.DataObject) -> None:
    check_forms(data.draw(architectures(BACKBONES[name])), BACKBONES[name])


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("resnet26", nobody_but_one_that_has_all),
        ("vgg16_bn", one_channel_each),
        *(("mlp", end) for end in ENDS),
        *(("tiny4", end) for end in ENDS),
    ],
)
def test_ends_of_partitions_have_one_network_too(
    name: str, end: Callable[[int, int], tuple[Masks, Masks]]
) -> None:
    check_forms(architecture(BACKBONES[name], end), BACKBONES[name])


def runs_of(network: Network) -> list[tuple[nn.Parameter, frozenset[str], frozenset[str]]]:
    """Every parameter that holds a run of rows, with its users and updaters by the masks."""
    found = []
    for (_, branch), module in zip(network.architecture.branches(), network.branches, strict=True):
        assert isinstance(module, PartitionedBranch)
        owners = {n: g.owners for g in branch.partition.groups for n in g.layers}
        for name, runs in owners.items():
            built = [run for run in runs if run.use]
            layer = module.body.get_submodule(name)
            for kind in (layer.weights, layer.biases or ()):
                assert len(kind) in (0, len(built))
                for parameter, run in zip(kind, built, strict=False):
                    assert len(parameter) == run.channels
                    found.append((parameter, frozenset(run.use), frozenset(run.update)))
    return found


@pytest.mark.parametrize("masked", [False, True])
@given(data=st.data())
@settings(max_examples=10, deadline=None)
def test_a_channel_that_a_task_does_not_use_is_not_in_its_output(
    masked: bool, data: st.DataObject
) -> None:
    found = data.draw(architectures(BACKBONES["tiny4"]))
    network = network_of(found, BACKBONES["tiny4"], masked=masked)
    (x,) = batches(BACKBONES["tiny4"], 1)
    for mode in (False, True):
        for task in found.tasks:
            changed = copy.deepcopy(network).train(mode)
            expected = copy.deepcopy(network).train(mode)(x)
            with torch.no_grad():
                for parameter, users, _ in runs_of(changed):
                    if task not in users:
                        parameter.add_(torch.randn(parameter.shape))
                for name, tensor in changed.named_parameters():
                    if any(f"norms.{t}." in name or f"heads.{t}." in name
                           for t in found.tasks if t != task):  # fmt: skip
                        tensor.add_(torch.randn(tensor.shape))
            outputs = changed(x)
            assert torch.equal(outputs[task], expected[task])


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
@given(data=st.data())
@settings(max_examples=8, deadline=None)
def test_a_row_moves_only_with_a_task_that_may_update_it(
    optimiser: str, masked: bool, data: st.DataObject
) -> None:
    found = data.draw(architectures(BACKBONES["tiny4"]))
    network = network_of(found, BACKBONES["tiny4"], masked=masked)
    steps = optimiser_of(optimiser, network)
    order = data.draw(st.lists(st.sampled_from(found.tasks), min_size=2, max_size=5))
    for x, task in zip(batches(BACKBONES["tiny4"], len(order)), order, strict=True):
        runs = runs_of(network)
        before = [parameter.clone() for parameter, _, _ in runs]
        step(network, steps, x, task)
        for old, (parameter, _, updaters) in zip(before, runs, strict=True):
            # even with momentum from earlier steps, and with weight decay
            assert torch.equal(parameter, old) == (task not in updaters)


@pytest.mark.parametrize("name", ["resnet26", "vgg16_bn", "mlp"])
@pytest.mark.parametrize("masked", [False, True])
def test_rows_that_nobody_may_update_stay_in_a_step_of_all_tasks(name: str, masked: bool) -> None:
    def owners(number: int, channels: int) -> tuple[Masks, Masks]:
        use = [[True] * channels] * 3
        return use, [[(i + j) % 2 == 0 and i < 2 for j in range(channels)] for i in range(3)]

    backbone = BACKBONES[name]
    network = network_of(architecture(backbone, owners), backbone, masked=masked)
    steps = optimiser_of("sgd", network)
    runs, frozen = runs_of(network), architecture(backbone, everything_frozen)
    before = [parameter.clone() for parameter, _, _ in runs]
    outputs = network.train()(batches(backbone, 1)[0])
    torch.stack([output.square().sum() for output in outputs.values()]).sum().backward()
    steps.step()
    moved = [not torch.equal(old, run[0]) for old, run in zip(before, runs, strict=True)]
    # a bias before a batch norm has no gradient, and its decay is nothing while it is zero
    assert all(each or run[0].dim() == 1 for each, run in zip(moved, runs, strict=True))

    still = network_of(frozen, backbone, masked=masked)
    before = [parameter.clone() for parameter, _, _ in runs_of(still)]
    steps = optimiser_of("adam", still)
    for x in batches(backbone, 2):
        outputs = still.train()(x)
        torch.stack([output.square().sum() for output in outputs.values()]).sum().backward()
        steps.step()
    assert all(torch.equal(old, run[0]) for old, run in zip(before, runs_of(still), strict=True))


# Law 11: the ends are networks that one would write by hand.


def share_all(number: int, channels: int, tasks: int = 1) -> tuple[Masks, Masks]:
    return [[True] * channels] * tasks, [[True] * channels] * tasks


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("masked", [False, True])
def test_a_partition_that_shares_all_is_the_plain_network_for_one_task(
    name: str, masked: bool
) -> None:
    backbone = BACKBONES[name]
    tasks = [classification("a", 3)]
    plain = build(Architecture.shared(["a"], backbone.num_stages), backbone, tasks, seed=3)
    make = build_masked if masked else build
    network = make(architecture(backbone, share_all, ["a"]), backbone, tasks, seed=3)
    x = torch.randn(3, *backbone.input_shape)
    for mode in (True, False):
        assert torch.equal(network.train(mode)(x)["a"], plain.train(mode)(x)["a"])
    outputs = network.train()(x)["a"], plain.train()(x)["a"]
    for output in outputs:
        output.square().sum().backward()
    sizes = [
        sum(p.grad.abs().double().sum().item() for p in each.parameters())
        for each in (network, plain)
    ]
    assert sizes[0] == pytest.approx(sizes[1], rel=1e-5)


def test_a_task_of_a_partition_is_the_layers_one_would_cut_by_hand() -> None:
    backbone = BACKBONES["tiny6"]
    rows = {"conv1": [0, 2, 3], "one": [1, 4], "two": [0, 1, 5]}

    def owners(number: int, channels: int) -> tuple[Masks, Masks]:
        mine = list(rows.values())[number]
        use = [[j in mine for j in range(channels)], [j % 2 == 0 for j in range(channels)]]
        return use, use

    tasks = [classification(name, 3) for name in "ab"]
    source = build(architecture(backbone, partial(share_all, tasks=2), "ab"), backbone, tasks)
    for x in torch.randn(3, 4, 2, 6, 6):
        source.train()(x)  # each task's running statistics
    network = build(architecture(backbone, owners, "ab"), backbone, tasks, seed=9)
    inherit(network, source)

    plain = extract(source, "a", backbone=backbone)
    stage, head = plain.branches[0].eval(), plain.heads["a"]
    assert isinstance(stage, Tiny)

    def norm(x: Tensor, of: nn.BatchNorm2d, kept: list[int]) -> Tensor:
        tensors = (of.running_mean, of.running_var, of.weight, of.bias)
        return functional.batch_norm(x, *(tensor[kept] for tensor in tensors))

    x = torch.randn(4, 2, 6, 6)
    first, one, two = rows.values()
    hidden = functional.conv2d(x, stage.conv1.weight[first], stage.conv1.bias[first], padding=1)
    hidden = functional.relu(norm(hidden, stage.bn1, first))
    hidden = functional.conv2d(hidden, stage.conv2.weight[:, first], padding=1)
    y = functional.relu(stage.bn2(hidden) + x)
    hidden = functional.elu(functional.conv2d(y, stage.one.weight[one], stage.one.bias[one]))
    weight = stage.two.weight[two][:, one]
    hidden = torch.sigmoid(functional.conv2d(hidden, weight, stage.two.bias[two]))
    hidden = functional.max_pool2d(norm(hidden, stage.norm, two), 2)
    y = functional.conv2d(hidden, stage.three.weight[:, two], stage.three.bias)
    torch.testing.assert_close(network.eval()(x, ["a"])["a"], head(y))
