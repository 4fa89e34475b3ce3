"""Search: learn by gradient where tasks should branch."""

from __future__ import annotations

from sharewise.search._gradient import search_branching
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
    "PerEpoch",
    "SearchResult",
    "SearchSettings",
    "Temperature",
    "search_branching",
]
