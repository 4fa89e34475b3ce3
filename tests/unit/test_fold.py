"""Norms folded into layers: the same answers, and nothing else changed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from _small import make_backbone, make_space
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from sharewise.architecture import Architecture
from sharewise.backbones import Backbone, Stage, convnet, mlp, resnet18, vgg16_bn
from sharewise.networks import Network, build, extract, fold
from sharewise.tasks import binary

TASKS = (binary("a"), binary("b"))


def _trained(network: Network) -> Network:
    """With norms that do something, as after training."""
    chance = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, _BatchNorm):
            for tensor in (module.weight, module.bias, module.running_mean, module.running_var):
                if tensor is not None:
                    tensor.data.uniform_(0.5, 2.0, generator=chance)
    return network.eval()


def _norms(network: nn.Module) -> list[nn.Module]:
    return [module for module in network.modules() if isinstance(module, _BatchNorm)]


def _shared(backbone: Backbone) -> Network:
    names = [task.name for task in TASKS]
    return _trained(build(Architecture.shared(names, backbone.num_stages), backbone, TASKS))


def _inputs(backbone: Backbone) -> Tensor:
    return torch.randn(3, *backbone.input_shape, generator=torch.Generator().manual_seed(0))


def _check_same(network: Network, folded: Network, inputs: Tensor) -> None:
    with torch.no_grad():
        wanted, found = network(inputs), folded(inputs)
    for task, output in wanted.items():
        torch.testing.assert_close(found[task], output, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "make",
    [
        lambda: convnet(0.25),
        lambda: resnet18(0.125, input_size=32),
        lambda: vgg16_bn(0.125, input_size=32),
        lambda: mlp(5, hidden=8),
    ],
)
def test_a_folded_network_answers_as_before(make: Callable[[], Backbone]) -> None:
    backbone = make()
    network = _shared(backbone)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    folded = fold(network.train())
    assert network.training
    assert not folded.training
    assert not _norms(folded)
    assert all(value.equal(before[name]) for name, value in network.state_dict().items())
    _check_same(network.eval(), folded, _inputs(backbone))


def test_weights_of_a_folded_network_lie_channels_last() -> None:
    network = _shared(convnet(0.25))
    for each, last in ((fold(network), True), (network, False)):
        convolutions = [part.weight for part in each.modules() if isinstance(part, nn.Conv2d)]
        assert len(convolutions) == 7
        assert all(w.is_contiguous(memory_format=torch.channels_last) is last for w in convolutions)


def test_an_extracted_task_is_folded_and_a_joint_partition_is_not() -> None:
    backbone, space = make_backbone(), make_space()
    tasks = (binary("kind"), binary("sign"))
    architecture = space.decode([0.5] * space.size)
    network = _trained(build(architecture, backbone, tasks))
    joint, alone = fold(network), extract(network, "sign", backbone=backbone)
    inputs = _inputs(backbone)
    _check_same(network, joint, inputs)
    assert _norms(alone)
    assert not _norms(fold(alone))
    _check_same(alone, fold(alone), inputs)


class _ReadTwice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(1, 1, 1)
        self.norm = nn.BatchNorm2d(1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x)
        return y + self.norm(y)


class _RunTwice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(1, 1, 1)
        self.norms = nn.ModuleList([nn.BatchNorm2d(1), nn.BatchNorm2d(1)])

    def forward(self, x: Tensor) -> Tensor:
        return self.norms[1](self.layer(self.norms[0](self.layer(x)).relu()))


class _Branching(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer, self.norm = nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.layer(x))
        return y if len(x) > 2 else -y


def _without_statistics() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1, track_running_stats=False))


def _transposed() -> nn.Module:
    return nn.Sequential(nn.ConvTranspose2d(1, 1, 1), nn.BatchNorm2d(1))


@pytest.mark.parametrize(
    "make", [_ReadTwice, _RunTwice, _Branching, _without_statistics, _transposed]
)
def test_a_norm_that_cannot_be_folded_stays(make: Callable[[], nn.Module]) -> None:
    backbone = Backbone("own", (Stage("only", make),), (1, 4, 4))
    network = _shared(backbone)
    folded = fold(network)
    assert len(_norms(folded)) == len(_norms(network)) > 0
    _check_same(network, folded, _inputs(backbone))
