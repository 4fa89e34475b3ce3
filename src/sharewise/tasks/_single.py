"""Tasks with one answer a sample: a class, yes or no, numbers."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from sharewise.tasks._heads import LinearHead
from sharewise.tasks._labels import MISSING, ClassLabels, NumberLabels
from sharewise.tasks._task import Metric, Task, check_count


def _label_present(target: Tensor) -> Tensor:
    return target.long() != MISSING


def _numbers_present(target: Tensor) -> Tensor:
    # One missing number is enough to leave the whole sample out.
    return ~target.isnan().reshape(target.shape[0], -1).any(dim=1)


def _class_loss(output: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(output, target.long())


def _class_hits(output: Tensor, target: Tensor) -> Tensor:
    return (output.argmax(dim=1) == target).float()


def _binary_loss(output: Tensor, target: Tensor) -> Tensor:
    logit = output.reshape(target.shape)  # [batch, 1] -> [batch]
    return F.binary_cross_entropy_with_logits(logit, target.to(logit.dtype))


def _binary_hits(output: Tensor, target: Tensor) -> Tensor:
    return ((output.reshape(target.shape) > 0) == (target > 0)).float()


def _squared_loss(output: Tensor, target: Tensor) -> Tensor:
    return F.mse_loss(output.reshape(target.shape), target.to(output.dtype))


def _squared_errors(output: Tensor, target: Tensor) -> Tensor:
    error = output.reshape(target.shape) - target.to(output.dtype)
    return error.square().reshape(target.shape[0], -1).mean(dim=1)


def classification(name: str, classes: int, *, weight: float = 1.0) -> Task:
    """One of `classes` classes.

    Output [batch, classes] logits; labels integers [batch], -1 where missing. Cross entropy;
    metric "accuracy" in [0, 1], higher is better. The head is a linear layer, after global average
    pooling for a feature map. Raises InputError for fewer than two classes.
    """
    check_count(name, what="classes", found=classes, least=2)
    return Task(
        name=name,
        head=LinearHead(classes),
        loss=_class_loss,
        metrics=(Metric("accuracy", lower_is_better=False, per_sample=_class_hits),),
        weight=weight,
        present=_label_present,
        check=ClassLabels(name, classes),
    )


def binary(name: str, *, weight: float = 1.0) -> Task:
    """Yes or no.

    Output [batch, 1], one logit; labels integers [batch] of 0 and 1, -1 where missing. Binary cross
    entropy; metric "accuracy" in [0, 1], higher is better. Head as in `classification`.
    """
    return Task(
        name=name,
        head=LinearHead(1),
        loss=_binary_loss,
        metrics=(Metric("accuracy", lower_is_better=False, per_sample=_binary_hits),),
        weight=weight,
        present=_label_present,
        check=ClassLabels(name, 2),
    )


def regression(name: str, size: int = 1, *, weight: float = 1.0) -> Task:
    """`size` numbers for each sample.

    Output [batch, size]; labels floats [batch, size] (or [batch] for size 1), a sample is missing
    when any of its numbers is NaN. Mean squared error; metric "mse" in squared units of the label,
    lower is better. Head as in `classification`. Raises InputError for a size below one.
    """
    check_count(name, what="output", found=size, least=1)
    return Task(
        name=name,
        head=LinearHead(size),
        loss=_squared_loss,
        metrics=(Metric("mse", lower_is_better=True, per_sample=_squared_errors),),
        weight=weight,
        present=_numbers_present,
        check=NumberLabels(name, size),
    )
