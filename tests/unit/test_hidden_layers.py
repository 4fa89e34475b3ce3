"""Which layers of a stage may be partitioned, why others may not, and their sizes."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations

from sharewise.backbones import (
    Backbone,
    Layout,
    Stage,
    mlp,
    resnet18,
    resnet26,
    resnet34,
    stage_layout,
    trace_stage,
    vgg16_bn,
)
from sharewise.costs import stage_costs
from sharewise.errors import InputError

SHAPE = (3, 8, 8)


class Own(nn.Module):
    """A stage from parts by name and a forward pass over them."""

    def __init__(self, run: Callable[[Own, Tensor], Tensor], **parts: nn.Module) -> None:
        super().__init__()
        self.run = run
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, x: Tensor) -> Tensor:
        return self.run(self, x)


def conv(inputs: int, outputs: int, **options: object) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1, **options)  # type: ignore[arg-type]


def pair(*between: nn.Module, reader: nn.Module | None = None) -> nn.Module:
    """A layer of 6 channels, modules behind it, and its reader."""
    last = conv(6, 4) if reader is None else reader
    return nn.Sequential(conv(3, 6), *between, last)


def through(run: Callable[[Tensor], Tensor]) -> nn.Module:
    """A layer and its reader with a function between them."""
    return Own(lambda own, x: own.b(run(own.a(x))), a=conv(3, 6), b=conv(6, 4))


def layout(module: nn.Module, shape: tuple[int, ...] = SHAPE) -> Layout:
    return stage_layout(module, shape, subject="stage 'own'")


def hidden(found: Layout) -> list[tuple[str, int, str, str]]:
    return [(each.name, each.channels, each.reader, each.block) for each in found.hidden]


def test_basic_blocks_hide_their_first_convolution() -> None:
    layouts = resnet26(0.25, input_size=16).layouts()
    assert [len(each.hidden) for each in layouts] == [0, 4, 4, 4]
    blocks = [(f"{i}.conv1", 64, f"{i}.conv2", str(i)) for i in range(4)]
    assert hidden(layouts[3]) == blocks
    assert [each.norms for each in layouts[3].hidden] == [(f"{i}.bn1",) for i in range(4)]
    assert layouts[3].norms["2.bn1"] == (64, "2.conv1")
    assert layouts[3].norms["2.bn2"] == (64, None)
    assert layouts[3].refused["2.conv2"] == "its output is added to another"
    assert layouts[0].refused == {"conv1": "its output leaves the stage"}


@pytest.mark.parametrize(
    ("backbone", "counts"),
    [
        (resnet18(0.1, input_size=32), [0, 2, 2, 2, 2]),
        (resnet34(0.1, input_size=32), [0, 3, 4, 6, 3]),
        (vgg16_bn(0.1, input_size=32), [1, 1, 2, 2, 2]),
        (mlp(5, (4, 4), hidden=7), [1, 1]),
        (mlp(5, (4, 4)), [0, 0]),
    ],
    ids=lambda value: value.name if isinstance(value, Backbone) else "",
)
def test_every_backbone_has_its_hidden_layers(backbone: Backbone, counts: list[int]) -> None:
    layouts = backbone.layouts()
    assert [len(each.hidden) for each in layouts] == counts
    for each in layouts:
        assert {h.name for h in each.hidden}.isdisjoint(each.refused)
    assert backbone.layouts() is layouts  # found once


def test_a_chain_hides_all_but_its_last_layer() -> None:
    found = vgg16_bn(0.1, input_size=32).layouts()[2]
    assert hidden(found) == [("0", 26, "3", ""), ("3", 26, "6", "")]
    sizes = {layer.name: (layer.writes, layer.reads) for layer in found.layers}
    assert sizes == {"0": ("0", None), "3": ("3", "0"), "6": (None, "3")}


@pytest.mark.parametrize(
    "backbone",
    [resnet26(0.1, input_size=18), resnet18(0.1, input_size=32), vgg16_bn(0.1), mlp(5, hidden=3)],
    ids=lambda backbone: backbone.name,
)
def test_sizes_add_up_to_the_stages_cost(backbone: Backbone) -> None:
    for found, cost in zip(backbone.layouts(), stage_costs(backbone), strict=True):
        pairs = [(x.weights_per_pair * x.inputs * x.outputs, x) for x in found.layers]
        assert sum(x.positions * pair for pair, x in pairs) + found.other_macs == cost.macs
        weights = sum(pair + x.bias * x.outputs for pair, x in pairs)
        norms = sum(2 * channels for channels, _ in found.norms.values())
        assert weights + norms + found.other_params == cost.params
        assert (found.other_params, found.other_macs) == (0, 0)


def test_what_is_no_plain_layer_is_counted_with_the_rest() -> None:
    stage = nn.Sequential(conv(3, 6), conv(6, 6, groups=2), nn.BatchNorm2d(6, affine=False))
    found = layout(stage)
    assert [layer.name for layer in found.layers] == ["0"]
    assert found.norms == {}
    assert found.other_params == 6 * 3 * 9 + 6
    assert found.other_macs == 64 * 6 * 3 * 9


def test_a_layer_that_runs_twice_has_the_places_of_both_runs() -> None:
    stage = Own(lambda own, x: own.a(functional.avg_pool2d(own.a(x), 2)), a=conv(3, 3))
    (layer,) = layout(stage).layers
    assert layer.positions == 64 + 16


def _tokens(x: Tensor) -> Tensor:
    return x.flatten(2).transpose(1, 2)  # [batch, positions, channels]


@pytest.mark.parametrize(
    ("stage", "shape"),
    [
        (pair(), SHAPE),
        (pair(nn.BatchNorm2d(6), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Dropout2d()), SHAPE),
        (pair(nn.GELU(), nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(6, affine=False)), SHAPE),
        (pair(reader=nn.Conv2d(6, 2, 1, padding_mode="reflect")), SHAPE),
        (through(lambda x: functional.relu_(x).sigmoid().contiguous()), SHAPE),
        (through(lambda x: functional.max_pool2d(functional.silu(x), 2)), SHAPE),
        (nn.Sequential(nn.Conv1d(3, 6, 3), nn.BatchNorm1d(6), nn.Conv1d(6, 2, 3)), (3, 8)),
        (nn.Sequential(nn.Conv3d(3, 6, 1), nn.ELU(), nn.Conv3d(6, 2, 1)), (3, 2, 2, 2)),
        (nn.Sequential(nn.Linear(3, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 2)), (3,)),
        (nn.Sequential(nn.Linear(3, 6), nn.GELU(), nn.Dropout(), nn.Linear(6, 2)), (5, 3)),
        (Own(lambda own, x: own.b(own.a(_tokens(x))), a=nn.Linear(3, 6), b=nn.Linear(6, 2)), SHAPE),
    ],
)
def test_an_output_with_one_reader_is_hidden(stage: nn.Module, shape: tuple[int, ...]) -> None:
    found = layout(stage, shape)
    ((name, channels, reader, _),) = hidden(found)
    assert channels == 6
    # What hidden means: with the column at zero, the channel's row changes nothing at all.
    stage = copy.deepcopy(stage).eval()
    x = torch.randn(4, *shape)
    weight, read = stage.get_submodule(name).weight, stage.get_submodule(reader).weight
    with torch.no_grad():
        before = stage(x)
        weight[2] += 1.0
        assert not torch.equal(stage(x), before)
        read[:, 2] = 0.0
        expected = stage(x)
        weight[2] -= 5.0
        assert torch.equal(stage(x), expected)


def _reused() -> nn.Module:
    stage = pair()
    return nn.Sequential(*stage, nn.Conv2d(4, 3, 1), stage[0])


def _computed() -> nn.Module:
    return nn.Sequential(parametrizations.weight_norm(conv(3, 6)), conv(6, 4))


def _watched_between() -> nn.Module:
    module = nn.Sequential(conv(3, 6), nn.ReLU(), conv(6, 4))
    module[1].register_forward_hook(lambda part, args, output: output + output.mean(1, True))
    return module


def _watched() -> nn.Module:
    stage = pair()
    stage[0].register_forward_hook(lambda module, args, output: output * 2)
    return stage


def _tied() -> nn.Module:
    stage = nn.Sequential(conv(3, 3), conv(3, 3), conv(3, 3))
    stage[2].weight = stage[0].weight
    return stage


class Standardised(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(x, self.weight - self.weight.mean(), self.bias)


@pytest.mark.parametrize(
    ("stage", "name", "reason"),
    [
        (pair(), "1", "its output leaves the stage"),
        (Own(lambda own, x: own.a(x) + x, a=conv(3, 3)), "a", "its output is added to another"),
        (
            Own(
                lambda own, x: own.b(h := own.a(x)) + own.c(h), a=conv(3, 6), b=conv(6, 4),
                c=conv(6, 4),
            ),
            "a",
            "its output is read by 2 layers",
        ),
        (
            Own(lambda own, x: (own.a(x), own.b(x))[1], a=conv(3, 6), b=conv(3, 6)),
            "a",
            "nothing reads it",
        ),
        (pair(conv(6, 6, groups=6)), "0", "it is read by '1', whose channels are in 6 groups"),
        (pair(conv(6, 6, groups=3)), "1", "its channels are in 3 groups"),
        (pair(nn.GroupNorm(2, 6)), "0", "op GroupNorm lies between it and its reader"),
        (pair(nn.PReLU()), "0", "op PReLU lies between it and its reader"),
        (through(lambda x: x.softmax(1)), "a", "op softmax lies between it and its reader"),
        (through(lambda x: torch.flip(x, (1,))), "a", "op flip lies between it and its reader"),
        (
            pair(reader=nn.Linear(8, 4)),
            "0",
            "it is read by '1', a Linear, along another dimension",
        ),
        (
            pair(reader=nn.ConvTranspose2d(6, 4, 1)),
            "1",
            "it is a ConvTranspose2d or computes its weights",
        ),
        (
            pair(reader=nn.ConvTranspose2d(6, 4, 1)),
            "0",
            "its reader '1' cannot be cut, because it is a ConvTranspose2d or computes its weights",
        ),
        (_computed(), "0", "it is a ParametrizedConv2d or computes its weights"),
        (
            nn.Sequential(Standardised(3, 6, 1), conv(6, 4)),
            "0",
            "it is a Standardised or computes its weights",
        ),
        (_reused(), "0", "it shares its weights with another layer"),
        (_tied(), "0", "it shares its weights with another layer"),
        (
            _tied(),
            "1",
            "its reader '2' cannot be cut, because it shares its weights with another layer",
        ),
        (_watched(), "0", "it has hooks"),
        (_watched_between(), "0", "'1', between it and its reader, has hooks"),
        (
            Own(lambda own, x: own.b(own.a(x)) * own.a.weight.sum(), a=conv(3, 6), b=conv(6, 4)),
            "a",
            "its weights are used outside it",
        ),
        (
            Own(lambda own, x: own.b(own.a(own.b(own.a(x)))), a=conv(3, 6), b=conv(6, 3)),
            "a",
            "'a' runs 2 times",
        ),
        (
            Own(
                lambda own, x: own.c(own.n(own.b(own.n(own.a(x))))), a=conv(3, 6), b=conv(6, 6),
                c=conv(6, 4), n=nn.BatchNorm2d(6),
            ),
            "a",
            "'n' runs 2 times",
        ),
        (
            Own(lambda own, x: own.b(x), a=conv(3, 6), b=conv(3, 6)),
            "a",
            "the stage's graph has no 'a'",
        ),
    ],
)  # fmt: skip
def test_other_layers_are_refused_with_the_reason(stage: nn.Module, name: str, reason: str) -> None:
    assert layout(stage).refused[name] == reason


@pytest.mark.parametrize(
    "between", [nn.MaxPool1d(1), nn.Dropout1d(), nn.BatchNorm1d(5)], ids=lambda m: type(m).__name__
)
def test_what_treats_positions_as_channels_is_refused(between: nn.Module) -> None:
    stage = nn.Sequential(nn.Linear(3, 6), between, nn.Linear(6, 2))
    reason = f"op {type(between).__name__} lies between it and its reader"
    assert layout(stage, (5, 3)).refused["0"] == reason


class Branching(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = conv(3, 6), conv(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.a(x)) if x.sum() > 0 else self.b(self.a(-x))


def _in_mode(own: Own, x: Tensor) -> Tensor:
    return own.b(functional.dropout(own.a(x), 0.5, own.training))


class TwoInputs(Branching):
    def forward(self, x: Tensor, scale: float = 1.0) -> Tensor:
        return self.b(self.a(x * scale))


@pytest.mark.parametrize(
    ("stage", "reason"),
    [
        (Own(_in_mode, a=conv(3, 6), b=conv(6, 4)), "it runs other operations in training mode"),
        (TwoInputs(), "its forward takes more than the features"),
    ],
)
def test_a_stage_without_one_graph_has_no_hidden_layers(stage: nn.Module, reason: str) -> None:
    found = layout(stage)
    assert found.hidden == ()
    assert sorted(found.refused) == ["a", "b"]
    assert all(reason in each for each in found.refused.values())
    assert [layer.name for layer in found.layers] == ["a", "b"]  # their cost is known all the same


def test_control_flow_is_refused_in_the_words_of_torch_fx() -> None:
    class Straight(Branching):  # the dry run without numbers cannot branch on them either
        def forward(self, x: Tensor) -> Tensor:
            return self.b(self.a(x)) if x.shape[0] > 0 else x

    reasons = set(layout(Straight()).refused.values())
    assert len(reasons) == 1
    assert reasons.pop().startswith("torch.fx says: symbolically traced variables cannot")


def test_tracing_says_what_to_do_and_keeps_the_modes() -> None:
    stage = Own(_in_mode, a=conv(3, 6), b=nn.Sequential(conv(6, 4)))
    stage.b.eval()
    with pytest.raises(InputError) as raised:
        trace_stage(stage, subject="stage 'own'")
    assert str(raised.value) == (
        "A stage is partitioned along its graph, which torch.fx traces. Found stage 'own', where it"
        " runs other operations in training mode than in eval mode. Leave the stage unpartitioned,"
        " or write it without branching on values; let nn.Dropout look at the mode, not the stage."
    )
    assert (stage.training, stage.a.training, stage.b.training) == (True, True, False)


def test_a_layout_leaves_the_module_and_random_state_alone() -> None:
    stage = pair(nn.BatchNorm2d(6), nn.Dropout2d())
    before = copy.deepcopy(stage.state_dict())
    state = torch.get_rng_state()
    layout(stage)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in stage.state_dict().items())
    assert all(part.training and not part._forward_hooks for part in stage.modules())


def test_a_stage_that_refuses_its_input_is_named() -> None:
    backbone = Backbone("own", (Stage("first", lambda: conv(4, 4)),), SHAPE)
    with pytest.raises(InputError, match="Found stage 'first' failing on features of shape"):
        backbone.layouts()


def test_blocks_are_direct_children_with_layer_and_reader() -> None:
    block = nn.Sequential(conv(3, 6), nn.ReLU(), conv(6, 3))
    stage = nn.Sequential(block, conv(3, 5), nn.Sequential(nn.ReLU(), copy.deepcopy(block[2])))
    stage[2][1] = conv(5, 3)
    assert hidden(layout(stage)) == [("0.0", 6, "0.2", "0"), ("0.2", 3, "1", ""),
                                     ("1", 5, "2.1", "")]  # fmt: skip


def test_mlp_has_hidden_channels_where_asked_for() -> None:
    backbone = mlp(5, (4, 3), hidden=7)
    assert backbone.shapes() == ((4,), (3,))
    linears = [m for s in backbone.stages for m in s.make() if isinstance(m, nn.Linear)]
    assert [(m.in_features, m.out_features) for m in linears] == [(5, 7), (7, 4), (4, 7), (7, 3)]
    assert backbone.settings == {"name": "mlp", "in_features": 5, "widths": [4, 3], "hidden": 7}
    assert mlp(5, (4, 3)).settings == {"name": "mlp", "in_features": 5, "widths": [4, 3]}
    arguments = {name: value for name, value in backbone.settings.items() if name != "name"}
    assert mlp(**arguments).settings == backbone.settings
    with pytest.raises(InputError, match=r"hidden is a positive whole number. Found hidden=0\."):
        mlp(5, hidden=0)
