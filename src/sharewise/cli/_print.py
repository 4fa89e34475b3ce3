"""What commands print: one JSON object, or text for people, on stdout."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from statistics import fmean
from typing import TYPE_CHECKING, Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from sharewise.evaluation import Cost

_PIPED_WIDTH = 140  # a table in a file or a pipe has no terminal to fit


def emit(value: Mapping[str, Any], *texts: RenderableType, as_json: bool) -> None:
    """Print the value as one JSON object, or else the texts for people."""
    if as_json:
        print(json.dumps(value))
        return
    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console = Console(highlight=False, width=_PIPED_WIDTH)
    for text in texts:
        if isinstance(text, str):
            # Text: brackets in it are not rich's markup; soft_wrap: paths stay on one line
            console.print(Text(text), soft_wrap=True)
        else:
            console.print(text)


def count(number: float) -> str:
    """A count of parameters or multiply-adds with three digits: 11.2 M."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.3g} {unit}" if number < 999.5 * size else f"{number:.3e}"
    return f"{number:.0f}"


def cost_table(cost: Cost, shared: Cost, *, use: Mapping[str, float] | None = None) -> Table:
    """Parameters and multiply-adds in all and per task, beside those of the shared network.

    With each task's `use` also that, and their mean.
    """
    words = ("network", "parameters", "× shared", "multiply-adds", "× shared")
    table = Table(*words, *(["use"] if use else []), box=None)
    parts = {"all tasks": (cost, shared)} | {
        f"{task} alone": (alone, shared.per_task[task]) for task, alone in cost.per_task.items()
    }
    shares = {f"{task} alone": share for task, share in (use or {}).items()}
    if shares:
        shares["all tasks"] = fmean(shares.values())
    for name, (ours, theirs) in parts.items():
        table.add_row(
            name,
            *_cells(ours.params, theirs.params),
            *_cells(ours.macs, theirs.macs),
            *([f"{100 * shares[name]:.0f} %"] if shares else []),
        )
    for column in table.columns[1:]:
        column.justify = "right"
    return table


def cost_json(
    cost: Cost, shared: Cost, *, use: Mapping[str, float] | None = None
) -> dict[str, Any]:
    """The same as JSON values."""
    return {
        **({"use": dict(use)} if use else {}),
        "cost": cost.to_dict(),
        "shared_cost": shared.to_dict(),
        "relative": {
            "params": cost.params / max(shared.params, 1),
            "macs": cost.macs / max(shared.macs, 1),
        },
    }


def scores_table(scores: Mapping[str, Mapping[str, float]], *, split: str) -> Table:
    """One line a task and metric."""
    table = Table("task", "metric", split, box=None)
    for task, metrics in scores.items():
        for metric, value in metrics.items():
            table.add_row(task, metric, f"{value:.4f}")
    return table


def _cells(number: int, reference: int) -> tuple[str, str]:
    return count(number), f"{number / max(reference, 1):.2f}"
