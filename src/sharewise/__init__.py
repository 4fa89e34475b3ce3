"""sharewise finds, under a budget, which parts of a network several tasks should share.

    data = sw.data.glyphs(seed=0)
    backbone = sw.backbones.resnet18(width=0.25)
    result = sw.search_branching(backbone, data, budget=sw.Budget(params=1.5))
    network = sw.build(result.architecture, result.backbone, data.tasks)
    scores = sw.train(network, data)

Names are imported when they are first used, so `import sharewise` is quick and needs no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_ROOMS = ("architecture", "backbones", "data", "errors", "scores", "spaces", "tasks")
_HOMES = {
    "Architecture": "architecture",
    "Backbone": "backbones",
    "Branch": "architecture",
    "Budget": "evaluation",
    "CompareSettings": "baselines",
    "Cost": "evaluation",
    "DistilSettings": "evaluators",
    "Evolution": "strategies",
    "Exhaustive": "strategies",
    "Group": "architecture",
    "Initial": "evaluators",
    "Metric": "tasks",
    "Owners": "architecture",
    "Partition": "architecture",
    "PartitionSettings": "search",
    "PartitioningResult": "search",
    "RandomSearch": "strategies",
    "SearchResult": "search",
    "SearchSettings": "search",
    "SharewiseError": "errors",
    "Stage": "backbones",
    "Task": "tasks",
    "Teachers": "evaluators",
    "TrainSettings": "training",
    "build": "networks",
    "compare": "baselines",
    "cost": "costs",
    "evaluate": "training",
    "export": "networks",
    "measure_latency": "costs",
    "search_branching": "search",
    "search_partitioning": "search",
    "train": "training",
    "write_report": "report",
}

__all__ = ["__version__", *_ROOMS, *_HOMES]  # noqa: PLE0604 - names of strings, all of them

if TYPE_CHECKING:  # what type checkers and editors see
    # ruff: noqa: F401 - they are in __all__, by way of _HOMES
    from sharewise import (
        architecture,
        backbones,
        data,
        errors,
        scores,
        spaces,
        tasks,
    )
    from sharewise.architecture import Architecture, Branch, Group, Owners, Partition
    from sharewise.backbones import Backbone, Stage
    from sharewise.baselines import CompareSettings, compare
    from sharewise.costs import cost, measure_latency
    from sharewise.errors import SharewiseError
    from sharewise.evaluation import Budget, Cost
    from sharewise.evaluators import DistilSettings, Initial, Teachers
    from sharewise.networks import build, export
    from sharewise.report import write_report
    from sharewise.search import (
        PartitioningResult,
        PartitionSettings,
        SearchResult,
        SearchSettings,
        search_branching,
        search_partitioning,
    )
    from sharewise.strategies import Evolution, Exhaustive, RandomSearch
    from sharewise.tasks import Metric, Task
    from sharewise.training import TrainSettings, evaluate, train


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"sharewise.{name}")
    if name in _HOMES:
        return getattr(importlib.import_module(f"sharewise.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'sharewise' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
