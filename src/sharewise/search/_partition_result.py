"""What a partitioning search hands back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sharewise.architecture import Architecture
from sharewise.backbones import Backbone
from sharewise.costs import CostTable
from sharewise.evaluation import Budget, Cost
from sharewise.evaluators import Initial
from sharewise.strategies import Archive


@dataclass(frozen=True)
class PartitioningResult:
    """The partition that a search found, and how it came to it.

    Attributes:
        architecture: the best inside the budget.
        backbone: the backbone at the data's input shape, to `build` the architecture with.
        initial: the common initialisation: `initial.start(architecture, backbone, tasks)` is the
            network that is to be trained.
        budget: the budget that it keeps.
        cost: what it costs, heads included.
        shared_cost: what it costs to let every task use every channel.
        table: what stages and heads cost.
        archive: the Pareto front of (score, use) over all candidates.
        journal: the journal's entries: one for each candidate, then the finalists and the choice.
        header: the journal's header: data, backbone, settings, strategy, seed.
    """

    architecture: Architecture
    backbone: Backbone
    initial: Initial
    budget: Budget
    cost: Cost
    shared_cost: Cost
    table: CostTable
    archive: Archive
    journal: Sequence[Mapping[str, Any]]
    header: Mapping[str, Any]
