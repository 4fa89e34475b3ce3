"""The data of one task among several."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from sharewise.data._items import ItemData
from sharewise.data._planted import PlantedData
from sharewise.data._protocol import Batch, TaskData
from sharewise.data._tensors import SeparateData, TensorData
from sharewise.errors import InputError
from sharewise.tasks import Task

_COUNTED = 256


class OnlyTask:
    """What `data` hold for one task. Satisfies TaskData.

    Of separate data only the part that has the task is read, however deep it lies; where tasks
    share their inputs, every batch keeps its inputs and loses the other tasks' labels. Batches
    without the task are left out.

    Raises:
        InputError: the data do not have the task.
    """

    def __init__(self, data: TaskData, task: str) -> None:
        self.tasks: tuple[Task, ...] = tuple(each for each in data.tasks if each.name == task)
        if not self.tasks:
            raise InputError(
                rule="The task is one of the data's.",
                found=f"'{task}' and data for {', '.join(each.name for each in data.tasks)}",
                fix="Name one of these.",
            )
        self._part = _part_of(data, task)
        self.name = f"{data.name}/{task}"
        self.input_shape = self._part.input_shape
        text = f"{self._part.fingerprint}/{task}"
        self.fingerprint = hashlib.sha256(text.encode()).hexdigest()[:16]
        self.settings: Mapping[str, Any] = {"name": self.name, "of": dict(data.settings)}

    def train(self, *, batch_size: int, seed: int, epoch: int) -> Iterator[Batch]:
        """As the data's own, with this task alone."""
        return self._keep(self._part.train(batch_size=batch_size, seed=seed, epoch=epoch))

    def val(self, *, batch_size: int) -> Iterator[Batch]:
        """As the data's own, with this task alone."""
        return self._keep(self._part.val(batch_size=batch_size))

    def test(self, *, batch_size: int) -> Iterator[Batch]:
        """As the data's own, with this task alone."""
        return self._keep(self._part.test(batch_size=batch_size))

    def sizes(self) -> dict[str, int]:
        """Samples in the task's batches of each split; the test split is not read for that."""
        whole = isinstance(self._part, TensorData | PlantedData | ItemData)
        if whole or len(self._part.tasks) == 1:
            return self._part.sizes()
        return {**self._part.sizes(), **self._counted}

    @cached_property
    def _counted(self) -> dict[str, int]:
        # Tasks of one part may have batches of their own: only reading them tells.
        size = _COUNTED
        passes = {
            "train": self.train(batch_size=size, seed=0, epoch=0),
            "val": self.val(batch_size=size),
        }
        return {split: sum(len(b.inputs) for b in found) for split, found in passes.items()}

    def _keep(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        name = self.tasks[0].name
        for batch in batches:
            if name in batch.tasks:
                yield Batch((name,), batch.inputs, {name: batch.targets[name]})


def _part_of(data: TaskData, task: str) -> TaskData:
    if not isinstance(data, SeparateData):
        return data
    part = next(part for part in data.parts if task in [each.name for each in part.tasks])
    return _part_of(part, task)
