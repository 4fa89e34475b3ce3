"""sharewise compare."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from sharewise.architecture import Architecture
from sharewise.cli._folders import COMPARISON, forget, or_afresh
from sharewise.cli._options import (
    AsJson,
    BatchSize,
    Device,
    Epochs,
    FromScratch,
    LearningRate,
    Quick,
    RunFolder,
    Turns,
)
from sharewise.cli._print import emit
from sharewise.cli._progress import progress
from sharewise.cli._quick import COMPARE, COMPARE_SEEDS, Sizes
from sharewise.cli._rebuild import Searched, load_architecture, rebuild, training_sizes
from sharewise.cli._settings import read_settings
from sharewise.errors import InputError

SEEDS = 3
PUBLISHED = "published"
"""The row of the tree published for Taskonomy."""


def compare(  # noqa: PLR0913 - a command's arguments are its options
    run: RunFolder,
    seeds: Annotated[
        int | None,
        typer.Option(
            min=1,
            help=f"Trainings of each network: seeds 0, 1, .. Default: {SEEDS}.",
            show_default=False,
        ),
    ] = None,
    quick: Quick = False,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    lr: LearningRate = None,
    turns: Turns = None,
    from_scratch: FromScratch = False,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Processes that train side by side; as many as processors by default. They change"
            " no score.",
            show_default=False,
        ),
    ] = None,
    beside: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=ARCH.json",
            help="A further architecture to train, and the name of its row. May be given several"
            " times.",
            show_default=False,
        ),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Forget an earlier comparison of this run.")
    ] = False,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Train the found, the fully shared, the independent and random networks alike.

    All have the same settings and seeds; random ones keep to the same budget. After a partitioning
    search all start from its common initialisation; where finalists of a branching search started
    from a network that shares everything, all start from such a one, with each seed. Taskonomy's
    five tasks on a ResNet are also trained as the tree that was published for them. A killed
    comparison goes on where it was.
    """
    from sharewise.baselines import CompareSettings, comparison_table
    from sharewise.baselines import compare as compare_networks
    from sharewise.runs import cores
    from sharewise.training import TrainSettings

    named = read_beside(beside or ())
    with progress(f"Making the data of {run}") as show:
        searched = rebuild(run, show, from_scratch=from_scratch)
    sizes: Sizes = COMPARE if quick else {}
    training = read_settings(
        TrainSettings,
        sizes={**training_sizes(searched), **sizes},
        epochs=epochs,
        batch_size=batch_size,
        lr=lr,
        turns=turns,
    )
    count = seeds or (COMPARE_SEEDS if quick else SEEDS)
    shared = None
    if searched.finalists is not None:
        shared = dataclasses.replace(searched.finalists[0], **sizes)
    settings = CompareSettings(
        seeds=tuple(range(count)), train=training, shared=shared, workers=workers or cores()
    )
    if fresh:
        forget(run / COMPARISON)
    with (
        progress(f"Comparing {run}") as show,
        or_afresh(f"sharewise compare {run} --fresh"),
    ):
        comparison = compare_networks(
            searched.architecture,
            searched.backbone,
            searched.data,
            budget=searched.budget,
            settings=settings,
            initial=searched.initial,
            others={**known_trees(searched), **named},
            run=run,
            device=device,
            progress=show,
        )
    emit(
        {"run": str(run), **comparison.to_dict()},
        comparison_table(comparison),
        "",
        f"Comparison: {searched.run.comparison}. Next: sharewise report {run}",
        as_json=as_json,
    )


def read_beside(texts: Sequence[str]) -> dict[str, Architecture]:
    """{name: architecture} of words such as mine=tree.json.

    Raises:
        InputError: A word without a name or a file, or two of one name.
        FormatError, OSError: A file that cannot be read.
    """
    found: dict[str, Architecture] = {}
    for text in texts:
        name, _, path = text.partition("=")
        if not name or not path or name in found:
            raise InputError(
                rule="An architecture to compare with is given as NAME=ARCH.json, each with a name"
                " of its own.",
                found=f"--beside {text}" + (" after another of this name" if name in found else ""),
                fix="Write --beside mine=tree.json, for example.",
            )
        found[name] = load_architecture(Path(path))
    return found


def known_trees(searched: Searched) -> dict[str, Architecture]:
    """The tree published for Taskonomy, where the run has its tasks and a ResNet's stages."""
    from sharewise.spaces import taskonomy_tree

    stages = [stage.name for stage in searched.backbone.stages]
    tree = taskonomy_tree(searched.architecture.tasks, stages)
    return {} if tree is None else {PUBLISHED: tree}
