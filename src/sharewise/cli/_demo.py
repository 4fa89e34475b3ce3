"""sharewise demo: the whole path on the letterforms, in minutes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sharewise.cli._backbone_words import read_backbone
from sharewise.cli._data_words import GLYPHS_BACKBONE, read_data
from sharewise.cli._folders import forget_run, or_afresh
from sharewise.cli._options import AsJson
from sharewise.cli._print import emit
from sharewise.cli._progress import progress
from sharewise.cli._rebuild import read_architecture
from sharewise.evaluation import Budget
from sharewise.runs import Run, read_json

if TYPE_CHECKING:
    from sharewise.architecture import Architecture
    from sharewise.baselines import Comparison

# Sizes for two CPU cores and less than four minutes.
DATA = "glyphs:variants=2"
BACKBONE = GLYPHS_BACKBONE
# In multiply-adds the stages of a ResNet cost about the same; in parameters the last is nearly all.
BUDGET = "macs=1.5x"
SEED = 0
SEARCH: dict[str, Any] = {
    "epochs": 8,
    "initialisations": 4,
    "batch_size": 64,
    "nodes": 4,
    "gate_lr": 0.1,
}
TRAIN: dict[str, Any] = {"epochs": 5, "lr": 3e-3}
SEEDS = (0, 1, 2)
WORKERS = 2
FOLDER = Path("runs/demo")


def demo(
    run: Annotated[Path, typer.Option(help="The run's folder.")] = FOLDER,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start afresh, and forget an earlier demo there.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Search, compare and report on letterforms: real input, no download, a few minutes.

    An interrupted demo goes on where it was; a finished one is shown again at once.
    """
    there = Run(run)
    if fresh:
        forget_run(there)
    finished = there.report.is_file() and there.comparison.is_file()
    with or_afresh(_afresh(run)):
        architecture, comparison = _read(there) if finished else _make(there)
    from sharewise.baselines import comparison_table

    again = f"This demo had finished before; {_afresh(run)} starts afresh."
    emit(
        {
            "run": str(run),
            "report": str(there.report),
            "architecture": architecture.to_dict(),
            "num_branches": list(architecture.num_branches),
            "comparison": comparison.to_dict(),
            "shown_again": finished,
        },
        architecture.draw(),
        "",
        comparison_table(comparison),
        "",
        *([again] if finished else []),
        f"Report: {there.report}",
        as_json=as_json,
    )


def _read(run: Run) -> tuple[Architecture, Comparison]:
    from sharewise.baselines import Comparison

    return read_architecture(run), Comparison.from_dict(read_json(run.comparison))


def _make(run: Run) -> tuple[Architecture, Comparison]:
    from sharewise.baselines import CompareSettings, compare
    from sharewise.report import write_report
    from sharewise.search import SearchSettings, search_branching
    from sharewise.training import TrainSettings

    with progress("Drawing letterforms"):
        data = read_data(DATA)()
    backbone = read_backbone(BACKBONE, data.input_shape)
    budget = Budget.parse(BUDGET)
    with progress("Searching the tree") as show:
        result = search_branching(
            backbone,
            data,
            budget=budget,
            settings=SearchSettings(**SEARCH),
            seed=SEED,
            run=run.folder,
            resume=True,
            progress=show,
        )
    settings = CompareSettings(seeds=SEEDS, train=TrainSettings(**TRAIN), workers=WORKERS)
    with progress("Training it beside the baselines") as show:
        comparison = compare(
            result.architecture,
            backbone,
            data,
            budget=budget,
            settings=settings,
            run=run.folder,
            progress=show,
        )
    with progress("Drawing the report"):
        write_report(run.folder)
    return result.architecture, comparison


def _afresh(folder: Path) -> str:
    """The command that starts the demo in this folder afresh."""
    where = "" if folder == FOLDER else f" --run {folder}"
    return f"sharewise demo{where} --fresh"
