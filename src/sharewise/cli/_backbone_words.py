"""Words for backbones: from a word on the command line, or stored settings, to the backbone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sharewise.cli._words import (
    NAMES,
    NUMBER,
    SIZES,
    WHOLE,
    YES_NO,
    Kind,
    Word,
    one_of,
    read_word,
)
from sharewise.errors import InputError

if TYPE_CHECKING:
    from sharewise.backbones import Backbone

Shape = tuple[int, ...]


@dataclass(frozen=True)
class BackboneWord(Word):
    """A backbone that the command line can make.

    shape: The default input shape [channels, height, width] of one that reads images; empty for
        one that reads rows of numbers.
    optional: Those of its options that its settings have only where they were given.
    library: Whether it makes networks of a library by name, whose further arguments its settings
        may hold.
    """

    shape: Shape = ()
    optional: frozenset[str] = frozenset()
    library: bool = False


_WIDTH: dict[str, Kind] = {"width": NUMBER}
_STRIDE: dict[str, Kind] = {"output_stride": WHOLE}
_RESNET: dict[str, Kind] = {**_WIDTH, "stem": one_of("small", "imagenet"), **_STRIDE}
_NETWORK = Kind("the name of a network", "resnet18", str)
_LIBRARY: dict[str, Kind] = {
    "network": _NETWORK,
    "stages": WHOLE,
    "cuts": NAMES,
    "pretrained": YES_NO,
}


def _resnet(name: str) -> BackboneWord:
    return BackboneWord(name, _RESNET, shape=(3, 64, 64), optional=frozenset(_STRIDE))


def _library(name: str) -> BackboneWord:
    optional = frozenset({"stages", "cuts"})
    return BackboneWord(name, _LIBRARY, shape=(3, 64, 64), optional=optional, library=True)


BACKBONES: Mapping[str, BackboneWord] = {
    "convnet": BackboneWord(
        "convnet", {**_WIDTH, **_STRIDE}, shape=(3, 32, 32), optional=frozenset(_STRIDE)
    ),
    "mlp": BackboneWord("mlp", {"widths": SIZES, "hidden": WHOLE}, optional=frozenset({"hidden"})),
    "resnet18": _resnet("resnet18"),
    "resnet26": BackboneWord("resnet26", _WIDTH, shape=(3, 72, 72)),
    "resnet34": _resnet("resnet34"),
    "timm": _library("timm"),
    "torchvision": _library("torchvision"),
    "vgg16_bn": BackboneWord("vgg16_bn", _WIDTH, shape=(3, 64, 64)),
}


def check_backbone(text: str) -> None:
    """Raises InputError for a word that is no backbone, before anything slow is done."""
    _read(text)


def _read(text: str) -> tuple[BackboneWord, dict[str, Any]]:
    """The word and its options; `torchvision:resnet18` is short for network=resnet18."""
    name, _, rest = text.partition(":")
    short = name in BACKBONES and BACKBONES[name].library and "=" not in rest.partition(",")[0]
    word, options = read_word(
        f"{name}:network={rest}" if short and rest else text, BACKBONES, what="a backbone"
    )
    if word.library and "network" not in options:
        raise InputError(
            rule=f"The backbone {word.name} needs the name of a network.",
            found=repr(text),
            fix=f"Write {word.name}:resnet18, for example.",
        )
    return word, options


def read_backbone(text: str, input_shape: Shape | None = None) -> Backbone:
    """The backbone of a word such as `resnet18:width=0.25`, for inputs [batch, *input_shape].

    Args:
        text: The word.
        input_shape: Without the batch; None for the backbone's default.

    Raises:
        InputError: An unknown word or option, a value of another kind or outside its bounds, or
            inputs that the backbone does not read.
    """
    word, options = _read(text)
    shape = word.shape if input_shape is None else input_shape
    if not shape:
        raise InputError(
            rule=f"The backbone {word.name} needs the number of features of its input.",
            found="none",
            fix="Add --input-size 32, for example.",
        )
    if len(shape) != max(1, len(word.shape)):
        reads = "images [channels, height, width]" if word.shape else "rows of numbers [features]"
        others = [each.name for each in BACKBONES.values() if bool(each.shape) != bool(word.shape)]
        raise InputError(
            rule=f"The backbone {word.name} reads {reads}.",
            found=f"inputs of shape {list(shape)}",
            fix=f"Take {' or '.join(others)} for them.",
        )
    if not word.shape:
        return _make(word.name, {"in_features": shape[0], **options})
    return _make(word.name, {"in_channels": shape[0], "input_size": shape[1:], **options})


def backbone_from(settings: Mapping[str, Any]) -> Backbone:
    """The backbone that has these settings.

    Raises:
        InputError: No word of the command line makes it.
    """
    name = settings.get("name")
    word = BACKBONES.get(name) if isinstance(name, str) else None
    options = {key: value for key, value in settings.items() if key != "name"}
    sizes = ("in_channels", "input_size") if word is not None and word.shape else ("in_features",)
    if word is None or not _fits(word, set(options) - {*sizes}) or not {*sizes} <= set(options):
        raise InputError(
            rule="The command line makes again only the backbones of its own words:"
            f" {', '.join(BACKBONES)}.",
            found=f"a backbone with the settings {dict(settings)!r}",
            fix="Use the Python functions (sw.train, sw.compare) with your backbone and the run's"
            " architecture.json.",
        )
    return _make(word.name, options)


def _fits(word: BackboneWord, options: set[str]) -> bool:
    """Whether these are the options of a backbone of the word."""
    known = options if word.library else set(word.options)
    return set(word.options) - word.optional <= options <= known


def read_shape(text: str, backbone: str) -> Shape:
    """The input shape in `224`, `72x144` or `1x28x28` (channels first) for a backbone word.

    Raises:
        InputError: Not numbers joined by x, or not as many as the backbone reads.
    """
    word, _ = _read(backbone)
    try:
        sizes = tuple(int(part) for part in text.lower().split("x"))
    except ValueError:
        sizes = ()
    if word.shape and len(sizes) == 1:
        sizes = (*sizes, *sizes)
    if word.shape and len(sizes) == 2:
        sizes = (word.shape[0], *sizes)
    if len(sizes) != max(1, len(word.shape)):
        raise InputError(
            rule="An input size is 224, 72x144 or 1x28x28 (channels, height, width) for images,"
            " and the number of features for an mlp.",
            found=f"{text!r} for {word.name}",
            fix=f"Write --input-size {'64' if word.shape else '32'}, for example.",
        )
    return sizes


def _make(name: str, options: dict[str, Any]) -> Backbone:
    from sharewise import backbones

    sizes = options.get("input_size")
    if isinstance(sizes, list | tuple):
        options = {**options, "input_size": tuple(sizes)}
    made: Backbone = getattr(backbones, name)(**options)
    return made
