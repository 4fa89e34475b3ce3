"""Tasks with one number a pixel: depth, keypoints, edges."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from sharewise.tasks._heads import DECODER, DenseHead, ImageHead
from sharewise.tasks._labels import NumberMaps
from sharewise.tasks._pixels import PixelLoss, PixelSums, absolute_error, any_number, share
from sharewise.tasks._task import Metric, Task

RATIO = 1.25


def _relative_error(output: Tensor, target: Tensor, labelled: Tensor) -> tuple[Tensor, Tensor]:
    """|p - g| / g; pixels of depth 0, which have no ratio, do not count."""
    counted = labelled & (target > 0)
    return (output - target).abs() / target.masked_fill(~counted, 1), counted


@dataclass(frozen=True)
class _WithinRatio:
    """1 where max(p / g, g / p) < limit for a positive p; pixels of depth 0 do not count."""

    limit: float

    def __call__(self, output: Tensor, target: Tensor, labelled: Tensor) -> tuple[Tensor, Tensor]:
        # Written as products: nothing is divided by zero, and no p below it is near g > 0.
        near = (output < self.limit * target) & (target < self.limit * output)
        return near.to(output.dtype), labelled & (target > 0)


def depth(name: str = "depth", *, weight: float = 1.0, head: DenseHead = DECODER) -> Task:
    """A distance for each pixel.

    Output [batch, 1, h, w], resized bilinearly to the labels; labels floats [batch, 1, height,
    width], not below 0, in any unit, NaN where a pixel has none. The loss is the mean absolute
    error over the labelled pixels of a batch.

    Metrics, over all labelled pixels of a split (p predicted, g given): "abs_error", the mean of
    |p - g| in the labels' unit, and "rel_error", that of |p - g| / g, lower is better; "within_1",
    "within_2" and "within_3", the shares of max(p / g, g / p) below 1.25, 1.25^2 and 1.25^3. The
    ratios leave pixels with g = 0 out, and are NaN where there are no others.
    """
    return Task(
        name=name,
        head=ImageHead(head, 1),
        loss=PixelLoss(absolute_error),
        metrics=(
            Metric("abs_error", True, PixelSums(absolute_error), share),
            Metric("rel_error", True, PixelSums(_relative_error), share),
            *(
                Metric(f"within_{k}", False, PixelSums(_WithinRatio(RATIO**k)), share)
                for k in (1, 2, 3)
            ),
        ),
        weight=weight,
        present=any_number,
        check=NumberMaps(name, positive=True),
    )


def keypoints(name: str = "keypoints", *, weight: float = 1.0, head: DenseHead = DECODER) -> Task:
    """How much of a keypoint each pixel is: one number.

    Output [batch, 1, h, w], resized bilinearly to the labels; labels floats [batch, 1, height,
    width], NaN where a pixel has none. Loss and metric "l1": the mean absolute error over the
    labelled pixels of a batch, and of a split; lower is better.
    """
    return _one_number(name, weight=weight, head=head)


def edges(name: str = "edges", *, weight: float = 1.0, head: DenseHead = DECODER) -> Task:
    """How much of an edge each pixel is: one number; all else as in `keypoints`."""
    return _one_number(name, weight=weight, head=head)


def _one_number(name: str, *, weight: float, head: DenseHead) -> Task:
    return Task(
        name=name,
        head=ImageHead(head, 1),
        loss=PixelLoss(absolute_error),
        metrics=(Metric("l1", True, PixelSums(absolute_error), share),),
        weight=weight,
        present=any_number,
        check=NumberMaps(name),
    )
