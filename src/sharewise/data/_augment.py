"""Random changes to training images: crop, flip, colour, cutout. All at once for a batch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

_GREY = (0.299, 0.587, 0.114)  # what red, green and blue give to brightness


@dataclass(frozen=True)
class Normalise:
    """Bytes [batch, 3, height, width] to floats with mean 0 and deviation 1 in each channel.

    mean, deviation: of values in [0, 1].
    """

    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    def __call__(self, stored: Tensor) -> Tensor:
        mean, deviation = (
            255 * torch.tensor(each).reshape(1, -1, 1, 1) for each in (self.mean, self.deviation)
        )
        return (stored.float() - mean) / deviation


@dataclass(frozen=True)
class Augment:
    """What a training image goes through, each time otherwise.

    padding: pixels of black around the image, out of which one of its size is cropped.
    flip: left to right, for half of the images.
    jitter: the most by which brightness, contrast and saturation are scaled, and the most by which
        hue is turned, in full turns: one after another in this order.
    cutout: the side of a square that is set to the mean colour, with its centre anywhere, so that
        part of it may lie outside; 0 for none.
    """

    padding: int = 0
    flip: bool = False
    jitter: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    cutout: int = 0

    NUMBERS: ClassVar[int] = 9
    """How many numbers in [0, 1) decide what happens to an image."""

    def __call__(self, stored: Tensor, chances: Tensor, prepare: Normalise) -> Tensor:
        """Bytes [batch, 3, height, width] and chances [batch, 9] to what the network is given."""
        images = stored
        if self.padding:
            images = _crop(images, self.padding, chances[:, 0], chances[:, 1])
        if self.flip:
            mirrored = chances[:, 2, None, None, None] < 0.5
            images = torch.where(mirrored, images.flip(3), images)
        if any(self.jitter):
            images = _recolour(images, 2 * chances[:, 3:7] - 1, self.jitter)
        prepared = prepare(images)
        if self.cutout:
            prepared = _cut_out(prepared, self.cutout, chances[:, 7], chances[:, 8])
        return prepared


def _crop(images: Tensor, padding: int, down: Tensor, right: Tensor) -> Tensor:
    batch, _, height, width = images.shape
    padded = F.pad(images, (padding,) * 4)
    top, left = ((2 * padding + 1) * down).long(), ((2 * padding + 1) * right).long()
    rows = (top[:, None] + torch.arange(height))[:, :, None]
    columns = (left[:, None] + torch.arange(width))[:, None, :]
    cropped = padded[torch.arange(batch)[:, None, None], :, rows, columns]
    return cropped.permute(0, 3, 1, 2).contiguous()  # indexing has put the channels last


def _recolour(images: Tensor, signed: Tensor, most: tuple[float, float, float, float]) -> Tensor:
    """Bytes in, floats in 0..255 out; signed [batch, 4] in [-1, 1)."""
    brightness, contrast, saturation, hue = (
        (signed[:, i] * most[i])[:, None, None, None] for i in range(4)
    )
    colours = (images.float() * (1 + brightness)).clamp(0, 255)
    middle = _mix(colours, _GREY).mean(dim=(1, 2, 3), keepdim=True)
    colours = (middle + (colours - middle) * (1 + contrast)).clamp(0, 255)
    grey = _mix(colours, _GREY)
    colours = (grey + (colours - grey) * (1 + saturation)).clamp(0, 255)
    return _turn_hue(colours, 2 * math.pi * hue).clamp(0, 255)


def _mix(colours: Tensor, weights: tuple[float, ...]) -> Tensor:
    """One number a pixel, [batch, 1, height, width], from its three channels."""
    return (colours * torch.tensor(weights)[:, None, None]).sum(dim=1, keepdim=True)


def _turn_hue(colours: Tensor, angle: Tensor) -> Tensor:
    """Turned about the grey axis, by which red becomes green after a third of a turn.

    The mean of the channels is kept, not the value of HSV.
    """
    cosine, sine = angle.cos(), angle.sin()
    mean = colours.mean(dim=1, keepdim=True)
    across = (colours.roll(1, dims=1) - colours.roll(-1, dims=1)) / math.sqrt(3)
    return mean + cosine * (colours - mean) + sine * across


def _cut_out(images: Tensor, side: int, down: Tensor, right: Tensor) -> Tensor:
    """0 is the mean colour of prepared images."""
    height, width = images.shape[2:]
    first_row = (down * height).long()[:, None] - side // 2
    first_column = (right * width).long()[:, None] - side // 2
    rows, columns = torch.arange(height), torch.arange(width)
    in_rows = (rows >= first_row) & (rows < first_row + side)
    in_columns = (columns >= first_column) & (columns < first_column + side)
    return images.masked_fill((in_rows[:, :, None] & in_columns[:, None, :])[:, None], 0.0)
