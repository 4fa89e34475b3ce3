"""Tasks: what a network is asked, how its answer is trained and how it is scored.

A task is a value: a name, a head, a loss, metrics, and what a label looks like. Losses and metrics
only ever see samples that have a label; `masked_loss` is where the others are left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sharewise.architecture import check_names
from sharewise.errors import DataError, InputError

MISSING = -1
"""The label of a sample without one, for tasks whose labels are whole numbers."""


@dataclass(frozen=True)
class Metric:
    """One figure of a task: the mean of `per_sample` over the samples that have a label.

    `per_sample` maps (output [batch, ...], target [batch, ...]) to a float [batch]. It is given
    labelled samples only.
    """

    name: str
    lower_is_better: bool
    per_sample: Callable[[Tensor, Tensor], Tensor]


def _all_present(target: Tensor) -> Tensor:
    return torch.ones(target.shape[0], dtype=torch.bool, device=target.device)


def _any_labels(target: Tensor) -> None:
    return None


@dataclass(frozen=True)
class Task:
    """A name, a head, a loss and metrics.

    head: feature shape without the batch, such as (channels, height, width), to a module that maps
        features [batch, *shape] to the output [batch, ...].
    loss: (output, target) of labelled samples to their mean loss, a scalar.
    weight: the factor of this loss in the sum over tasks.
    present: target [batch, ...] to a bool [batch], False where the sample has no label.
    check: raises DataError when the labels of a split [samples, ...] are not this task's.

    Raises InputError when the weight is not a positive finite number.
    """

    name: str
    head: Callable[[tuple[int, ...]], nn.Module]
    loss: Callable[[Tensor, Tensor], Tensor]
    metrics: tuple[Metric, ...]
    weight: float = 1.0
    present: Callable[[Tensor], Tensor] = _all_present
    check: Callable[[Tensor], None] = _any_labels

    def __post_init__(self) -> None:
        if not (math.isfinite(self.weight) and self.weight > 0):
            raise InputError(
                rule="The weight of a task is a positive finite number.",
                found=f"{self.weight} for task '{self.name}'",
                fix="Give a weight above 0, or leave the task out.",
            )


# The callables below are frozen values rather than closures, so that tasks made alike are equal
# and can travel to another process.


@dataclass(frozen=True)
class _LinearHead:
    outputs: int

    def __call__(self, shape: tuple[int, ...]) -> nn.Module:
        linear = nn.Linear(shape[0], self.outputs)  # [batch, channels] -> [batch, outputs]
        if len(shape) == 1:
            return linear
        if len(shape) == 3:  # [batch, channels, height, width] -> [batch, channels]
            return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(1), linear)
        raise InputError(
            rule="A linear head takes features [channels] or [channels, height, width].",
            found=f"features of shape {list(shape)}",
            fix="End the backbone with one of these, or give the task a head of its own.",
        )


@dataclass(frozen=True)
class _ClassLabels:
    """Labels [samples] of whole numbers in 0..classes-1, or -1 where missing."""

    task: str
    classes: int

    def __call__(self, target: Tensor) -> None:
        if target.ndim != 1 or target.is_floating_point() or target.is_complex():
            raise DataError(
                rule=f"The labels of task '{self.task}' are whole numbers, one for each sample.",
                found=f"{target.dtype} of shape {list(target.shape)}",
                fix="Give an integer tensor of shape [samples].",
            )
        label = target.long()  # an unsigned label would wrap -1 round to a class
        wrong = ((label < MISSING) | (label >= self.classes)).nonzero()
        if len(wrong):
            index = int(wrong[0, 0])
            raise DataError(
                rule=f"The labels of task '{self.task}' lie in 0..{self.classes - 1}, "
                f"or are {MISSING} where missing.",
                found=f"{int(target[index])} at index {index}",
                fix="Correct the label, or give the task more classes.",
            )


@dataclass(frozen=True)
class _NumberLabels:
    """Labels [samples, size] (or [samples] for size 1) of numbers, NaN where missing."""

    task: str
    size: int

    def __call__(self, target: Tensor) -> None:
        shapes = [(self.size,)] + [()] * (self.size == 1)
        if not target.is_floating_point() or tuple(target.shape[1:]) not in shapes:
            raise DataError(
                rule=f"The labels of task '{self.task}' are floating-point numbers, "
                f"{self.size} for each sample.",
                found=f"{target.dtype} of shape {list(target.shape)}",
                fix=f"Give a float tensor of shape [samples, {self.size}].",
            )
        wrong = target.isinf().nonzero()
        if len(wrong):
            where = tuple(wrong[0].tolist())
            raise DataError(
                rule=f"The labels of task '{self.task}' are finite, or NaN where missing.",
                found=f"{float(target[where])} at index {where[0]}",
                fix="Correct the label, or make it NaN.",
            )


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


def _check_count(name: str, *, what: str, found: int, least: int) -> None:
    if found < least:
        raise InputError(
            rule=f"Task '{name}' needs at least {least} {what}.",
            found=f"{found}",
            fix="Give a larger number.",
        )


def classification(name: str, classes: int, *, weight: float = 1.0) -> Task:
    """One of `classes` classes.

    Output [batch, classes] logits; labels integers [batch], -1 where missing. Cross entropy;
    metric "accuracy" in [0, 1], higher is better. The head is a linear layer, after global average
    pooling for a feature map. Raises InputError for fewer than two classes.
    """
    _check_count(name, what="classes", found=classes, least=2)
    return Task(
        name=name,
        head=_LinearHead(classes),
        loss=_class_loss,
        metrics=(Metric("accuracy", lower_is_better=False, per_sample=_class_hits),),
        weight=weight,
        present=_label_present,
        check=_ClassLabels(name, classes),
    )


def binary(name: str, *, weight: float = 1.0) -> Task:
    """Yes or no.

    Output [batch, 1], one logit; labels integers [batch] of 0 and 1, -1 where missing. Binary cross
    entropy; metric "accuracy" in [0, 1], higher is better. Head as in `classification`.
    """
    return Task(
        name=name,
        head=_LinearHead(1),
        loss=_binary_loss,
        metrics=(Metric("accuracy", lower_is_better=False, per_sample=_binary_hits),),
        weight=weight,
        present=_label_present,
        check=_ClassLabels(name, 2),
    )


def regression(name: str, size: int = 1, *, weight: float = 1.0) -> Task:
    """`size` numbers for each sample.

    Output [batch, size]; labels floats [batch, size] (or [batch] for size 1), a sample is missing
    when any of its numbers is NaN. Mean squared error; metric "mse" in squared units of the label,
    lower is better. Head as in `classification`. Raises InputError for a size below one.
    """
    _check_count(name, what="output", found=size, least=1)
    return Task(
        name=name,
        head=_LinearHead(size),
        loss=_squared_loss,
        metrics=(Metric("mse", lower_is_better=True, per_sample=_squared_errors),),
        weight=weight,
        present=_numbers_present,
        check=_NumberLabels(name, size),
    )


def masked_loss(task: Task, output: Tensor, target: Tensor) -> Tensor:
    """The task's loss over the samples that have a label, without its weight: a scalar.

    output and target: [batch, ...]. A batch without any label gives 0 with a gradient of zeros,
    whatever the output holds, so that a sum over tasks can always be differentiated.
    """
    present = task.present(target)
    labelled = int(present.sum())
    if labelled == 0:
        return output[:0].sum()
    if labelled == len(target):
        return task.loss(output, target)
    return task.loss(output[present], target[present])


def check_tasks(tasks: Sequence[Task]) -> None:
    """Checks that tasks can stand side by side.

    Raises InputError when there is no task, when two share a name, or when a name is not made of
    letters, digits, _ and -.
    """
    if not tasks:
        raise InputError(
            rule="There is at least one task.", found="no task", fix="Give one or more tasks."
        )
    check_names(task.name for task in tasks)
