"""Weights of a supernet for the network that is built from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from torch import Tensor

from sharewise.architecture import Architecture
from sharewise.networks._supernet import Supernet


def inherited_weights(
    architecture: Architecture,
    supernet: Supernet,
    *,
    initialisation: int,
    nodes: Sequence[Sequence[int]],
) -> dict[str, Tensor]:
    """Parameters for `build(architecture, ...)`, taken from one initialisation of a supernet.

    A branch inherits from the node that most of its tasks chose (of equals, the first). The
    supernet keeps no running statistics of batch normalisation, so the network's own stay as they
    were built: train it before it is used.

    Args:
        architecture: the tree that was read off; it need not be this initialisation's own.
        supernet: the trained supernet.
        initialisation: which of its initialisations.
        nodes: the chosen node of each task at each stage, [stages][tasks in sorted order].

    Returns:
        {parameter name in the built network: tensor}; load it with strict=False.
    """
    index = {task: i for i, task in enumerate(architecture.tasks)}
    weights: dict[str, Tensor] = {}
    for number, (stage, branch) in enumerate(architecture.branches()):
        votes = Counter(sorted(nodes[stage][index[task]] for task in branch.tasks))
        node = votes.most_common(1)[0][0]
        found = supernet.node_weights(initialisation, stage=stage, node=node)
        weights |= {f"branches.{number}.{name}": value for name, value in found.items()}
    for task in architecture.tasks:
        found = supernet.head_weights(initialisation, task=task)
        weights |= {f"heads.{task}.{name}": value for name, value in found.items()}
    return {name: value.detach().cpu().clone() for name, value in weights.items()}
