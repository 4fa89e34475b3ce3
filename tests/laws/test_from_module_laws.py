"""The pieces of any network compute what the whole does, and cost what it costs."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from _own_networks import CUTS, NETWORKS, SHAPE
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from sharewise.architecture import Architecture, Group, Partition
from sharewise.backbones import Backbone, from_module
from sharewise.costs import cost, stage_costs
from sharewise.networks import build, build_masked
from sharewise.tasks import classification

NAMES = ("a", "b")


def network(name: str) -> nn.Module:
    """A network no two of whose parameters are alike, so that each is known by its numbers."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = NETWORKS[name]()
        for parameter in made.parameters():
            nn.init.uniform_(parameter, -0.5, 0.5)
        return made


@st.composite
def cut_up(draw: st.DrawFn) -> tuple[nn.Module, Backbone, str | None]:
    """A network, its backbone with the network's weights, and the submodule that ends it."""
    name = draw(st.sampled_from(sorted(NETWORKS)))
    module = network(name)
    places = CUTS[name]
    until = draw(st.sampled_from((None, *places)))
    usable = places if until is None else places[: places.index(until)]
    if draw(st.booleans()):
        cuts = [place for place in usable if draw(st.booleans())]
        backbone = from_module(module, cuts, until=until, input_shape=SHAPE, pretrained=True)
        assert backbone.num_stages == len(cuts) + 1
    else:
        stages = draw(st.integers(1, 2))
        if until in places[:3]:
            stages = 1
        backbone = from_module(
            module, stages=stages, until=until, input_shape=SHAPE, pretrained=True
        )
        assert backbone.num_stages == stages
    return module, backbone, until


def run(module: nn.Module, until: str | None, x: Tensor) -> Tensor:
    """What the whole network gives at the end of the backbone."""
    found: list[Tensor] = []
    part = module.get_submodule(until or "")
    watch = part.register_forward_hook(lambda part, args, output: found.append(output * 1.0))
    module(x)
    watch.remove()
    return found[0]


def known(modules: list[nn.Module]) -> Iterator[tuple[bytes, nn.Parameter]]:
    for module in modules:
        for parameter in module.parameters():
            yield parameter.detach().numpy().tobytes(), parameter


def statistics(modules: list[nn.Module]) -> list[Tensor]:
    return [b for module in modules for n, b in module.named_buffers() if n.endswith("mean")]


@given(cut_up(), st.booleans(), st.integers(1, 4))
@settings(max_examples=16)
def test_the_pieces_compute_what_the_whole_does(
    found: tuple[nn.Module, Backbone, str | None], training: bool, batch: int
) -> None:
    module, backbone, until = found
    whole = copy.deepcopy(module).train(training)
    pieces = [stage.make().train(training) for stage in backbone.stages]
    theirs = dict(known([whole]))
    ours = dict(known(pieces))
    ends = []
    given = torch.randn(batch + 1, *SHAPE, generator=torch.Generator().manual_seed(batch))
    inputs = [given.clone().requires_grad_(), given.clone().requires_grad_()]
    with torch.random.fork_rng():
        torch.manual_seed(batch)
        ends.append(run(whole, until, inputs[0]))
        torch.manual_seed(batch)
        x = inputs[1]
        for piece, shape in zip(pieces, backbone.shapes(), strict=True):
            x = piece(x)
            assert x.shape[1:] == shape
        ends.append(x)
    torch.testing.assert_close(ends[1], ends[0], rtol=1e-5, atol=1e-5)
    for end in ends:
        end.square().sum().backward()
    torch.testing.assert_close(inputs[1].grad, inputs[0].grad, rtol=1e-5, atol=1e-5)
    assert ours.keys() == {key for key, each in theirs.items() if each.grad is not None}
    for key, parameter in ours.items():
        torch.testing.assert_close(parameter.grad, theirs[key].grad, rtol=1e-4, atol=1e-5)
    for mean in statistics(pieces):
        alike = [each for each in statistics([whole]) if each.shape == mean.shape]
        assert any(torch.allclose(mean, each, atol=1e-6) for each in alike)


@given(cut_up())
@settings(max_examples=6)
def test_the_pieces_cost_what_the_whole_does(
    found: tuple[nn.Module, Backbone, str | None],
) -> None:
    module, backbone, until = found
    costs = stage_costs(backbone)
    counter = FlopCounterMode(display=False)
    with counter:
        end = run(module.eval(), until, torch.randn(1, *SHAPE))
    end.sum().backward()
    used = [each for each in module.parameters() if each.grad is not None]
    if until is None:
        assert sum(each.macs for each in costs) == counter.get_total_flops() // 2
    assert sum(each.params for each in costs) == sum(each.numel() for each in used)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_equal_stages_are_cuts_by_name(name: str) -> None:
    module = network(name)
    for stages in (2, 3):
        equal = from_module(module, stages=stages, input_shape=SHAPE, pretrained=True)
        names = [stage.name for stage in equal.stages[:-1]]
        named = from_module(module, names, input_shape=SHAPE, pretrained=True)
        assert named.shapes() == equal.shapes()
        assert stage_costs(named) == stage_costs(equal)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_branches_start_from_weights_of_their_own_or_from_the_given(name: str) -> None:
    until = "layer2" if name == "residual" else None
    tasks = [classification(each, 3) for each in NAMES]
    weights = {}
    for kind, start, pretrained in (
        ("reset", network(name), False),
        ("made", NETWORKS[name], False),
        ("kept", network(name), True),
    ):
        backbone = from_module(
            start, stages=2, until=until, input_shape=SHAPE, pretrained=pretrained
        )
        apart = Architecture.independent(NAMES, 2)
        networks = [build(apart, backbone, tasks, seed=seed) for seed in (0, 0, 1)]
        weights[kind] = [
            [max(branch.parameters(), key=Tensor.numel).detach() for branch in network_.branches]
            for network_ in networks
        ]
    for one, again, other in (weights["reset"], weights["made"]):
        assert all(torch.equal(a, b) for a, b in zip(one, again, strict=True))
        assert not any(torch.equal(a, b) for a, b in zip(one, other, strict=True))
        assert not torch.equal(one[0], one[2])  # the first stage of either task
    one, _, other = weights["kept"]
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert torch.equal(one[0], one[2])
    assert any(torch.equal(one[0], each) for each in network(name).parameters())


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_what_tasks_divide_in_a_piece_is_what_they_would_mask(name: str) -> None:
    until = "layer2" if name == "residual" else None
    backbone = from_module(network(name), stages=2, until=until, input_shape=SHAPE)
    hidden = sum(len(layout.hidden) for layout in backbone.layouts())
    assert hidden == {"residual": 3, "dense": 0, "attention": 3}[name]
    rng = np.random.default_rng(0)
    partitions = [
        Partition(tuple(
            Group.from_masks([layer.name], NAMES, *[(rng.random((2, layer.channels)) < 0.5)
                             | (np.arange(layer.channels) == 0)] * 2)
            for layer in layout.hidden
        ))
        for layout in backbone.layouts()
    ]  # fmt: skip
    architecture = Architecture.partitioned(NAMES, partitions)
    tasks = [classification(each, 3) for each in NAMES]
    network_, masked = (
        make(architecture, backbone, tasks).eval() for make in (build, build_masked)
    )
    x = torch.randn(2, *SHAPE, generator=torch.Generator().manual_seed(0))
    outputs, expected = network_(x), masked(x)
    for task in NAMES:
        torch.testing.assert_close(outputs[task], expected[task], rtol=1e-5, atol=1e-5)
    counted = sum(each.numel() for each in network_.parameters())
    assert cost(architecture, backbone, tasks).params == counted
