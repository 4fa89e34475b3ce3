"""One supernet in training: its gates, its optimisers and its own random numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sharewise.architecture import Architecture
from sharewise.costs import CostTable
from sharewise.data import Batch
from sharewise.errors import TrainingError
from sharewise.evaluation import Budget
from sharewise.networks import (
    Gates,
    Supernet,
    gumbel,
    one_hot,
    reachable,
    relaxed_gates,
    use_probability,
)
from sharewise.search._settings import SearchSettings
from sharewise.tasks import Task, masked_loss


@dataclass(frozen=True)
class Moment:
    """A step of the search: where it stands, and which parameters it trains."""

    share: float  # of the whole search, in [0, 1)
    epoch: int  # from 1
    step: int  # of this epoch, from 1
    trains_weights: bool = True
    trains_gates: bool = True


@dataclass(frozen=True)
class Prices:
    """What a node of each stage adds to the relative cost, and what the heads cost anyway."""

    nodes: tuple[float, ...]
    heads: float

    @classmethod
    def of(cls, table: CostTable, budget: Budget) -> Prices:
        """Relative to the fully shared network, in the first cost that the budget bounds."""
        macs = budget.params is None and budget.params_m is None and budget.latency_ms is None
        if budget.latency_ms is not None and table.stage_ms and table.head_ms is not None:
            stages, heads = list(table.stage_ms), sum(table.head_ms.values())
        else:
            stages = [float(cost.macs if macs else cost.params) for cost in table.stages]
            heads = sum(float(c.macs if macs else c.params) for c in table.heads.values())
        shared = max(sum(stages) + heads, 1e-12)
        return cls(tuple(stage / shared for stage in stages), heads / shared)

    def of_tree(self, tree: Architecture) -> float:
        """The relative cost of a tree."""
        return sum(map(math.prod, zip(self.nodes, tree.num_branches, strict=True))) + self.heads

    def expected(self, logits: Gates) -> Tensor:
        """The expected relative cost of each initialisation, [initialisations], differentiable."""
        uses = use_probability(logits)
        total = sum(price * use.sum(dim=1) for price, use in zip(self.nodes, uses, strict=True))
        return torch.as_tensor(total) + self.heads


class Member(nn.Module):
    """A supernet with the logits of its gates, as they are trained together.

    logits: theta, one [initialisations, children, nodes] per stage; small random numbers, so that
    annealing without noise has something to grow.
    """

    def __init__(
        self,
        supernet: Supernet,
        nodes: tuple[int, ...],
        *,
        settings: SearchSettings,
        prices: Prices,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.supernet = supernet
        self.nodes = nodes
        self.settings = settings
        self.prices = prices
        self.generator = generator
        children = (*nodes[1:], len(supernet.tasks))
        self.logits = nn.ParameterList(
            0.1 * torch.randn(supernet.initialisations, below, here, generator=generator)
            for below, here in zip(children, nodes, strict=True)
        )
        self.active = 0.0  # nodes that the last step ran, per stage and initialisation

    def optimisers(self) -> tuple[torch.optim.Adam, torch.optim.Adam]:
        """Adam for the weights and Adam for the gates."""
        assert isinstance(self.supernet, nn.Module)
        device = self.logits[0].device
        fused = True if device.type in ("cpu", "cuda") else None
        weights = torch.optim.Adam(self.supernet.parameters(), lr=self.settings.lr, fused=fused)
        return weights, torch.optim.Adam(self.logits.parameters(), lr=self.settings.gate_lr)

    def losses(self, batch: Batch, moment: Moment, tasks: Mapping[str, Task]) -> dict[str, Tensor]:
        """Each task's mean loss over the batch and the initialisations; keeps what was run."""
        device = self.logits[0].device
        rows = [self.supernet.tasks.index(name) for name in batch.tasks]
        gates, carried = self.draw(moment, rows)
        outputs = self.supernet(batch.inputs.to(device), gates, batch.tasks)
        if carried is not None:
            mean = carried[:, sorted(rows)].mean(dim=1, keepdim=True)
            part = carried / mean.clamp(min=1e-9)
            outputs = {
                name: _weigh(outputs[name], part[:, row])
                for name, row in zip(batch.tasks, rows, strict=True)
            }
        runs = [mask.sum().item() for mask in reachable(gates, rows)]
        self.active = sum(runs) / len(runs) / self.supernet.initialisations
        return {
            name: masked_loss(tasks[name], *_pair(outputs[name], batch.targets[name].to(device)))
            for name in batch.tasks
        }

    def objective(self, losses: Mapping[str, Tensor], tasks: Mapping[str, Task]) -> Tensor:
        """The weighted sum of the losses, summed over the initialisations."""
        total = sum(tasks[name].weight * loss for name, loss in losses.items())
        return torch.as_tensor(total) * self.supernet.initialisations

    def regulariser(self, moment: Moment, scale: float) -> Tensor | None:
        """The balance and cost terms; `scale` is the training loss of one initialisation."""
        settings = self.settings
        terms: list[Tensor] = []
        if settings.balance and moment.share < settings.balance_end:
            terms.append(settings.balance * _imbalance(list(self.logits)))
        if settings.cost_weight and moment.share >= settings.cost_start:
            terms.append(settings.cost_weight * self.prices.expected(list(self.logits)).sum())
        return scale * torch.stack(terms).sum() if terms else None

    def draw(self, moment: Moment, tasks: Sequence[int]) -> tuple[list[Tensor], Tensor | None]:
        """The gates of one step, from this member's own random numbers.

        Args:
            moment: where the search stands.
            tasks: the tasks of the batch, by index.

        Returns:
            The gates, and [initialisations, tasks]: which part of each task's own gates the nodes
            carry that this step runs; None where it runs them all.
        """
        settings = self.settings
        if moment.share < settings.warmup:
            return self._one_path(), None
        temperature = settings.temperature_at(moment.share, moment.epoch)
        soft = [
            torch.softmax(torch.log_softmax(each.detach(), -1) / temperature, -1)
            for each in self.logits
        ]
        running = self._running(soft, tasks)
        gates = [
            relaxed_gates(
                logits,
                temperature=temperature,
                noise=self._noise(logits),
                running=None if running is None else running[stage],
                hard=settings.gates == "straight-through",
            )
            for stage, logits in enumerate(self.logits)
        ]
        return gates, None if running is None else carried_part(soft, running)

    def _one_path(self) -> list[Tensor]:
        """One random node per stage for all children: the scale of a plain network."""
        gates = []
        for logits in self.logits:
            initialisations, children, nodes = logits.shape
            node = torch.randint(nodes, (initialisations, 1), generator=self.generator)
            gates.append(one_hot(node.expand(-1, children), nodes).to(logits.device))
        return gates

    def _noise(self, logits: Tensor) -> Tensor | None:
        if self.settings.noise == 0:
            return None
        return self.settings.noise * gumbel(logits.shape, self.generator).to(logits.device)

    def _running(self, soft: Gates, batch: Sequence[int]) -> list[Tensor] | None:
        """Which nodes this step runs, per stage bool [initialisations, nodes]; None: all.

        Tasks in random order, those of the batch before the others, bring the nodes of a path drawn
        from their own gates, until a stage has its number; so each step runs some tasks as their
        gates want it.
        """
        # At least two: the gate of a single node is 1, and learns nothing.
        counts = [max(2, round(self.settings.running * nodes)) for nodes in self.nodes]
        every = all(count >= nodes for count, nodes in zip(counts, self.nodes, strict=True))
        if every or self.settings.gates == "straight-through":
            return None
        initialisations, tasks = soft[-1].shape[:2]
        absent = torch.ones(tasks)
        absent[list(batch)] = 0
        order = torch.rand(initialisations, tasks, generator=self.generator) + absent
        at = order.argsort(dim=1).to(soft[0].device)
        running: list[Tensor] = []
        for layer, count in zip(reversed(soft), reversed(counts), strict=True):
            noise = gumbel(layer.shape, self.generator).to(layer.device)
            chosen = (layer.clamp(min=1e-9).log() + noise).argmax(dim=-1)
            at = chosen.gather(1, at)  # the node of the first task in order, of the second, ...
            running.append(_first(at, count, layer.shape[-1], self.generator))
        return running[::-1]


def _first(at: Tensor, count: int, nodes: int, generator: torch.Generator) -> Tensor:
    """The first `count` distinct nodes of each row of `at`, filled up with random ones."""
    rank = torch.rand(len(at), nodes, generator=generator).to(at.device) + at.shape[1]
    steps = torch.arange(at.shape[1], device=at.device, dtype=rank.dtype).expand_as(at)
    rank = rank.scatter_reduce(1, at, steps, "amin")
    return rank.argsort(dim=1).argsort(dim=1) < count


def carried_part(soft: Gates, running: Sequence[Tensor]) -> Tensor:
    """How much of each task's gates, down to the input, the running nodes carry.

    Returns:
        [initialisations, tasks], in [0, 1]; 1 where all nodes run.
    """
    carried = running[0].to(soft[0].dtype)  # [initialisations, nodes]
    for stage, layer in enumerate(soft):
        carried = (layer @ carried.unsqueeze(-1)).squeeze(-1)
        if stage + 1 < len(soft):
            carried = carried * running[stage + 1]
    return carried


def _weigh(output: Tensor, part: Tensor) -> Tensor:
    """The same output [initialisations, ...], its gradient times part [initialisations]."""
    shape = (-1, *[1] * (output.ndim - 1))
    return output.detach() + (output - output.detach()) * part.view(shape)


def _pair(output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """An output [initialisations, batch, ...] and target [batch, ...] as one long batch."""
    if output.shape[0] == 1:
        return output[0], target
    repeated = target.unsqueeze(0).expand(output.shape[0], *target.shape)
    return output.flatten(0, 1), repeated.flatten(0, 1)


def _imbalance(logits: Gates) -> Tensor:
    """Minus the entropy of the nodes' mean probability, summed over stages and initialisations."""
    total = logits[0].new_zeros(())
    for layer in logits:
        mean = torch.softmax(layer, dim=-1).mean(dim=1)  # over children: [initialisations, nodes]
        total = total + torch.xlogy(mean, mean).sum()
    return total


def check_finite(losses: Mapping[str, Tensor], moment: Moment) -> dict[str, float]:
    """The losses as numbers, or TrainingError naming the task, the epoch and the step."""
    numbers = torch.stack(list(losses.values())).tolist()
    for name, loss in zip(losses, numbers, strict=True):
        if not math.isfinite(loss):
            raise TrainingError(
                rule="The loss of every task is a finite number.",
                found=f"a loss of {loss} for task {name!r} at epoch {moment.epoch},"
                f" step {moment.step} of the search",
                fix="Look for NaN or infinite values in that task's inputs, targets and loss, or"
                " search with a lower lr; resume=True goes on from the last whole epoch.",
            )
    return dict(zip(losses, numbers, strict=True))


def entropy(logits: Gates) -> list[float]:
    """The mean entropy of a gate, in nats, per stage."""
    result: list[Any] = []
    for layer in logits:
        probability = torch.softmax(layer.detach(), dim=-1)
        result.append(-torch.xlogy(probability, probability).sum(-1).mean().item())
    return [float(value) for value in result]
