"""What a convolution or linear layer does with weights that are given to it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional

_CONVOLUTIONS: dict[int, Callable[..., Tensor]] = {
    1: functional.conv1d,
    2: functional.conv2d,
    3: functional.conv3d,
}


@dataclasses.dataclass(frozen=True)
class LayerKind:
    """What a layer does with its weights; `dims` is the kernel's, 0 for a linear layer."""

    dims: int
    stride: tuple[int, ...] = ()
    padding: tuple[int, ...] | str = ()
    dilation: tuple[int, ...] = ()
    pad: tuple[int, ...] = ()
    pad_mode: str = "zeros"

    @classmethod
    def of(cls, layer: nn.Module) -> LayerKind:
        """The kind of an nn.Linear, or of an nn.Conv1d, 2d or 3d in one group of channels."""
        if isinstance(layer, nn.Linear):
            return cls(0)
        if not isinstance(layer, (nn.Conv1d, nn.Conv2d, nn.Conv3d)):
            raise AssertionError("stage_layout() calls no other layer hidden, or its reader")
        dims = len(layer.kernel_size)
        padding: tuple[int, ...] | str = layer.padding
        pad: tuple[int, ...] = ()
        if layer.padding_mode != "zeros":  # torch pads first, and what it pads is this private list
            pad, padding = tuple(layer._reversed_padding_repeated_twice), (0,) * dims
        return cls(dims, layer.stride, padding, layer.dilation, pad, layer.padding_mode)

    def __call__(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self.dims == 0:
            return functional.linear(x, weight, bias)
        if self.pad:
            x = functional.pad(x, self.pad, mode=self.pad_mode)
        run = _CONVOLUTIONS[self.dims]
        return run(x, weight, bias, self.stride, self.padding, self.dilation)
