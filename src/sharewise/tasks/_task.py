"""What a task is, and its loss where some labels are missing."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sharewise.architecture import check_names
from sharewise.errors import InputError


def mean(sums: Tensor, samples: int) -> float:
    """The mean over samples, from the sum of one number a sample: float64 [] to a figure.

    Raises InputError for several sums.
    """
    if sums.numel() != 1:
        raise InputError(
            rule="A metric that gives several numbers a sample says what their sums make"
            " (Metric.finish); without, it is the mean of one number a sample.",
            found=f"sums of shape {list(sums.shape)}",
            fix="Give finish=..., or let per_sample return [batch].",
        )
    return float(sums) / samples


@dataclass(frozen=True)
class Metric:
    """One figure of a task, made of sums over the samples that have a label.

    per_sample: (output [batch, ...], target [batch, ...]) to float [batch] or [batch, counts]. It
        is given labelled samples only.
    finish: (the sums over all samples, float64 [] or [counts]; how many samples) to the figure;
        by default the mean.

    Sums of batches add up, so a figure such as an intersection over union or a median of pixels is
    that of the whole split, whatever the batches are.
    """

    name: str
    lower_is_better: bool
    per_sample: Callable[[Tensor, Tensor], Tensor]
    finish: Callable[[Tensor, int], float] = mean

    def sums(self, output: Tensor, target: Tensor) -> Tensor:
        """The sums over a batch of labelled samples [batch, ...]: float64 [...], on the CPU."""
        # To the CPU first: not every accelerator has float64.
        return self.per_sample(output, target).cpu().double().sum(dim=0)

    def value(self, output: Tensor, target: Tensor) -> float:
        """The figure of one batch of labelled samples [batch, ...], at least one."""
        return self.finish(self.sums(output, target), len(target))


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


def metric_directions(tasks: Sequence[Task]) -> dict[str, bool]:
    """{metric: lower_is_better} over all tasks.

    Raises:
        InputError: two tasks have a metric of one name and opposite directions.
    """
    directions: dict[str, bool] = {}
    for task in tasks:
        for metric in task.metrics:
            if directions.setdefault(metric.name, metric.lower_is_better) != metric.lower_is_better:
                raise InputError(
                    rule="A metric of one name has one direction in all tasks.",
                    found=f"{metric.name!r} of task {task.name!r}, where lower is better for some "
                    "tasks and higher for others",
                    fix="Rename it in one of the tasks.",
                )
    return directions


def check_count(name: str, *, what: str, found: int, least: int) -> None:
    """Raises InputError where the task `name` has fewer classes or outputs than it needs."""
    if found < least:
        raise InputError(
            rule=f"Task '{name}' needs at least {least} {what}.",
            found=f"{found}",
            fix="Give a larger number.",
        )
