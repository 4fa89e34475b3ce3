"""sharewise search."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sharewise.cli._backbone_words import check_backbone, read_backbone
from sharewise.cli._data_words import default_backbone, read_data
from sharewise.cli._options import (
    AsJson,
    BackboneWord,
    BatchSize,
    Device,
    Epochs,
    LearningRate,
    Seed,
)
from sharewise.cli._print import cost_json, cost_table, emit
from sharewise.cli._progress import progress
from sharewise.cli._settings import read_settings
from sharewise.errors import InputError
from sharewise.evaluation import Budget

METHODS = ("branching",)


def search(  # noqa: PLR0913 - a command's arguments are its options
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="glyphs or planted, with options such as glyphs:variants=2 or"
            " planted:groups=4+4; `sharewise data` lists them.",
            show_default=False,
        ),
    ],
    method: Annotated[str, typer.Option(help="branching.")] = "branching",
    backbone: BackboneWord = None,
    budget: Annotated[
        str,
        typer.Option(
            help="Bounds joined by commas: params=1.5x and macs=2x (times the fully shared"
            " network), params_m (millions), macs_g (giga), latency_ms."
        ),
    ] = "macs=1.5x",
    run: Annotated[
        Path | None,
        typer.Option(help="The run's folder; runs/DATA-SEED by default.", show_default=False),
    ] = None,
    seed: Seed = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the search in the run's folder.")
    ] = False,
    epochs: Epochs = None,
    initialisations: Annotated[
        int | None,
        typer.Option(min=1, help="Supernets trained side by side.", show_default=False),
    ] = None,
    batch_size: BatchSize = None,
    lr: LearningRate = None,
    more: Annotated[
        str | None,
        typer.Option("--set", help="More settings: name=value,name=value.", show_default=False),
    ] = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Search the tree of branches that fits the budget best."""
    check_method(method)
    bounds = Budget.parse(budget)
    make_data = read_data(data)
    if backbone is not None:
        check_backbone(backbone)
    from sharewise.search import SearchSettings, search_branching

    settings = read_settings(
        SearchSettings,
        more,
        epochs=epochs,
        initialisations=initialisations,
        batch_size=batch_size,
        lr=lr,
    )
    with progress(f"Making {data}"):
        task_data = make_data()
    chosen = read_backbone(backbone or default_backbone(task_data), task_data.input_shape)
    folder = run or Path("runs") / f"{task_data.name}-{seed}"
    with progress(f"Searching {folder}") as show:
        result = search_branching(
            chosen,
            task_data,
            budget=bounds,
            settings=settings,
            seed=seed,
            run=folder,
            resume=resume,
            device=device,
            progress=show,
        )
    emit(
        {
            "run": str(folder),
            "architecture": result.architecture.to_dict(),
            "num_branches": list(result.architecture.num_branches),
            "budget": bounds.to_dict(),
            "seed": seed,
            **cost_json(result.cost, result.shared_cost),
        },
        result.architecture.draw(),
        "",
        cost_table(result.cost, result.shared_cost),
        "",
        f"Budget: {bounds}. Run folder: {folder}. Next: sharewise compare {folder}",
        as_json=as_json,
    )


def check_method(method: str) -> None:
    """Raises InputError for a method that this version does not have."""
    if method not in METHODS:
        raise InputError(
            rule=f"A search method is one of {', '.join(METHODS)}.",
            found=repr(method),
            fix="Leave --method out.",
        )
