"""The network that a branching search trains: several nodes per stage, joined by gates.

Source: Guo, Lee and Ulbricht (ICML 2020), section 3: node j of layer l + 1 takes
x_j = sum_i d_ij y_i, the gated sum of the outputs of layer l.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

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
        self.stages = nn.ModuleList(nn.ModuleList(copies) for copies in stages)
        self.heads = nn.ModuleDict(heads)

    def forward(
        self, inputs: Tensor, gates: Gates, tasks: Sequence[str] | None = None
    ) -> dict[str, Tensor]:
        """As `Supernet`; gates are [1, children, nodes]."""
        names = self.tasks if tasks is None else tuple(tasks)
        rows = [self.tasks.index(name) for name in names]
        running = [mask[0].nonzero().flatten().tolist() for mask in reachable(gates, rows)]
        features = dict.fromkeys(running[0], inputs)
        for stage, (copies, nodes) in enumerate(zip(self.stages, running, strict=True)):
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
        copies = self.stages[stage]
        assert isinstance(copies, nn.ModuleList)
        return dict(copies[node].named_parameters())

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
    stacked = torch.stack(outputs)  # [nodes, batch, ...]
    mixed = weights @ stacked.flatten(1)  # [children, batch * ...]
    return mixed.unflatten(1, stacked.shape[1:]).unbind(0)
