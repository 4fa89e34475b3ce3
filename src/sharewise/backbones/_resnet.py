"""Residual networks of basic blocks: ResNet-18, 34, and the 26 of the Visual Decathlon."""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from typing import Literal, NamedTuple

from torch import Tensor, nn
from torch.nn import functional

from sharewise.backbones._backbone import Backbone, Json, Stage, size_setting
from sharewise.backbones._checks import check_width, image_shape, scaled
from sharewise.backbones._layers import conv3x3, init_convs
from sharewise.errors import InputError

Stem = Literal["imagenet", "small"]
_STEM_STRIDES = {"imagenet": 4, "small": 1}
_LAYER_STRIDES = (1, 2, 4, 8)  # from the stem to behind each layer, without dilation


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut: [batch, in, h, w] -> [batch, out, h/stride, w/stride].

    He et al. 2016, figure 5 left, with the projection shortcut (option B) where the shape changes.
    The names of the parts are torchvision's, so its weights load.
    """

    def __init__(self, in_channels: int, channels: int, *, stride: int, dilation: int = 1) -> None:
        super().__init__()
        self.conv1 = conv3x3(in_channels, channels, stride=stride, dilation=dilation)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = conv3x3(channels, channels, dilation=dilation)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample: nn.Module | None = None
        if stride != 1 or in_channels != channels:
            conv = nn.Conv2d(in_channels, channels, 1, stride=stride, bias=False)
            self.downsample = nn.Sequential(conv, nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        hidden = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        residual = self.bn2(self.conv2(hidden))
        shortcut = x if self.downsample is None else self.downsample(x)
        return functional.relu(residual + shortcut, inplace=True)


class PaddedBlock(nn.Module):
    """A basic block whose shortcut has no weights: average pool, then zeros for the new channels.

    Source: Rebuffi et al. 2017 (residual adapters), as in Newell et al. 2019 (arXiv 1908.04339).
    Deviation: the pool rounds up, so odd heights and widths fit, too.
    """

    def __init__(self, in_channels: int, channels: int, *, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.new_channels = channels - in_channels
        self.conv1 = conv3x3(in_channels, channels, stride=stride)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = conv3x3(channels, channels)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        hidden = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        residual = self.bn2(self.conv2(hidden))
        shortcut = x
        if self.stride > 1:
            shortcut = functional.avg_pool2d(shortcut, self.stride, ceil_mode=True)
        if self.new_channels > 0:  # pads [batch, channels, h, w] behind the last channel
            shortcut = functional.pad(shortcut, (0, 0, 0, 0, 0, self.new_channels))
        return functional.relu(residual + shortcut, inplace=True)


def resnet18(
    width: float = 1.0,
    in_channels: int = 3,
    *,
    input_size: int | tuple[int, int] = 64,
    stem: Stem = "imagenet",
    output_stride: int | None = None,
) -> Backbone:
    """ResNet-18 without its classifier (He et al. 2016, table 1): stem and layer1 to layer4.

    `width` scales every channel count (rounded, at least four). `stem` is "imagenet" (7x7
    convolution of stride 2, then a max pool of stride 2) or "small" (one 3x3 convolution). 11 176
    512 parameters.

    `output_stride` is how many pixels of the input one of the features stands for, each way; 32
    with the stem "imagenet" and 8 with "small", unless less is asked for. Stages that would go
    beyond it keep height and width and are dilated instead, all of their 3x3 convolutions alike:
    with "imagenet" and 8, layer3 by 2 and layer4 by 4 (Chen et al. 2017, DeepLab v2, arXiv
    1606.00915, section 3.1). The weights are those of the network without dilation.

    Raises:
        InputError: width not positive, an unknown stem, sizes that are not positive whole numbers,
            an output stride that dilation cannot reach.
    """
    shape = image_shape(in_channels, input_size)
    strides = _strides(stem, output_stride)
    return _resnet("resnet18", (2, 2, 2, 2), width=width, shape=shape, strides=strides)


def resnet34(
    width: float = 1.0,
    in_channels: int = 3,
    *,
    input_size: int | tuple[int, int] = 64,
    stem: Stem = "imagenet",
    output_stride: int | None = None,
) -> Backbone:
    """ResNet-34 without its classifier (He et al. 2016, table 1); arguments as `resnet18`.

    21 284 672 parameters. With the stem "imagenet" and output_stride=8, the backbone of the
    Taskonomy protocol: features of 29 x 29 for 225 x 225, in 18.53 G multiply-adds. The published
    18.56 G count two for each output of a norm and one for each of a ReLU, too.
    """
    shape = image_shape(in_channels, input_size)
    strides = _strides(stem, output_stride)
    return _resnet("resnet34", (3, 4, 6, 3), width=width, shape=shape, strides=strides)


def resnet26(
    width: float = 1.0, in_channels: int = 3, *, input_size: int | tuple[int, int] = 72
) -> Backbone:
    """The ResNet-26 of the Visual Decathlon: a 3x3 stem of 32 channels, stages of 64, 128 and 256.

    Source: Newell et al. 2019 (feature partitioning, arXiv 1908.04339), their released network.
    Four blocks a stage, each stage halves height and width at its first block; 25 convolutions
    with 5 806 944 weights, 7 744 batch norm parameters, 1 079 M multiply-adds at 72 x 72. As
    published, no ReLU follows the stem, and one more batch norm and ReLU close stage3.

    Raises:
        InputError: width not positive, sizes that are not positive whole numbers.
    """
    check_width(width)
    shape = image_shape(in_channels, input_size)
    channels = [scaled(count, width) for count in (32, 64, 128, 256)]
    stages = [Stage("stem", partial(_make_stem26, in_channels, channels[0]))]
    for i in (1, 2, 3):
        make = partial(_make_stage26, channels[i - 1], channels[i], last=i == 3)
        stages.append(Stage(f"stage{i}", make))
    settings: dict[str, Json] = {
        "name": "resnet26",
        "width": width,
        "in_channels": in_channels,
        "input_size": size_setting(shape[1:]),
    }
    return Backbone("resnet26", tuple(stages), shape, settings)


class _Strides(NamedTuple):
    """Where a ResNet of basic blocks loses height and width."""

    stem: Stem
    output_stride: int | None  # as it was asked for
    layers: tuple[tuple[int, int], ...]  # stride and dilation of each


def _strides(stem: Stem, output_stride: int | None) -> _Strides:
    if stem not in _STEM_STRIDES:
        raise InputError(
            rule="A ResNet's stem is 'imagenet' or 'small'.",
            found=f"stem={stem!r}",
            fix="Use 'small' for images below about 64 pixels.",
        )
    reached = [_STEM_STRIDES[stem] * stride for stride in _LAYER_STRIDES]  # behind each layer
    if output_stride is not None and output_stride not in reached:
        raise InputError(
            rule=f"The output stride of a ResNet with the stem '{stem}' is one of"
            f" {', '.join(map(str, reached))}.",
            found=f"output_stride={output_stride!r}",
            fix="Give one of these, or another stem.",
        )
    bound = reached[-1] if output_stride is None else output_stride
    layers = []
    for before, after in zip([reached[0], *reached], reached, strict=False):
        stride = min(after, bound) // min(before, bound)
        layers.append((stride, max(after // bound, 1)))
    return _Strides(stem, output_stride, tuple(layers))


def _resnet(
    name: str,
    blocks: tuple[int, ...],
    *,
    width: float,
    shape: tuple[int, int, int],
    strides: _Strides,
) -> Backbone:
    check_width(width)
    channels = [scaled(count, width) for count in (64, 64, 128, 256, 512)]
    stages = [Stage("stem", partial(_make_stem, shape[0], channels[0], stem=strides.stem))]
    for i, (count, (stride, dilation)) in enumerate(
        zip(blocks, strides.layers, strict=True), start=1
    ):
        sizes = {"blocks": count, "stride": stride, "dilation": dilation}
        stages.append(
            Stage(f"layer{i}", partial(_make_layer, channels[i - 1], channels[i], **sizes))
        )
    settings: dict[str, Json] = {
        "name": name,
        "width": width,
        "in_channels": shape[0],
        "input_size": size_setting(shape[1:]),
        "stem": strides.stem,
    }
    if strides.output_stride is not None:  # so that networks without it keep their settings
        settings["output_stride"] = strides.output_stride
    return Backbone(name, tuple(stages), shape, settings)


def _make_stem(in_channels: int, channels: int, *, stem: Stem) -> nn.Module:
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    if stem == "imagenet":
        parts["conv1"] = nn.Conv2d(in_channels, channels, 7, stride=2, padding=3, bias=False)
    else:
        parts["conv1"] = conv3x3(in_channels, channels)
    parts["bn1"] = nn.BatchNorm2d(channels)
    parts["relu"] = nn.ReLU(inplace=True)
    if stem == "imagenet":
        parts["maxpool"] = nn.MaxPool2d(3, stride=2, padding=1)
    return init_convs(nn.Sequential(parts))


def _make_layer(
    in_channels: int, channels: int, *, blocks: int, stride: int, dilation: int
) -> nn.Module:
    first = BasicBlock(in_channels, channels, stride=stride, dilation=dilation)
    rest = [BasicBlock(channels, channels, stride=1, dilation=dilation) for _ in range(blocks - 1)]
    return init_convs(nn.Sequential(first, *rest))


def _make_stem26(in_channels: int, channels: int) -> nn.Module:
    return init_convs(
        nn.Sequential(
            OrderedDict(conv1=conv3x3(in_channels, channels), bn1=nn.BatchNorm2d(channels))
        )
    )


def _make_stage26(in_channels: int, channels: int, *, last: bool) -> nn.Module:
    blocks: list[nn.Module] = [PaddedBlock(in_channels, channels, stride=2)]
    blocks += [PaddedBlock(channels, channels, stride=1) for _ in range(3)]
    if last:
        blocks += [nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
    return init_convs(nn.Sequential(*blocks))
