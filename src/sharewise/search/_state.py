"""What changes during a search: the supernets, their optimisers and random numbers, the entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from sharewise.backbones import Backbone
from sharewise.networks import LoopedSupernet, StackedSupernet, Supernet, sharing_probability
from sharewise.search._member import Member, Prices, entropy
from sharewise.search._settings import SearchSettings
from sharewise.tasks import Task
from sharewise.training import adam_tensors, load_adam, part

_STACKED, _LOOPED = 24, 8  # initialisations, where the settings leave them open


class State:
    """The members of a search with their optimisers, and the journal's entries so far."""

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = list(members)
        self.optimisers = [member.optimisers() for member in members]
        self.entries: list[dict[str, Any]] = []

    def tensors(self) -> dict[str, Tensor]:
        """All that a resumed search needs, by name."""
        tensors: dict[str, Tensor] = {}
        for number, (member, adams) in enumerate(zip(self.members, self.optimisers, strict=True)):
            own = {f"member.{name}": value for name, value in member.state_dict().items()}
            for name, adam in zip(("weights", "gates"), adams, strict=True):
                own |= adam_tensors(adam, f"adam.{name}.")
            own["generator"] = member.generator.get_state()
            tensors |= {f"{number}.{name}": value for name, value in own.items()}
        return tensors

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back what `tensors` gave."""
        for number, (member, adams) in enumerate(zip(self.members, self.optimisers, strict=True)):
            own = part(dict(tensors), f"{number}.")
            member.load_state_dict(part(own, "member."))
            for name, adam in zip(("weights", "gates"), adams, strict=True):
                load_adam(adam, part(own, f"adam.{name}."))
            member.generator.set_state(own["generator"])


def make_state(
    backbone: Backbone,
    tasks: Sequence[Task],
    *,
    settings: SearchSettings,
    seed: int,
    device: torch.device,
    prices: Prices,
) -> State:
    """Fresh members: one with all initialisations stacked, or one for each initialisation."""
    nodes = settings.nodes_at(backbone.num_stages, len(tasks))
    stacked = settings.stacked
    if stacked is None:
        # Convolutions stacked over copies become grouped ones, slower on a CPU than one by one.
        stacked = len(backbone.input_shape) == 1
    count = settings.initialisations or (_STACKED if stacked else _LOOPED)
    # Distinct for every (seed, initialisation), and the same in every process.
    seeds = [seed * 1_000_003 + i for i in range(count)]
    if stacked:
        supernets: list[Supernet] = [StackedSupernet(backbone, tasks, nodes, seeds=seeds)]
    else:
        supernets = [LoopedSupernet(backbone, tasks, nodes, seed=each) for each in seeds]
    return State(
        [
            Member(
                supernet,
                nodes,
                settings=settings,
                prices=prices,
                generator=torch.Generator().manual_seed(number),
            ).to(device)
            for supernet, number in zip(supernets, seeds, strict=False)
        ]
    )


def gates_entry(state: State) -> dict[str, Any]:
    """What the gates say after an epoch, as JSON values rounded to four digits."""
    with torch.no_grad():
        sharing, expected, gates = [], [], []
        for member in state.members:
            logits = list(member.logits)
            sharing.append(sharing_probability(logits).cpu())
            expected.append(member.prices.expected(logits).cpu())
            layers = [torch.softmax(layer, dim=-1).cpu() for layer in logits]
            gates += [
                [_rounded(layer[i]) for layer in layers]
                for i in range(member.supernet.initialisations)
            ]
        entropies = [entropy(list(member.logits)) for member in state.members]
    stages = list(zip(*entropies, strict=True))
    return {
        "entropy": [round(sum(stage) / len(stage), 4) for stage in stages],
        "sharing": _rounded(torch.cat(sharing).mean(dim=0)),
        "expected_cost": round(float(torch.cat(expected).mean()), 4),
        "gates": gates,
    }


def _rounded(values: Tensor) -> Any:
    """Nested lists of the values, each to four digits."""
    return [_rounded(value) for value in values] if values.ndim else round(float(values), 4)
