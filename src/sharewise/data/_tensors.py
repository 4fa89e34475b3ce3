"""Data sets held in memory: one input for all tasks, or tasks with inputs of their own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from sharewise.data._protocol import Batch, TaskData, check_batch_size, generator
from sharewise.errors import DataError
from sharewise.tasks import Task, check_tasks

Split = tuple[Tensor, Mapping[str, Tensor]]
"""Inputs [samples, ...] and {task: labels [samples, ...]}."""


def _as_stored(inputs: Tensor) -> Tensor:
    return inputs


class TensorData:
    """Tasks that share their inputs, all in memory. Satisfies TaskData.

    train, val, test: (inputs [samples, *shape], {task: labels [samples, ...]}), one entry for
        every task; a missing label is -1 for classes and NaN for numbers.
    settings: JSON that tells how to make the data again (default: the name alone).
    prepare: stored inputs [batch, *shape] to what the network is given [batch, *input_shape], for
        inputs that are stored small, such as uint8 images.

    Raises InputError for two tasks of one name; DataError for an empty split, inputs that are not
    finite, labels that are missing altogether, of another length, or not what the task takes.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        *,
        train: Split,
        val: Split,
        test: Split,
        name: str = "tensors",
        settings: Mapping[str, Any] | None = None,
        prepare: Callable[[Tensor], Tensor] = _as_stored,
    ) -> None:
        check_tasks(tasks)
        self._splits: dict[str, Split] = {"train": train, "val": val, "test": test}
        for split, (inputs, targets) in self._splits.items():
            _check_inputs(split, inputs)
            for task in tasks:
                _check_targets(split, task, len(inputs), targets)
        _check_shapes(self._splits)
        self.name = name
        self.tasks = tuple(tasks)
        self.settings: dict[str, Any] = {"name": name} if settings is None else dict(settings)
        self._prepare = prepare
        self.input_shape: tuple[int, ...] = tuple(prepare(train[0][:1]).shape[1:])
        self.fingerprint = _fingerprint(self.tasks, self.settings, self._splits)

    def train(self, *, batch_size: int, seed: int, epoch: int) -> Iterator[Batch]:
        """Every training sample once, in an order that only (seed, epoch) decides."""
        check_batch_size(batch_size)
        samples = self.sizes()["train"]
        order = torch.randperm(samples, generator=generator(seed, "order", epoch))
        return self._batches("train", order, batch_size)

    def val(self, *, batch_size: int) -> Iterator[Batch]:
        """Every validation sample once, always in the same order."""
        return self._in_order("val", batch_size)

    def test(self, *, batch_size: int) -> Iterator[Batch]:
        """Every test sample once, always in the same order."""
        return self._in_order("test", batch_size)

    def sizes(self) -> dict[str, int]:
        """Samples in each split."""
        return {split: len(inputs) for split, (inputs, _) in self._splits.items()}

    def _in_order(self, split: str, batch_size: int) -> Iterator[Batch]:
        check_batch_size(batch_size)
        return self._batches(split, torch.arange(self.sizes()[split]), batch_size)

    def _batches(self, split: str, order: Tensor, batch_size: int) -> Iterator[Batch]:
        inputs, targets = self._splits[split]
        names = tuple(task.name for task in self.tasks)
        for ids in order.split(batch_size):
            labels = {name: targets[name][ids] for name in names}
            yield Batch(names, self._prepare(inputs[ids]), labels)


class SeparateData:
    """Data sets with inputs of their own, such as the decathlon's. Satisfies TaskData.

    Every batch belongs to one part and carries labels for that part's tasks only. An epoch visits
    every sample of every part once, the parts' batches mixed in an order that only (seed, epoch)
    decides; validation and test go through the parts one after another.

    settings: JSON that tells how to make the data again (default: the parts').

    Raises InputError for two tasks of one name; DataError for no part at all, or for parts whose
    inputs differ in shape.
    """

    def __init__(
        self,
        parts: Sequence[TaskData],
        *,
        name: str = "separate",
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        if not parts:
            raise DataError(
                rule="Separate data have at least one part.",
                found="no part",
                fix="Give one data set or more.",
            )
        shapes = {part.input_shape: part.name for part in parts}
        if len(shapes) > 1:
            raise DataError(
                rule="All parts of separate data have inputs of one shape.",
                found=", ".join(f"{list(shape)} in '{part}'" for shape, part in shapes.items()),
                fix="Resize or pad the inputs.",
            )
        self._parts = tuple(parts)
        self.name = name
        self.tasks = tuple(task for part in parts for task in part.tasks)
        check_tasks(self.tasks)
        self.input_shape = parts[0].input_shape
        described = {"name": name, "parts": [dict(part.settings) for part in parts]}
        self.settings: dict[str, Any] = described if settings is None else dict(settings)
        text = "/".join(part.fingerprint for part in parts)
        self.fingerprint = hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def parts(self) -> tuple[TaskData, ...]:
        """The data sets that are joined, in the order given."""
        return self._parts

    def train(self, *, batch_size: int, seed: int, epoch: int) -> Iterator[Batch]:
        """Every training sample of every part once, in an order that only (seed, epoch) decides."""
        check_batch_size(batch_size)
        return self._mixed(batch_size, seed, epoch)

    def val(self, *, batch_size: int) -> Iterator[Batch]:
        """Every validation sample once, part after part."""
        check_batch_size(batch_size)
        return (batch for part in self._parts for batch in part.val(batch_size=batch_size))

    def test(self, *, batch_size: int) -> Iterator[Batch]:
        """Every test sample once, part after part."""
        check_batch_size(batch_size)
        return (batch for part in self._parts for batch in part.test(batch_size=batch_size))

    def sizes(self) -> dict[str, int]:
        """Samples in each split, summed over the parts."""
        each = [part.sizes() for part in self._parts]
        return {split: sum(sizes[split] for sizes in each) for split in ("train", "val", "test")}

    def _mixed(self, batch_size: int, seed: int, epoch: int) -> Iterator[Batch]:
        streams = [
            part.train(batch_size=batch_size, seed=seed, epoch=epoch) for part in self._parts
        ]
        counts = [-(-part.sizes()["train"] // batch_size) for part in self._parts]
        # Each part is drawn as often as it has batches; which part comes when is shuffled.
        turns = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
        order = torch.randperm(len(turns), generator=generator(seed, "parts", epoch))
        for part in turns[order].tolist():
            yield next(streams[part])


def _check_inputs(split: str, inputs: Tensor) -> None:
    if len(inputs) == 0:
        raise DataError(
            rule="Every split of a data set has samples.",
            found=f"an empty {split} split",
            fix="Move some samples there.",
        )
    if not inputs.is_floating_point():
        return
    wrong = (~inputs.isfinite()).nonzero()
    if len(wrong):
        where = tuple(wrong[0].tolist())
        raise DataError(
            rule="The inputs of a data set are finite numbers.",
            found=f"{float(inputs[where])} in sample {where[0]} of the {split} split",
            fix="Correct the sample or leave it out.",
        )


def _check_targets(split: str, task: Task, samples: int, targets: Mapping[str, Tensor]) -> None:
    if task.name not in targets:
        raise DataError(
            rule="Every task has labels in every split.",
            found=f"none for task '{task.name}' in the {split} split",
            fix="Give them; a sample without a label has -1 (classes) or NaN (numbers).",
        )
    target = targets[task.name]
    if len(target) != samples:
        raise DataError(
            rule="A split has as many labels as inputs.",
            found=f"{len(target)} labels of task '{task.name}' for {samples} inputs "
            f"in the {split} split",
            fix="Give one label for each input; missing ones are -1 (classes) or NaN (numbers).",
        )
    task.check(target)


def _check_shapes(splits: Mapping[str, Split]) -> None:
    shapes = {split: list(inputs.shape[1:]) for split, (inputs, _) in splits.items()}
    if any(shape != shapes["train"] for shape in shapes.values()):
        raise DataError(
            rule="The inputs of all splits have one shape.",
            found=", ".join(f"{shape} in {split}" for split, shape in shapes.items()),
            fix="Resize or pad the inputs.",
        )


def _fingerprint(
    tasks: Sequence[Task], settings: Mapping[str, Any], splits: Mapping[str, Split]
) -> str:
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for split, (inputs, targets) in splits.items():
        _add(digest, f"{split}/inputs", inputs)
        for task in tasks:
            _add(digest, f"{split}/{task.name}", targets[task.name])
    return digest.hexdigest()[:16]


def _add(digest: Any, what: str, tensor: Tensor) -> None:
    digest.update(f"{what} {tensor.dtype} {list(tensor.shape)}".encode())
    # Viewed as bytes, because numpy has no bfloat16.
    digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
