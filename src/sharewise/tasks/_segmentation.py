"""Segmentation: a class for each pixel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from sharewise.errors import InputError
from sharewise.tasks._heads import DECODER, DenseHead, ImageHead
from sharewise.tasks._labels import ClassMaps
from sharewise.tasks._pixels import counts, fitted, share
from sharewise.tasks._task import Metric, Task, check_count


@dataclass(frozen=True)
class _AnyPixel:
    ignore: int

    def __call__(self, target: Tensor) -> Tensor:
        return (target.long() != self.ignore).flatten(1).any(dim=1)


@dataclass(frozen=True)
class _PixelCrossEntropy:
    ignore: int
    class_weights: tuple[float, ...] | None

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        weights = None if self.class_weights is None else output.new_tensor(self.class_weights)
        logits = fitted(output, target)
        return F.cross_entropy(logits, target.long(), weights, ignore_index=self.ignore)


def _likeliest(logits: Tensor) -> Tensor:
    """[batch, classes, h, w] to [batch, h, w]: argmax, by an op that is three times as quick."""
    return logits.max(dim=1).indices


@dataclass(frozen=True)
class _Overlaps:
    """[batch, 3 * classes]: of each class the pixels that are right, predicted and labelled."""

    classes: int
    ignore: int

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        label = target.long()
        labelled = label != self.ignore
        found = _likeliest(fitted(output, target))
        pairs = counts(label * self.classes + found, labelled, bins=self.classes**2)
        table = pairs.reshape(-1, self.classes, self.classes)  # [batch, labelled, predicted]
        right = table.diagonal(dim1=1, dim2=2)
        return torch.cat([right, table.sum(1), table.sum(2)], dim=1).float()


@dataclass(frozen=True)
class _PixelHits:
    """[batch, 2]: pixels that are right, and pixels that are labelled."""

    ignore: int

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        labelled = target.long() != self.ignore
        right = (_likeliest(fitted(output, target)) == target) & labelled
        return torch.stack([right.flatten(1).sum(1), labelled.flatten(1).sum(1)], dim=1).float()


def _mean_overlap(sums: Tensor, samples: int) -> float:
    """Intersection over union, the mean over the classes that some pixel is labelled with."""
    right, predicted, labelled = sums.reshape(3, -1)
    occurs = labelled > 0
    union = (predicted + labelled - right)[occurs]
    return float((right[occurs] / union).mean())


def segmentation(
    name: str,
    classes: int,
    *,
    ignore: int = 255,
    class_weights: Sequence[float] | None = None,
    weight: float = 1.0,
    head: DenseHead = DECODER,
) -> Task:
    """One of `classes` classes for each pixel.

    Output [batch, classes, h, w] logits, resized bilinearly to the labels; labels integers [batch,
    height, width], such as uint8, `ignore` where a pixel has none. Cross entropy over the labelled
    pixels of a batch, weighted by the pixels' `class_weights` (a weighted mean) where given.

    Metrics, over all labelled pixels of a split, in [0, 1], higher is better: "miou", intersection
    over union, the mean over the classes that occur in the labels; "pixel_accuracy".

    Raises:
        InputError: fewer than two classes, `ignore` that is one of them, class weights that are
            not one positive finite number a class.
    """
    check_count(name, what="classes", found=classes, least=2)
    weights = None if class_weights is None else tuple(float(each) for each in class_weights)
    _check(name, classes, ignore, weights)
    return Task(
        name=name,
        head=ImageHead(head, classes),
        loss=_PixelCrossEntropy(ignore, weights),
        metrics=(
            Metric("miou", False, _Overlaps(classes, ignore), _mean_overlap),
            Metric("pixel_accuracy", False, _PixelHits(ignore), share),
        ),
        weight=weight,
        present=_AnyPixel(ignore),
        check=ClassMaps(name, classes, ignore),
    )


def _check(name: str, classes: int, ignore: int, weights: tuple[float, ...] | None) -> None:
    if 0 <= ignore < classes:
        raise InputError(
            rule="The label of pixels without one is not a class.",
            found=f"ignore={ignore} for task '{name}' of {classes} classes",
            fix="Give 255, for example.",
        )
    if weights is None:
        return
    if len(weights) != classes or not all(math.isfinite(each) and each > 0 for each in weights):
        raise InputError(
            rule=f"Task '{name}' has one positive finite class weight for each of its {classes}"
            " classes.",
            found=f"class_weights={weights}",
            fix="Give one for each, or none.",
        )
