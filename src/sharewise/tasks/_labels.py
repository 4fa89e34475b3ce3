"""What labels look like: the checks of a split's labels, each a frozen value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from sharewise.errors import DataError

MISSING = -1
"""The label of a sample without one, for tasks whose labels are whole numbers."""

UNIT_TOLERANCE = 0.02
"""How far from 1 the length of a unit vector may be; rounding to 8 bits a number makes .007."""

_SLICE = 256  # samples that are checked at once, so that the checks of large splits stay small


@dataclass(frozen=True)
class ClassLabels:
    """Labels [samples] of whole numbers in 0..classes-1, or -1 where missing."""

    task: str
    classes: int

    def __call__(self, target: Tensor) -> None:
        if target.ndim != 1 or not _whole(target):
            raise DataError(
                rule=f"The labels of task '{self.task}' are whole numbers, one for each sample.",
                found=_kind(target),
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
class NumberLabels:
    """Labels [samples, size] (or [samples] for size 1) of numbers, NaN where missing."""

    task: str
    size: int

    def __call__(self, target: Tensor) -> None:
        shapes = [(self.size,)] + [()] * (self.size == 1)
        if not target.is_floating_point() or tuple(target.shape[1:]) not in shapes:
            raise DataError(
                rule=f"The labels of task '{self.task}' are floating-point numbers, "
                f"{self.size} for each sample.",
                found=_kind(target),
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


@dataclass(frozen=True)
class ClassMaps:
    """Labels [samples, height, width] of whole numbers in 0..classes-1, or `ignore`."""

    task: str
    classes: int
    ignore: int

    def __call__(self, target: Tensor) -> None:
        if target.ndim != 3 or not _whole(target):
            raise DataError(
                rule=f"The labels of task '{self.task}' are whole numbers, one for each pixel.",
                found=_kind(target),
                fix="Give an integer tensor of shape [samples, height, width].",
            )
        for start, part in _slices(target):
            label = part.long()  # as for the labels of samples
            wrong = (label != self.ignore) & ((label < 0) | (label >= self.classes))
            if wrong.any():
                sample, row, column = wrong.nonzero()[0].tolist()
                raise DataError(
                    rule=f"The labels of task '{self.task}' lie in 0..{self.classes - 1}, "
                    f"or are {self.ignore} where missing.",
                    found=f"{int(label[sample, row, column])} in"
                    f" {_place(start + sample, row, column)}",
                    fix="Correct the label, or give the task more classes.",
                )


@dataclass(frozen=True)
class NumberMaps:
    """Labels [samples, channels, height, width] of numbers, NaN where missing.

    `positive` labels are 0 or more.
    """

    task: str
    channels: int = 1
    positive: bool = False

    def __call__(self, target: Tensor) -> None:
        wanted = target.ndim == 4 and target.shape[1] == self.channels
        if not wanted or not target.is_floating_point():
            raise DataError(
                rule=f"The labels of task '{self.task}' are floating-point numbers, "
                f"{self.channels} for each pixel.",
                found=_kind(target),
                fix=f"Give a float tensor of shape [samples, {self.channels}, height, width].",
            )
        for start, part in _slices(target):
            self._check(part, start)

    def _check(self, part: Tensor, start: int) -> None:
        wrong = part.isinf() | (part < 0) if self.positive else part.isinf()
        if wrong.any():
            sample, channel, row, column = wrong.nonzero()[0].tolist()
            kind = "finite, not below 0," if self.positive else "finite,"
            raise DataError(
                rule=f"The labels of task '{self.task}' are {kind} or NaN where missing.",
                found=f"{float(part[sample, channel, row, column]):g} in"
                f" {_place(start + sample, row, column)}",
                fix="Correct the label, or make it NaN.",
            )


@dataclass(frozen=True)
class UnitVectors:
    """Labels [samples, 3, height, width] of vectors of length 1, NaN where missing."""

    task: str

    def __call__(self, target: Tensor) -> None:
        NumberMaps(self.task, channels=3)(target)
        for start, part in _slices(target):
            # [samples, height, width]; NaN is never wrong
            length = part.float().square().sum(dim=1).sqrt()
            wrong = (length - 1).abs() > UNIT_TOLERANCE
            if wrong.any():
                sample, row, column = wrong.nonzero()[0].tolist()
                raise DataError(
                    rule=f"The labels of task '{self.task}' are vectors of length 1 (within"
                    f" {UNIT_TOLERANCE}), or NaN where missing.",
                    found=f"length {float(length[sample, row, column]):.3g} in"
                    f" {_place(start + sample, row, column)}",
                    fix="Divide the vector by its length, or make it NaN.",
                )


def _whole(target: Tensor) -> bool:
    return not (target.is_floating_point() or target.is_complex())


def _kind(target: Tensor) -> str:
    return f"{target.dtype} of shape {list(target.shape)}"


def _place(sample: int, row: int, column: int) -> str:
    return f"sample {sample}, row {row}, column {column}"


def _slices(target: Tensor) -> Iterator[tuple[int, Tensor]]:
    """(number of the first sample, samples) of some samples at a time."""
    for start in range(0, len(target), _SLICE):
        yield start, target[start : start + _SLICE]
