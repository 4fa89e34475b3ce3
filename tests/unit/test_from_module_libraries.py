"""Networks of torchvision and timm by name: where they end, what makes them again, what is refused.

Those that need the libraries run where the [vision] extra is installed.
"""

from __future__ import annotations

import pickle
import runpy
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
import torch

from sharewise.backbones import Backbone, timm, torchvision
from sharewise.cli._backbone_words import backbone_from, check_backbone, read_backbone
from sharewise.errors import InputError

EXPERIMENT = runpy.run_path(str(Path(__file__).parents[2] / "experiments" / "backbones.py"))
OPERATORS = EXPERIMENT["declare_box_operators"]()
"""Lets torchvision's wheel for CUDA be imported beside a torch for CPUs alone; lives on."""


@cache
def missing(name: str) -> str:
    try:
        __import__(name)
    except Exception as error:  # torchvision beside a torch that it was not built for: RuntimeError
        return f"{name} cannot be imported ({error}): install sharewise[vision]"
    return ""


needs_torchvision = pytest.mark.skipif(bool(missing("torchvision")), reason=missing("torchvision"))
needs_timm = pytest.mark.skipif(bool(missing("timm")), reason=missing("timm"))


def told(action: Callable[[], object]) -> str:
    with pytest.raises(InputError) as raised:
        action()
    return str(raised.value)


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("timm", "torchvision", "torchvision.models"):
        monkeypatch.setitem(sys.modules, name, None)
    yield


@pytest.mark.usefixtures("without")
@pytest.mark.parametrize("make", [timm, torchvision])
def test_a_library_that_is_missing_is_named(make: Callable[[str], Backbone]) -> None:
    found = told(lambda: make("resnet18"))
    name = make.__name__
    assert f"backbones.{name} needs the package {name}, built for this torch. Found" in found
    assert found.endswith("pip install 'sharewise[vision]', from the index that torch is from.")


def test_torchvisions_networks_read_three_channels() -> None:
    assert told(lambda: torchvision("resnet18", in_channels=1)) == (
        "Networks of torchvision read images of 3 channels. Found in_channels=1. Take timm's, whose"
        " first layer has as many as the data, or repeat the channel."
    )


@needs_torchvision
@pytest.mark.parametrize(
    ("network", "options", "names", "last"),
    [
        ("resnet18", {}, ["layer1", "layer2", "layer3", "layer4"], (512, 1, 1)),
        ("mobilenet_v3_small", {"width_mult": 0.5}, None, (288, 1, 1)),
    ],
)
def test_a_network_of_torchvision_ends_at_its_last_map(
    network: str,
    options: dict[str, float],
    names: list[str] | None,
    last: tuple[int, ...],
) -> None:
    before = torch.get_rng_state()
    backbone = torchvision(network, input_size=32, **options)
    assert torch.equal(torch.get_rng_state(), before)
    assert backbone.name == network
    assert backbone.num_stages == 4
    assert names is None or [stage.name for stage in backbone.stages] == names
    assert backbone.shapes()[-1] == last
    again = backbone_from(backbone.settings)
    assert again.settings == backbone.settings
    assert again.shapes() == backbone.shapes()
    assert len(pickle.dumps(backbone)) < 200_000  # names and graphs, no weights


@needs_torchvision
def test_words_of_the_command_line_make_the_same() -> None:
    wanted = torchvision("resnet18", ("layer2",), input_size=32)
    for text in ("torchvision:resnet18,cuts=layer2", "torchvision:network=resnet18,cuts=layer2"):
        assert read_backbone(text, (3, 32, 32)).settings == wanted.settings
    assert wanted.settings == {
        "name": "torchvision",
        "network": "resnet18",
        "cuts": ["layer2"],
        "in_channels": 3,
        "input_size": 32,
        "pretrained": False,
    }


def test_a_word_names_its_network() -> None:
    assert told(lambda: check_backbone("timm:stages=3")) == (
        "The backbone timm needs the name of a network. Found 'timm:stages=3'. Write timm:resnet18,"
        " for example."
    )
    check_backbone("timm:resnet18,stages=3")


@needs_torchvision
@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        (
            lambda: torchvision("resnet19"),
            "A backbone of torchvision is one of torchvision's networks. Found 'resnet19'. Did you"
            " mean resnet18 or",
        ),
        (
            lambda: torchvision("?"),
            "Found '?'. Take a name of torchvision.models.list_models().",
        ),
        (
            lambda: torchvision("resnet18", depth=3),
            "The options of a network are arguments of torchvision's own. Found {'depth': 3} for"
            " 'resnet18' (",
        ),
        (
            lambda: torchvision("fcn_resnet50", weights_backbone=None),
            "A backbone of torchvision ends in a feature map. Found 'fcn_resnet50', whose last"
            " submodule before its classifier is not known. Give it to from_module, with until="
            " naming this submodule.",
        ),
    ],
)
def test_torchvision_says_what_to_do(action: Callable[[], object], sentence: str) -> None:
    assert sentence in told(action)


@needs_timm
def test_networks_of_timm_end_in_a_map_or_what_they_pool() -> None:
    mapped = timm("resnet10t", in_channels=1, input_size=32)
    assert mapped.input_shape == (1, 32, 32)
    assert mapped.shapes()[-1] == (512, 1, 1)
    tokens = timm("vit_tiny_patch16_224", input_size=32, depth=4)
    assert [stage.name for stage in tokens.stages[:3]] == ["blocks.0", "blocks.1", "blocks.2"]
    assert tokens.shapes() == ((5, 192), (5, 192), (5, 192), (192,))
    assert [len(layout.hidden) for layout in tokens.layouts()] == [1, 1, 1, 1]
    for backbone in (mapped, tokens):
        assert backbone_from(backbone.settings).shapes() == backbone.shapes()


@needs_timm
def test_maps_with_channels_last_are_turned() -> None:
    backbone = timm("swin_tiny_patch4_window7_224", stages=2, input_size=64, depths=(1, 1, 1, 1))
    assert backbone.shapes()[-1] == (768, 2, 2)
    assert told(lambda: timm("swinn_tiny")).startswith("A backbone of timm is one of timm's")


@needs_torchvision
@needs_timm
@pytest.mark.parametrize("name", ["torchvision mobilenet_v3_small", "timm vit_tiny_patch16_224"])
def test_pieces_compute_and_cost_what_the_whole_does(name: str) -> None:
    row = next(row for row in EXPERIMENT["ROWS"] if row.name == name)
    line = EXPERIMENT["measure"](row)
    assert line["apart"] <= 1e-5
    for found, expected in (line["macs"], line["params"]):
        assert found == expected
    assert line["hidden"] >= 8  # squeeze and excitation; one in each of 8 blocks
    assert line["branches"] >= 4
