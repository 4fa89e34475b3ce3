"""Heads: from the features of the last stage to a task's output. Each maker is a frozen value.

Tasks made alike are equal and can travel to another process, which closures could not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sharewise.errors import InputError

DenseHead = Callable[[tuple[int, ...], int], nn.Module]
"""(feature shape [channels, height, width], outputs) to a module that maps features
[batch, *shape] to [batch, outputs, height', width']; any height' and width' will do, because losses
and metrics resize the output to the labels (`tasks.resized`)."""


@dataclass(frozen=True)
class LinearHead:
    """One linear layer, after global average pooling for a feature map."""

    outputs: int

    def __call__(self, shape: tuple[int, ...]) -> nn.Module:
        linear = nn.Linear(shape[0], self.outputs)  # [batch, channels] -> [batch, outputs]
        if len(shape) == 1:
            return linear
        if len(shape) == 3:  # [batch, channels, height, width] -> [batch, channels]
            return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(1), linear)
        raise InputError(
            rule="A linear head takes features [channels] or [channels, height, width].",
            found=f"features of shape {list(shape)}",
            fix="End the backbone with one of these, or give the task a head of its own.",
        )


@dataclass(frozen=True)
class ImageHead:
    """A task's head for image-shaped outputs: a dense head with the task's number of outputs."""

    make: DenseHead
    outputs: int

    def __call__(self, shape: tuple[int, ...]) -> nn.Module:
        if len(shape) != 3:
            raise InputError(
                rule="A task with image-shaped labels takes features [channels, height, width].",
                found=f"features of shape {list(shape)}",
                fix="End the backbone with a feature map.",
            )
        return self.make(shape, self.outputs)


@dataclass(frozen=True)
class Decoder:
    """See `decoder`."""

    channels: int
    doublings: int

    def __call__(self, shape: tuple[int, ...], outputs: int) -> nn.Module:
        layers: list[nn.Module] = [nn.Conv2d(shape[0], self.channels, 1, bias=False)]
        layers += [nn.BatchNorm2d(self.channels), nn.ReLU(inplace=True)]
        for _ in range(self.doublings):
            layers.append(nn.Upsample(scale_factor=2, mode="bilinear"))
            layers.append(nn.Conv2d(self.channels, self.channels, 3, padding=1, bias=False))
            layers += [nn.BatchNorm2d(self.channels), nn.ReLU(inplace=True)]
        layers.append(nn.Conv2d(self.channels, outputs, 3, padding=1))
        return nn.Sequential(*layers)


@dataclass(frozen=True)
class MultiDilation:
    """See `multi_dilation`."""

    rates: tuple[int, ...]

    def __call__(self, shape: tuple[int, ...], outputs: int) -> nn.Module:
        return _DilatedSum(shape[0], outputs, self.rates)


class _DilatedSum(nn.Module):
    """The sum of dilated 3x3 convolutions: [batch, in, h, w] -> [batch, outputs, h, w]."""

    def __init__(self, in_channels: int, outputs: int, rates: tuple[int, ...]) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv2d(in_channels, outputs, 3, padding=rate, dilation=rate) for rate in rates
        )

    def forward(self, features: Tensor) -> Tensor:
        return torch.stack([conv(features) for conv in self.convs]).sum(dim=0)


def decoder(channels: int = 64, *, doublings: int = 0) -> DenseHead:
    """A light head for dense tasks: 1x1 convolution, batch norm, ReLU, 3x3 convolution to outputs.

    The output has the features' height and width; losses and metrics resize it bilinearly to the
    labels'. Each of the `doublings` in between doubles height and width bilinearly, with one more
    3x3 convolution, batch norm and ReLU, for features that are small against the labels.

    Raises:
        InputError: no channels, or fewer than zero doublings.
    """
    if channels < 1 or doublings < 0:
        raise InputError(
            rule="A decoder has at least one channel, and doubles its size zero or more times.",
            found=f"channels={channels}, doublings={doublings}",
            fix="Give channels=64, doublings=1, for example.",
        )
    return Decoder(channels, doublings)


def multi_dilation(rates: tuple[int, ...] = (6, 12, 18, 24)) -> DenseHead:
    """The head of the Taskonomy protocol: dilated 3x3 convolutions side by side, summed.

    Source: atrous spatial pyramid pooling, Chen et al. 2017 (DeepLab v2, arXiv 1606.00915, section
    3.2), as the public comparisons on Tiny-Taskonomy use it. Each convolution goes straight from
    the features to the outputs, as in DeepLab v2 on residual networks; deviation: the comparisons
    may have wider hidden layers in between, whose sizes their descriptions do not give. Where the
    features are smaller than a rate, that convolution sees its centre alone.

    Raises:
        InputError: no rate, or one below 1.
    """
    if not rates or min(rates) < 1:
        raise InputError(
            rule="A multi-dilation head has one or more rates, each at least 1.",
            found=f"rates={tuple(rates)}",
            fix="Give (6, 12, 18, 24), the published ones.",
        )
    return MultiDilation(tuple(rates))


DECODER = decoder()
"""The head of a dense task that is given none."""
