"""sharewise compare."""

from __future__ import annotations

from typing import Annotated

import typer

from sharewise.cli._folders import COMPARISON, forget, or_afresh
from sharewise.cli._options import AsJson, BatchSize, Device, Epochs, LearningRate, RunFolder
from sharewise.cli._print import emit
from sharewise.cli._progress import progress
from sharewise.cli._rebuild import rebuild
from sharewise.cli._settings import read_settings


def compare(  # noqa: PLR0913 - a command's arguments are its options
    run: RunFolder,
    seeds: Annotated[
        int, typer.Option(min=1, help="Trainings of each network: seeds 0, 1, ..")
    ] = 3,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    lr: LearningRate = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that train side by side.")] = 1,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Forget an earlier comparison of this run.")
    ] = False,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Retrain the found, the fully shared, the independent and random networks alike.

    All have the same settings and seeds; random trees keep to the same budget. A killed comparison
    goes on where it was.
    """
    from sharewise.baselines import CompareSettings, comparison_table
    from sharewise.baselines import compare as compare_networks
    from sharewise.training import TrainSettings

    training = read_settings(TrainSettings, epochs=epochs, batch_size=batch_size, lr=lr)
    settings = CompareSettings(seeds=tuple(range(seeds)), train=training, workers=workers)
    with progress(f"Making the data of {run}"):
        searched = rebuild(run)
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
