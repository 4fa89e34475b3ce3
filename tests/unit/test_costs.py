from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from sharewise.architecture import Architecture, Group, Owners, Partition
from sharewise.backbones import Backbone, Stage, mlp, resnet18, resnet26, vgg16_bn
from sharewise.costs import (
    CostTable,
    cost,
    head_costs,
    measure_latencies,
    measure_latency,
    stage_costs,
)
from sharewise.errors import InputError, UnknownLayerError
from sharewise.networks import build
from sharewise.tasks import Task, binary, classification

TASKS = (classification("shape", 3), binary("bold"))
NAMES = ("shape", "bold")


def _own(make: Callable[[], nn.Module], shape: tuple[int, ...]) -> Backbone:
    return Backbone("own", (Stage("only", make),), shape)


def _macs(make: Callable[[], nn.Module], shape: tuple[int, ...]) -> int:
    return stage_costs(_own(make, shape))[0].macs


def test_resnet26_has_the_published_multiply_adds() -> None:
    stages = stage_costs(resnet26(input_size=72))
    total = sum(stage.macs for stage in stages)
    assert total == pytest.approx(1079e6, rel=0.001)
    assert [round(stage.macs / total, 2) for stage in stages] == [0.0, 0.33, 0.33, 0.33]


@pytest.mark.parametrize(
    ("backbone", "macs"),
    [  # torchvision's published GFLOPs (multiply-adds) less their classifiers
        (resnet18(input_size=224), 1.814e9 - 0.5e6),
        (vgg16_bn(input_size=224), 15.47e9 - 123.6e6),
    ],
)
def test_macs_are_the_published_ones(backbone: Backbone, macs: float) -> None:
    assert sum(stage.macs for stage in stage_costs(backbone)) == pytest.approx(macs, rel=0.002)


@pytest.mark.parametrize(
    ("make", "shape", "macs"),
    [
        (lambda: nn.Linear(5, 7), (5,), 35),
        (lambda: nn.Linear(5, 7), (3, 5), 105),
        (lambda: nn.Conv2d(4, 6, 3, padding=1, bias=False), (4, 8, 8), 4 * 6 * 9 * 64),
        (lambda: nn.Conv2d(4, 8, 3, groups=4), (4, 8, 8), 8 * 9 * 36),
        (lambda: nn.ConvTranspose2d(4, 6, 2, stride=2), (4, 8, 8), 4 * 6 * 4 * 64),
        (lambda: spectral_norm(nn.Linear(5, 7)), (5,), 35 + 35 + 7),
        (lambda: nn.Conv1d(2, 3, 3), (2, 10), 2 * 3 * 3 * 8),
        (
            lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
            (5, 8),
            5 * 8 * 24 + 2 * 5 * 5 * 8 + 5 * 8 * 8 + 2 * 5 * 8 * 16,
        ),
        (
            lambda: nn.Sequential(
                nn.BatchNorm2d(4), nn.GELU(), nn.Hardswish(), nn.MaxPool2d(2), nn.Dropout(),
                nn.GroupNorm(2, 4), nn.Upsample(scale_factor=2), nn.AdaptiveAvgPool2d(1),
                nn.LayerNorm([4, 1, 1]), nn.Sigmoid(), nn.Flatten(), nn.Softmax(1),
            ),
            (4, 8, 8),
            0,
        ),
    ],
)  # fmt: skip
def test_macs_by_hand(make: Callable[[], nn.Module], shape: tuple[int, ...], macs: int) -> None:
    assert _macs(make, shape) == macs


def test_frozen_stages_count_alike() -> None:
    def frozen() -> nn.Module:
        return nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).requires_grad_(False)

    assert _macs(frozen, (5, 8)) > 0
    assert stage_costs(_own(frozen, (5, 8)))[0].params > 0


class _Fourier(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.fft.fft(x).abs()


class _Distances(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.cdist(x, x)


def test_an_unknown_layer_raises() -> None:
    with pytest.raises(UnknownLayerError) as raised:
        stage_costs(_own(_Fourier, (8,)))
    assert str(raised.value) == (
        "Every op of a stage or head is counted or known to be free. Found op 'aten._fft_r2c' in"
        " stage 'only'. Register its formula (two operations a multiply-add) with"
        " torch.utils.flop_counter.register_flop_formula(torch.ops.aten._fft_r2c), or use another"
        " layer."
    )
    with pytest.raises(UnknownLayerError, match="cdist"):
        stage_costs(_own(_Distances, (3, 8)))


def test_an_unknown_layer_in_a_head_names_the_task() -> None:
    odd = Task("odd", lambda shape: _Fourier(), functional.mse_loss, ())
    with pytest.raises(UnknownLayerError, match="in head of task 'odd'"):
        head_costs(mlp(3), [odd])


def test_costs_by_hand() -> None:
    split = Architecture.from_levels([[NAMES], [("bold",), ("shape",)]])
    backbone = mlp(5, (6, 7))
    found = cost(split, backbone)
    assert (found.params, found.macs) == (36 + 2 * 49, 30 + 2 * 42)
    assert {(t.params, t.macs) for t in found.per_task.values()} == {(85, 72)}
    found = cost(split, backbone, TASKS)
    assert (found.params, found.macs) == (36 + 2 * 49 + 24 + 8, 30 + 2 * 42 + 21 + 7)
    assert found.per_task["shape"].params == 85 + 24
    assert found.per_task["bold"].macs == 72 + 7
    assert found.latency_ms is None


def owned(*runs: tuple[int, str], layers: tuple[str, ...] = ("0",)) -> Partition:
    """Runs of channels that 's'hape and 'b'old use; updates do not cost anything."""
    names = {"s": "shape", "b": "bold"}
    owners = (Owners(n, tuple(names[letter] for letter in use), ()) for n, use in runs)
    return Partition((Group(layers, tuple(owners)),))


def test_costs_of_a_partition_by_hand() -> None:
    backbone = mlp(5, (6, 7), 10)  # 5 -> 10 -> 6, 6 -> 10 -> 7
    runs = owned((4, "s"), (2, "sb"), (1, "b"), (3, ""))  # shape uses 6, bold 3, together 7
    found = cost(Architecture.partitioned(NAMES, [None, runs]), backbone, TASKS)
    first = 5 * 10 + 10 + 10 * 6 + 6
    assert found.params == first + (6 * 7 + 7 + 7 * 7 + 7) + (3 * 7 + 3) + (7 + 1)
    assert found.macs == 110 + (6 * 6 + 6 * 7) + (6 * 3 + 3 * 7) + 21 + 7
    shape, bold = found.per_task["shape"], found.per_task["bold"]
    assert shape.params == first + (6 * 6 + 6 + 6 * 7 + 7) + (3 * 7 + 3)
    assert shape.macs == 110 + 6 * 6 + 6 * 7 + 21
    assert bold.params == first + (6 * 3 + 3 + 3 * 7 + 7) + (7 + 1)
    assert bold.macs == 110 + 6 * 3 + 3 * 7 + 7
    assert found.use == pytest.approx((0.6 + 0.3) / 2)
    assert found.latency_ms is None


def test_below_a_partition_everything_runs_once_for_each_task() -> None:
    backbone = mlp(5, (6, 7), 10)
    whole = owned((10, "sb"))
    above = cost(Architecture.partitioned(NAMES, [whole, None]), backbone)
    below = cost(Architecture.partitioned(NAMES, [None, whole]), backbone)
    shared = cost(Architecture.shared(NAMES, 2), backbone)
    assert above.params == below.params == shared.params
    assert above.macs == 2 * (110 + 130)
    assert below.macs == 110 + 2 * 130
    assert above.per_task == shared.per_task
    assert (above.use, shared.use) == (1, None)


def test_norms_are_counted_for_each_task_on_the_channels_that_it_uses() -> None:
    def make() -> nn.Module:
        return nn.Sequential(
            nn.Conv1d(2, 8, 3), nn.BatchNorm1d(8), nn.ReLU(),
            nn.Conv1d(8, 4, 1, bias=False), nn.BatchNorm1d(4), nn.BatchNorm1d(4, affine=False),
        )  # fmt: skip

    partition = owned((3, "s"), (4, "sb"), (1, ""))
    found = cost(Architecture.partitioned(NAMES, [partition]), _own(make, (2, 9)))
    assert found.params == (7 * 2 * 3 + 7 + 4 * 7) + (2 * 7 + 2 * 4) + (2 * 4 + 2 * 4)
    assert found.per_task["bold"].params == 4 * 2 * 3 + 4 + 4 * 4 + 2 * 4 + 2 * 4
    assert found.per_task["bold"].macs == 4 * 2 * 3 * 7 + 4 * 4 * 7


def test_latency_of_a_partition_goes_by_its_multiply_adds() -> None:
    backbone = mlp(5, (6, 7), 10)
    table = dataclasses.replace(CostTable.measure(backbone), stage_ms=(1.0, 10.0), head_ms={})
    runs = owned((4, "s"), (2, "sb"), (4, "b"))  # both use 6 of 10 channels, in both layers
    assert table.of(Architecture.partitioned(NAMES, [None, runs])).latency_ms == pytest.approx(13)
    assert table.of(Architecture.partitioned(NAMES, [runs, None])).latency_ms == pytest.approx(21.2)


def test_latency_of_a_stage_without_multiply_adds_is_there_once_for_each_task() -> None:
    table = CostTable.measure(_own(nn.ReLU, (4,)))
    table = dataclasses.replace(table, stage_ms=(3.0,), head_ms={})
    assert table.of(Architecture.partitioned(NAMES, [Partition()])).latency_ms == 6


def test_a_table_is_fast_for_partitions() -> None:
    backbone = resnet18(0.25)
    names = [f"task{i}" for i in range(9)]
    partitions = []
    for layout in backbone.layouts():
        groups = []
        for hidden in layout.hidden:  # a task uses every channel, every second, every fourth, ...
            mask = np.arange(hidden.channels) % 2 ** np.arange(9)[:, None] == 0
            groups.append(Group.from_masks([hidden.name], names, mask, mask))
        partitions.append(Partition(tuple(groups)))
    architecture = Architecture.partitioned(names, partitions)
    table = CostTable.measure(backbone)
    table.of(architecture)
    start = time.perf_counter()
    for _ in range(100):
        table.of(architecture)
    assert time.perf_counter() - start < 1.0  # 10 ms each, where it takes one


def test_a_table_is_fast() -> None:
    table = CostTable.measure(resnet18(0.25), TASKS)
    architecture = Architecture.independent(NAMES, 5)
    start = time.perf_counter()
    for _ in range(1000):
        table.of(architecture)
    assert time.perf_counter() - start < 1.0


def test_counting_leaves_random_state_alone() -> None:
    before = torch.get_rng_state()
    CostTable.measure(mlp(3), TASKS).with_latency(mlp(3), TASKS, repeats=1)
    assert torch.equal(torch.get_rng_state(), before)


def test_latency_is_measured_and_everything_put_back() -> None:
    network = build(Architecture.shared(NAMES, 3), mlp(5), TASKS)
    network.heads["bold"].eval()
    seen = []
    network.register_forward_hook(
        lambda module, args, output: seen.append((torch.get_num_threads(), module.training))
    )
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        latency_ms = measure_latency(network, (5,), batch_size=3, repeats=4)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert 0 < latency_ms < 1000
    assert seen == [(1, False)] * 7  # three to warm up
    assert network.training
    assert not network.heads["bold"].training


def test_threads_come_back_after_an_error() -> None:
    threads = torch.get_num_threads()
    network = build(Architecture.shared(NAMES, 3), mlp(5), TASKS)
    with pytest.raises(RuntimeError):
        measure_latency(network, (6,), threads=threads + 1)
    assert torch.get_num_threads() == threads
    assert network.training


def test_a_slow_second_of_the_machine_makes_no_network_slow() -> None:
    calls = []

    class Machine(nn.Module):
        """Slow for its first nine calls, whichever network makes them."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            calls.append(self)
            time.sleep(0.05 if len(calls) <= 9 else 0)
            return x

    first, second = measure_latencies([(Machine(), (2,)), (Machine(), (2,))], repeats=6)
    assert calls[0] is not calls[9]  # five calls each, then the other one
    assert max(first, second) < 50


def test_latency_of_a_tree_is_the_sum_of_its_parts() -> None:
    backbone = mlp(5)
    table = CostTable.measure(backbone, TASKS).with_latency(backbone, TASKS, repeats=3)
    assert table.stage_ms is not None
    assert table.head_ms is not None
    shared = table.of(Architecture.shared(NAMES, 3)).latency_ms
    apart = table.of(Architecture.independent(NAMES, 3)).latency_ms
    assert shared is not None
    assert apart is not None
    heads = sum(table.head_ms.values())
    assert shared == pytest.approx(sum(table.stage_ms) + heads)
    assert apart == pytest.approx(2 * sum(table.stage_ms) + heads)


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        (
            lambda: cost(Architecture.shared(NAMES, 2), mlp(5)),
            "Found 2 stages in the architecture and 3 in backbone 'mlp'.",
        ),
        (
            lambda: cost(Architecture.shared(["shape"], 3), mlp(5), TASKS),
            "A cost with heads is counted for exactly the tasks of the architecture. Found"
            " architecture of ['shape'] and heads of ['bold', 'shape']. Give the tasks that the"
            " architecture names, or none to leave the heads out.",
        ),
        (
            lambda: cost(
                Architecture.partitioned(NAMES, [None, owned((9, "sb"))]), mlp(5, (6, 7), 10)
            ),
            "A group of a partition has as many channels as each of its layers. Found 9 channels"
            " for layer '0' of stage 'layer2', which has 10. Make the partition for this backbone"
            " and its width, or put layers of another size into a group of their own.",
        ),
        (
            lambda: cost(
                Architecture.partitioned(NAMES, [owned((6, "sb"), layers=("2",)), None]),
                mlp(5, (6, 7), 10),
            ),
            "A partition is for hidden layers, whose channels one other layer reads. Found layer"
            " '2' of stage 'layer1': its output leaves the stage. Name some of 0.",
        ),
        (
            lambda: cost(
                Architecture.partitioned(NAMES, [owned((6, "sb"), layers=("conv",))]),
                _own(nn.ReLU, (4,)),
            ),
            "Found layer 'conv' of stage 'only': it has no such layer."
            " Leave this stage without groups.",
        ),
        (
            lambda: head_costs(_own(lambda: nn.Unflatten(1, (2, 2)), (4,)), TASKS),
            "Found head of task 'shape' failing on features of shape (2, 2) (",
        ),
        (
            lambda: CostTable.measure(mlp(5), TASKS).with_latency(mlp(5)),
            "Times are added for the stages and tasks that a table was measured for. Found 3 stages"
            " and tasks [] for a table of 3 stages and tasks ['bold', 'shape']. Give the backbone"
            " and tasks that CostTable.measure was given.",
        ),
        (
            lambda: measure_latencies([(nn.Identity(), (2,))], repeats=0),
            "repeats is a positive whole number. Found repeats=0.",
        ),
        (
            lambda: measure_latency(nn.Identity(), (2,), repeats=0),
            "repeats is a positive whole number. Found repeats=0. Give 1 or more.",
        ),
        (lambda: measure_latency(nn.Identity(), (2,), batch_size=0), "Found batch_size=0."),
        (lambda: measure_latency(nn.Identity(), (2,), threads=0), "Found threads=0."),
    ],
)
def test_errors_say_what_to_do(action: Callable[[], object], sentence: str) -> None:
    with pytest.raises(InputError) as raised:
        action()
    assert sentence in str(raised.value)
