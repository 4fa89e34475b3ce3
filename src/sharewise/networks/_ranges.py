"""Ranges of channels [start, stop) along a dimension of a tensor."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

Ranges = tuple[tuple[int, int], ...]


def take(tensor: Tensor, dim: int, ranges: Ranges | None) -> Tensor:
    """The channels in `ranges` of dimension `dim`; None takes all. A view where one range is."""
    if ranges is None:
        return tensor
    pieces = [tensor.narrow(dim, start, stop - start) for start, stop in ranges]
    return pieces[0] if len(pieces) == 1 else torch.cat(pieces, dim)


def take_columns(weight: Tensor, ranges: Ranges | None) -> Tensor:
    """`take` along dimension 1 of a weight [out, in, ...], with a backward pass that is fast.

    Torch's own backward passes fill a whole gradient for each range, or add it index by index: for
    a 3x3 convolution of 256 channels that costs a third of the convolution itself.
    """
    many = ranges is not None and len(ranges) > 1
    if not (many and weight.requires_grad and torch.is_grad_enabled()):
        return take(weight, 1, ranges)
    if torch.compiler.is_compiling():  # torch.export and torch.compile want plain operations
        return take(weight, 1, ranges)
    taken: Tensor = _Columns.apply(weight, ranges)
    return taken


class _Columns(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, ranges: Ranges) -> Tensor:
        ctx.columns, ctx.ranges = weight.shape[1], ranges
        return take(weight, 1, ranges)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        whole = grad.new_zeros((grad.shape[0], ctx.columns, *grad.shape[2:]))
        sizes = [stop - start for start, stop in ctx.ranges]
        for (start, stop), piece in zip(ctx.ranges, grad.split(sizes, dim=1), strict=True):
            whole[:, start:stop] = piece
        return whole, None
