"""Networks: an architecture, or the supernet that is searched for one, as a torch module."""

from __future__ import annotations

from sharewise.networks._compact import Network, build
from sharewise.networks._export import Exported, export
from sharewise.networks._extract import extract
from sharewise.networks._fold import fold
from sharewise.networks._gates import (
    Gates,
    chosen_nodes,
    gumbel,
    one_hot,
    reachable,
    relaxed_gates,
    sharing_probability,
    use_probability,
)
from sharewise.networks._inherit import inherit
from sharewise.networks._masked import build_masked, compact
from sharewise.networks._partitioned import PartitionedBranch
from sharewise.networks._stacked import StackedSupernet
from sharewise.networks._supernet import LoopedSupernet, Supernet
from sharewise.networks._transplant import inherited_weights

__all__ = [
    "Exported",
    "Gates",
    "LoopedSupernet",
    "Network",
    "PartitionedBranch",
    "StackedSupernet",
    "Supernet",
    "build",
    "build_masked",
    "chosen_nodes",
    "compact",
    "export",
    "extract",
    "fold",
    "gumbel",
    "inherit",
    "inherited_weights",
    "one_hot",
    "reachable",
    "relaxed_gates",
    "sharing_probability",
    "use_probability",
]
