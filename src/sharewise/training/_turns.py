"""Which data set a step of training belongs to, where tasks have inputs of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from sharewise.data import Batch, SeparateData, TaskData, generator
from sharewise.errors import InputError
from sharewise.tasks import Task
from sharewise.training._settings import TrainSettings

# Newell et al. 2019, released code: a task is drawn in proportion to
# (1 - running train accuracy + FLOOR) ** (1 / TEMPERATURE).
FLOOR = 0.15
TEMPERATURE = 0.3
MEMORY = 0.9
"""Of a running accuracy, what is kept at each batch of the task; the source does not give its."""

Answers = Mapping[str, tuple[Tensor, Tensor]]
"""{task: (output, target) of its labelled samples in one batch}."""


class Turns:
    """The batches of an epoch, in the order that `settings.turns` asks for.

    `running` is each task's running train accuracy, starting at 0; it stays empty unless turns are
    "curriculum". An epoch's entry keeps it, so that another process can `go_on` from there.

    Raises:
        InputError: turns other than "all" for data that are not separate, or "curriculum" for a
            task whose first metric is not an accuracy.
    """

    def __init__(self, data: TaskData, settings: TrainSettings, *, seed: int) -> None:
        self.running: dict[str, float] = {}
        self._data = data
        self._settings = settings
        self._seed = seed
        self._tasks = {task.name: task for task in data.tasks}
        if settings.turns != "all":
            self._parts = _parts(data, settings.turns)
        if settings.turns == "curriculum":
            for task in data.tasks:
                _check_accuracy(task)
            self.running = dict.fromkeys(sorted(self._tasks), 0.0)

    def go_on(self, entries: Sequence[Mapping[str, Any]]) -> None:
        """Take the running accuracies from the last of the epochs that are done, if any."""
        if self.running and entries:
            self.running = dict(entries[-1]["running"])

    def batches(self, epoch: int) -> Iterator[Batch]:
        """The batches of one epoch: as many as there are when every sample comes once."""
        if self._settings.turns == "all":
            yield from self._data.train(
                batch_size=self._settings.batch_size, seed=self._seed, epoch=epoch
            )
            return
        draw = generator(self._seed, "turns", epoch)
        streams = [self._endless(part, epoch) for part in self._parts]
        for _ in range(self._steps()):
            turn = int(torch.multinomial(self._chances(), 1, generator=draw))
            yield next(streams[turn])

    def note(self, answers: Answers) -> None:
        """Take in how well a batch was answered."""
        for name in answers if self.running else ():
            output, target = answers[name]
            if len(target):
                now = self._tasks[name].metrics[0].value(output.detach(), target)
                self.running[name] = MEMORY * self.running[name] + (1 - MEMORY) * now

    def _chances(self) -> Tensor:
        """In proportion to which the parts are drawn, [parts]; of several tasks, their mean."""
        if self._settings.turns == "uniform":
            return torch.ones(len(self._parts))
        chances = []
        for part in self._parts:
            each = [(1 - self.running[t.name] + FLOOR) ** (1 / TEMPERATURE) for t in part.tasks]
            chances.append(sum(each) / len(each))
        return torch.tensor(chances, dtype=torch.float64)

    def _steps(self) -> int:
        size = self._settings.batch_size
        return sum(-(-part.sizes()["train"] // size) for part in self._parts)

    def _endless(self, part: TaskData, epoch: int) -> Iterator[Batch]:
        """Batches of a part, pass after pass, each pass in an order of its own."""
        settings = self._settings
        while True:
            yield from part.train(batch_size=settings.batch_size, seed=self._seed, epoch=epoch)
            epoch += settings.epochs  # so that no pass of any epoch has the order of another


def can_have_curriculum(data: TaskData) -> bool:
    """Whether turns="curriculum" is possible: inputs of their own, and accuracies to go by."""
    return isinstance(data, SeparateData) and all(map(_has_accuracy, data.tasks))


def _parts(data: TaskData, turns: str) -> tuple[TaskData, ...]:
    if isinstance(data, SeparateData):
        return tuple(part for part in data.parts if part.sizes()["train"])
    raise InputError(
        rule="Data sets take turns where tasks have inputs of their own (SeparateData).",
        found=f"turns={turns!r} for data '{data.name}', whose tasks share their inputs",
        fix="Leave turns at 'all'.",
    )


def _has_accuracy(task: Task) -> bool:
    return bool(task.metrics) and task.metrics[0].name == "accuracy"


def _check_accuracy(task: Task) -> None:
    if not _has_accuracy(task):
        raise InputError(
            rule="The curriculum goes by each task's accuracy, its first metric.",
            found=f"task '{task.name}' with"
            f" {task.metrics[0].name if task.metrics else 'no metric'}",
            fix="Use turns='uniform' or 'all' for such tasks.",
        )
