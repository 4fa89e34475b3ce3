"""Losses and metrics over labelled pixels: masks, sums, and the one place where sizes are met."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

Measure = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""(output, target without NaN, labelled [batch, 1, h, w]) to a number for each pixel and which of
them count, both [batch, 1, h, w]."""


def resized(output: Tensor, size: tuple[int, int]) -> Tensor:
    """An output [batch, channels, h, w] at another height and width, bilinearly.

    Losses and metrics of dense tasks do this with every output whose size is not the labels'.
    """
    if tuple(output.shape[-2:]) == tuple(size):
        return output
    return F.interpolate(output, size=size, mode="bilinear", align_corners=False)


def fitted(output: Tensor, target: Tensor) -> Tensor:
    """The output [batch, channels, h, w] at the target's [batch, ..., height, width]."""
    return resized(output, (target.shape[-2], target.shape[-1]))


def labelled_pixels(target: Tensor) -> Tensor:
    """Where none of a pixel's numbers is NaN: [batch, channels, h, w] to bool [batch, 1, h, w]."""
    return ~target.isnan().any(dim=1, keepdim=True)


def any_number(target: Tensor) -> Tensor:
    """Which samples [batch, channels, h, w] have a labelled pixel: bool [batch]."""
    return labelled_pixels(target).flatten(1).any(dim=1)


def measured(measure: Measure, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """The measure's numbers, zero where they do not count, and which count: [batch, 1, h, w]."""
    labelled = labelled_pixels(target)
    # Replaced before any arithmetic: a NaN's gradient stays NaN, also where it is multiplied by 0.
    known = torch.where(labelled, target, 0).to(output.dtype)
    answer = torch.where(labelled, fitted(output, target), 0)
    values, counted = measure(answer, known, labelled)
    return torch.where(counted, values, 0), counted


@dataclass(frozen=True)
class PixelLoss:
    """The mean of a measure over the pixels of a batch that count; 0 where there are none."""

    measure: Measure

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        values, counted = measured(self.measure, output, target)
        return values.sum() / counted.sum().clamp(min=1)


@dataclass(frozen=True)
class PixelSums:
    """For a metric: [batch, 2], a measure's sum over the pixels that count, and their number."""

    measure: Measure

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        values, counted = measured(self.measure, output, target)
        return torch.stack([values.float().flatten(1).sum(1), counted.float().flatten(1).sum(1)], 1)


def share(sums: Tensor, samples: int) -> float:
    """Finishes a metric: the first sum over the second, [2]; NaN where no pixel counts."""
    return float(sums[0] / sums[1])


def absolute_error(output: Tensor, target: Tensor, labelled: Tensor) -> tuple[Tensor, Tensor]:
    """|output - target| of labels of one channel, [batch, 1, h, w]."""
    return (output - target).abs(), labelled


def counts(index: Tensor, counted: Tensor, *, bins: int) -> Tensor:
    """How often each number below `bins` comes in each sample, of those that count.

    index: integers [batch, ...]; counted: bool, of the same shape. Returns integers [batch, bins].
    """
    rows = torch.arange(len(index), device=index.device).reshape(-1, *[1] * (index.ndim - 1))
    # What does not count goes into a bin of its own, at each row's end, which is dropped.
    places = torch.where(counted, index, bins) + rows * (bins + 1)
    found = torch.bincount(places.flatten(), minlength=len(index) * (bins + 1))
    return found.reshape(len(index), bins + 1)[:, :bins]
