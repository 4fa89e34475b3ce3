"""Reading the architecture off the trained gates, inside the budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharewise.architecture import Architecture
from sharewise.costs import CostTable
from sharewise.evaluation import Budget, Cost
from sharewise.networks import chosen_nodes, inherited_weights, sharing_probability
from sharewise.search._consensus import Candidate, Matrix, candidates, sharing
from sharewise.search._finalists import Finalist
from sharewise.search._member import Member
from sharewise.spaces import Branching

_KEPT = 10  # candidates that the journal shows
Votes = NDArray[np.int64]


@dataclass(frozen=True)
class Bound:
    """A budget with the table that prices architectures."""

    budget: Budget
    table: CostTable
    shared: Cost

    def allows(self, architecture: Architecture) -> bool:
        return self.budget.allows(self.table.of(architecture), self.shared)

    def allows_counts(self, counts: tuple[int, ...], tasks: Sequence[str]) -> bool:
        """As `allows`, for any architecture with these numbers of branches per stage.

        The cost of a tree depends on these numbers alone.
        """
        levels = [_some_partition(tasks, count) for count in counts]
        return self.allows(Architecture.from_levels(levels))


def votes_of(members: Sequence[Member]) -> Votes:
    """Each task's node by the largest gates, [initialisations, stages, tasks]."""
    nodes = torch.cat([chosen_nodes(list(member.logits)) for member in members])
    return nodes.cpu().numpy().astype(np.int64)


def read_consensus(votes: Votes, tasks: Sequence[str], bound: Bound) -> list[Candidate]:
    """The candidates of the consensus, best first."""
    return candidates(
        sharing(votes),
        tasks,
        votes=len(votes),
        allows=lambda counts: bound.allows_counts(counts, tasks),
    )


def read_argmax(member: Member, tasks: Sequence[str], bound: Bound) -> Candidate:
    """The published read-off: the tree of the largest gates of the first initialisation.

    A tree over the budget (the paper has none) is coarsened: of the pairs of siblings that can be
    merged, the one that shares with the largest probability, until the budget is kept.
    """
    logits = [layer.detach() for layer in member.logits]
    nodes = chosen_nodes(logits)[0].tolist()
    architecture = Architecture.from_levels([_blocks(stage, tasks) for stage in nodes])
    probability = sharing_probability(logits)[0].cpu().numpy().astype(np.float64)
    space = Branching(tasks, architecture.num_stages)
    while not bound.allows(architecture):
        architecture = max(
            space.coarser(architecture), key=lambda tree: _agreement(tree, tasks, probability)
        )
    return Candidate(architecture, _agreement(architecture, tasks, probability))


def read_off_entry(
    found: Sequence[Candidate],
    votes: Votes,
    bound: Bound,
    finalists: Sequence[Finalist],
    answer: Architecture,
) -> dict[str, Any]:
    """The journal's last line; sharing is how often tasks share, [stages][tasks][tasks].

    `chosen` is the number of the answer among the finalists, or without them among the candidates.
    """

    def described(tree: Architecture, **words: Any) -> dict[str, Any]:
        cost = bound.table.of(tree)
        branches = list(tree.num_branches)
        costs = {"params": cost.params, "macs": cost.macs}
        return {"num_branches": branches, **words, **costs, "architecture": tree.to_dict()}

    entry = {
        "sharing": sharing(votes).round(4).tolist(),
        "candidates": [
            described(each.architecture, score=round(each.score, 4)) for each in found[:_KEPT]
        ],
        "chosen": 0,
    }
    if finalists:
        entry["finalists"] = [
            described(each.architecture, gain=each.gain, gains=list(each.gains))
            for each in finalists
        ]
        entry["chosen"] = [each.architecture for each in finalists].index(answer)
    return {"read_off": entry}


def inherit(members: Sequence[Member], architecture: Architecture) -> dict[str, Tensor]:
    """The supernet's weights for the architecture, from the initialisation that agrees most."""
    best: tuple[float, Member, int, Any] | None = None
    for member in members:
        for number, nodes in enumerate(chosen_nodes(list(member.logits)).cpu().numpy()):
            agreement = _agreement(architecture, architecture.tasks, sharing(nodes[None]))
            if best is None or agreement > best[0]:
                best = (agreement, member, number, nodes)
    assert best is not None  # there is at least one initialisation
    _, member, number, nodes = best
    return inherited_weights(
        architecture, member.supernet, initialisation=number, nodes=nodes.tolist()
    )


def _agreement(tree: Architecture, tasks: Sequence[str], probability: Matrix) -> float:
    """The mean log-probability of what the tree says of each pair of tasks at each stage."""
    index = {task: i for i, task in enumerate(tasks)}
    same = np.zeros_like(probability, dtype=bool)
    for stage, branch in tree.branches():
        rows = [index[task] for task in branch.tasks]
        same[stage][np.ix_(rows, rows)] = True
    likely = np.where(same, probability, 1 - probability).clip(1e-9)
    pairs = np.triu_indices(len(tasks), 1)
    logs = np.log(likely[:, pairs[0], pairs[1]])
    return float(logs.mean()) if logs.size else 0.0


def _blocks(nodes: Sequence[int], tasks: Sequence[str]) -> list[list[str]]:
    return [
        [task for task, at in zip(tasks, nodes, strict=True) if at == node]
        for node in sorted(set(nodes))
    ]


def _some_partition(tasks: Sequence[str], count: int) -> list[list[str]]:
    """A partition into `count` blocks, nested over growing counts."""
    return [[task] for task in tasks[: count - 1]] + [list(tasks[count - 1 :])]
