"""Spaces: the sets of architectures that a search looks through."""

from __future__ import annotations

from sharewise.spaces._exact import realise_exact
from sharewise.spaces._groups import HiddenGroup, unit_for
from sharewise.spaces._matrix import LEAST_SHARE
from sharewise.spaces._published import published_masks
from sharewise.spaces._realise import realise
from sharewise.spaces._taskonomy import taskonomy_tree
from sharewise.spaces.branching import Branching
from sharewise.spaces.partitioning import Partitioning

__all__ = [
    "LEAST_SHARE",
    "Branching",
    "HiddenGroup",
    "Partitioning",
    "published_masks",
    "realise",
    "realise_exact",
    "taskonomy_tree",
    "unit_for",
]
