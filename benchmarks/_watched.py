"""Data that tell how long training waits for them."""

from __future__ import annotations

import time
from collections.abc import Iterator

from sharewise.data import Batch, TaskData


class Watched:
    """Data whose training batches are timed.

    An epoch ends after so many batches, and validation after the first samples of each task.
    """

    def __init__(self, data: TaskData, batches: int) -> None:
        self.name, self.tasks, self.input_shape = data.name, data.tasks, data.input_shape
        self.fingerprint, self.settings, self.sizes = data.fingerprint, data.settings, data.sizes
        self.test = data.test
        self.waits: list[float] = []  # seconds
        self.steps: list[float] = []  # seconds, waits included
        self._data, self._batches = data, batches

    def train(self, *, batch_size: int, seed: int, epoch: int) -> Iterator[Batch]:
        before = time.perf_counter()
        source = self._data.train(batch_size=batch_size, seed=seed, epoch=epoch)
        for _ in range(self._batches):
            batch = next(source, None)
            if batch is None:
                return
            self.waits.append(time.perf_counter() - before)
            yield batch
            self.steps.append(time.perf_counter() - before)
            before = time.perf_counter()

    def val(self, *, batch_size: int) -> Iterator[Batch]:
        missing = {task.name for task in self.tasks}
        for batch in self._data.val(batch_size=8):
            if missing & {*batch.tasks}:
                yield batch
            missing -= {*batch.tasks}
            if not missing:
                return
