"""VGG-16 with batch norm, cut at its five pools."""

from __future__ import annotations

from functools import partial

from torch import nn

from sharewise.backbones._backbone import Backbone, Json, Stage, size_setting
from sharewise.backbones._checks import check_width, image_shape, scaled
from sharewise.backbones._layers import init_convs

_GROUPS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # channels, convolutions


def vgg16_bn(
    width: float = 1.0, in_channels: int = 3, *, input_size: int | tuple[int, int] = 64
) -> Backbone:
    """The convolutions of VGG-16 with batch norm (Simonyan and Zisserman 2015, configuration D).

    Five stages, group1 to group5, each of which ends in a max pool of stride 2. 14 723 136
    parameters. The two layers of 4 096 are left out: a task's head pools globally instead. As in
    torchvision the convolutions have biases.

    Raises:
        InputError: width not positive, sizes that are not positive whole numbers.
    """
    check_width(width)
    shape = image_shape(in_channels, input_size)
    stages: list[Stage] = []
    previous = in_channels
    for i, (count, convs) in enumerate(_GROUPS, start=1):
        channels = scaled(count, width)
        stages.append(Stage(f"group{i}", partial(_make_group, previous, channels, convs=convs)))
        previous = channels
    settings: dict[str, Json] = {
        "name": "vgg16_bn",
        "width": width,
        "in_channels": in_channels,
        "input_size": size_setting(shape[1:]),
    }
    return Backbone("vgg16_bn", tuple(stages), shape, settings)


def _make_group(in_channels: int, channels: int, *, convs: int) -> nn.Module:
    parts: list[nn.Module] = []
    for i in range(convs):
        parts.append(nn.Conv2d(in_channels if i == 0 else channels, channels, 3, padding=1))
        parts += [nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
    parts.append(nn.MaxPool2d(2, stride=2))
    return init_convs(nn.Sequential(*parts))
