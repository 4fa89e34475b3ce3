"""Data sets whose samples lie in files: one engine for everything on disk."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, get_worker_info

from sharewise.data._faults import refuse_batch
from sharewise.data._held import Held, Sample, Targets
from sharewise.data._packed import pack, unpack
from sharewise.data._protocol import Batch, check_batch_size, generator
from sharewise.errors import DataError, InputError
from sharewise.tasks import Task, check_tasks

_MOST_WORKERS = 4


class Changes(Protocol):
    """What a batch goes through between the files and the network.

    numbers: how many numbers in [0, 1) a training sample is given for that in each epoch.
    """

    @property
    def numbers(self) -> int: ...

    def __call__(self, inputs: Tensor, targets: Targets, chances: Tensor | None) -> Sample:
        """Stored inputs [batch, ...], targets and chances [batch, numbers]; None: no chance."""
        ...


@dataclass(frozen=True)
class AsStored:
    """No change."""

    numbers: int = 0

    def __call__(self, inputs: Tensor, targets: Targets, chances: Tensor | None) -> Sample:
        return inputs, targets


class Items:
    """The samples of a split, and how one of them is loaded.

    load: an item to its Sample; where a task has no label it gives the task's missing one, so that
        all samples have equal shapes. It raises DataError for what it cannot read.
    keep: samples once loaded stay in memory. They do not travel to another process, which loads
        them again.
    """

    def __init__(
        self, items: Sequence[Any], load: Callable[[Any], Sample], *, keep: bool = False
    ) -> None:
        self.items, self.keep = items, keep
        self._load = load
        self._held = Held(len(items))

    def __len__(self) -> int:
        return len(self.items)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_held": Held(len(self.items))}

    def read(self, ids: Sequence[int]) -> Sample:
        """The samples with these numbers, stacked: inputs [len(ids), ...] and targets alike.

        Raises DataError for the first that cannot be read, with the count of further ones.
        """
        if not self.keep:
            return self.load(ids)
        missing = self.missing(ids)
        if missing:
            self.put(missing, self.load(missing))
        return self._held.take(ids)

    def load(self, ids: Sequence[int]) -> Sample:
        """As `read`, but always from where they lie, and nothing stays in memory."""
        samples, errors = [], []
        for index in ids:
            try:
                samples.append(self._load(self.items[index]))
            except DataError as error:
                errors.append(error)
        if errors:
            refuse_batch(errors)
        inputs = torch.stack([each for each, _ in samples])
        names = samples[0][1]
        return inputs, {name: torch.stack([each[name] for _, each in samples]) for name in names}

    def missing(self, ids: Sequence[int]) -> list[int]:
        """Those of the samples that `read` would have to load."""
        return self._held.missing(ids)

    def put(self, ids: Sequence[int], samples: Sample) -> None:
        """Keep samples that another process has loaded."""
        self._held.put(ids, samples)


class ItemData:
    """Tasks that share inputs that are read when they are needed. Satisfies TaskData.

    splits: "train", "val" and "test".
    changes: what batches go through, in training with chances that depend on (seed, epoch) and the
        sample alone, not on its batch or the number of workers.
    input_shape: of what the network is given, without the batch.
    settings: JSON that tells how to make the data again; its "name" is theirs.
    content: {split: JSON} that differs where samples or labels do: for the fingerprint, with the
        settings except "folder", so that no file is read and the folder may move.
    workers: processes that read ahead; None for half of the processors, but 4 at most. There are
        none once samples are in memory, for a single batch, nor inside a process that itself is a
        worker.

    With workers batches come in pinned memory where CUDA is there. The order, and every bit, is the
    same with any number of workers.

    Raises InputError for two tasks of one name or a negative number of workers; DataError for an
    empty split.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        splits: Mapping[str, Items],
        *,
        input_shape: Sequence[int],
        settings: Mapping[str, Any],
        content: Mapping[str, Any],
        changes: Changes | None = None,
        workers: int | None = None,
    ) -> None:
        check_tasks(tasks)
        check_splits({split: len(items) for split, items in splits.items()}, settings["name"])
        if workers is not None and workers < 0:
            raise InputError(
                rule="The number of workers is 0 or more.",
                found=f"workers={workers}",
                fix="Give 0 to read without other processes.",
            )
        self.name = str(settings["name"])
        self.tasks = tuple(tasks)
        self.input_shape: tuple[int, ...] = tuple(input_shape)
        self.settings: dict[str, Any] = dict(settings)
        self._splits = dict(splits)
        self._changes: Changes = AsStored() if changes is None else changes
        self._workers = workers
        self.fingerprint = _fingerprint(self.settings, content)

    def items(self, split: str) -> Items:
        """The samples of a split."""
        return self._splits[split]

    def train(self, *, batch_size: int, seed: int, epoch: int) -> Iterator[Batch]:
        """Every training sample once, in an order that only (seed, epoch) decides."""
        check_batch_size(batch_size)
        samples = len(self._splits["train"])
        order = torch.randperm(samples, generator=generator(seed, "order", epoch))
        draw = generator(seed, "augment", self.name, epoch)
        chances = torch.rand((samples, self._changes.numbers), generator=draw)
        return self._read("train", [(ids, chances[ids]) for ids in order.split(batch_size)])

    def val(self, *, batch_size: int) -> Iterator[Batch]:
        """Every validation sample once, always in the same order."""
        return self._in_order("val", batch_size)

    def test(self, *, batch_size: int) -> Iterator[Batch]:
        """Every test sample once, always in the same order."""
        return self._in_order("test", batch_size)

    def sizes(self) -> dict[str, int]:
        """Samples in each split."""
        return {split: len(items) for split, items in self._splits.items()}

    def _in_order(self, split: str, batch_size: int) -> Iterator[Batch]:
        check_batch_size(batch_size)
        order = torch.arange(len(self._splits[split]))
        return self._read(split, [(ids, None) for ids in order.split(batch_size)])

    def _read(self, split: str, plans: list[_Plan]) -> Iterator[Batch]:
        items = self._splits[split]
        if not items.keep:
            return self._ahead(_Pieces(items, self._changes, plans))
        missing = [items.missing(ids.tolist()) for ids, _ in plans]
        wanted: list[_Plan] = [(torch.tensor(ids), None) for ids in missing if ids]
        stored = self._ahead(_Pieces(items, AsStored(), wanted))
        return self._kept(_Pieces(items, self._changes, plans), missing, stored)

    def _kept(
        self, pieces: _Pieces, missing: list[list[int]], stored: Iterator[Batch]
    ) -> Iterator[Batch]:
        """The pieces, once what is missing in memory for each of them has come in."""
        for number, ids in enumerate(missing):
            if ids:
                batch = next(stored)
                pieces.items.put(ids, (batch.inputs, batch.targets))
            yield _unless_error(pieces[number])

    def _ahead(self, pieces: _Pieces) -> Iterator[Batch]:
        """The pieces in their order, read ahead by workers if that is of use."""
        workers = min(self._worker_count(), len(pieces) - 1)
        if workers < 1:
            return map(_unless_error, (pieces[number] for number in range(len(pieces))))
        loader: DataLoader[Any] = DataLoader(
            pieces,
            batch_size=None,
            collate_fn=pack,  # type: ignore[arg-type]  # no list: batch_size is None
            num_workers=workers,
            pin_memory=torch.cuda.is_available() and not pieces.items.keep,
            generator=torch.Generator(),  # or the loader would draw from the global one
        )
        return map(unpack, loader)

    def _worker_count(self) -> int:
        if multiprocessing.parent_process() is not None:
            return 0
        if self._workers is not None:
            return self._workers
        return min(_MOST_WORKERS, (os.cpu_count() or 1) // 2)


_Plan = tuple[Tensor, Tensor | None]
"""The samples of a batch, and their chances."""


class _Pieces(Dataset[Batch | DataError]):
    """The batches of one pass, by number."""

    def __init__(self, items: Items, changes: Changes, plans: Sequence[_Plan]) -> None:
        self.items, self._changes, self._plans = items, changes, plans

    def __len__(self) -> int:
        return len(self._plans)

    def __getitem__(self, number: int) -> Batch | DataError:
        ids, chances = self._plans[number]
        # What a worker would keep nobody else could see.
        read = self.items.read if get_worker_info() is None else self.items.load
        try:
            inputs, targets = self._changes(*read(ids.tolist()), chances)
        except DataError as error:
            # Returned, for the loader would make a RuntimeError with a traceback of it.
            return error
        return Batch(tuple(targets), inputs, targets)


def _unless_error(batch: Batch | DataError) -> Batch:
    if isinstance(batch, DataError):
        raise batch
    return batch


def check_splits(sizes: Mapping[str, int], name: str) -> None:
    """Raises DataError for an empty split of the data with this name."""
    for split, size in sizes.items():
        if size == 0:
            raise DataError(
                rule="Every split of a data set has samples.",
                found=f"an empty {split} split in '{name}'",
                fix="Give it some samples.",
            )


def kept(samples: int, bytes_each: int, memory_mb: int) -> bool:
    """Whether so many samples are to be kept in memory."""
    return samples * bytes_each <= memory_mb * 10**6


def _fingerprint(settings: Mapping[str, Any], content: Mapping[str, Any]) -> str:
    own = {name: value for name, value in settings.items() if name != "folder"}
    digest = hashlib.sha256(json.dumps(own, sort_keys=True).encode())
    for split, facts in content.items():
        digest.update(json.dumps([split, *facts]).encode())
    return digest.hexdigest()[:16]
