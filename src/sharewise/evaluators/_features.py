"""What the teachers say of every sample: computed once, read by all candidates."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sharewise.data import Batch, OnlyTask, TaskData, generator
from sharewise.errors import DataError, FormatError, RunError
from sharewise.evaluators._settings import DistilSettings
from sharewise.evaluators._stored import Stored, unwritable
from sharewise.evaluators._teachers import Teachers
from sharewise.networks import Network
from sharewise.runs import read_json, write_json
from sharewise.training import one_thread

FORMAT = 2
BATCH = 128
IDENTITY = "identity.json"

Progress = Callable[[dict[str, Any]], None]


@dataclasses.dataclass(frozen=True)
class Features:
    """The teachers' features of a part of the samples, in files that are mapped into memory.

    For each task and split ("train", "val") there are: inputs [samples, channels, height, width] of
    the first stage that students have for themselves, and the outputs of each teacher block after
    it; for validation also the labels and how the teacher answers. Features are rounded to
    float16, labels and answers are kept as they are.
    """

    folder: Path

    @classmethod
    def compute(
        cls,
        teachers: Teachers,
        data: TaskData,
        settings: DistilSettings,
        *,
        folder: Path,
        progress: Progress | None = None,
    ) -> Features:
        """Run every teacher over its samples once; features that are there already are taken.

        Features of other teachers, data or settings in the folder, or broken ones, are computed
        anew, and progress is told {"part": "features", "rebuilt": True}.

        The samples are the same random part of each split for all teachers: a split that is in the
        order of its classes would otherwise be judged by the first ones.

        Raises:
            DataError: no labelled sample of a task is among those of the validation split.
            RunError: the folder holds other things, or cannot be written.
        """
        wanted = _identity(teachers, data, settings)
        found = cls(folder)
        if found._is_whole(wanted):
            return found
        if _clear(folder) and progress is not None:
            progress({"part": "features", "rebuilt": True})
        with one_thread():
            for done, (task, network) in enumerate(sorted(teachers.networks.items())):
                if progress is not None:
                    jobs = len(teachers.networks)
                    progress({"part": "features", "done": done, "jobs": jobs, "job": task})
                _write_task(network, OnlyTask(data, task), teachers.first, settings, folder / task)
        write_json(folder / IDENTITY, {**wanted, "bytes": found._bytes()})  # last: all is there
        return found

    @cached_property
    def tasks(self) -> tuple[str, ...]:
        """The tasks, sorted."""
        return tuple(sorted(path.name for path in self.folder.iterdir() if path.is_dir()))

    def array(self, task: str, name: str) -> Any:
        """A stored array: inputs, block0, block1, .., val_inputs, val_block0, .., val_targets.

        Raises:
            RunError: it is not there, or torn.
        """
        if (task, name) not in self._opened:
            path = self.folder / task / f"{name}.npy"
            try:
                self._opened[task, name] = np.load(path, mmap_mode="r", allow_pickle=False)
            except (OSError, ValueError) as error:
                raise RunError(
                    rule="Stored features are there as long as candidates are judged.",
                    found=f"{path}: {error}",
                    fix="Go on with resume=True: what is broken is computed anew.",
                ) from error
        return self._opened[task, name]

    def tensor(self, task: str, name: str, ids: np.ndarray[Any, Any] | slice) -> Tensor:
        """Some samples of a stored array, as float32 where it holds features."""
        rows = torch.from_numpy(np.array(self.array(task, name)[ids]))
        return rows.float() if rows.dtype == torch.float16 else rows

    def blocks(self, task: str) -> int:
        """How many blocks of the teacher are stored."""
        return sum(path.name.startswith("block") for path in (self.folder / task).glob("*.npy"))

    def spread(self, task: str) -> float:
        """The sum of squared distances of all validation blocks to the means of their channels."""
        if task not in self._spreads:
            names = [f"val_block{index}" for index in range(self.blocks(task))]
            self._spreads[task] = sum(self._spread(task, name) for name in names)
        return self._spreads[task]

    def _spread(self, task: str, name: str) -> float:
        array = self.array(task, name)
        sums = squares = np.zeros(array.shape[1])
        for start in range(0, len(array), BATCH):
            rows = np.asarray(array[start : start + BATCH], dtype=np.float64)
            others = (0, *range(2, rows.ndim))
            sums, squares = sums + rows.sum(others), squares + np.square(rows).sum(others)
        return float((squares - sums**2 * array.shape[1] / array.size).sum())

    @cached_property
    def _opened(self) -> dict[tuple[str, str], Any]:
        return {}

    @cached_property
    def _spreads(self) -> dict[str, float]:
        return {}

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder}  # mapped files are opened anew in another process

    def _is_whole(self, wanted: dict[str, Any]) -> bool:
        """Whether these features are there, with every file as long as it was."""
        path = self.folder / IDENTITY
        try:
            return path.exists() and read_json(path) == {**wanted, "bytes": self._bytes()}
        except FormatError:
            return False

    def _bytes(self) -> dict[str, int]:
        files = sorted(self.folder.glob("*/*.npy"))
        return {f"{path.parent.name}/{path.name}": path.stat().st_size for path in files}


def _identity(teachers: Teachers, data: TaskData, settings: DistilSettings) -> dict[str, Any]:
    """What makes two sets of features the same one, as JSON values."""
    value = {
        "format": FORMAT,
        "data": data.fingerprint,
        "first": teachers.first,
        "teachers": teachers.digests,
        "samples": [settings.train_samples, settings.val_samples],
    }
    same: dict[str, Any] = json.loads(json.dumps(value))
    return same


def _clear(folder: Path) -> bool:
    """Make an empty folder with an identity that is no whole one; whether features were there.

    Nothing is removed from a folder without an identity: it is somebody else's.
    """
    path = folder / IDENTITY
    try:
        folder.mkdir(parents=True, exist_ok=True)
        there = [each for each in folder.iterdir() if each != path]
        if there and not path.exists():
            raise RunError(
                rule="Features are kept in a folder of their own.",
                found=f"{there[0].name} and no {IDENTITY} in {folder}",
                fix="Give another folder.",
            )
        was_there = path.exists()
        write_json(path, {"format": FORMAT})  # first: an interrupted rebuild is known as ours
        for each in there:
            shutil.rmtree(each) if each.is_dir() else each.unlink()
    except OSError as error:
        raise unwritable(folder, error) from error
    return was_there


@torch.no_grad()
def _write_task(
    network: Network, data: OnlyTask, first: int, settings: DistilSettings, folder: Path
) -> None:
    network.eval()
    task, sizes = data.tasks[0], data.sizes()
    # The first pass of the training order: a random part of the samples, always the same.
    train = data.train(batch_size=BATCH, seed=0, epoch=0)
    with Stored(folder, min(settings.train_samples, sizes["train"])) as stored:
        for batch in _first(train, stored.samples, task.name):
            inputs, blocks, _ = teacher_pass(network, batch.inputs, first)
            stored.add("inputs", inputs)
            for index, block in enumerate(blocks):
                stored.add(f"block{index}", block)
    labelled = 0
    with Stored(folder, min(settings.val_samples, sizes["val"])) as stored:
        val = data.val(batch_size=BATCH)
        for batch in _some(val, stored.samples, sizes["val"], task.name):
            inputs, blocks, output = teacher_pass(network, batch.inputs, first)
            stored.add("val_inputs", inputs)
            for index, block in enumerate(blocks):
                stored.add(f"val_block{index}", block)
            stored.add("val_targets", batch.targets[task.name], exact=True)
            stored.add("val_outputs", output, exact=True)
            labelled += int(task.present(batch.targets[task.name]).sum())
    if not labelled:
        raise DataError(
            rule="Every task has a labelled sample among those that judge candidates.",
            found=f"none for '{task.name}' in {settings.val_samples} of the validation split",
            fix="Raise val_samples, or give the task more labels.",
        )


def teacher_pass(
    network: Network, inputs: Tensor, first: int
) -> tuple[Tensor, list[Tensor], Tensor]:
    """The features that enter stage `first`, the blocks' outputs from there on, and the answer."""
    (task,) = network.tasks
    x = inputs
    for branch in network.branches[:first]:
        x = branch(x, task)
    entered, blocks = x, []
    for branch in network.branches[first:]:
        x, found = branch.forward_blocks(x, task)  # type: ignore[operator]
        blocks += found
    return entered, blocks, network.heads[task](x)


def _first(batches: Iterator[Batch], samples: int, task: str) -> Iterator[Batch]:
    """The batches up to so many samples, the last one cut."""
    for batch in batches:
        yield _rows(batch, torch.arange(len(batch.inputs)) < samples, task)
        samples -= len(batch.inputs)
        if samples <= 0:
            return


def _some(batches: Iterator[Batch], samples: int, size: int, task: str) -> Iterator[Batch]:
    """So many samples of a split of `size`, at random, always the same ones."""
    chosen = torch.zeros(size, dtype=torch.bool)
    chosen[torch.randperm(size, generator=generator("features", task))[:samples]] = True
    start = 0
    for batch in batches:
        rows = chosen[start : start + len(batch.inputs)]
        start += len(batch.inputs)
        if rows.any():
            yield _rows(batch, rows, task)


def _rows(batch: Batch, rows: Tensor, task: str) -> Batch:
    return Batch((task,), batch.inputs[rows], {task: batch.targets[task][rows]})
