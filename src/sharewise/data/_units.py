"""Numbers in units of their own: learnt as deviations from the training mean."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sharewise.tasks import Metric, Task, regression


class InUnit(nn.Module):
    """mean + deviation * output, [batch, ...] to the same shape."""

    def __init__(self, mean: float, deviation: float) -> None:
        super().__init__()
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("deviation", torch.tensor(deviation))

    def forward(self, output: Tensor) -> Tensor:
        return self.mean + self.deviation * output


@dataclass(frozen=True)
class _Head:
    head: Callable[[tuple[int, ...]], nn.Module]
    mean: float
    deviation: float

    def __call__(self, shape: tuple[int, ...]) -> nn.Module:
        return nn.Sequential(self.head(shape), InUnit(self.mean, self.deviation))


@dataclass(frozen=True)
class _Loss:
    deviation: float

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        error = (output.reshape(target.shape) - target.to(output.dtype)) / self.deviation
        return F.mse_loss(error, torch.zeros_like(error))


def _absolute(output: Tensor, target: Tensor) -> Tensor:
    return (output.reshape(target.shape) - target.to(output.dtype)).abs().reshape(len(target))


def measured(name: str, *, mean: float, deviation: float, weight: float = 1.0) -> Task:
    """A number for each sample, in the label's own unit.

    Output [batch, 1] and labels float [batch], NaN where missing, both in that unit: the head ends
    in mean + deviation * output, so that what is learnt is of size 1 whatever the unit. The loss is
    the mean squared error in deviations (1 for a network that always answers the mean); metric
    "mae", the mean absolute error in the label's own unit, lower is better.

    mean, deviation: of the training labels; a deviation of 0 counts as 1.
    """
    spread = deviation if deviation > 0 and math.isfinite(deviation) else 1.0
    plain = regression(name, weight=weight)
    return dataclasses.replace(
        plain,
        head=_Head(plain.head, mean, spread),
        loss=_Loss(spread),
        metrics=(Metric("mae", lower_is_better=True, per_sample=_absolute),),
    )


def mean_and_deviation(labels: Tensor) -> tuple[float, float]:
    """Of the labels [samples] that are not NaN, in float64; (0, 1) where there is none."""
    there = labels[~labels.isnan()].double()
    if not len(there):
        return 0.0, 1.0
    return float(there.mean()), float(there.std(correction=0))
