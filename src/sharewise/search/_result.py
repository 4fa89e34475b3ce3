"""What a search hands back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from sharewise.architecture import Architecture
from sharewise.backbones import Backbone
from sharewise.costs import CostTable
from sharewise.errors import InputError
from sharewise.evaluation import Budget, Cost
from sharewise.search._read_off import Bound, Votes, read_consensus


@dataclass(frozen=True)
class SearchResult:
    """The architecture that a search found, and how it came to it.

    Attributes:
        architecture: the best inside the budget.
        backbone: the backbone at the data's input shape, to `build` the architecture with.
        budget: the budget that it keeps.
        cost: what it costs, heads included.
        shared_cost: what the fully shared network costs.
        table: what stages and heads cost.
        votes: each task's node in each initialisation, [initialisations, stages, tasks].
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
    table: CostTable
    votes: Votes
    journal: Sequence[Mapping[str, Any]]
    header: Mapping[str, Any]
    inherited: Mapping[str, Tensor]

    def under(self, budget: Budget) -> Architecture:
        """The consensus of the same gates under another budget, without another search.

        Raises:
            InputError: the search was steered by its budget (cost_weight), so that under another
                one its gates would have been others.
            BudgetError: even the fully shared network is over this budget.
        """
        if self.header["search"]["cost_weight"]:
            raise InputError(
                rule="Gates are read under another budget if the search did not look at its own.",
                found=f"cost_weight={self.header['search']['cost_weight']}",
                fix="Search again under the other budget, or with cost_weight=0.",
            )
        budget.check(self.shared_cost)
        bound = Bound(budget, self.table, self.shared_cost)
        return read_consensus(self.votes, self.architecture.tasks, bound)[0].architecture
