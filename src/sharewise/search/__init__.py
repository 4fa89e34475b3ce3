"""Search: by gradient where tasks should branch; by asking and judging which channels they use."""

from __future__ import annotations

from sharewise.search._gradient import search_branching
from sharewise.search._partition_plan import hidden_groups, proposed_use
from sharewise.search._partition_result import PartitioningResult
from sharewise.search._partition_search import search_partitioning
from sharewise.search._partition_settings import PartitionSettings
from sharewise.search._result import SearchResult
from sharewise.search._settings import SearchSettings
from sharewise.search._temperature import (
    Constant,
    Exponential,
    InverseRoot,
    Linear,
    PerEpoch,
    Temperature,
)

__all__ = [
    "Constant",
    "Exponential",
    "InverseRoot",
    "Linear",
    "PartitionSettings",
    "PartitioningResult",
    "PerEpoch",
    "SearchResult",
    "SearchSettings",
    "Temperature",
    "hidden_groups",
    "proposed_use",
    "search_branching",
    "search_partitioning",
]
