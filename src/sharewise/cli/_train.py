"""sharewise train."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sharewise.cli._folders import TRAINING, forget, or_afresh
from sharewise.cli._options import (
    AsJson,
    BatchSize,
    Device,
    Epochs,
    FromScratch,
    LearningRate,
    RunFolder,
    Seed,
    Turns,
)
from sharewise.cli._print import emit, scores_table
from sharewise.cli._progress import progress
from sharewise.cli._rebuild import rebuild, training_sizes
from sharewise.cli._settings import read_settings
from sharewise.runs import Run, write_atomic


def train(  # noqa: PLR0913 - a command's arguments are its options
    run: RunFolder,
    seed: Seed = 0,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    lr: LearningRate = None,
    turns: Turns = None,
    from_scratch: FromScratch = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Forget an earlier training of this run.")
    ] = False,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Train the architecture that a search found.

    After a branching search from scratch, or where finalists of the search started from a network
    that shares everything, from such a one, trained first; after a partitioning search from the
    common initialisation of its run. The training lies in RUN/training, and goes on there when it
    was interrupted. Its weights and validation scores are RUN/network.safetensors and
    RUN/scores.json.
    """
    from sharewise.evaluators import begin, train_shared
    from sharewise.training import TrainSettings
    from sharewise.training import train as train_network

    with progress(f"Making the data of {run}") as show:
        searched = rebuild(run, show, from_scratch=from_scratch)
    settings = read_settings(
        TrainSettings,
        sizes=training_sizes(searched),
        epochs=epochs,
        batch_size=batch_size,
        lr=lr,
        turns=turns,
    )
    initial, folder = searched.initial, run / TRAINING
    if fresh:
        forget(folder)
    with progress(f"Training {run}") as show, or_afresh(f"sharewise train {run} --fresh"):
        if searched.finalists is not None:
            initial = train_shared(
                searched.backbone,
                searched.data,
                settings=searched.finalists[0],
                seed=seed,
                run=folder / "shared",
                device=device,
                progress=show,
            )
        tasks = searched.data.tasks
        network = begin(searched.architecture, searched.backbone, tasks, initial=initial, seed=seed)
        # train() itself does not ask where a network came from.
        start = None if initial is None else {"task": initial.source, "weights": initial.digest}
        Run.start(folder, {"format": 1, "kind": "training", "initial": start}, resume=True)
        scores = train_network(
            network,
            searched.data,
            settings=settings,
            seed=seed,
            run=folder,
            resume=True,
            device=device,
            progress=show,
        )
    _copy(folder, searched.run)
    emit(
        {
            "run": str(run),
            "split": "val",
            "scores": scores,
            "seed": seed,
            "settings": settings.to_dict(),
            "network": str(searched.run.network),
        },
        scores_table(scores, split="validation"),
        "",
        f"Weights: {searched.run.network}. Next: sharewise export {run} --to onnx",
        as_json=as_json,
    )


def _copy(folder: Path, run: Run) -> None:
    """The weights, then the scores, to where a run has them."""
    trained = Run(folder)
    write_atomic(run.network, trained.network.read_bytes())
    write_atomic(run.scores, trained.scores.read_bytes())
