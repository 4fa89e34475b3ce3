"""The heads of dense tasks: shapes, sizes, and which pixels they look at."""

from __future__ import annotations

import pickle

import pytest
import torch
from torch import Tensor, nn

from sharewise.backbones import resnet18
from sharewise.costs import head_costs
from sharewise.errors import InputError
from sharewise.tasks import decoder, depth, multi_dilation, segmentation

SHAPE = (6, 9, 7)


def params(module: nn.Module) -> int:
    return sum(each.numel() for each in module.parameters())


def features(batch: int = 2) -> Tensor:
    return torch.randn(batch, *SHAPE, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("made", "size"),
    [
        (decoder(), (9, 7)),
        (decoder(8, doublings=1), (18, 14)),
        (decoder(8, doublings=2), (36, 28)),
        (multi_dilation(), (9, 7)),
        (multi_dilation((1, 2)), (9, 7)),
    ],
)
def test_a_head_gives_its_outputs_at_the_size_it_says(made: object, size: tuple[int, int]) -> None:
    module = segmentation("rooms", 5, head=made).head(SHAPE)  # type: ignore[arg-type]
    assert module(features()).shape == (2, 5, *size)
    assert pickle.loads(pickle.dumps(made)) == made


def test_sizes_of_the_decoder() -> None:
    # 1x1 convolution and its norm; then 3x3 convolution with biases
    assert params(decoder(64)(SHAPE, 5)) == 6 * 64 + 2 * 64 + 9 * 64 * 5 + 5
    more = 9 * 64 * 64 + 2 * 64  # of each doubling
    assert params(decoder(64, doublings=2)(SHAPE, 5)) == params(decoder(64)(SHAPE, 5)) + 2 * more


def test_the_multi_dilation_head_is_the_sum_of_its_convolutions() -> None:
    head = multi_dilation()(SHAPE, 5)
    convs = [part for part in head.modules() if isinstance(part, nn.Conv2d)]
    assert [conv.dilation[0] for conv in convs] == [6, 12, 18, 24]
    assert all(conv.kernel_size == (3, 3) for conv in convs)
    assert params(head) == 4 * (9 * 6 * 5 + 5)
    x = features()
    torch.testing.assert_close(head(x), sum(conv(x) for conv in convs))


def test_the_multi_dilation_head_sees_as_far_as_its_rates() -> None:
    head = multi_dilation((2, 5))((1, 15, 15), 1)
    x = torch.zeros(1, 1, 15, 15, requires_grad=True)
    head(x)[0, 0, 7, 7].backward()
    assert x.grad is not None
    seen = x.grad[0, 0].nonzero() - 7
    expected = {(r * i, r * j) for r in (2, 5) for i in (-1, 0, 1) for j in (-1, 0, 1)}
    assert {(int(row), int(column)) for row, column in seen} == expected


def test_heads_are_counted_in_multiply_adds() -> None:
    backbone = resnet18(0.125, input_size=64, output_stride=8)  # features [64, 8, 8]
    tasks = [
        depth("light", head=decoder(16)),
        depth("twice", head=decoder(16, doublings=1)),
        depth("wide", head=multi_dilation()),
    ]
    found = {name: cost.macs for name, cost in head_costs(backbone, tasks).items()}
    assert found == {
        "light": 64 * (64 * 16 + 9 * 16),
        "twice": 64 * (64 * 16) + 256 * (9 * 16 * 16 + 9 * 16),
        "wide": 64 * 4 * 9 * 64,
    }


def test_a_head_of_ones_own_is_given_the_number_of_outputs() -> None:
    def mine(shape: tuple[int, ...], outputs: int) -> nn.Module:
        return nn.Conv2d(shape[0], outputs, 1)

    assert params(segmentation("rooms", 5, head=mine).head(SHAPE)) == 6 * 5 + 5


def test_features_without_height_and_width_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        depth().head((16,))
    assert str(caught.value) == (
        "A task with image-shaped labels takes features [channels, height, width]. Found features"
        " of shape [16]. End the backbone with a feature map."
    )


def test_sizes_of_heads_are_checked() -> None:
    with pytest.raises(InputError) as caught:
        decoder(0)
    assert str(caught.value) == (
        "A decoder has at least one channel, and doubles its size zero or more times. Found"
        " channels=0, doublings=0. Give channels=64, doublings=1, for example."
    )
    with pytest.raises(InputError, match=r"Found channels=8, doublings=-1\."):
        decoder(8, doublings=-1)
    for rates in ((), (6, 0)):
        with pytest.raises(InputError) as caught:
            multi_dilation(rates)
        assert str(caught.value) == (
            "A multi-dilation head has one or more rates, each at least 1. Found"
            f" rates={rates}. Give (6, 12, 18, 24), the published ones."
        )
