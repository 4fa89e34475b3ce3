"""One training of one network, in a folder of its own, and of the network that it starts from."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sharewise.architecture import Architecture
from sharewise.backbones import Backbone
from sharewise.costs import CostTable
from sharewise.data import TaskData
from sharewise.errors import FormatError
from sharewise.evaluators import Initial, begin, train_shared
from sharewise.runs import Run, read_json, write_json
from sharewise.scores import Scores
from sharewise.training import TrainSettings, evaluate, one_thread, train

_FORMAT = 1
Epoch = dict[str, Any]
"""What train() reports after an epoch."""
Notice = Callable[[Epoch], None]


@dataclasses.dataclass(frozen=True)
class Terms:
    """What all jobs of a comparison have in common.

    initial: where networks start, unless `shared` says how the network of a seed is trained that
        those of the seed start from; `starts` holds these, once they are.
    """

    backbone: Backbone
    data: TaskData
    train: TrainSettings
    device: str
    initial: Initial | None = None
    shared: TrainSettings | None = None
    starts: Mapping[int, Initial] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Start:
    """The network of a seed that shares everything, from whose weights the seed's jobs start."""

    name = "the start of all"

    seed: int
    settings: TrainSettings
    folder: Path | None

    def epochs(self, terms: Terms) -> int:
        return self.settings.epochs

    def perform(self, terms: Terms, *, notice: Notice) -> Initial:
        """Train it from where the folder stands; at once if that is the end.

        Raises:
            InputError, DataError, TrainingError, RunError: as `train`.
        """
        return train_shared(
            terms.backbone,
            terms.data,
            settings=self.settings,
            seed=self.seed,
            run=self.folder,
            device=terms.device,
            progress=notice,
        )


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

    def epochs(self, terms: Terms) -> int:
        return terms.train.epochs

    def perform(self, terms: Terms, *, notice: Notice) -> Result:
        """Train from where the folder stands, then look at the test split, once.

        Computes with one torch thread: sums that are split over threads are rounded otherwise, and
        the scores of a comparison must not depend on where its jobs run.

        Raises:
            TrainingError: A loss is NaN or infinite; what finished before is kept.
            InputError, DataError, RunError: as `train` and `evaluate`.
        """
        initial = terms.starts.get(self.seed, terms.initial)
        with one_thread():
            network = begin(
                self.architecture,
                terms.backbone,
                terms.data.tasks,
                initial=initial,
                seed=self.seed,
            )
            val = train(
                network,
                terms.data,
                settings=terms.train,
                seed=self.seed,
                run=self.folder,
                resume=True,
                device=terms.device,
                progress=notice,
            )
            size = terms.train.batch_size
            test = evaluate(network, terms.data, "test", batch_size=size, device=terms.device)
        if self.folder is not None:
            scores = {"format": _FORMAT, "split": "test", "scores": test}
            write_json(_test_path(self.folder), scores)
            # Three times the network's size, and nothing will resume from it any more.
            shutil.rmtree(Run(self.folder).checkpoint, ignore_errors=True)
        return Result(val=val, test=test)


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
    if terms.shared is not None:  # with the seed this says all: its weights come later
        settings["shared"] = terms.shared.to_dict()
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
