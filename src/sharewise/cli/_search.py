"""sharewise search."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from sharewise.cli import _search_branching, _search_partitioning
from sharewise.cli._asked import Asked
from sharewise.cli._backbone_words import check_backbone
from sharewise.cli._data_words import read_data, word_of
from sharewise.cli._dense_words import DENSE_BUDGET, MADE_BUDGET
from sharewise.cli._folder_words import said_columns
from sharewise.cli._options import (
    AsJson,
    BackboneWord,
    ColumnTypes,
    Device,
    InputColumns,
    Quick,
    Seed,
    SplitColumn,
)
from sharewise.errors import InputError
from sharewise.evaluation import Budget


@dataclass(frozen=True)
class Method:
    """A way to search: its default budget, the options that only it has, and the search."""

    budget: str
    options: tuple[str, ...]
    search: Callable[[Asked], None]


METHODS: Mapping[str, Method] = {
    "branching": Method(
        _search_branching.BUDGET, _search_branching.OPTIONS, _search_branching.branching
    ),
    "partitioning": Method(
        _search_partitioning.BUDGET,
        _search_partitioning.OPTIONS,
        _search_partitioning.partitioning,
    ),
}


def _option(panel: str, text: str, least: int | None = None) -> Any:
    """An option of one method alone; None where it is not given."""
    return typer.Option(min=least, help=text, show_default=False, rich_help_panel=panel)


_of_branching = partial(_option, "With --method branching")
_of_partitioning = partial(_option, "With --method partitioning")


def search(  # noqa: PLR0913 - a command's arguments are its options
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="A folder of yours with labels.csv; or a name such as glyphs, also with options as"
            " in glyphs:variants=2: `sharewise data` lists them.",
            show_default=False,
        ),
    ],
    method: Annotated[
        str,
        typer.Option(
            help="branching: which tasks share which stages. partitioning: which tasks use and"
            " update which channels."
        ),
    ] = "branching",
    inputs: InputColumns = None,
    types: ColumnTypes = None,
    split: SplitColumn = None,
    backbone: BackboneWord = None,
    budget: Annotated[
        str | None,
        typer.Option(
            help="Bounds joined by commas: params=1.5x and macs=2x (times the fully shared"
            " network), params_m (millions), macs_g (giga), latency_ms (branching), use=0.5"
            " (partitioning: the share of channels that a task uses, in the mean) and task_use=0.5"
            " (the same of each task)."
            f" Default: {_search_branching.BUDGET} ({DENSE_BUDGET} for qm9 and answers for each"
            f" pixel, {MADE_BUDGET} for scenes and doom), or {_search_partitioning.BUDGET}.",
            show_default=False,
        ),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(
            help="The run's folder; runs/DATA-SEED by default, or runs/DATA-partitioning-SEED.",
            show_default=False,
        ),
    ] = None,
    seed: Seed = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the search in the run's folder.")
    ] = False,
    quick: Quick = False,
    epochs: Annotated[int | None, _of_branching("Passes over the train split.", least=1)] = None,
    initialisations: Annotated[
        int | None, _of_branching("Supernets trained side by side.", least=1)
    ] = None,
    batch_size: Annotated[int | None, _of_branching("Samples a step.", least=1)] = None,
    lr: Annotated[float | None, _of_branching("Adam's learning rate.")] = None,
    evaluations: Annotated[
        int | None, _of_partitioning("Partitions that are tried.", least=1)
    ] = None,
    stages: Annotated[
        str | None,
        _of_partitioning(
            "Stages whose channels are divided, joined by commas. Default: the last that can be."
        ),
    ] = None,
    strategy: Annotated[str | None, _of_partitioning("evolution (the default) or random.")] = None,
    workers: Annotated[
        int | None,
        _of_partitioning(
            "Processes that try partitions side by side, to the same result. Default: as many as"
            " processors.",
            least=1,
        ),
    ] = None,
    more: Annotated[
        str | None,
        typer.Option(
            "--set",
            help="More settings: nodes=3,gate_lr=0.1 or distil.steps=300,initial.epochs=4, say.",
            show_default=False,
        ),
    ] = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Search what tasks share, inside a budget: the tree of branches, or channels of layers."""
    own = {
        "epochs": epochs,
        "initialisations": initialisations,
        "batch_size": batch_size,
        "lr": lr,
        "evaluations": evaluations,
        "stages": stages,
        "strategy": strategy,
        "workers": workers,
    }
    way = check_method(method)
    _refuse_others(method, own)
    said = said_columns(inputs, types, split)
    read_data(data, said)
    bounds = Budget.parse(_usual_budget(method, data, said) if budget is None else budget)
    if backbone is not None:
        check_backbone(backbone)
    way.search(
        Asked(
            data=data,
            said=said,
            backbone=backbone,
            budget=bounds,
            run=run,
            seed=seed,
            resume=resume,
            quick=quick,
            device=device,
            more=more,
            own={name: own[name] for name in way.options},
            as_json=as_json,
        )
    )


def _usual_budget(method: str, data: str, said: Mapping[str, Any]) -> str:
    word, options = word_of(data)
    own = word.budget({**options, **said}) if method == "branching" else None
    return own or METHODS[method].budget


def check_method(method: str) -> Method:
    """The method of a word; InputError for one that this version does not have."""
    if method not in METHODS:
        raise InputError(
            rule=f"A search method is one of {', '.join(METHODS)}.",
            found=repr(method),
            fix=f"Write one of these; without --method it is {next(iter(METHODS))}.",
        )
    return METHODS[method]


def _refuse_others(method: str, given: Mapping[str, Any]) -> None:
    """Raises InputError for an option that belongs to another method."""
    for name, value in given.items():
        if value is None or name in METHODS[method].options:
            continue
        (other,) = (each for each, way in METHODS.items() if name in way.options)
        flags = ", ".join(map(_flag, METHODS[method].options))
        raise InputError(
            rule=f"{_flag(name)} is an option of --method {other}.",
            found=f"it with --method {method}",
            fix=f"Leave it out: {method} has {flags}, and --set for more.",
        )


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
