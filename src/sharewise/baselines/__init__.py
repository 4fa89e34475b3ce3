"""Baselines: random trees under a budget, and the comparison that a found tree has to pass."""

from __future__ import annotations

from sharewise.baselines._compare import compare
from sharewise.baselines._comparison import Comparison, Row
from sharewise.baselines._random import random_tree
from sharewise.baselines._settings import CompareSettings
from sharewise.baselines._table import comparison_table

__all__ = ["CompareSettings", "Comparison", "Row", "compare", "comparison_table", "random_tree"]
