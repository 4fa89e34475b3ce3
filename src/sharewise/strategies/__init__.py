"""Strategies: what proposes points of a space, and learns from how they were judged."""

from __future__ import annotations

from sharewise.strategies._archive import Archive
from sharewise.strategies._bound import Bound
from sharewise.strategies._descent import Antithetic
from sharewise.strategies._evolution import Evolution
from sharewise.strategies._exhaustive import Exhaustive
from sharewise.strategies._guided import Modelled
from sharewise.strategies._random import RandomSearch
from sharewise.strategies._strategy import Cube, Judged, Proposal, Strategy

__all__ = [
    "Antithetic",
    "Archive",
    "Bound",
    "Cube",
    "Evolution",
    "Exhaustive",
    "Judged",
    "Modelled",
    "Proposal",
    "RandomSearch",
    "Strategy",
]
