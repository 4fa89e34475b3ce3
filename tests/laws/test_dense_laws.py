"""Laws of dense metrics: no dependence on the batches, none on pixels without a label."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from _dense import (
    CLASSES,
    DENSE,
    METRICS,
    NAMES,
    OUTPUTS,
    SIZE,
    draw_labels,
    draw_output,
    labelled,
    make_split,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from sharewise.architecture import Architecture
from sharewise.backbones import Backbone, Stage
from sharewise.data import TensorData
from sharewise.networks import Network, build
from sharewise.tasks import Metric, Task, masked_loss, regression
from sharewise.training import evaluate

SEEDS = st.integers(0, 2**16)
EACH = pytest.mark.parametrize("task", DENSE, ids=NAMES)


@dataclasses.dataclass(frozen=True)
class Take:
    """A head that hands on some channels of the input: its outputs do not know the batch."""

    first: int
    count: int

    def __call__(self, shape: tuple[int, ...]) -> nn.Module:
        return _Slice(self.first, self.count)


class _Slice(nn.Module):
    def __init__(self, first: int, count: int) -> None:
        super().__init__()
        self.first, self.count = first, count

    def forward(self, x: Tensor) -> Tensor:
        return x[:, self.first : self.first + self.count]


def make_world(seed: int, samples: int) -> tuple[Network, TensorData]:
    """Random answers to random labels, some of whole samples missing."""
    tasks, first = [], 0
    for task in DENSE:
        tasks.append(dataclasses.replace(task, head=Take(first, OUTPUTS[task.name])))
        first += OUTPUTS[task.name]
    targets = make_split(samples, seed)[1]
    answers = torch.cat([draw_output(name, samples, seed + 1, size=6) for name in NAMES], dim=1)
    split = (answers, targets)
    data = TensorData(tasks, train=split, val=split, test=split)
    backbone = Backbone("none", (Stage("none", nn.Identity),), (first, 6, 6))
    return build(Architecture.shared(NAMES, 1), backbone, tasks), data


@settings(max_examples=15)
@given(seed=SEEDS, samples=st.integers(4, 9), size=st.integers(1, 8))
def test_a_score_does_not_depend_on_the_batch_size(seed: int, samples: int, size: int) -> None:
    network, data = make_world(seed, samples)
    whole = evaluate(network, data, "val", batch_size=samples, device="cpu")
    parts = evaluate(network, data, "val", batch_size=size, device="cpu")
    assert {task: set(found) for task, found in whole.items()} == METRICS
    for task in NAMES:
        assert parts[task] == pytest.approx(whole[task], rel=1e-5)


@given(seed=SEEDS, size=st.integers(1, 7))
def test_a_mean_is_the_sum_of_doubles_it_always_was(seed: int, size: int) -> None:
    task = regression("place", 3)
    random = torch.Generator().manual_seed(seed)
    output, target = torch.randn(2, 20, 3, generator=random)
    metric, total = task.metrics[0], 0.0
    sums = torch.zeros((), dtype=torch.float64)
    for start in range(0, 20, size):
        rows = slice(start, start + size)
        total += float(metric.per_sample(output[rows], target[rows]).cpu().double().sum())
        sums = sums + metric.sums(output[rows], target[rows])
    assert metric.finish(sums, 20) == total / 20  # to the last bit


@EACH
@given(seed=SEEDS, other=st.sampled_from([0.0, 1e6, -1e6, torch.nan, torch.inf]))
def test_what_is_put_out_for_pixels_without_a_label_changes_nothing(
    task: Task, seed: int, other: float
) -> None:
    output, target = draw_output(task.name, 3, seed), draw_labels(task.name, 3, seed + 1)
    changed = output.masked_fill(~labelled(task.name, target).unsqueeze(1), other)
    assert torch.equal(masked_loss(task, changed, target), masked_loss(task, output, target))
    for metric in task.metrics:
        assert metric.value(changed, target) == metric.value(output, target)


@EACH
@given(seed=SEEDS)
def test_they_get_no_gradient_and_the_others_do(task: Task, seed: int) -> None:
    output = draw_output(task.name, 3, seed).requires_grad_()
    target = draw_labels(task.name, 3, seed + 1)
    masked_loss(task, output, target).backward()
    assert output.grad is not None
    moved = (output.grad != 0).any(dim=1)
    assert torch.equal(moved, labelled(task.name, target))


@given(seed=SEEDS, value=st.floats(-1, 1))
def test_what_is_left_of_a_normal_without_one_number_changes_nothing(
    seed: int, value: float
) -> None:
    task, target = DENSE[1], draw_labels("normals", 2, seed)
    output = draw_output("normals", 2, seed + 1)
    hole = target.isnan()
    hole[:, 2] = False  # one of the three stays NaN
    changed = target.masked_fill(hole, value)
    assert torch.equal(task.present(changed), task.present(target))
    assert torch.equal(task.loss(output, changed), task.loss(output, target))
    for metric in task.metrics:
        assert metric.value(output, changed) == metric.value(output, target)


def _ideal(task: str, target: Tensor) -> Tensor:
    if task != "segmentation":
        return target.nan_to_num()
    return nn.functional.one_hot(target.long() % 255, CLASSES).movedim(-1, 1).float()


def _best(metric: Metric) -> float:
    return 0.0 if metric.lower_is_better else 1.0


@EACH
@given(seed=SEEDS)
def test_the_labels_themselves_are_the_best_answer(task: Task, seed: int) -> None:
    target = draw_labels(task.name, 2, seed)
    assert target.shape[-1] == SIZE
    for metric in task.metrics:
        # The median is read from bins of a tenth of a degree.
        assert metric.value(_ideal(task.name, target), target) == pytest.approx(
            _best(metric), abs=0.1 if metric.name == "median_angle" else 1e-4
        )
