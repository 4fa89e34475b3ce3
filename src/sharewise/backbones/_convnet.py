"""Plain convolutional networks for small images and little data."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from torch import nn

from sharewise.backbones._backbone import Backbone, Json, Stage, size_setting
from sharewise.backbones._checks import check_width, image_shape, scaled
from sharewise.backbones._layers import ChannelsLast, conv3x3, init_convs
from sharewise.errors import InputError


class _Conv(NamedTuple):
    channels: int
    stride: int = 1


_POOL = None
_USUAL_STRIDE = 8
# {output stride: the parts of each stage}
_STAGES = {
    4: (
        (_Conv(32, stride=2),),
        (_Conv(64), _POOL, _Conv(64)),
        (_Conv(96), _Conv(96), _Conv(96), _Conv(64)),
    ),
    8: (
        (_Conv(16), _Conv(32, stride=2)),
        (_Conv(32), _POOL),
        (_Conv(128), _POOL, _Conv(128), _Conv(128), _Conv(128)),
    ),
}


def convnet(
    width: float = 1.0,
    in_channels: int = 3,
    *,
    input_size: int | tuple[int, int] = 32,
    output_stride: int = 8,
) -> Backbone:
    """Seven 3x3 convolutions in three stages, each with batch norm and ReLU; no shortcuts.

    With output stride 8, stage1 is a convolution of 16 channels and one of 32 and stride 2; stage2
    is one of 32 and a max pool; stage3 is four of 128 with a pool behind the first, so three hidden
    layers can be partitioned. 494 672 parameters; 13 418 496 multiply-adds at 32 x 32, of which
    stage3 has two thirds.

    With output stride 4, stage1 is a convolution of 32 channels and stride 2; stage2 is one of 64,
    a max pool and another of 64; stage3 is four of 96, 96, 96 and 64, on planes of a quarter of the
    input's height. Slices of its three hidden layers take about a tenth longer than their
    multiply-adds say, exported or in batches of 64; on planes of an eighth they take up to a third
    longer (docs/results/partitioning.md).

    On a thousand images a domain they learn in fewer epochs than a residual network of many layers.
    Features lie in memory with their channels last, which CPUs pool much faster.

    Raises:
        InputError: width not positive, sizes that are not positive whole numbers, or an output
            stride other than 4 and 8.
    """
    check_width(width)
    shape = image_shape(in_channels, input_size)
    if output_stride not in _STAGES:
        raise InputError(
            rule="The output stride of a convnet is 4 or 8.",
            found=f"output_stride={output_stride!r}",
            fix=f"Leave it out for {_USUAL_STRIDE}.",
        )
    settings: dict[str, Json] = {
        "name": "convnet",
        "width": width,
        "in_channels": in_channels,
        "input_size": size_setting(shape[1:]),
    }
    if output_stride != _USUAL_STRIDE:  # so that networks without it keep their settings
        settings["output_stride"] = output_stride
    stages, previous = [], in_channels
    for number, parts in enumerate(_STAGES[output_stride], start=1):
        scaled_parts = [
            part and part._replace(channels=scaled(part.channels, width)) for part in parts
        ]
        stages.append(Stage(f"stage{number}", partial(_make_stage, previous, scaled_parts)))
        previous = next(part.channels for part in reversed(scaled_parts) if part is not _POOL)
    return Backbone("convnet", tuple(stages), shape, settings)


def _make_stage(in_channels: int, parts: Sequence[_Conv | None]) -> nn.Module:
    """The convolutions, each with norm and ReLU, and the pools."""
    layers: list[nn.Module] = [ChannelsLast()]
    previous = in_channels
    for part in parts:
        if part is _POOL:
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
            continue
        convolution = conv3x3(previous, part.channels, stride=part.stride)
        layers += [convolution, nn.BatchNorm2d(part.channels), nn.ReLU(inplace=True)]
        previous = part.channels
    return init_convs(nn.Sequential(*layers))
