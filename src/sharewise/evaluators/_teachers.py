"""Teachers: one trained network a task, whose features the students learn to give."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from sharewise.backbones import Backbone, Stage, make_on_meta
from sharewise.data import OnlyTask, TaskData
from sharewise.errors import InputError
from sharewise.evaluators._initial import Initial, single_task, weights_digest
from sharewise.networks import Network, PartitionedBranch
from sharewise.runs import Run
from sharewise.training import TrainSettings, one_thread, train

_FORMAT = 1
Progress = Callable[[dict[str, Any]], None]


@dataclasses.dataclass(frozen=True)
class Teachers:
    """A trained network for each task.

    `first` is counted from 0: the first stage that students have for themselves. What a teacher
    gives to that stage is the student's input.

    Raises:
        InputError: a teacher that runs another task, or has stages other than the backbone's.
    """

    networks: Mapping[str, Network]
    first: int
    backbone: Backbone

    def __post_init__(self) -> None:
        for task, network in self.networks.items():
            _check_teacher(task, network, self.backbone)

    @property
    def heads(self) -> dict[str, nn.Module]:
        """{task: head}."""
        return {task: network.heads[task] for task, network in self.networks.items()}

    @property
    def digests(self) -> dict[str, str]:
        """{task: a short name of the weights}."""
        return {task: weights_digest(each) for task, each in sorted(self.networks.items())}

    def closing_norms(self) -> dict[str, dict[str, dict[str, Tensor]]]:
        """{task: {norm of the last stage: its state}} for norms outside of blocks.

        No loss on blocks reaches a norm that follows the last of them, as in a ResNet-26: it
        belongs to what reads the features, together with the head.
        """
        return {task: _closing(network.branches[-1]) for task, network in self.networks.items()}


def train_teachers(  # noqa: PLR0913 - what train() takes, the initialisation and the executor
    initial: Initial,
    backbone: Backbone,
    data: TaskData,
    *,
    first: int,
    freeze_below: bool = False,
    settings: TrainSettings,
    seed: int = 0,
    run: Path | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Teachers:
    """Fine-tune the common initialisation for each task alone (Newell et al. 2019, released code).

    With `freeze_below` (the source's way) the weights of stages below `first` stay as they are;
    their norms, the later stages and the head are trained. Without it everything is.

    Teachers that the run has finished are read. Every teacher is trained with one torch thread on
    the CPU, so that it is the same wherever it is trained.

    Raises:
        InputError: an executor of threads.
        DataError, TrainingError: as `train`.
        RunError: as `train`; also where the run holds teachers from another initialisation.
    """
    check_executor(executor)
    frozen = first if freeze_below else 0
    jobs = {}
    for task in sorted(each.name for each in data.tasks):
        place = None if run is None else run / task
        given = (initial, backbone, OnlyTask(data, task), frozen, settings, seed, place)
        jobs[task] = given if executor is None else executor.submit(train_teacher, *given)
    networks = {}
    for done, (task, job) in enumerate(jobs.items()):
        if progress is not None:
            progress({"part": "teachers", "done": done, "jobs": len(jobs), "job": task})
        networks[task] = train_teacher(*job) if isinstance(job, tuple) else job.result()
    return Teachers(networks, first, backbone)


def train_teacher(
    initial: Initial,
    backbone: Backbone,
    data: OnlyTask,
    frozen: int,
    settings: TrainSettings,
    seed: int,
    run: Path | None,
) -> Network:
    """The teacher of the one task that the data have, `frozen` stages as in `initial`."""
    task = data.tasks[0].name
    if run is not None:  # train() itself does not ask where a network came from
        start = {"task": initial.source, "weights": initial.digest}
        settings_of = {"format": _FORMAT, "kind": "teacher", "initial": start, "frozen": frozen}
        Run.start(run, settings_of, resume=True)
    network = initial.start(single_task(task, backbone), backbone, data.tasks, seed=seed)
    for branch in network.branches[:frozen]:
        freeze_weights(branch)
    with one_thread():
        train(network, data, settings=settings, seed=seed, run=run, resume=True, device="cpu")
    return network


def freeze_weights(branch: nn.Module) -> None:
    """Keep every weight of a branch as it is, except those of its norms."""
    norms = [part for part in branch.modules() if isinstance(part, _BatchNorm)]
    trained = {id(each) for norm in norms for each in norm.parameters()}
    for parameter in branch.parameters():
        parameter.requires_grad_(id(parameter) in trained)


def check_executor(executor: Executor | None) -> None:
    """Refuse (InputError) threads: torch's random state and number of threads are the process's."""
    if isinstance(executor, ThreadPoolExecutor):
        raise InputError(
            rule="Teachers and candidates are computed here or in other processes, for threads"
            " share torch's random state.",
            found=type(executor).__name__,
            fix="Give a ProcessPoolExecutor that spawns, or None.",
        )


def _closing(branch: nn.Module) -> dict[str, dict[str, Tensor]]:
    if not isinstance(branch, PartitionedBranch):
        return {}
    return {
        name: norm.plain(branch.tasks[0])
        for name, norm in branch.task_norms().items()
        if branch.blocks and not name.startswith(tuple(f"{block}." for block in branch.blocks))
    }


def _check_teacher(task: str, network: Network, backbone: Backbone) -> None:
    if not isinstance(network, Network):
        raise InputError(
            rule="A teacher is a network of sharewise's, for its stages are told apart.",
            found=f"{type(network).__name__} for task '{task}'",
            fix="Train it with train_teacher, or build it and load its weights.",
        )
    fits = network.tasks == (task,) and len(network.branches) == backbone.num_stages
    if fits and all(isinstance(branch, PartitionedBranch) for branch in network.branches):
        stages = zip(network.branches, backbone.stages, strict=True)
        fits = all(
            branch.whole_shapes() == _shapes(stage)
            for branch, stage in stages
            if isinstance(branch, PartitionedBranch)
        )
    else:
        fits = False
    if not fits:
        raise InputError(
            rule="A teacher is a network of its one task with the stages of the backbone.",
            found=f"a teacher for '{task}' with tasks {list(network.tasks)},"
            f" {len(network.branches)} stages, of shapes other than backbone '{backbone.name}'",
            fix="Train it with train_teacher, or build(Architecture.partitioned((task,),"
            " [Partition()] * backbone.num_stages), backbone, tasks).",
        )


def _shapes(stage: Stage) -> dict[str, tuple[int, ...]]:
    module = make_on_meta(stage.make, subject=f"stage '{stage.name}'")
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
