"""One training of one network, in a folder of its own."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sharewise.architecture import Architecture
from sharewise.backbones import Backbone
from sharewise.costs import CostTable
from sharewise.data import TaskData
from sharewise.errors import FormatError
from sharewise.evaluators import Initial
from sharewise.networks import build
from sharewise.runs import Run, read_json, write_json
from sharewise.scores import Scores
from sharewise.training import TrainSettings, evaluate, one_thread, train

_FORMAT = 1
Epoch = dict[str, Any]
"""What train() reports after an epoch."""


@dataclasses.dataclass(frozen=True)
class Terms:
    """What all jobs of a comparison have in common."""

    backbone: Backbone
    data: TaskData
    train: TrainSettings
    device: str
    initial: Initial | None = None


@dataclasses.dataclass(frozen=True)
class Job:
    """An architecture to be trained from one seed.

    `name` is for people: the rows that wait for it. `folder` keeps it; None keeps nothing.
    """

    name: str
    architecture: Architecture
    seed: int
    folder: Path | None

    @property
    def key(self) -> tuple[Architecture, int]:
        return self.architecture, self.seed


@dataclasses.dataclass(frozen=True)
class Result:
    """The scores of the weights that the validation split selected."""

    val: Scores
    test: Scores


def open_folder(job: Job, terms: Terms, table: CostTable) -> None:
    """Make the job's folder, or check that the one there is of the same job.

    Raises:
        RunError: It is of another backbone, other data or other train settings (shows both sides
            of what differs), or the disk refuses.
    """
    if job.folder is None:
        return
    stages = zip(terms.backbone.stages, table.stages, strict=True)
    settings = {
        "format": _FORMAT,
        "kind": "job",
        "architecture": job.architecture.to_dict(),
        # The costs of the stages: a backbone of the user's own may have no settings.
        "backbone": {
            "name": terms.backbone.name,
            "input_shape": list(terms.backbone.input_shape),
            "settings": dict(terms.backbone.settings),
            "stages": [[stage.name, cost.params, cost.macs] for stage, cost in stages],
        },
        "data": {"name": terms.data.name, "fingerprint": terms.data.fingerprint},
        "train": terms.train.to_dict(),
        "seed": job.seed,
    }
    if terms.initial is not None:
        settings["initial"] = {"task": terms.initial.source, "weights": terms.initial.digest}
    Run.start(job.folder, settings, resume=True)


def finished(job: Job) -> Result | None:
    """The scores of a job that is complete; None where something is left to do.

    Raises:
        FormatError: A file of scores is broken.
    """
    if job.folder is None or not _test_path(job.folder).exists():
        return None
    return Result(
        val=_read_scores(Run(job.folder).scores), test=_read_scores(_test_path(job.folder))
    )


def perform(job: Job, terms: Terms, *, notice: Callable[[Epoch], None]) -> Result:
    """Train from where the folder stands, then look at the test split, once.

    Computes with one torch thread: sums that are split over threads are rounded otherwise, and the
    scores of a comparison must not depend on where its jobs run.

    Raises:
        TrainingError: A loss is NaN or infinite; what finished before is kept.
        InputError, DataError, RunError: as `train` and `evaluate`.
    """
    with one_thread():
        start = build if terms.initial is None else terms.initial.start
        network = start(job.architecture, terms.backbone, terms.data.tasks, seed=job.seed)
        val = train(
            network,
            terms.data,
            settings=terms.train,
            seed=job.seed,
            run=job.folder,
            resume=True,
            device=terms.device,
            progress=notice,
        )
        size = terms.train.batch_size
        test = evaluate(network, terms.data, "test", batch_size=size, device=terms.device)
    if job.folder is not None:
        write_json(_test_path(job.folder), {"format": _FORMAT, "split": "test", "scores": test})
        # Three times the network's size, and nothing will resume from it any more.
        shutil.rmtree(Run(job.folder).checkpoint, ignore_errors=True)
    return Result(val=val, test=test)


def _test_path(folder: Path) -> Path:
    return folder / "test.json"


def _read_scores(path: Path) -> Scores:
    value = read_json(path)
    try:
        return {
            task: {metric: float(figure) for metric, figure in figures.items()}
            for task, figures in value["scores"].items()
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise FormatError(
            rule="A file of scores holds a number for every task and metric.",
            found=f"{type(error).__name__}: {error} in {path}",
            fix=f"Remove the folder {path.parent} to train this network again.",
        ) from error
