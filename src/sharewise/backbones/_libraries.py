"""Networks of torchvision and timm by name, as backbones without their classifiers."""

from __future__ import annotations

import dataclasses
import difflib
import importlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from sharewise.backbones._backbone import Backbone, Json, Stage, size_setting
from sharewise.backbones._checks import image_shape
from sharewise.backbones._dry_run import dry_run
from sharewise.backbones._from_module import from_module
from sharewise.errors import InputError

_ENDS = ("permute", "features", "layer4", "trunk_output", "layers", "conv5", "blocks.3")
"""What torchvision's networks call the last submodule before their pool; the first that is one."""

_STAGES = 4


class _Start(NamedTuple):
    """How a library makes a network; a value that travels to other processes."""

    library: str
    network: str
    options: tuple[tuple[str, Any], ...]
    pretrained: bool


def torchvision(
    network: str,
    cuts: Sequence[str] | None = None,
    *,
    stages: int | None = None,
    in_channels: int = 3,
    input_size: int | tuple[int, int] = 64,
    pretrained: bool = False,
    **options: Json,
) -> Backbone:
    """A network of `torchvision.models` up to its pool and classifier: `[vision]` extra.

    Its features are the last feature map, [channels, height, width]; a vision transformer's are its
    class token, [channels]. Branches start from the author's initialisation.

    Args:
        network: its name, such as "mobilenet_v3_small".
        cuts: where it is cut, and
        stages: in how many stages (without both, 4), as in `from_module`.
        in_channels: 3; torchvision has no others.
        input_size: height and width; a vision transformer is made for it, which needs a square.
        pretrained: every branch starts from the library's best weights, which torchvision downloads
            where they are not in its cache. Nothing is downloaded otherwise.
        options: further arguments of the network, such as width_mult=0.5.

    Raises:
        InputError: torchvision is not installed or not made for this torch, an unknown network or
            option, one that ends in no feature map; and as `from_module`.
    """
    shape = image_shape(in_channels, input_size)
    if in_channels != 3:
        raise InputError(
            rule="Networks of torchvision read images of 3 channels.",
            found=f"in_channels={in_channels}",
            fix="Take timm's, whose first layer has as many as the data, or repeat the channel.",
        )
    settings: dict[str, Json] = {**options}
    if network.startswith("vit_"):
        options.setdefault("image_size", shape[1])
    start = _Start("torchvision", network, tuple(sorted(options.items())), pretrained)
    make = partial(_torchvision, start)
    whole = _made(make, start)
    until = next((name for name in _ENDS if _has(whole, name)), None)
    if until is None and not hasattr(whole, "heads"):
        raise InputError(
            rule="A backbone of torchvision ends in a feature map.",
            found=f"{network!r}, whose last submodule before its classifier is not known",
            fix="Give it to from_module, with until= naming this submodule.",
        )
    found = from_module(
        whole if pretrained else make,
        cuts,
        stages=_STAGES if cuts is None and stages is None else stages,
        until=until,
        input_shape=shape,
        pretrained=pretrained,
    )
    return _named(found, start, cuts, stages, settings)


def timm(
    network: str,
    cuts: Sequence[str] | None = None,
    *,
    stages: int | None = None,
    in_channels: int = 3,
    input_size: int | tuple[int, int] = 64,
    pretrained: bool = False,
    **options: Json,
) -> Backbone:
    """A network of timm without its classifier: `[vision]` extra.

    Its features are the last feature map, [channels, height, width]; where it has none, as in a
    vision transformer, they are what it pools, [channels]. Branches start from the author's
    initialisation.

    Args:
        network: its name, such as "vit_tiny_patch16_224".
        cuts: where it is cut, and
        stages: in how many stages (without both, 4), as in `from_module`.
        in_channels: channels of the images.
        input_size: height and width; a network of fixed size is made for it.
        pretrained: every branch starts from the library's weights, which timm downloads where they
            are not in its cache. Nothing is downloaded otherwise.
        options: further arguments of the network, such as depth=4.

    Raises:
        InputError: timm is not installed, an unknown network or option; and as `from_module`.
    """
    shape = image_shape(in_channels, input_size)
    settings: dict[str, Json] = {**options}
    options.setdefault("in_chans", in_channels)
    options.setdefault("num_classes", 0)
    library = _library("timm")
    about = library.get_pretrained_cfg(network) if library.is_model(network) else None
    if about is not None and about.fixed_input_size:
        options.setdefault("img_size", list(shape[1:]))
    start = _Start("timm", network, tuple(sorted(options.items())), pretrained)
    mapped = start._replace(options=(*start.options, ("global_pool", "")))
    whole = _made(partial(_timm, mapped), start)
    output = dry_run(whole, shape, subject=f"network {network!r}")
    has_map = isinstance(output, Tensor) and output.dim() == 4
    make = partial(_timm, mapped if has_map else start)
    found = from_module(
        _made(make, start) if pretrained else make,
        cuts,
        stages=_STAGES if cuts is None and stages is None else stages,
        input_shape=shape,
        pretrained=pretrained,
    )
    if has_map and getattr(whole, "output_fmt", "NCHW") == "NHWC":
        last = found.stages[-1]
        turned = Stage(last.name, partial(_channels_first, last.make))
        found = dataclasses.replace(found, stages=(*found.stages[:-1], turned))
    return _named(found, start, cuts, stages, settings)


class ChannelsFirst(nn.Module):
    """[batch, height, width, channels] -> [batch, channels, height, width]."""

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, 3, 1, 2)


def _channels_first(make: Callable[[], nn.Module]) -> nn.Module:
    return nn.Sequential(make(), ChannelsFirst())


def _named(
    found: Backbone,
    start: _Start,
    cuts: Sequence[str] | None,
    stages: int | None,
    options: dict[str, Json],
) -> Backbone:
    """The backbone with the settings that make it again."""
    asked: dict[str, Json] = {"name": start.library, "network": start.network}
    if cuts is not None:
        asked["cuts"] = list(cuts)
    else:
        asked["stages"] = _STAGES if stages is None else stages
    asked["in_channels"] = found.input_shape[0]
    asked["input_size"] = size_setting(found.input_shape[1:])
    asked["pretrained"] = start.pretrained
    return dataclasses.replace(found, name=start.network, settings={**asked, **options})


def _torchvision(start: _Start) -> nn.Module:
    weights = "DEFAULT" if start.pretrained else None
    models = _library("torchvision.models")
    made: nn.Module = models.get_model(start.network, weights=weights, **dict(start.options))
    if hasattr(made, "heads"):  # a vision transformer's, behind its class token
        made.heads = nn.Identity()
    return made


def _timm(start: _Start) -> nn.Module:
    library = _library("timm")
    made: nn.Module = library.create_model(
        start.network, pretrained=start.pretrained, **dict(start.options)
    )
    return made


def _library(name: str) -> Any:
    package = name.partition(".")[0]
    try:
        return importlib.import_module(name)
    except (ImportError, RuntimeError, OSError) as error:
        # RuntimeError: torchvision beside a torch that it was not built for
        raise InputError(
            rule=f"backbones.{package} needs the package {package}, built for this torch.",
            found=f"{type(error).__name__} ({error})",
            fix="pip install 'sharewise[vision]', from the index that torch is from.",
        ) from error


def _made(make: Callable[[], nn.Module], start: _Start) -> nn.Module:
    library = _library("torchvision.models" if start.library == "torchvision" else "timm")
    known = library.list_models()
    name = start.network.partition(".")[0]  # timm's names may end in a tag of weights
    if name not in known:
        close = difflib.get_close_matches(name, known, n=3)
        raise InputError(
            rule=f"A backbone of {start.library} is one of {start.library}'s networks.",
            found=repr(start.network),
            fix=f"Did you mean {' or '.join(close)}?"
            if close
            else f"Take a name of {library.__name__}.list_models().",
        )
    try:
        with torch.random.fork_rng(devices=[]):  # these weights are not the branches'
            return make()
    except TypeError as error:
        raise InputError(
            rule=f"The options of a network are arguments of {start.library}'s own.",
            found=f"{dict(start.options)} for {start.network!r} ({error})",
            fix="Leave out what it does not take.",
        ) from error


def _has(network: nn.Module, name: str) -> bool:
    try:
        network.get_submodule(name)
    except AttributeError:
        return False
    return True
