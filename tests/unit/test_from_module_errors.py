"""What cannot be cut is refused, with the reason and the nearest places that can be."""

from __future__ import annotations

import pytest
from _own_networks import SHAPE, Densely, Residuals, Transformer
from torch import Tensor, nn

from sharewise.backbones import from_module
from sharewise.errors import InputError


def tried(module: nn.Module, **asked: object) -> str:
    with pytest.raises(InputError) as raised:
        from_module(module, **({"input_shape": SHAPE} | asked))  # type: ignore[arg-type]
    return str(raised.value)


class Straying(nn.Module):
    """A first layer that everything else of the network reads, too."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.three = (nn.Linear(4, 4) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        first = self.one(x)
        return self.three(self.two(first)) * first


class Twice(nn.Module):
    """Layers that share their weights, and a part that never runs."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 4)
        self.last, self.idle = nn.Linear(4, 4), nn.Linear(4, 4)
        self.two.weight = self.one.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.two(self.one(x)))


class Halves(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x[:, :2], x[:, 2:]


class Deciding(nn.Module):
    """Decides on values at the top, or inside a part."""

    def __init__(self, *parts: nn.Module) -> None:
        super().__init__()
        self.layer, self.parts = nn.Linear(4, 4), nn.Sequential(*parts)

    def forward(self, x: Tensor) -> Tensor:
        return self.parts(self.layer(x)) if len(self.parts) or x.shape[0] > 10_000 else x


class Valued(nn.Module):
    """Decides on what the numbers are."""

    def forward(self, x: Tensor) -> Tensor:
        return -x if x.mean() > 0 else x


class ByType(nn.Module):
    """Does another thing with what is no tensor, as torch.fx's stand-ins are not."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) if isinstance(x, Tensor) else self.layer(x) + 1.0


RULE = "A network is cut where one tensor, behind a submodule that runs once, is all that goes on. "


@pytest.mark.parametrize(
    ("module", "asked", "sentence"),
    [
        (
            Residuals(),
            {"cuts": ["layer1.0.conv1"]},
            f"{RULE}Found 'layer1.0.conv1' in network 'Residuals': the output of 'relu' is needed"
            " behind it, too. Cut after 'relu' or 'layer1.0'.",
        ),
        (
            Residuals(),
            {"cuts": ["layer1.1.relu"]},
            f"{RULE}Found 'layer1.1.relu' in network 'Residuals': it runs 2 times. Cut after"
            " 'layer1.0' or 'layer1'.",
        ),
        (
            Densely(),
            {"cuts": ["features.block2.layers.1"]},
            "Found 'features.block2.layers.1' in network 'Densely': the output of",
        ),
        (
            Straying(),
            {"cuts": ["two"], "input_shape": (4,)},
            f"{RULE}Found 'two' in network 'Straying': the output of 'one' is needed behind it,"
            " too. Cut after 'one'.",
        ),
        (
            Twice(),
            {"cuts": ["one"], "input_shape": (4,)},
            f"{RULE}Found 'one' in network 'Twice': the weights 'one.weight' are used before and"
            " behind it. Cut after 'two'.",
        ),
        (
            Twice(),
            {"cuts": ["idle"], "input_shape": (4,)},
            f"{RULE}Found 'idle' in network 'Twice': it does not run as one submodule. Cut after"
            " 'two'.",
        ),
        (
            Transformer(),
            {"cuts": ["blocks.1.attention.out"]},
            f"{RULE}Found 'blocks.1.attention.out' in network 'Transformer': it is inside"
            " 'blocks.1.attention', into which torch.fx cannot look (torch.fx says: ",
        ),
        (
            Transformer(),
            {"cuts": ["blocks.1.attention.out"]},
            "Cut after 'blocks.0' or 'blocks.1'.",
        ),
        (
            nn.Sequential(Halves(), nn.Linear(2, 2)),
            {"cuts": ["0"], "input_shape": (4,)},
            "failing on features of shape (4,)",
        ),
        (
            Residuals(),
            {"cuts": ["layer3"]},
            "A network is cut behind submodules of its own. Found no 'layer3' in network"
            " 'Residuals'. Did you mean 'layer2' or 'layer1'?",
        ),
        (Residuals(), {"cuts": [""]}, "Found no '' in network 'Residuals'. Cut after 'stem'."),
        (Residuals(), {"stages": 2, "until": "layr2"}, "Did you mean 'layer2' or 'layer1'?"),
        (
            Residuals(),
            {"stages": 2, "until": "layer1.0.relu"},
            "Found 'layer1.0.relu' in network 'Residuals': it runs 2 times.",
        ),
        (
            Residuals(),
            {"cuts": ["layer2", "layer1"]},
            "Cuts are in the order in which the network runs. Found ['layer2', 'layer1']. Write"
            " cuts=['layer1', 'layer2'].",
        ),
        (
            Residuals(),
            {"cuts": ["layer1.1", "layer1"]},
            "Each cut is at a place of its own. Found 'layer1.1' and 'layer1', which end at the"
            " same place. Leave one of them out.",
        ),
        (
            Residuals(),
            {"cuts": ["layer2"], "until": "layer1"},
            "A network is cut before the end of its backbone. Found 'layer2', which runs behind"
            " 'layer1'. Leave it out, or name a later submodule as until=.",
        ),
        (
            Residuals(),
            {},
            "A network is cut behind named submodules, or into a number of stages. Found neither"
            " cuts nor stages. Give cuts=['layer1', 'layer2'] or stages=3.",
        ),
        (Residuals(), {"cuts": ["layer1"], "stages": 2}, "Found both cuts and stages."),
        (
            Residuals(),
            {"cuts": "layer1"},
            "Cuts are a list of names. Found cuts='layer1'. Write cuts=['layer1'].",
        ),
        (
            Residuals(),
            {"stages": 0},
            "stages is a positive whole number. Found stages=0. Give 1 or more.",
        ),
        (
            Densely(),
            {"stages": 9, "until": "features"},
            "A network is cut into at most as many stages as it has places to cut, and one. Found"
            " stages=9 and 2 places in network 'Densely'. Give stages=3 or less.",
        ),
        (
            Residuals(),
            {"stages": 2, "input_shape": (1, 8, 8)},
            "Found network 'Residuals' failing on features of shape (1, 8, 8) (",
        ),
        (
            Residuals(),
            {"stages": 2, "input_shape": (3, 0, 8)},
            "An input shape is made of positive whole numbers",
        ),
        (
            Halves(),
            {"stages": 1, "input_shape": (4,)},
            "A backbone ends in one tensor [batch, ...]. Found network 'Halves', which gives"
            " another thing. Name the last submodule that belongs to it, such as until='layer4'.",
        ),
        (
            nn.Sequential(nn.Linear(4, 4), nn.Flatten(0)),
            {"stages": 1, "input_shape": (4,)},
            "Found network 'Sequential', which gives another thing.",
        ),
        (
            Deciding(),
            {"stages": 1, "input_shape": (4,)},
            "A network is cut along its graph, which torch.fx traces. Found network 'Deciding',"
            " where torch.fx says: symbolically traced variables cannot be used as inputs to"
            " control flow. Give the part of it that runs straight through, such as"
            " module.features, or write the stages yourself: sw.Backbone('own',"
            " (sw.Stage('first', make), ...), shape).",
        ),
        (
            nn.Sequential(nn.Linear(4, 4), Valued(), nn.Linear(4, 4)),
            {"stages": 2, "input_shape": (4,)},
            "A stage or head computes alike whatever numbers reach it: its shapes and its cost are"
            " found without any. Found network 'Sequential' asking for a value (Tensor.item()"
            " cannot be called on meta tensors). Replace what branches on values in it.",
        ),
        (
            ByType(),
            {"stages": 1, "input_shape": (4,)},
            "The pieces of a network compute what the whole does. Found network 'ByType', whose"
            " pieces give something else. Cut behind other submodules:",
        ),
        (nn.Sequential(nn.LazyLinear(3)), {"stages": 1}, "Found lazy parameters in the network."),
        (lambda: 3, {"stages": 1}, "Found the network giving int. Return an nn.Module."),
    ],
)
def test_errors_say_what_to_do(module: nn.Module, asked: dict[str, object], sentence: str) -> None:
    assert sentence in tried(module, **asked)
