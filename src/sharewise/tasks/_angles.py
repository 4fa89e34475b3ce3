"""Surface normals: a unit vector for each pixel, scored by angles."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from sharewise.tasks._heads import DECODER, DenseHead, ImageHead
from sharewise.tasks._labels import UnitVectors
from sharewise.tasks._pixels import PixelLoss, PixelSums, any_number, counts, measured, share
from sharewise.tasks._task import Metric, Task

BINS = 1800
"""Of the histogram that the median angle is read from: bins of .1 degrees."""

WITHIN = {"within_11": 11.25, "within_22": 22.5, "within_30": 30.0}  # degrees


def _length(vectors: Tensor) -> Tensor:
    """[batch, 3, h, w] to [batch, 1, h, w]; many times quicker than torch's norm over channels."""
    return vectors.square().sum(dim=1, keepdim=True).sqrt()


def _cosine_distance(output: Tensor, target: Tensor, labelled: Tensor) -> tuple[Tensor, Tensor]:
    """1 - cos; 1 for an output without direction (zeros)."""
    product = (output * target).sum(dim=1, keepdim=True)
    squares = output.square().sum(dim=1, keepdim=True) * target.square().sum(dim=1, keepdim=True)
    return 1 - product * squares.clamp(min=1e-12).rsqrt(), labelled


def _angle(output: Tensor, target: Tensor, labelled: Tensor) -> tuple[Tensor, Tensor]:
    """The angle in degrees; 90 for an output without direction.

    2 atan2(|a - b|, |a + b|) of unit vectors is as exact for small angles as for large ones (Kahan
    2006, section 12); the arc cosine of a float32 product has steps of .02 degrees near zero.
    """
    a, b = (each / _length(each).clamp(min=1e-12) for each in (output, target))
    return torch.atan2(_length(a - b), _length(a + b)) * (360 / math.pi), labelled


@dataclass(frozen=True)
class _Within:
    limit: float  # degrees

    def __call__(self, output: Tensor, target: Tensor, labelled: Tensor) -> tuple[Tensor, Tensor]:
        angle, _ = _angle(output, target, labelled)
        return (angle < self.limit).to(output.dtype), labelled


def _histogram(output: Tensor, target: Tensor) -> Tensor:
    """[batch, BINS]: how many pixels have an angle in each bin."""
    angle, labelled = measured(_angle, output, target)
    # The angle of an output that is not a number is as wrong as can be.
    place = (angle.nan_to_num(nan=180.0) * (BINS / 180)).long().clamp(0, BINS - 1)
    return counts(place, labelled, bins=BINS).float()


def _median(sums: Tensor, samples: int) -> float:
    """The median in degrees, to the width of a bin; of two middle ones the lower, as torch's."""
    up_to = sums.cumsum(0)
    rank = torch.floor((up_to[-1] + 1) / 2)
    place = int(torch.searchsorted(up_to, rank))
    into = (rank - 0.5 - (up_to[place] - sums[place])) / sums[place]
    return float((place + into) * (180 / BINS))


def normals(name: str = "normals", *, weight: float = 1.0, head: DenseHead = DECODER) -> Task:
    """A surface normal for each pixel.

    Output [batch, 3, h, w], vectors of any length, resized bilinearly to the labels; labels floats
    [batch, 3, height, width], unit vectors, NaN where a pixel has none. The loss is the mean of
    1 - cos over the labelled pixels of a batch.

    Metrics, over all labelled pixels of a split: "mean_angle" and "median_angle" in degrees, lower
    is better, the median to .1 degrees (from a histogram); "within_11", "within_22" and
    "within_30", the shares of angles below 11.25, 22.5 and 30 degrees.
    """
    return Task(
        name=name,
        head=ImageHead(head, 3),
        loss=PixelLoss(_cosine_distance),
        metrics=(
            Metric("mean_angle", True, PixelSums(_angle), share),
            Metric("median_angle", True, _histogram, _median),
            *(Metric(each, False, PixelSums(_Within(d)), share) for each, d in WITHIN.items()),
        ),
        weight=weight,
        present=any_number,
        check=UnitVectors(name),
    )
