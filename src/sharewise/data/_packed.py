"""Batches on their way from one process to another: one tensor, however many tasks there are.

A tensor travels as a file descriptor, over a connection made for it alone: a third of a millisecond
or more each, in the process that waits. CelebA's forty tasks would take longer than their labels.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from sharewise.data._protocol import Batch
from sharewise.errors import DataError

_STEP = 64  # bytes; every tensor begins at a multiple of this, for any type of number


class Packed(NamedTuple):
    """A batch: what it is made of, and the bytes of all that in memory that processes share.

    layout: of the inputs, then of each target: type of number, shape, and first byte.
    """

    tasks: tuple[str, ...]
    layout: tuple[tuple[torch.dtype, tuple[int, ...], int], ...]
    content: Tensor


def pack(batch: Batch | DataError) -> Packed | DataError:
    """A batch packed; an error stays as it is."""
    if isinstance(batch, DataError):
        return batch
    tensors = [batch.inputs, *(batch.targets[name] for name in batch.tasks)]
    layout, end = [], 0
    for each in tensors:
        layout.append((each.dtype, tuple(each.shape), end))
        end += -(-each.nbytes // _STEP) * _STEP
    content = torch.empty(end, dtype=torch.uint8).share_memory_()  # so that it is copied only once
    for (dtype, shape, first), each in zip(layout, tensors, strict=True):
        _view(content, dtype, shape, first).copy_(each)
    return Packed(batch.tasks, tuple(layout), content)


def unpack(packed: Packed | DataError) -> Batch:
    """The batch, in the memory that it has come in; raises the error, if it is one."""
    if isinstance(packed, DataError):
        raise packed
    inputs, *targets = (_view(packed.content, *each) for each in packed.layout)
    return Batch(packed.tasks, inputs, dict(zip(packed.tasks, targets, strict=True)))


def _view(content: Tensor, dtype: torch.dtype, shape: tuple[int, ...], first: int) -> Tensor:
    size = math.prod(shape) * dtype.itemsize
    return content[first : first + size].view(dtype).reshape(shape)
