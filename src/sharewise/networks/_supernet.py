"""The network that a branching search trains: several nodes per stage, joined by gates.

Source: Guo, Lee and Ulbricht (ICML 2020), section 3: node j of layer l + 1 takes
x_j = sum_i d_ij y_i, the gated sum of the outputs of layer l.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from sharewise.backbones import Backbone
from sharewise.networks._gates import Gates, reachable
from sharewise.networks._stages import check_copies, make_head, make_stage
from sharewise.tasks import Task


class Supernet(Protocol):
    """A supernet in one or several initialisations, which share nothing but the data."""

    initialisations: int
    tasks: tuple[str, ...]

    def __call__(
        self, inputs: Tensor, gates: Gates, tasks: Sequence[str] | None = None
    ) -> dict[str, Tensor]:
        """From inputs [batch, ...] to {task: output [initialisations, batch, ...]}."""
        ...

    def node_weights(self, initialisation: int, *, stage: int, node: int) -> dict[str, Tensor]:
        """The parameters of one node, under the names that they have in its stage."""
        ...

    def head_weights(self, initialisation: int, *, task: str) -> dict[str, Tensor]:
        """The parameters of one head, under the names that they have in it."""
        ...


class LoopedSupernet(nn.Module):
    """One initialisation. A node that no gate reaches is not run, forward or backward.

    Batch normalisation always takes the statistics of the batch: the mixtures that reach a node
    change, and running statistics would follow none of them.
    """

    initialisations = 1

    def __init__(
        self, backbone: Backbone, tasks: Sequence[Task], nodes: Sequence[int], *, seed: int
    ) -> None:
        super().__init__()
        self.tasks = tuple(sorted(task.name for task in tasks))
        stages, heads = supernet_modules(backbone, tasks, nodes, seed=seed)
        self._nodes = [nn.ModuleList(copies) for copies in stages]
        self.stages = nn.ModuleList(self._nodes)
        self.heads = nn.ModuleDict(heads)

    def forward(
        self, inputs: Tensor, gates: Gates, tasks: Sequence[str] | None = None
    ) -> dict[str, Tensor]:
        """As `Supernet`; gates are [1, children, nodes]."""
        names = self.tasks if tasks is None else tuple(tasks)
        rows = [self.tasks.index(name) for name in names]
        running = [mask[0].nonzero().flatten().tolist() for mask in reachable(gates, rows)]
        features = dict.fromkeys(running[0], inputs)
        for stage, (copies, nodes) in enumerate(zip(self._nodes, running, strict=True)):
            outputs = [copies[node](features[node]) for node in nodes]
            children = running[stage + 1] if stage + 1 < len(running) else rows
            mixed = _mix(outputs, gates[stage][0][children][:, nodes])
            features = dict(zip(children, mixed, strict=True))
        return {
            name: self.heads[name](features[row]).unsqueeze(0)
            for name, row in zip(names, rows, strict=True)
        }

    def node_weights(self, initialisation: int, *, stage: int, node: int) -> dict[str, Tensor]:
        """As `Supernet`."""
        return dict(self._nodes[stage][node].named_parameters())

    def head_weights(self, initialisation: int, *, task: str) -> dict[str, Tensor]:
        """As `Supernet`."""
        return dict(self.heads[task].named_parameters())


def supernet_modules(
    backbone: Backbone, tasks: Sequence[Task], nodes: Sequence[int], *, seed: int
) -> tuple[list[list[nn.Module]], dict[str, nn.Module]]:
    """The nodes of each stage and the heads of one initialisation, with seeded weights.

    Raises:
        InputError: as `build`.
    """
    stages = [
        [make_stage(backbone, stage, seed=seed, key=[f"node {node}"]) for node in range(count)]
        for stage, count in enumerate(nodes)
    ]
    copies = [(stage, node) for stage, row in enumerate(stages) for node in row]
    shape = check_copies(backbone, copies)
    heads = {
        task.name: make_head(task, shape, seed=seed)
        for task in sorted(tasks, key=lambda task: task.name)
    }
    for module in [*(node for _, node in copies), *heads.values()]:
        _use_batch_statistics(module)
    return stages, heads


def _use_batch_statistics(module: nn.Module) -> None:
    for each in module.modules():
        if isinstance(each, nn.modules.batchnorm._BatchNorm):
            each.track_running_stats = False
            each.running_mean = each.running_var = each.num_batches_tracked = None


def _mix(outputs: list[Tensor], weights: Tensor) -> Sequence[Tensor]:
    """The gated sums: outputs, [batch, ...] per node, and weights [children, nodes]."""
    if not weights.requires_grad:
        chosen = weights.argmax(dim=1)
        if torch.equal(weights, torch.nn.functional.one_hot(chosen, weights.shape[1]).to(weights)):
            return [outputs[node] for node in chosen.tolist()]
    mixed: tuple[Tensor, ...] = _Mixture.apply(weights, *outputs)
    return mixed


class _Mixture(torch.autograd.Function):
    """Gated sums that keep nothing but the outputs, which the stages keep anyway.

    As a matrix product the outputs would first be stacked into one tensor, a second copy of every
    feature map that lives until the backward pass.
    """

    @staticmethod
    def forward(ctx: Any, weights: Tensor, *outputs: Tensor) -> tuple[Tensor, ...]:
        """From [children, nodes] and [batch, ...] of each node to [batch, ...] of each child."""
        ctx.save_for_backward(weights, *outputs)
        return tuple(_weighted_sum(outputs, row) for row in weights)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, ...]:
        """Of the weights <gradient of a child, output of a node>; of an output its gated sum."""
        weights, *outputs = ctx.saved_tensors
        products = [
            torch.stack([torch.dot(gradient.flatten(), output.flatten()) for output in outputs])
            for gradient in gradients
        ]
        return torch.stack(products), *(_weighted_sum(gradients, row) for row in weights.T)


def _weighted_sum(values: Sequence[Tensor], weights: Tensor) -> Tensor:
    total = values[0] * weights[0]
    for value, weight in zip(values[1:], weights[1:], strict=True):
        total.addcmul_(value, weight)
    return total
