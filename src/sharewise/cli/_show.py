"""sharewise show."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import RenderableType

from sharewise.architecture import Architecture
from sharewise.cli._backbone_words import backbone_from
from sharewise.cli._data_words import data_from
from sharewise.cli._options import AsJson
from sharewise.cli._print import cost_json, cost_table, emit, scores_table
from sharewise.cli._progress import progress
from sharewise.cli._rebuild import fully_shared, load_architecture, part, read_architecture
from sharewise.errors import InputError
from sharewise.evaluation import Budget
from sharewise.runs import Run, read_json, write_atomic


def show(
    what: Annotated[
        Path,
        typer.Argument(
            metavar="RUN|ARCH.json", help="A run, or an architecture's file.", show_default=False
        ),
    ],
    svg: Annotated[
        Path | None,
        typer.Option(help="Also write the tree as a picture (SVG).", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the tree of an architecture; of a run also its budget, costs and scores."""
    run = Run.existing(what) if what.is_dir() else None
    architecture = load_architecture(what) if run is None else read_architecture(run)
    value: dict[str, Any] = {
        "architecture": architecture.to_dict(),
        "tasks": list(architecture.tasks),
        "num_branches": list(architecture.num_branches),
    }
    texts: list[RenderableType] = [architecture.draw()]
    if run is not None:
        _add_run(run, architecture, value=value, texts=texts)
    if svg is not None:
        _write_svg(svg, architecture, run)
        value["svg"] = str(svg)
        texts += ["", f"Picture: {svg}"]
    emit(value, *texts, as_json=as_json)


def _add_run(
    run: Run, architecture: Architecture, *, value: dict[str, Any], texts: list[RenderableType]
) -> None:
    settings = run.settings
    value |= {"run": str(run.folder), "settings": settings}
    budget = Budget.from_dict(part(settings, "budget", run))
    texts += ["", f"Budget: {budget}. Seed: {settings.get('seed')}."]
    try:
        texts += ["", _add_costs(run, architecture, value)]
    except InputError as error:  # the tree is worth showing without its costs
        texts += ["", f"Costs are left out: {error}"]
    if run.scores.is_file():
        scores = read_json(run.scores)["scores"]
        value["scores"] = scores
        texts += ["", scores_table(scores, split="validation")]


def _add_costs(run: Run, architecture: Architecture, value: dict[str, Any]) -> RenderableType:
    from sharewise.costs import CostTable

    settings = run.settings
    backbone = backbone_from(part(settings, "backbone", run))
    with progress("Making the data") as show:
        data = data_from(part(part(settings, "data", run), "settings", run), show)
    table = CostTable.measure(backbone.at(data.input_shape), data.tasks)
    both = table.of(architecture), table.of(fully_shared(architecture))
    use = architecture.use if architecture.partitions else None
    value |= cost_json(*both, use=use)
    return cost_table(*both, use=use)


def _write_svg(path: Path, architecture: Architecture, run: Run | None) -> None:
    """The tree; where the backbone can be made again, bars are as wide as their parameters."""
    from sharewise.report import draw_tree_svg

    names, costs = None, None
    if run is not None:
        from sharewise.costs import stage_costs

        with suppress(InputError):  # a backbone of the user's own has neither here
            backbone = backbone_from(part(run.settings, "backbone", run))
            names = [stage.name for stage in backbone.stages]
            costs = [each.params for each in stage_costs(backbone)]
    write_atomic(path, draw_tree_svg(architecture, stage_names=names, costs=costs))
