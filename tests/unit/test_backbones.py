from __future__ import annotations

import pickle
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from sharewise.architecture import Architecture
from sharewise.backbones import (
    Backbone,
    Stage,
    convnet,
    mlp,
    output_shape,
    resnet18,
    resnet26,
    resnet34,
    vgg16_bn,
)
from sharewise.errors import InputError


def _params(backbone: Backbone, kind: type[nn.Module] = nn.Module) -> int:
    modules = [m for stage in backbone.stages for m in stage.make().modules()]
    return sum(p.numel() for m in modules if isinstance(m, kind) for p in m.parameters(False))


def _stem() -> nn.Module:
    return nn.Conv2d(3, 4, 3, padding=1)


def _own(*makes: Callable[[], nn.Module], shape: tuple[int, ...] = (3, 8, 8)) -> Backbone:
    stages = tuple(Stage(f"stage{i}", make) for i, make in enumerate(makes))
    return Backbone("own", stages, shape)


@pytest.mark.parametrize(
    ("make", "count"),
    [
        (resnet18, 11_176_512),  # torchvision without fc
        (resnet34, 21_284_672),
        (vgg16_bn, 14_723_136),  # torchvision's features
    ],
)
def test_parameter_counts_are_torchvisions(make: Callable[[], Backbone], count: int) -> None:
    assert _params(make()) == count


def test_convnet_has_the_sizes_of_its_convolutions() -> None:
    backbone = convnet()
    pairs = [(3, 16), (16, 32), (32, 32), (32, 128), (128, 128), (128, 128), (128, 128)]
    norms = 2 * sum(outputs for _, outputs in pairs)
    assert _params(backbone) == sum(9 * i * o for i, o in pairs) + norms
    assert backbone.shapes() == ((32, 16, 16), (32, 8, 8), (128, 4, 4))
    assert convnet(input_size=(21, 30)).shapes() == ((32, 11, 15), (32, 6, 8), (128, 3, 4))
    assert [len(layout.hidden) for layout in backbone.layouts()] == [1, 0, 3]
    assert _params(convnet(0.5)) < _params(backbone) / 3


def test_convnet_of_output_stride_4_has_the_sizes_of_its_convolutions() -> None:
    backbone = convnet(output_stride=4)
    pairs = [(3, 32), (32, 64), (64, 64), (64, 96), (96, 96), (96, 96), (96, 64)]
    norms = 2 * sum(outputs for _, outputs in pairs)
    assert _params(backbone) == sum(9 * i * o for i, o in pairs) + norms
    assert backbone.shapes() == ((32, 16, 16), (64, 8, 8), (64, 8, 8))
    assert [len(layout.hidden) for layout in backbone.layouts()] == [0, 1, 3]
    with pytest.raises(InputError, match=r"is 4 or 8\. Found output_stride=2\."):
        convnet(output_stride=2)


@pytest.mark.parametrize("stride", [4, 8])
def test_convnet_keeps_channels_last_and_takes_either_order(stride: int) -> None:
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    backbone = convnet(output_stride=stride)
    stages = nn.Sequential(*[stage.make() for stage in backbone.stages]).eval()
    output = stages(x)
    assert output.is_contiguous(memory_format=torch.channels_last)
    assert output.equal(stages(x.contiguous(memory_format=torch.channels_last)))


def test_resnet26_has_the_published_sizes() -> None:
    backbone = resnet26()
    assert _params(backbone, nn.Conv2d) == 5_806_944
    assert _params(backbone, nn.BatchNorm2d) == 7_744
    assert _params(backbone) == 5_806_944 + 7_744
    stages = [stage.make() for stage in backbone.stages]
    convs = [m for stage in stages for m in stage.modules() if isinstance(m, nn.Conv2d)]
    assert len(convs) == 25
    share = sum(c.weight.numel() for c in stages[3].modules() if isinstance(c, nn.Conv2d))
    assert round(share / 5_806_944, 2) == 0.76
    assert backbone.shapes() == ((32, 72, 72), (64, 36, 36), (128, 18, 18), (256, 9, 9))


def test_stages_have_names() -> None:
    names = [stage.name for stage in resnet18().stages]
    assert names == ["stem", "layer1", "layer2", "layer3", "layer4"]
    assert [stage.name for stage in resnet26().stages] == ["stem", "stage1", "stage2", "stage3"]
    assert [s.name for s in vgg16_bn().stages] == [f"group{i}" for i in range(1, 6)]
    assert [s.name for s in mlp(5, (8, 8)).stages] == ["layer1", "layer2"]


@pytest.mark.parametrize(
    ("backbone", "shapes"),
    [
        (
            resnet18(0.25, input_size=224),
            ((16, 56, 56), (16, 56, 56), (32, 28, 28), (64, 14, 14), (128, 7, 7)),
        ),
        (
            resnet34(0.125, 1, input_size=(16, 32), stem="small"),
            ((8, 16, 32), (8, 16, 32), (16, 8, 16), (32, 4, 8), (64, 2, 4)),
        ),
        (resnet26(0.5, input_size=9), ((16, 9, 9), (32, 5, 5), (64, 3, 3), (128, 2, 2))),
        (
            vgg16_bn(0.25, input_size=32),
            ((16, 16, 16), (32, 8, 8), (64, 4, 4), (128, 2, 2), (128, 1, 1)),
        ),
        (mlp(5, (8, 7)), ((8,), (7,))),
    ],
)
def test_shapes_are_those_of_a_real_run(
    backbone: Backbone, shapes: tuple[tuple[int, ...], ...]
) -> None:
    assert backbone.shapes() == shapes
    x = torch.randn(2, *backbone.input_shape)
    for stage, shape in zip(backbone.stages, shapes, strict=True):
        x = stage.make()(x)
        assert x.shape == (2, *shape)


def test_width_rounds_channels_and_keeps_four() -> None:
    assert resnet18(0.3).shapes()[0][0] == 19  # 64 * 0.3 = 19.2
    assert resnet18(0.001).shapes()[-1][0] == 4


def test_resnet26_shortcut_has_zeros_in_the_new_channels() -> None:
    block = resnet26(0.25, input_size=8).stages[1].make()[0]
    for parameter in block.parameters():
        nn.init.zeros_(parameter)  # leaves the shortcut alone
    x = torch.rand(2, 8, 8, 8)
    output = block.eval()(x)
    assert torch.equal(output[:, :8], nn.functional.avg_pool2d(x, 2))
    assert torch.equal(output[:, 8:], torch.zeros(2, 8, 4, 4))


def test_convolutions_start_kaiming_by_fan_out() -> None:
    layer = resnet18().stages[2].make()
    weight = layer[1].conv1.weight  # [128, 128, 3, 3]
    assert weight.std().item() == pytest.approx((2 / (128 * 9)) ** 0.5, rel=0.02)
    assert torch.equal(layer[1].bn1.weight, torch.ones(128))
    assert torch.equal(layer[1].bn1.bias, torch.zeros(128))


def test_settings_make_the_backbone_again() -> None:
    for make, backbone in (
        (resnet18, resnet18(0.5, 1, input_size=32, stem="small")),
        (resnet26, resnet26(0.5).at((3, 36, 40))),
        (vgg16_bn, vgg16_bn(0.5, input_size=(32, 64))),
        (mlp, mlp(7, widths=(3, 4))),
    ):
        arguments = dict(backbone.settings)
        assert arguments.pop("name") == backbone.name
        again = make(**arguments)
        assert again.input_shape == backbone.input_shape
        assert again.shapes() == backbone.shapes()
        assert again.settings == backbone.settings


def test_a_backbone_travels_to_another_process() -> None:
    backbone = pickle.loads(pickle.dumps(resnet18(0.25)))
    assert backbone.shapes() == resnet18(0.25).shapes()


def test_a_backbone_is_hashable() -> None:
    backbone = resnet18()
    assert {backbone: 1}[backbone] == 1


def test_at_gives_another_size() -> None:
    backbone = resnet18().at((3, 128, 96))
    assert backbone.input_shape == (3, 128, 96)
    assert backbone.shapes()[-1] == (512, 4, 3)
    assert backbone.settings["input_size"] == [128, 96]


def test_a_backbone_of_ones_own() -> None:
    backbone = _own(_stem, lambda: nn.Sequential(nn.ReLU(), nn.Flatten()))
    assert backbone.shapes() == ((4, 8, 8), (256,))
    assert backbone.num_stages == 2
    assert backbone.at((3, 4, 4)).shapes() == ((4, 4, 4), (64,))
    assert backbone.settings == {}


def test_shapes_leave_random_state_and_own_modules_alone() -> None:
    def make() -> nn.Module:
        torch.randn(3, device="cpu")
        return pretrained

    pretrained = nn.BatchNorm2d(3)
    before = torch.get_rng_state()
    assert _own(make).shapes() == ((3, 8, 8),)
    assert torch.equal(torch.get_rng_state(), before)
    assert pretrained.training
    assert pretrained.weight.device.type == "cpu"
    assert pretrained.num_batches_tracked.item() == 0


def test_a_module_that_runs_twice_keeps_its_weights() -> None:
    layer = nn.Conv2d(3, 3, 3, padding=1)
    twice, tied = nn.Sequential(layer, nn.ReLU(), layer), nn.Sequential(_stem(), _stem())
    tied[1] = nn.ConvTranspose2d(4, 3, 3, padding=1)
    tied[1].weight = tied[0].weight
    for stage in (twice, tied):
        before = [(id(each), each.clone()) for each in stage.parameters()]
        output_shape(stage, (3, 8, 8), subject="stage")
        after = list(stage.parameters())
        assert [id(each) for each in after] == [number for number, _ in before]
        for each, (_, values) in zip(after, before, strict=True):
            assert torch.equal(each, values)


def test_pretrained_weights_load_without_a_warning(recwarn: pytest.WarningsRecorder) -> None:
    weights = _stem().state_dict()

    def make() -> nn.Module:
        module = _stem()
        module.load_state_dict(weights)
        return module

    assert _own(make).shapes() == ((4, 8, 8),)
    assert not [w for w in recwarn if "meta" in str(w.message)]


class _Pair(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x, x


class _Broken(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        raise KeyError("anything")


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        (
            lambda: resnet18(0),
            "A backbone's width is a positive factor on its channels. Found width=0. Give 1.0 for"
            " the published network, or 0.25 for a quarter of its channels.",
        ),
        (lambda: resnet26(float("nan")), "Found width=nan."),
        (lambda: vgg16_bn(-1.0), "Found width=-1.0."),
        (
            lambda: resnet18(stem="huge"),  # type: ignore[arg-type]
            "A ResNet's stem is 'imagenet' or 'small'. Found stem='huge'. Use 'small' for images"
            " below about 64 pixels.",
        ),
        (
            lambda: resnet34(1.0, 0),
            "in_channels is a positive whole number. Found in_channels=0. Give 1 or more.",
        ),
        (lambda: resnet18(input_size=0), "Found input_size=0."),
        (
            lambda: resnet18(input_size=(1, 2, 3)),  # type: ignore[arg-type]
            "An input size is one number, or a height and a width. Found input_size=(1, 2, 3)."
            " Give 64 or (72, 144).",
        ),
        (lambda: mlp(0), "Found in_features=0."),
        (lambda: mlp(3, (4, 0)), "Found widths=0."),
        (
            lambda: mlp(3, ()),
            "An mlp has at least one layer. Found no widths. Give one width a layer, such as"
            " widths=(16, 16, 16).",
        ),
        (
            lambda: resnet18().at((1, 28, 28)),
            "A backbone keeps its input channels and its number of dimensions; only the height and"
            " width change. Found shape (1, 28, 28) for backbone 'resnet18' of input shape"
            " (3, 64, 64). Give a shape like (3, 64, 64), or make the backbone for 1 channels.",
        ),
        (lambda: mlp(3).at((4,)), "Found shape (4,) for backbone 'mlp' of input shape (3,)."),
        (
            lambda: resnet18().at((3, 0, 8)),
            "An input shape is made of positive whole numbers, without the batch. Found"
            " (3, 0, 8). Give a shape such as (3, 64, 64) for images or (16,) for rows of numbers.",
        ),
        (
            _own,
            "A backbone has at least one stage. Found no stages in backbone 'own'. Give"
            " stages=(Stage('stem', make_stem), ...).",
        ),
        (
            lambda: Backbone("own", (Stage("a", _stem), Stage("a", _stem)), (3, 8, 8)),
            "A stage has a name of its own. Found 'a' twice in backbone 'own'. Rename one of them.",
        ),
        (
            lambda: resnet18().check(Architecture.shared(["a"], 2)),
            "An architecture has as many stages as its backbone. Found 2 stages in the architecture"
            " and 5 in backbone 'resnet18'. Make the architecture with num_stages=5, or give the"
            " backbone it was made for.",
        ),
        (
            lambda: _own(_stem, _stem).shapes(),
            "A stage or head accepts the features that reach it. Found stage 'stage1' failing on"
            " features of shape (4, 8, 8) (",
        ),
        (lambda: _own(_Broken).shapes(), "Found stage 'stage0' failing on features of shape"),
        (
            lambda: _own(_Pair).shapes(),
            "A stage gives one tensor [batch, ...] for inputs [batch, ...]. Found stage 'stage0'"
            " giving tuple for inputs of shape (1, 3, 8, 8). Return one tensor whose first"
            " dimension is the batch.",
        ),
        (lambda: _own(lambda: nn.Flatten(0)).shapes(), "giving shape (192,) for inputs of shape"),
        (
            lambda: _own(lambda: nn.ReLU(inplace=True)).shapes(),
            "A stage or head leaves its input unchanged, because others read it, too. Found stage"
            " 'stage0' changing it in place. Use inplace=False in its first layer.",
        ),
        (
            lambda: _own(lambda: nn.LazyConv2d(4, 3)).shapes(),
            "A stage or head knows the shapes of its parameters when it is made. Found lazy"
            " parameters in stage 'stage0'. Use nn.Linear, nn.Conv2d and so on, with the sizes"
            " given.",
        ),
        (
            lambda: _own(lambda: 3).shapes(),  # type: ignore[arg-type, return-value]
            "A stage or head is a torch module. Found stage 'stage0' giving int. Return an"
            " nn.Module.",
        ),
    ],
)
def test_errors_say_what_to_do(action: Callable[[], object], sentence: str) -> None:
    with pytest.raises(InputError) as raised:
        action()
    assert sentence in str(raised.value)
