"""Networks with partitions: how they run, travel, are trained, cut out, inherited and exported."""

from __future__ import annotations

import copy
import io
import json
import pickle
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.nn import functional

import sharewise as sw
from sharewise.architecture import Architecture, Branch, Group, Owners, Partition
from sharewise.backbones import Backbone, Stage, mlp, resnet18, resnet26
from sharewise.data import SeparateData, TensorData
from sharewise.errors import InputError
from sharewise.networks import (
    Network,
    PartitionedBranch,
    build,
    build_masked,
    compact,
    export,
    extract,
    inherit,
)
from sharewise.tasks import binary, classification

TASKS = (classification("case", 3), binary("old"), classification("tone", 4))
NAMES = ("case", "old", "tone")
IMAGES = resnet18(0.07, 2, input_size=16, stem="small").at((2, 16, 16))
ROWS = mlp(5, (4, 6, 3), hidden=8)

# Channels 0-2: case and old, 3: nobody, 4: all but frozen for tone, 5-7: old and tone.
OWNERS = (
    Owners(3, ("case", "old"), ("case",)),
    Owners(1, (), ()),
    Owners(1, NAMES, ("case", "old")),
    Owners(3, ("old", "tone"), ("old", "tone")),
)
EIGHT = Partition((Group(("0",), OWNERS),))


def conv_block(channels: int = 8) -> nn.Module:
    """A chain conv - norm - conv - norm - conv, the first two of them hidden."""
    norm = partial(nn.BatchNorm2d, channels)
    first = nn.Sequential(nn.Conv2d(2, channels, 3), norm(), nn.ReLU(inplace=True))
    second = nn.Sequential(nn.Conv2d(channels, channels, 1), norm(), nn.ReLU(inplace=True))
    return nn.Sequential(*first, *second, nn.Conv2d(channels, 3, 1))


def stem() -> nn.Module:
    return nn.Sequential(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2))


CHAIN = Backbone("chain", (Stage("stem", stem), Stage("chain", conv_block)), (2, 5, 5))
BOTH = Partition((Group(("0", "3"), OWNERS),))


def partitioned(
    backbone: Backbone, partitions: Sequence[Partition | None], names: Sequence[str] = NAMES
) -> Architecture:
    assert len(partitions) == backbone.num_stages
    return Architecture.partitioned(names, partitions)


def chain_network(make: Callable[..., Network] = build, **options: object) -> Network:
    return make(partitioned(CHAIN, [Partition(), BOTH]), CHAIN, TASKS, **options)


def trained(network: Network, shape: tuple[int, ...], steps: int = 3) -> Network:
    """After a few steps, so that weights and running statistics differ from task to task."""
    optimiser = torch.optim.SGD(network.parameters(), lr=0.05)
    generator = torch.Generator().manual_seed(1)
    for _ in range(steps):
        for i, task in enumerate(network.tasks):
            x = torch.randn(4, *shape, generator=generator) * (1 + i)
            optimiser.zero_grad()
            network.train()(x, [task])[task].square().mean().backward()
            optimiser.step()
    return network.eval()


def assert_same(there: dict[str, Tensor], here: dict[str, Tensor]) -> None:
    assert list(there) == list(here)
    assert all(torch.equal(there[task], here[task]) for task in here)


# How it runs


def tree() -> Architecture:
    """A plain stage for all; a partition for two of them; below it, plain stages."""
    two = Partition(
        (Group(("0",), (Owners(5, ("case", "old"), ("old",)), Owners(3, ("old",), ()))),)
    )
    pair = Branch(("case", "old"), (Branch(("case",)), Branch(("old",))), two)
    return Architecture((Branch(NAMES, (pair, Branch(("tone",), (Branch(("tone",)),)))),))


def runs_of(network: Network) -> Counter[tuple[str, ...]]:
    runs: Counter[tuple[str, ...]] = Counter()
    branches = network.architecture.branches()
    for (stage, branch), module in zip(branches, network.branches, strict=True):
        key = (str(stage + 1), *branch.tasks)
        module.register_forward_hook(lambda m, args, output, key=key: runs.update([key]))
    return runs


def test_a_partitioned_branch_runs_once_a_task_and_plain_ones_above_it_once() -> None:
    network = build(tree(), ROWS, TASKS).eval()
    x, runs = torch.randn(4, 5), runs_of(network)
    outputs = network(x)
    assert runs == {
        ("1", *NAMES): 1,
        ("2", "case", "old"): 2,
        ("2", "tone"): 1,
        ("3", "case"): 1,
        ("3", "old"): 1,
        ("3", "tone"): 1,
    }
    assert list(outputs) == ["case", "old", "tone"]
    for names in (["old"], ["tone", "case"], ["tone", "old", "case"]):
        some = network(x, names)
        assert list(some) == names
        assert all(torch.equal(some[name], outputs[name]) for name in names)


def test_all_below_a_partition_runs_once_a_task() -> None:
    network = build(partitioned(ROWS, [EIGHT, None, EIGHT]), ROWS, TASKS)
    runs = runs_of(network)
    network(torch.randn(4, 5))
    assert runs == {(str(stage), *NAMES): 3 for stage in (1, 2, 3)}
    runs.clear()
    network(torch.randn(4, 5), ["tone"])
    assert set(runs.values()) == {1}


def test_each_task_has_norms_of_its_own() -> None:
    network = chain_network().train()
    network(torch.randn(8, 2, 5, 5) + 3.0, ["old"])
    state = network.state_dict()
    counted = {name: int(value) for name, value in state.items() if name.endswith("_tracked")}
    assert len(counted) == 3 * len(NAMES)  # behind the stem's layer and the two of the chain
    assert all(times == (".norms.old." in name) for name, times in counted.items())
    first = "branches.1.body.1.norms.{}.weight"
    assert [len(state[first.format(task)]) for task in NAMES] == [4, 7, 4]


def test_unused_channels_have_no_weights() -> None:
    network = chain_network()
    state = network.state_dict()
    rows = [state[f"branches.1.body.0.weights.{i}"].shape for i in range(3)]
    assert rows == [(3, 2, 3, 3), (1, 2, 3, 3), (3, 2, 3, 3)]  # channel 3 is nobody's
    assert state["branches.1.body.3.weights.0"].shape == (3, 7, 1, 1)
    assert state["branches.1.body.6.weights.0"].shape == (3, 7, 1, 1)
    masked = chain_network(build_masked).state_dict()
    assert masked["branches.1.body.3.weights.0"].shape == (3, 8, 1, 1)


def test_partitions_of_one_seed_start_from_the_same_weights() -> None:
    whole = build(Architecture.shared(NAMES, 2), CHAIN, TASKS, seed=5).branches[1][3].weight
    found = chain_network(seed=5).branches[1].plain_state("case")["3.weight"]
    used = [0, 1, 2, 4]
    assert torch.equal(found, whole[used][:, used])
    assert not torch.equal(chain_network(seed=6).branches[1].plain_state("case")["3.weight"], found)


def test_building_leaves_random_state_alone() -> None:
    before = torch.get_rng_state()
    network = chain_network()
    extract(network, "old", backbone=CHAIN)
    assert torch.equal(torch.get_rng_state(), before)


def test_blocks_are_what_the_residual_blocks_give() -> None:
    hidden = [each for each in IMAGES.layouts()[1].hidden]
    owners = (Owners(1, NAMES, NAMES), Owners(hidden[0].channels - 1, ("old",), ("old",)))
    groups = (Group(tuple(each.name for each in hidden), (owners[0], owners[1])),)
    architecture = partitioned(IMAGES, [None, Partition(groups), None, Partition(), None])
    network = trained(build(architecture, IMAGES, TASKS), IMAGES.input_shape, 1)
    x = torch.randn(2, *IMAGES.input_shape)
    for task in ("old", "tone"):
        alone = extract(network, task, backbone=IMAGES)
        features = network.branches[0](x)
        for stage in (1, 3):
            caught: list[Tensor] = []
            for block in alone.branches[stage]:
                block.register_forward_hook(lambda m, args, output, to=caught: to.append(output))
            features = network.branches[2](features) if stage == 3 else features
            output, blocks = network.branches[stage].forward_blocks(features, task)
            assert torch.equal(alone.branches[stage](features), output)
            assert len(blocks) == len(caught) == 2
            assert all(torch.equal(a, b) for a, b in zip(blocks, caught, strict=True))
            assert torch.equal(network.branches[stage](features, task), output)
            features = output


def test_a_stage_without_blocks_is_one_block() -> None:
    branch = chain_network().branches[1]
    x = torch.randn(2, 2, 5, 5)
    output, blocks = branch.forward_blocks(x, "old")
    assert len(blocks) == 1
    assert blocks[0] is output


def test_a_closing_norm_is_no_block() -> None:
    backbone = resnet26(0.06, 2, input_size=8)
    network = build(partitioned(backbone, [None, None, None, Partition()]), backbone, TASKS)
    x = torch.randn(2, *backbone.shapes()[2])
    output, blocks = network.branches[3].forward_blocks(x, "old")
    assert len(blocks) == 4
    assert blocks[-1].shape == output.shape
    assert not torch.equal(blocks[-1], output)


def test_modules_that_never_run_stay() -> None:
    class Spare(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.norm = nn.Linear(4, 4), nn.BatchNorm1d(4)
            self.spare = nn.Sequential(nn.Linear(4, 9))

        def forward(self, x: Tensor) -> Tensor:
            return self.norm(self.layer(x))

    backbone = Backbone("spare", (Stage("only", Spare),), (4,))
    network = build(partitioned(backbone, [Partition()], ["old"]), backbone, [TASKS[1]])
    plain = sum(each.numel() for each in Spare().parameters())
    assert sum(each.numel() for each in network.branches.parameters()) == plain
    assert_same(pickle.loads(pickle.dumps(network))(torch.ones(2, 4)), network(torch.ones(2, 4)))


class Branching(nn.Module):
    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x) if x.shape[0] > 0 else x


def test_a_stage_without_a_graph_runs_where_nothing_in_it_is_a_tasks_own() -> None:
    stage = Stage("odd", lambda: Branching(nn.Linear(4, 4)))
    backbone = Backbone("odd", (stage,), (4,))
    network = build(partitioned(backbone, [Partition()]), backbone, TASKS)
    plain = build(Architecture.shared(NAMES, 1), backbone, TASKS)
    x = torch.randn(3, 4)
    assert_same(network(x), plain(x))
    assert len(network.branches[0].forward_blocks(x, "old")[1]) == 1


# How it travels


@pytest.mark.parametrize("make", [build, build_masked])
def test_copies_compute_the_same(make: Callable[..., Network]) -> None:
    network = trained(chain_network(make), CHAIN.input_shape)
    x = torch.randn(3, *CHAIN.input_shape)
    expected = network(x)
    loaded = chain_network(make, seed=8)
    loaded.load_state_dict(load(save(network.state_dict())))
    saved = io.BytesIO()
    torch.save(network.state_dict(), saved)
    again = chain_network(make, seed=9)
    again.load_state_dict(torch.load(io.BytesIO(saved.getvalue()), weights_only=True))
    copies = [copy.deepcopy(network), pickle.loads(pickle.dumps(network)), loaded, again]
    for each in copies:
        assert_same(each.eval()(x), expected)
    with torch.no_grad():
        for parameter in copies[0].parameters():
            parameter.zero_()
    assert_same(network(x), expected)  # a copy has weights of its own
    assert not torch.equal(copies[1].train()(x)["old"], expected["old"])  # modes reach the norms


class Functions(nn.Module):
    """A stage of functions instead of modules, with what torch.fx writes in several ways."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(4, 1, 1))
        self.first, self.last = nn.Conv2d(2, 8, 3, padding=1), nn.Conv2d(8, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        hidden = functional.max_pool2d(functional.relu(self.first(input=x), inplace=True), 2)
        y = self.last(hidden) * self.scale
        y += functional.avg_pool2d(x, 2)[:, :1]
        return torch.cat([y.flatten(2), y.view(y.size(0), 4, -1)], dim=1).mean(dim=-1)


def test_a_stage_of_functions_travels(tmp_path: Path) -> None:
    backbone = Backbone("own", (Stage("functions", Functions),), (2, 6, 6))
    architecture = partitioned(backbone, [Partition((Group(("first",), OWNERS),))])
    network = build(architecture, backbone, TASKS).eval()
    masked = build_masked(architecture, backbone, TASKS).eval()
    x = torch.randn(3, 2, 6, 6)
    expected = network(x)
    assert_same(pickle.loads(pickle.dumps(network))(x), expected)
    assert_same(copy.deepcopy(network)(x), expected)
    for task, output in masked(x).items():
        torch.testing.assert_close(output, expected[task])
        alone = extract(network, task, backbone=backbone)
        assert isinstance(alone.branches[0], Functions)
        assert torch.equal(alone(x)[task], expected[task])
    exported = export(network, tmp_path / "network.pt2", to="pt2", backbone=backbone)
    assert exported.difference < 1e-5


@pytest.mark.parametrize("make", [build, partial(build_masked, order="published"), build_masked])
def test_everything_moves_with_the_network(make: Callable[..., Network]) -> None:
    network = chain_network(make).to("meta", torch.float64)
    outputs = network(torch.empty(2, *CHAIN.input_shape, device="meta", dtype=torch.float64))
    assert all(each.is_meta and each.dtype == torch.float64 for each in outputs.values())


@pytest.mark.parametrize("to", ["pt2", "safetensors", "onnx"])
def test_joint_and_extracted_networks_are_exported(tmp_path: Path, to: str) -> None:
    if to == "onnx":
        pytest.importorskip("onnxruntime")
        pytest.importorskip("onnxscript")
    joint = trained(chain_network(), CHAIN.input_shape)
    alone = [extract(joint, "old", backbone=CHAIN)] if to != "onnx" else []  # slow; a plain tree
    for network in (joint, *alone):
        exported = export(network, tmp_path / f"network.{to}", to=to, backbone=CHAIN)
        assert exported.difference < 1e-5


def test_an_extracted_networks_file_tells_how_to_load_it(tmp_path: Path) -> None:
    joint = trained(chain_network(), CHAIN.input_shape)
    alone = extract(joint, "old", backbone=CHAIN)
    export(alone, tmp_path / "old.safetensors", to="safetensors", backbone=CHAIN)
    with safe_open(tmp_path / "old.safetensors", framework="pt") as file:
        metadata = file.metadata()
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    architecture = Architecture.from_json(metadata["extracted_from"])
    assert json.loads(metadata["tasks"]) == ["old"]
    again = extract(build(architecture, CHAIN, TASKS, seed=4), "old", backbone=CHAIN)
    again.load_state_dict(weights)
    x = torch.randn(2, *CHAIN.input_shape)
    assert_same(again.eval()(x), joint(x, ["old"]))


# How it is trained


def separate() -> SeparateData:
    generator = torch.Generator().manual_seed(0)
    parts = []
    for task, classes in zip(TASKS, (3, 2, 4), strict=True):
        inputs = torch.randn(16, *CHAIN.input_shape, generator=generator)
        split = (inputs, {task.name: torch.arange(16) % classes})
        parts.append(TensorData([task], train=split, val=split, test=split, name=task.name))
    return SeparateData(parts)


def test_it_is_trained_with_batches_of_one_task_each() -> None:
    network = chain_network()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    settings = sw.TrainSettings(epochs=2, batch_size=8, lr=0.01, weight_decay=0.1)
    scores = sw.train(network, separate(), settings=settings, device="cpu")
    assert set(scores) == set(NAMES)
    moved = {n for n, value in network.state_dict().items() if not torch.equal(value, before[n])}
    assert moved == set(before)  # each run has an owner here that may update it


def test_batches_of_all_tasks_train_as_their_sum() -> None:
    network = chain_network().train()
    x = torch.randn(4, *CHAIN.input_shape)
    alone: Counter[str] = Counter()
    sums: dict[str, Tensor] = {}
    for names in ([name] for name in NAMES):
        network.zero_grad()
        network(x, names)[names[0]].square().sum().backward()
        for name, parameter in network.named_parameters():
            if parameter.grad is not None:
                alone[name] += 1
                sums[name] = sums.get(name, 0) + parameter.grad
    network.zero_grad()
    torch.stack([output.square().sum() for output in network(x).values()]).sum().backward()
    for name, parameter in network.named_parameters():
        torch.testing.assert_close(parameter.grad, sums[name], rtol=1e-4, atol=1e-4)
    assert alone["branches.1.body.0.weights.0"] == 1  # case alone may update the first channels
    assert alone["branches.1.body.0.weights.1"] == 2
    assert alone["branches.1.body.6.weights.0"] == 3  # the last reader's weights are shared


def test_frozen_weights_of_a_stage_stay_frozen() -> None:
    def make() -> nn.Module:
        block = conv_block()
        block[0].requires_grad_(False)
        block[1].requires_grad_(False)
        return block

    backbone = Backbone("frozen", (Stage("chain", make),), (2, 5, 5))
    architecture = partitioned(backbone, [BOTH])
    networks = [make(architecture, backbone, TASKS) for make in (build, build_masked)]
    for network in (
        *networks,
        compact(networks[1]),
        extract(networks[0], "old", backbone=backbone),
    ):
        body = network.branches[0]
        frozen = {name for name, p in body.named_parameters() if not p.requires_grad}
        names = {name.removeprefix("body.")[0] for name in frozen}
        assert names == {"0", "1"}
        assert all(
            not parameter.requires_grad
            for name, parameter in body.named_parameters()
            if name.removeprefix("body.")[0] in names
        )


# Masks in the published order


def test_the_published_order_reads_what_the_norm_makes_of_zeros() -> None:
    published = chain_network(build_masked, order="published").eval()
    ours = chain_network(build_masked).eval()
    x = torch.randn(2, *CHAIN.input_shape)
    assert_same(published(x), ours(x))  # at first a norm's bias is zero, and so is what it gives
    with torch.no_grad():
        for network in (published, ours):
            network.branches[1].body.get_submodule("1").norms["case"].bias[5] = 2.0
    assert torch.equal(published(x)["old"], ours(x)["old"])
    assert not torch.allclose(published(x)["case"], ours(x)["case"])
    # and by hand: channel 5 of case is the constant 2 to the next layer
    chain = published.branches[1]
    state = {name: tensor for name, tensor in chain.common_state().items() if name != "6.weight"}
    assert state == {}  # nothing in this chain is common to the tasks but the last layer
    layer, seen = chain.body.get_submodule("3"), []
    layer.register_forward_hook(lambda module, args, output: seen.append(args[0]))
    published(x, ["case"])
    assert torch.equal(seen[0][:, 5], torch.full((2, 3, 3), 2.0))
    assert torch.equal(seen[0][:, 6], torch.zeros(2, 3, 3))


def test_order_published_trains_only_what_may_be_updated() -> None:
    network = chain_network(build_masked, order="published").train()
    network(torch.randn(4, *CHAIN.input_shape), ["tone"])["tone"].square().sum().backward()
    grads = [p.grad is not None for p in network.branches[1].body.get_submodule("3").weights]
    assert grads == [False, False, True]


def test_a_compact_network_is_copied_and_a_plain_one_too() -> None:
    x = torch.randn(2, *CHAIN.input_shape)
    network = chain_network().eval()
    assert_same(compact(network)(x), network(x))
    shared = build(Architecture.shared(NAMES, 2), CHAIN, TASKS).eval()
    assert_same(compact(shared)(x), shared(x))
    whole = partitioned(CHAIN, [Partition(), Partition((Group(("0",), (Owners(8, NAMES, ()),)),))])
    published = build_masked(whole, CHAIN, TASKS, order="published").eval()
    assert_same(compact(published)(x), published(x))  # nothing is left out


# How it inherits


SHARED_NORMS = Architecture.shared(NAMES, 2)
OWN_NORMS = partitioned(CHAIN, [Partition(), Partition()])
ALL_USED = partitioned(CHAIN, [None, Partition((Group(("0",), (Owners(8, NAMES, NAMES),)),))])


@pytest.mark.parametrize("source", [SHARED_NORMS, OWN_NORMS, ALL_USED])
@pytest.mark.parametrize("masked_source", [False, True])
def test_a_partition_of_all_channels_inherits_everything(
    source: Architecture, masked_source: bool
) -> None:
    make = build_masked if masked_source else build
    teacher = trained(make(source, CHAIN, TASKS, seed=1), CHAIN.input_shape)
    x = torch.randn(3, *CHAIN.input_shape)
    for target in (OWN_NORMS, ALL_USED):
        if target is ALL_USED and source is OWN_NORMS:
            continue  # its stem is plain, the source's is not
        for network in (build(target, CHAIN, TASKS), build_masked(target, CHAIN, TASKS)):
            inherit(network, teacher)
            assert_same(network.eval()(x), teacher(x))
    # a plain network of one task, and several of them side by side
    for names in (NAMES[:1], NAMES[1:]):
        tasks = [task for task in TASKS if task.name in names]
        network = build(Architecture.independent(names, 2), CHAIN, tasks)
        inherit(network, teacher)
        assert_same(network.eval()(x), teacher(x, names))


def test_a_partition_inherits_its_rows_columns_and_norms() -> None:
    teacher = trained(build(OWN_NORMS, CHAIN, TASKS, seed=1), CHAIN.input_shape)
    network, masked = chain_network(), chain_network(build_masked)
    inherit(network, teacher)
    inherit(masked, teacher)
    x = torch.randn(3, *CHAIN.input_shape)
    one, two = network.eval()(x), masked.eval()(x)
    for task in NAMES:
        torch.testing.assert_close(one[task], two[task])
    state, whole = network.branches[1].plain_state("tone"), teacher.branches[1].plain_state("tone")
    used = [4, 5, 6, 7]
    assert torch.equal(state["3.weight"], whole["3.weight"][used][:, used])
    assert torch.equal(state["3.bias"], whole["3.bias"][used])
    assert torch.equal(state["4.running_var"], whole["4.running_var"][used])
    assert int(state["4.num_batches_tracked"]) == 3
    assert torch.equal(network.heads["tone"][2].weight, teacher.heads["tone"][2].weight)
    # with fewer tasks than the source has
    two_tasks = [task for task in TASKS if task.name != "case"]
    owners = tuple(
        Owners(each.channels, *(set(names) - {"case"} for names in (each.use, each.update)))
        for each in OWNERS
    )
    architecture = partitioned(
        CHAIN, [Partition(), Partition((Group(("0", "3"), owners),))], ["old", "tone"]
    )
    fewer = build(architecture, CHAIN, two_tasks)
    inherit(fewer, teacher)
    for task in ("old", "tone"):
        torch.testing.assert_close(fewer.eval()(x)[task], one[task])


def test_plain_networks_inherit_from_each_other() -> None:
    teacher = trained(build(SHARED_NORMS, CHAIN, TASKS, seed=1), CHAIN.input_shape)
    network = build(Architecture.from_levels([[NAMES], [["case", "tone"], ["old"]]]), CHAIN, TASKS)
    inherit(network, teacher)
    x = torch.randn(3, *CHAIN.input_shape)
    assert_same(network.eval()(x), teacher(x))


# What is refused


def wider() -> Backbone:
    stages = (Stage("stem", stem), Stage("chain", partial(conv_block, 9)))
    return Backbone("chain", stages, (2, 5, 5))


def other_head() -> Network:
    tasks = [classification("case", 5), *TASKS[1:]]
    return build(SHARED_NORMS, CHAIN, tasks)


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        (
            lambda: build(
                partitioned(CHAIN, [None, Partition((Group(("6",), (Owners(3, NAMES, ()),)),))]),
                CHAIN,
                TASKS,
            ),
            "A partition is for hidden layers, whose channels one other layer reads. Found layer"
            " '6' of stage 'chain': its output leaves the stage. Name some of 0, 3.",
        ),
        (
            lambda: build(
                partitioned(CHAIN, [None, Partition((Group(("x",), (Owners(3, NAMES, ()),)),))]),
                CHAIN,
                TASKS,
            ),
            "Found layer 'x' of stage 'chain': it has no such layer.",
        ),
        (
            lambda: build(
                partitioned(CHAIN, [None, Partition((Group(("0",), (Owners(7, NAMES, ()),)),))]),
                CHAIN,
                TASKS,
            ),
            "A group of a partition has as many channels as each of its layers. Found 7 channels"
            " for layer '0' of stage 'chain', which has 8. Make the partition for this backbone and"
            " its width, or put layers of another size into a group of their own.",
        ),
        (
            lambda: build(
                partitioned(
                    odd := Backbone("odd", (Stage("odd", lambda: Branching(nn.BatchNorm1d(4))),),
                                    (4,)),
                    [Partition()],
                ),
                odd,
                TASKS,
            ),
            "A stage is partitioned along its graph, which torch.fx traces. Found stage 'odd',"
            " where torch.fx says: symbolically traced variables cannot be used as inputs to"
            " control flow. Leave the stage unpartitioned, or write it without branching on values;"
            " let nn.Dropout look at the mode, not the stage.",
        ),
        (
            lambda: chain_network(build_masked, order="before"),
            "Masks come 'after-norm' or, between layer and norm, in the 'published' order. Found"
            " order='before'. Leave it at 'after-norm', unless the published network is to be"
            " compared with.",
        ),
        (
            lambda: compact(chain_network(build_masked, order="published")),
            "Channels are left out where they are zero to the layer that reads them. Found masks in"
            " the published order, before the norms: what task 'case' does not use leaves its norms"
            " as constants, which are read. Use build_masked(..., order='after-norm') and train"
            " that.",
        ),
        (
            lambda: extract(chain_network(build_masked, order="published"), "old", backbone=CHAIN),
            "Found masks in the published order",
        ),
        (
            lambda: extract(chain_network(), "age", backbone=CHAIN),
            "A task is extracted from a network that was built for it. Found task 'age' and a"
            " network for ['case', 'old', 'tone']. Name one of these.",
        ),
        (
            lambda: extract(chain_network(), "old", backbone=ROWS),
            "Found 2 stages in the architecture and 3 in backbone 'mlp'.",
        ),
        (
            lambda: extract(chain_network(), "old", backbone=mlp(2, (2, 3))),
            "A task is extracted with the backbone that its network was built with. Found other"
            " modules than the network has (",
        ),
        (
            lambda: chain_network().branches[1](torch.randn(2, 2, 5, 5), "age"),
            "A partitioned branch runs for one of its tasks. Found task 'age' and a branch for"
            " ['case', 'old', 'tone']. Name one of these.",
        ),
        (
            lambda: inherit(chain_network(), chain_network()),
            "Weights are inherited from a network in which every task uses every channel. Found a"
            " source in which task 'case' uses 50% of a stage's hidden channels. Train a source"
            " whose partitions have no groups, or share all.",
        ),
        (
            lambda: inherit(
                build(SHARED_NORMS, CHAIN, TASKS), build(OWN_NORMS, CHAIN, TASKS)
            ),
            "A plain branch has one set of norms for all its tasks. Found a source with norms of"
            " their own for case, old, tone. Give the branch a Partition(), even without groups, or"
            " one task.",
        ),
        (
            lambda: inherit(
                chain_network(), build(Architecture.independent(NAMES, 2), CHAIN, TASKS)
            ),
            "A branch inherits from one branch of the source, which runs all of its tasks. Found no"
            " such branch for case, old, tone at stage 1 of the source. Give a source for the same"
            " tasks that shares every stage.",
        ),
        (
            lambda: inherit(chain_network(), build(SHARED_NORMS, wider(), TASKS)),
            "Weights are inherited from a network of the same backbone and tasks. Found 0.bias of"
            " shape (8,) in the network's branch for case, old, tone and (9,) in the source's."
            " Build both with the same backbone and heads.",
        ),
        (
            lambda: inherit(chain_network(), other_head()),
            "Found 2.bias of shape (3,) in the network's head of task 'case' and (5,) in the",
        ),
    ],
)  # fmt: skip
def test_errors_say_what_to_do(action: Callable[[], object], sentence: str) -> None:
    with pytest.raises(InputError) as raised:
        action()
    assert sentence in str(raised.value)


def test_a_refused_inheritance_changes_nothing() -> None:
    network = chain_network()
    before = copy.deepcopy(network.state_dict())
    with pytest.raises(InputError):
        inherit(network, other_head())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_a_partitioned_branch_prints_its_owners() -> None:
    branch = chain_network().branches[1]
    assert isinstance(branch, PartitionedBranch)
    assert "3 (2 use, 1 update), 1 (0 use, 0 update), 1 (3 use, 2 update)" in repr(branch)
