"""The one noun: `Architecture`, a tree of branches and their partitions, as an immutable value."""

from __future__ import annotations

from sharewise.architecture._architecture import Architecture
from sharewise.architecture._branch import Branch, check_names, check_stages
from sharewise.architecture._json import FORMAT
from sharewise.architecture._partition import Group, Owners, Partition

__all__ = [
    "FORMAT",
    "Architecture",
    "Branch",
    "Group",
    "Owners",
    "Partition",
    "check_names",
    "check_stages",
]
