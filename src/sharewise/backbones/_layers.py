"""Pieces that the convolutional backbones share."""

from __future__ import annotations

from torch import nn


def conv3x3(in_channels: int, channels: int, *, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(in_channels, channels, 3, stride=stride, padding=1, bias=False)


def init_convs(module: nn.Module) -> nn.Module:
    """Kaiming normal by fan-out for convolutions (He et al. 2015); batch norm stays as it is."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
            if part.bias is not None:
                nn.init.zeros_(part.bias)
    return module
