"""What a search hands back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from sharewise.architecture import Architecture
from sharewise.backbones import Backbone
from sharewise.evaluation import Budget, Cost


@dataclass(frozen=True)
class SearchResult:
    """The architecture that a search found, and how it came to it.

    Attributes:
        architecture: the best inside the budget.
        backbone: the backbone at the data's input shape, to `build` the architecture with.
        budget: the budget that it keeps.
        cost: what it costs, heads included.
        shared_cost: what the fully shared network costs.
        journal: the journal's entries: one per epoch, then the read-off.
        header: the journal's header: data, backbone, settings, seed.
        inherited: {parameter of the built network: tensor}, the weights of the supernet's nodes;
            for those who go on from them: network.load_state_dict(inherited, strict=False), then
            train. The paper trains from scratch, and so does everything here by default.
    """

    architecture: Architecture
    backbone: Backbone
    budget: Budget
    cost: Cost
    shared_cost: Cost
    journal: Sequence[Mapping[str, Any]]
    header: Mapping[str, Any]
    inherited: Mapping[str, Tensor]
