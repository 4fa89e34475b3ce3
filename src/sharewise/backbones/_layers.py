"""Pieces that the convolutional backbones share."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def conv3x3(in_channels: int, channels: int, *, stride: int = 1, dilation: int = 1) -> nn.Conv2d:
    return nn.Conv2d(
        in_channels, channels, 3, stride=stride, padding=dilation, dilation=dilation, bias=False
    )


def init_convs(module: nn.Module) -> nn.Module:
    """Kaiming normal by fan-out for convolutions (He et al. 2015); batch norm stays as it is."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
            if part.bias is not None:
                nn.init.zeros_(part.bias)
    return module


class ChannelsLast(nn.Module):
    """Lays images [batch, channels, height, width] out in memory with the channels last.

    The numbers stay the same, and nothing is copied where they lie like this already.
    """

    def forward(self, x: Tensor) -> Tensor:
        return x.contiguous(memory_format=torch.channels_last)
