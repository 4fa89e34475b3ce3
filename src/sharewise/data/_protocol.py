"""What every data set offers: batches that say which tasks they carry labels for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from sharewise.errors import InputError
from sharewise.tasks import Task


class Batch(NamedTuple):
    """inputs: float [batch, *input_shape]; targets: {task: labels [batch, ...]} for `tasks`."""

    tasks: tuple[str, ...]
    inputs: Tensor
    targets: dict[str, Tensor]


@runtime_checkable
class TaskData(Protocol):
    """Tasks and their samples, in a training, a validation and a test split.

    The order of training batches is a pure function of (seed, epoch): a resumed run sees the
    batches that an uninterrupted one would have seen. The last batch of an epoch may be short; no
    sample is dropped. Validation and test are always in the same order. `settings` is JSON that
    tells how to make the data again; `fingerprint` is equal for equal data.
    """

    @property
    def name(self) -> str: ...

    @property
    def tasks(self) -> tuple[Task, ...]: ...

    @property
    def input_shape(self) -> tuple[int, ...]: ...

    @property
    def fingerprint(self) -> str: ...

    @property
    def settings(self) -> Mapping[str, Any]: ...

    def train(self, *, batch_size: int, seed: int, epoch: int) -> Iterator[Batch]: ...

    def val(self, *, batch_size: int) -> Iterator[Batch]: ...

    def test(self, *, batch_size: int) -> Iterator[Batch]: ...

    def sizes(self) -> dict[str, int]: ...


def generator(*salt: int | str) -> torch.Generator:
    """A generator of its own for each salt, such as (seed, "order", epoch), on every machine."""
    text = "/".join(str(part) for part in salt)
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
    return torch.Generator().manual_seed(seed)


def fraction(*salt: int | str) -> float:
    """A number in [0, 1) that only the salt decides, the same on every machine."""
    text = "/".join(str(part) for part in salt)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big") / 2**48


def check_batch_size(batch_size: int) -> None:
    """Raises InputError for a batch of no samples."""
    if batch_size < 1:
        raise InputError(
            rule="A batch holds at least one sample.",
            found=f"batch_size={batch_size}",
            fix="Give a batch_size of 1 or more.",
        )


def check_least(data: str, **numbers: tuple[int, int]) -> None:
    """Raises InputError where one of {what: (its value, the least)} is below its least."""
    for name, (value, least) in numbers.items():
        if value < least:
            raise InputError(
                rule=f"The {name} of {data} is {least} or more.",
                found=f"{name}={value}",
                fix="Give a larger number.",
            )
