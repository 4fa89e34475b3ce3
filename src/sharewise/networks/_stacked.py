"""A supernet whose initialisations are trained side by side in one batch of matrix products."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from sharewise.backbones import Backbone
from sharewise.networks._gates import Gates, reachable
from sharewise.networks._supernet import supernet_modules
from sharewise.tasks import Task


class StackedSupernet(nn.Module):
    """Several initialisations of `LoopedSupernet`, each parameter stacked over them and the nodes.

    For small stages the time of a step is that of calling the operations, not of computing them;
    stacked, all nodes of all initialisations cost one call. Initialisation r starts from the
    weights of LoopedSupernet(seed=seeds[r]) and gives its outputs for the same gates. Of each
    stage as many nodes are computed as the initialisation with most of them reaches.
    """

    def __init__(
        self,
        backbone: Backbone,
        tasks: Sequence[Task],
        nodes: Sequence[int],
        *,
        seeds: Sequence[int],
    ) -> None:
        super().__init__()
        self.initialisations = len(seeds)
        self.tasks = tuple(sorted(task.name for task in tasks))
        made = [supernet_modules(backbone, tasks, nodes, seed=seed) for seed in seeds]
        self.stages = nn.ModuleList(
            _Stack([stages[stage] for stages, _ in made]) for stage in range(len(nodes))
        )
        groups: dict[tuple[str, ...], list[str]] = {}
        for name in self.tasks:
            groups.setdefault(_kind(made[0][1][name]), []).append(name)
        self._groups = tuple(map(tuple, groups.values()))
        self.heads = nn.ModuleList(
            _Stack([[heads[name] for name in group] for _, heads in made]) for group in self._groups
        )

    def forward(
        self, inputs: Tensor, gates: Gates, tasks: Sequence[str] | None = None
    ) -> dict[str, Tensor]:
        """As `Supernet`: inputs [batch, ...], gates [initialisations, children, nodes]."""
        names = self.tasks if tasks is None else tuple(tasks)
        rows = [self.tasks.index(name) for name in names]
        masks = reachable(gates, rows)
        running = [_indices(mask) for mask in masks]
        leaves = torch.tensor(rows, device=inputs.device).expand(self.initialisations, -1)
        features = inputs
        for stage, (stack, nodes) in enumerate(zip(self.stages, running, strict=True)):
            outputs = stack(
                features, nodes, alike=stage == 0
            )  # [initialisations, nodes, batch, ...]
            children = running[stage + 1] if stage + 1 < len(running) else leaves
            # What is computed without being reached, in other initialisations, teaches no gate.
            reached = gates[stage] * masks[stage].unsqueeze(1)
            features = _mix(outputs, _part(reached, children, nodes))
        return self._answers(features, names)

    def node_weights(self, initialisation: int, *, stage: int, node: int) -> dict[str, Tensor]:
        """As `Supernet`."""
        stack = self.stages[stage]
        assert isinstance(stack, _Stack)
        return stack.weights(initialisation, node)

    def head_weights(self, initialisation: int, *, task: str) -> dict[str, Tensor]:
        """As `Supernet`."""
        index = next(index for index, group in enumerate(self._groups) if task in group)
        stack = self.heads[index]
        assert isinstance(stack, _Stack)
        return stack.weights(initialisation, self._groups[index].index(task))

    def _answers(self, features: Tensor, names: tuple[str, ...]) -> dict[str, Tensor]:
        """Heads run on [initialisations, tasks, batch, ...], those that are alike in one call."""
        answers: dict[str, Tensor] = {}
        for group, stack in zip(self._groups, self.heads, strict=True):
            here = [name for name in group if name in names]
            if not here:
                continue
            members = torch.tensor([group.index(name) for name in here], device=features.device)
            part = features[:, [names.index(name) for name in here]]
            outputs = stack(part, members.expand(self.initialisations, -1))
            answers |= {name: outputs[:, index] for index, name in enumerate(here)}
        return {name: answers[name] for name in names}


class _Stack(nn.Module):
    """Modules of one kind, [initialisations][copies], as one module with stacked parameters.

    Buffers are stacked, too: heads of one kind may differ in them, such as in a target's unit.
    """

    def __init__(self, modules: list[list[nn.Module]]) -> None:
        super().__init__()
        self.copies = len(modules[0])
        # In a list, so that torch does not take the template's parameters for the stack's own.
        self._template = [modules[0][0]]
        self._names = [name for name, _ in modules[0][0].named_parameters()]
        self._buffer_names = [name for name, _ in modules[0][0].named_buffers()]
        flat = [module for row in modules for module in row]
        self.stacked = nn.ParameterList(
            nn.Parameter(torch.stack([dict(m.named_parameters())[name].detach() for m in flat]))
            for name in self._names
        )
        for index, name in enumerate(self._buffer_names):
            stacked = torch.stack([dict(module.named_buffers())[name] for module in flat])
            # Never trained, and made again with the supernet: no part of a checkpoint.
            self.register_buffer(f"buffer{index}", stacked, persistent=False)

    def forward(self, features: Tensor, chosen: Tensor, *, alike: bool = False) -> Tensor:
        """Runs the chosen copies [initialisations, n] of each initialisation.

        features: [initialisations, n, batch, ...], or [batch, ...] for all `alike`.
        Returns [initialisations, n, batch, ...].
        """
        tensors = [self._pick(tensor, chosen) for tensor in (*self.stacked, *self.buffers())]
        names = [*self._names, *self._buffer_names]

        def run(tensors: list[Tensor], inputs: Tensor) -> Tensor:
            named = dict(zip(names, tensors, strict=True))
            output: Tensor = functional_call(self._template[0], named, (inputs,))
            return output

        each = vmap(run, in_dims=(0, None if alike else 0), randomness="different")
        outputs: Tensor = each(tensors, features if alike else features.flatten(0, 1))
        return outputs.unflatten(0, chosen.shape)

    def weights(self, initialisation: int, copy: int) -> dict[str, Tensor]:
        """The parameters of one copy."""
        row = initialisation * self.copies + copy
        stacked = zip(self._names, self.stacked, strict=True)
        return {name: parameter[row] for name, parameter in stacked}

    def _pick(self, tensor: Tensor, chosen: Tensor) -> Tensor:
        if chosen.shape[1] == self.copies:
            return tensor
        first = torch.arange(len(chosen), device=chosen.device).unsqueeze(1) * self.copies
        return tensor[(first + chosen).flatten()]


def _kind(module: nn.Module) -> tuple[str, ...]:
    """Modules of equal kind differ in nothing but their weights."""
    tensors = (*module.named_parameters(), *module.named_buffers())
    return (repr(module), *(f"{n} {tuple(t.shape)}" for n, t in tensors))


def _indices(mask: Tensor) -> Tensor:
    """From bool [initialisations, nodes] to indices [initialisations, most nodes], in order."""
    most = int(mask.sum(dim=1).max())
    first = mask.to(torch.uint8).sort(dim=1, descending=True, stable=True).indices[:, :most]
    return first.sort(dim=1).values


def _part(gates: Tensor, children: Tensor, nodes: Tensor) -> Tensor:
    """The gates [initialisations, children, nodes] between the given children and nodes."""
    gates = gates.gather(1, children.unsqueeze(-1).expand(-1, -1, gates.shape[2]))
    return gates.gather(2, nodes.unsqueeze(1).expand(-1, gates.shape[1], -1))


def _mix(outputs: Tensor, weights: Tensor) -> Tensor:
    """Sums of [initialisations, nodes, batch, ...] by [initialisations, children, nodes]."""
    return torch.bmm(weights, outputs.flatten(2)).unflatten(2, outputs.shape[2:])
