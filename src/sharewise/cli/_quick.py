"""Sizes that the command line chooses: of a quick try, and of trainings from an initialisation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Sizes = Mapping[str, Any]
"""{setting: value}; a setting inside another is written with a dot."""

# With decathlon-mini and its default backbone a search and its comparison end in three minutes
# on two cores.
QUICK_SEARCH: Mapping[str, Sizes] = {
    "branching": {"epochs": 4, "initialisations": 2, "finalists": 1},
    "partitioning": {
        "evaluations": 20,
        "initial.epochs": 3,
        "teachers.epochs": 3,
        "distil.steps": 200,
        "distil.train_samples": 600,
        "distil.val_samples": 200,
        "distil.group": 5,  # so that a round of ten keeps two cores busy
        "finalists": 4,
        "rejudged": 1,
    },
}
COMPARE: Sizes = {"epochs": 2}
COMPARE_SEEDS = 1

# Networks that start from a common initialisation: small data sets, smaller batches.
FROM_INITIAL: Sizes = {"epochs": 12, "batch_size": 32, "lr": 3e-3}
# As published (Newell et al. 2019). Chosen with 18 epochs, on decathlon-mini's validation split
# (docs/results/partitioning.md).
IN_TURNS: Sizes = {"turns": "curriculum"}
