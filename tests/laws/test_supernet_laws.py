"""Laws 5 and 9 for the supernet, and the closed forms of its gates."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import sharewise as sw
from sharewise.data._units import measured
from sharewise.networks import (
    LoopedSupernet,
    StackedSupernet,
    chosen_nodes,
    gumbel,
    inherited_weights,
    one_hot,
    reachable,
    relaxed_gates,
    sharing_probability,
    use_probability,
)

TASKS = [sw.tasks.regression(name, 2) for name in ("a", "b", "c", "d")]
BACKBONES = {
    "mlp": sw.backbones.mlp(6, (5, 5, 5)),
    "resnet18": sw.backbones.resnet18(0.0625, input_size=32),
}


def draw_logits(nodes: list[int], seed: int, *, initialisations: int = 1) -> list[Tensor]:
    draw = torch.Generator().manual_seed(seed)
    children = [*nodes[1:], len(TASKS)]
    return [
        torch.randn(initialisations, below, here, generator=draw)
        for below, here in zip(children, nodes, strict=True)
    ]


def inputs_for(backbone: sw.Backbone, batch: int = 6) -> Tensor:
    return torch.randn(batch, *backbone.input_shape, generator=torch.Generator().manual_seed(1))


def nodes_for(backbone: sw.Backbone) -> list[int]:
    return [2, 3, 4, 2, 3][: backbone.num_stages]


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_compact_network_with_inherited_weights_equals_the_supernet_at_one_hot_gates(
    name: str, seed: int
) -> None:
    backbone = BACKBONES[name]
    nodes = nodes_for(backbone)
    supernet = LoopedSupernet(backbone, TASKS, nodes, seed=seed)
    logits = draw_logits(nodes, seed)
    gates = [one_hot(layer.argmax(-1), layer.shape[-1]) for layer in logits]
    chosen = chosen_nodes(logits)[0].tolist()
    levels = [
        [[t for t, at in zip("abcd", row, strict=True) if at == n] for n in set(row)]
        for row in chosen
    ]
    architecture = sw.Architecture.from_levels(levels)
    network = sw.build(architecture, backbone, TASKS)
    weights = inherited_weights(architecture, supernet, initialisation=0, nodes=chosen)
    missing = network.load_state_dict(weights, strict=False)
    assert not missing.unexpected_keys
    assert all("running" in key or "num_batches" in key for key in missing.missing_keys)
    inputs = inputs_for(backbone)
    ours, theirs = network.train()(inputs), supernet(inputs, gates)
    for task in ours:  # both normalise by the statistics of the batch
        assert torch.equal(ours[task], theirs[task][0])


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("some", [None, ["c", "a"], ["d", "b", "a", "c"]])
def test_stacked_and_looped_supernets_agree_in_outputs_and_gradients(
    name: str, hard: bool, some: list[str] | None
) -> None:
    backbone = BACKBONES[name]
    nodes = nodes_for(backbone)
    logits = [layer.requires_grad_() for layer in draw_logits(nodes, 3, initialisations=2)]
    running = [torch.tensor([[True] * (n - 1) + [False]] * 2) for n in nodes]
    gates = [
        relaxed_gates(layer, temperature=0.7, running=None if hard else run, hard=hard)
        for layer, run in zip(logits, running, strict=True)
    ]
    inputs = inputs_for(backbone)
    stacked = StackedSupernet(backbone, TASKS, nodes, seeds=[5, 6])(inputs, gates, some)
    each = [
        LoopedSupernet(backbone, TASKS, nodes, seed=5 + i)(
            inputs, [layer[i : i + 1] for layer in gates], some
        )
        for i in range(2)
    ]
    looped = {task: torch.cat([outputs[task] for outputs in each]) for task in stacked}

    def gradients(outputs: dict[str, Tensor]) -> list[Tensor]:
        total = sum(output.square().sum() for output in outputs.values())
        return torch.autograd.grad(
            total, logits, retain_graph=True, allow_unused=True, materialize_grads=True
        )

    assert list(stacked) == (some or ["a", "b", "c", "d"])
    for task, output in stacked.items():
        torch.testing.assert_close(output, looped[task], rtol=1e-4, atol=1e-5)
    for ours, theirs in zip(gradients(stacked), gradients(looped), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)


def test_towards_temperature_zero_the_output_approaches_the_argmax_path() -> None:
    backbone = BACKBONES["mlp"]
    nodes = nodes_for(backbone)
    supernet = LoopedSupernet(backbone, TASKS, nodes, seed=0)
    logits = draw_logits(nodes, 4)
    inputs = inputs_for(backbone)
    target = supernet(inputs, [one_hot(layer.argmax(-1), layer.shape[-1]) for layer in logits])

    def distance(temperature: float) -> float:
        gates = [relaxed_gates(layer, temperature=temperature) for layer in logits]
        outputs = supernet(inputs, gates)
        return max(float((outputs[t] - target[t]).detach().abs().max()) for t in outputs)

    found = [distance(temperature) for temperature in (3.0, 0.3, 0.03, 0.003)]
    assert found == sorted(found, reverse=True)
    assert found[-1] < 1e-4


@pytest.mark.parametrize("name", BACKBONES)
def test_activations_keep_their_scale_from_warm_up_to_search(name: str) -> None:
    # Warm-up runs one node per stage; the first search steps mix. A plain sum of four nodes would
    # be four times as large at every stage.
    backbone = BACKBONES[name]
    nodes = [4] * backbone.num_stages
    supernet = LoopedSupernet(backbone, TASKS, nodes, seed=0)
    logits = [layer * 0 for layer in draw_logits(nodes, 0)]
    inputs = inputs_for(backbone, 32)

    def scale(gates: list[Tensor]) -> float:
        outputs = supernet(inputs, gates).values()
        squares = torch.stack([output.detach().square().mean() for output in outputs])
        return float(squares.mean().sqrt())

    warm = np.mean(
        [scale([one_hot((layer[..., 0] * 0 + n).long(), 4) for layer in logits]) for n in range(4)]
    )
    mixed = scale([relaxed_gates(layer, temperature=5.0) for layer in logits])
    assert 0.5 < mixed / warm < 2


@given(seed=st.integers(0, 10_000))
def test_use_probability_never_exceeds_exact_use(seed: int) -> None:
    nodes = [2, 3]
    logits = draw_logits(nodes, seed)
    exact = exact_use(logits)
    for stage, use in enumerate(use_probability(logits)):
        assert np.all(use[0].double().numpy() <= exact[stage] + 1e-5)
    # Every task uses some node of each stage, so the last stage's uses sum to at least one.
    assert float(use_probability(logits)[-1].sum()) >= 1 - 1e-5


@given(seed=st.integers(0, 10_000))
def test_sharing_probability_is_that_of_independent_gates(seed: int) -> None:
    logits = draw_logits([2, 3], seed)
    found = sharing_probability(logits)[0].double().numpy()
    exact = np.zeros_like(found)
    for weight, trees in every_tree(logits):
        for stage, row in enumerate(trees):
            exact[stage] += weight * (np.array(row)[:, None] == np.array(row)[None])
    np.testing.assert_allclose(found, exact, atol=1e-5)


def exact_use(logits: list[Tensor]) -> list[np.ndarray[Any, Any]]:
    uses = [np.zeros(layer.shape[-1]) for layer in logits]
    for weight, trees in every_tree(logits):
        for stage, row in enumerate(trees):
            uses[stage][sorted(set(row))] += weight
    return uses


def every_tree(logits: list[Tensor]) -> list[tuple[float, list[list[int]]]]:
    """All draws of two layers of gates with their probabilities, and where each task ends up."""
    first, last = (torch.softmax(layer[0].double(), -1).numpy() for layer in logits)
    found = []
    for leaves in itertools.product(range(last.shape[1]), repeat=len(last)):
        for parents in itertools.product(range(first.shape[1]), repeat=len(first)):
            weight = np.prod([last[i, n] for i, n in enumerate(leaves)])
            weight *= np.prod([first[i, n] for i, n in enumerate(parents)])
            found.append((float(weight), [[parents[n] for n in leaves], list(leaves)]))
    return found


def test_reachable_are_the_nodes_on_the_paths_of_the_given_tasks() -> None:
    last = one_hot(torch.tensor([[0, 2, 2, 1]]), 3)  # tasks a, b, c, d
    first = one_hot(torch.tensor([[1, 1, 0]]), 2)  # nodes of the last stage
    assert [m[0].tolist() for m in reachable([first, last], [0, 3])] == [
        [False, True],
        [True, True, False],
    ]
    assert [m[0].tolist() for m in reachable([first, last], [1])] == [
        [True, False],
        [False, False, True],
    ]


def test_gumbel_gates_choose_in_proportion_to_the_probabilities() -> None:
    draw = torch.Generator().manual_seed(0)
    logits = torch.tensor([[[0.0, 1.0, 2.0]]]).expand(20_000, 1, 3)
    gates = relaxed_gates(logits, temperature=1.0, noise=gumbel(logits.shape, draw), hard=True)
    found = gates.mean(dim=0)[0]
    torch.testing.assert_close(found, torch.softmax(logits[0, 0], -1), atol=0.015, rtol=0)


def test_stacked_heads_answer_in_units_of_their_own() -> None:
    """Heads that are alike but for their buffers, which no training changes."""
    tasks = [
        measured("far", mean=-1000.0, deviation=300.0),
        measured("near", mean=5.0, deviation=2.0),
    ]
    backbone = sw.backbones.mlp(3, (4, 4))
    inputs = torch.randn(6, 3, generator=torch.Generator().manual_seed(1))
    gates = [torch.full((1, 2, 2), 0.5)] * 2
    stacked = StackedSupernet(backbone, tasks, [2, 2], seeds=[7])(inputs, gates)
    looped = LoopedSupernet(backbone, tasks, [2, 2], seed=7)(inputs, gates)
    for task, output in stacked.items():
        torch.testing.assert_close(output, looped[task])
