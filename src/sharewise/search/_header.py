"""What makes two searches the same one: the header of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sharewise.costs import CostTable
from sharewise.data import TaskData

FORMAT = 1


def header_of(
    table: CostTable, data: TaskData, *, method: str, words: Mapping[str, Any]
) -> dict[str, Any]:
    """The data and the backbone, then the method's own words; all JSON values.

    `table` is of the backbone that is bound to the data.
    """
    backbone = table.backbone
    return {
        "format": FORMAT,
        "method": method,
        "data": {
            "name": data.name,
            "fingerprint": data.fingerprint,
            "settings": dict(data.settings),
        },
        "backbone": dict(backbone.settings) or {"name": backbone.name},
        "stages": [stage.name for stage in backbone.stages],
        "stage_params": [cost.params for cost in table.stages],
        "tasks": sorted(task.name for task in data.tasks),
        **words,
    }
