"""Losses and scores of a network over one split, from sums over the labelled samples."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import torch
from torch import Tensor

from sharewise.data import Batch, TaskData
from sharewise.errors import DataError, InputError
from sharewise.networks import Network
from sharewise.scores import Scores
from sharewise.tasks import Task
from sharewise.training._device import modes, pick_device

SPLITS = ("val", "test")
NOTHING = torch.zeros((), dtype=torch.float64)  # a sum before the first batch, of any shape


@dataclasses.dataclass(frozen=True, slots=True)
class Measured:
    """Mean loss and metrics of each task over the labelled samples of one split.

    The loss of a dense task is the mean over batches of that over their labelled pixels, weighted
    by samples: unlike a metric it may depend a little on the batch size.
    """

    losses: dict[str, float]
    scores: Scores


@dataclasses.dataclass(slots=True)
class _Tally:
    """Sums of one task over the labelled samples seen so far, in float64."""

    count: int
    loss: float
    metrics: dict[str, Tensor]  # {metric: [] or [counts]}

    def add(self, task: Task, *, output: Tensor, target: Tensor) -> None:
        """Add a batch: output [batch, ...], target [batch, ...]."""
        output, target = labelled(task, output, target)
        if len(target) == 0:
            return
        self.count += len(target)
        self.loss += float(task.loss(output, target)) * len(target)
        for metric in task.metrics:
            self.metrics[metric.name] = self.metrics[metric.name] + metric.sums(output, target)


def evaluate(
    network: Network,
    data: TaskData,
    split: str,
    *,
    batch_size: int = 256,
    device: str | torch.device = "auto",
) -> Scores:
    """Every metric over the labelled samples of a split.

    The network is moved to the device and stays there; every module keeps its train or eval mode.

    Args:
        network: inputs [batch, ...] -> {task: output [batch, ...]}.
        data: must hold exactly the network's tasks.
        split: "val" or "test".
        batch_size: samples per step; the scores do not depend on it (beyond rounding).
        device: see `pick_device`.

    Returns:
        {task: {metric: value}} in the metrics' own units.

    Raises:
        InputError: another split, another set of tasks, a device that is not there.
        DataError: a task without a labelled sample in the split.
    """
    return measure(network, data, split, batch_size=batch_size, device=pick_device(device)).scores


def measure(
    network: Network, data: TaskData, split: str, *, batch_size: int, device: torch.device
) -> Measured:
    """Losses and scores in one pass over a split; `evaluate` says the rest."""
    check_match(network, data)
    tasks = {task.name: task for task in data.tasks}
    tallies = {
        name: _Tally(0, 0.0, {metric.name: NOTHING for metric in task.metrics})
        for name, task in tasks.items()
    }
    network.to(device)
    with torch.no_grad(), modes(network, training=False):
        for batch in _batches(data, split, batch_size):
            outputs = network(batch.inputs.to(device), tasks=batch.tasks)
            for name in batch.tasks:
                tallies[name].add(tasks[name], output=outputs[name], target=batch.targets[name])
    _check_labelled({name: tally.count for name, tally in tallies.items()}, split)
    return Measured(
        losses={name: tally.loss / tally.count for name, tally in tallies.items()},
        scores={
            name: {
                metric.name: metric.finish(tally.metrics[metric.name], tally.count)
                for metric in tasks[name].metrics
            }
            for name, tally in tallies.items()
        },
    )


def labelled(task: Task, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """The rows of output and target [batch, ...] that have a label, on the output's device.

    `tasks.masked_loss` says the same for the loss alone. Here the number of rows is needed too, and
    the labels are looked at before they move: on an accelerator a full batch costs no wait.
    """
    present = task.present(target)  # bool [batch]
    target_there = target.to(output.device, non_blocking=True)
    if bool(present.all()):
        return output, target_there
    rows = present.nonzero().squeeze(1).to(output.device)  # [labelled]
    return output[rows], target_there[rows]


def check_match(network: Network, data: TaskData) -> None:
    """Refuse (InputError) a network whose tasks are not the data's."""
    wanted = tuple(sorted(task.name for task in data.tasks))
    if tuple(network.architecture.tasks) != wanted:
        raise InputError(
            rule="A network is trained and scored on data with its own tasks.",
            found=f"network tasks {', '.join(network.architecture.tasks)}; "
            f"data tasks {', '.join(wanted)}",
            fix="Build the network with data.tasks.",
        )


def check_split(data: TaskData, split: str, *, batch_size: int) -> None:
    """Refuse (DataError) a split in which a task has no label; reads only as far as it must."""
    present = {task.name: task.present for task in data.tasks}
    missing = set(present)
    for batch in _batches(data, split, batch_size):
        missing -= {
            name for name in missing & set(batch.tasks) if present[name](batch.targets[name]).any()
        }
        if not missing:
            return
    _check_labelled({name: int(name not in missing) for name in present}, split)


def _batches(data: TaskData, split: str, batch_size: int) -> Iterator[Batch]:
    if split not in SPLITS:
        raise InputError(
            rule="A network is scored on the split 'val' or 'test'.",
            found=f"split={split!r}",
            fix="Give 'val' while choosing, and 'test' once at the end.",
        )
    return (data.val if split == "val" else data.test)(batch_size=batch_size)


def _check_labelled(counts: dict[str, int], split: str) -> None:
    bare = sorted(name for name, count in counts.items() if count == 0)
    if bare:
        raise DataError(
            rule="Every task has a labelled sample in the split that scores it.",
            found=f"no label for {', '.join(map(repr, bare))} in the split {split!r}",
            fix="Add some to that split, or leave the task out of the data and the network.",
        )
