"""Feature distillation: how well a partition could do, long before it is trained."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from sharewise.architecture import Architecture
from sharewise.backbones import Backbone
from sharewise.data import generator
from sharewise.errors import InputError
from sharewise.evaluators._evaluation import Evaluation
from sharewise.evaluators._features import Features
from sharewise.evaluators._initial import Initial
from sharewise.evaluators._settings import DistilSettings
from sharewise.evaluators._teachers import Teachers
from sharewise.networks import PartitionedBranch
from sharewise.tasks import Task
from sharewise.training import one_thread, seeded

CPU = torch.device("cpu")
VAL_BATCH = 128
ADAM_BETA2 = 0.95
BOUNDS = {"accuracy": (0.0, 2.0), "loss": (0.0, 10.0), "features": (-100.0, 1.0)}
"""Of each measure. So a task whose teacher is nearly always wrong does not outweigh all others,
and a student whose numbers ran away (NaN) is the worst there can be."""


@dataclasses.dataclass(frozen=True)
class Distilled:
    """Judges partitions by feature distillation (Newell et al. 2019, released code).

    A student has the candidate's stages from `first` on, starting from the common initialisation.
    Its input is what the task's teacher gives to stage `first`; from there its own features flow
    on, and the outputs of its blocks are drawn to the teacher's by their mean squared distance.
    Then its features are read through the teacher's head, which is frozen, and through the norms
    that close the teacher's last stage (`Teachers.closing_norms`).

    Deviations: teacher features are computed once and stored (`Features`) for a part of the
    samples; by default batches are larger, steps fewer and Adam's (`DistilSettings`); the student's
    unused channels are not computed (masks after the norm, `networks.PartitionedBranch`).

    Evaluations are computed with one torch thread on the CPU, and are the same in each process.
    """

    backbone: Backbone
    tasks: tuple[Task, ...]
    initial: Initial
    heads: Mapping[str, nn.Module]
    closing: Mapping[str, Mapping[str, Mapping[str, Tensor]]]
    features: Features
    first: int
    settings: DistilSettings

    @classmethod
    def of(
        cls,
        teachers: Teachers,
        *,
        tasks: Sequence[Task],
        initial: Initial,
        features: Features,
        settings: DistilSettings,
    ) -> Distilled:
        """Judges by what these teachers say: `features` are theirs."""
        return cls(
            backbone=teachers.backbone,
            tasks=tuple(tasks),
            initial=initial,
            heads=teachers.heads,
            closing=teachers.closing_norms(),
            features=features,
            first=teachers.first,
            settings=settings,
        )

    def unstopped(self) -> Distilled:
        """The same judge, which runs every candidate to the last step (`settings.halvings` = 0)."""
        whole = dataclasses.replace(self.settings, halvings=0)
        return dataclasses.replace(self, settings=whole)

    def evaluate(
        self, architectures: Sequence[Architecture], *, seed: int
    ) -> tuple[Evaluation, ...]:
        """One evaluation for each architecture, in their order; all see the same batches.

        With `settings.halvings` the worse half of those that are left is stopped at each of so many
        equal parts of the steps; their evaluations say so, and are those of that step.

        Raises:
            InputError: an architecture that is no chain of partitioned stages, or one that divides
                channels before stage `first`, where students have nothing.
        """
        for head in self.heads.values():
            head.eval()  # a teacher that was read and not run is still in the mode of training
        with one_thread():
            students = [Student(architecture, self) for architecture in architectures]
            running, ended = list(students), dict[int, Evaluation]()
            rungs = self._rungs()
            for step, (task, inputs, targets) in enumerate(self.batches(seed), start=1):
                for student in running:
                    with seeded(CPU, seed=seed, epoch=step):  # for dropout: alike for all
                        student.learn(task, inputs, targets, step=step)
                if step in rungs and len(running) > 1:
                    found = {id(s): s.judge(steps=step, stopped=True) for s in running}
                    running.sort(key=lambda student: -found[id(student)].score)
                    keep = (len(running) + 1) // 2
                    ended |= {id(student): found[id(student)] for student in running[keep:]}
                    running = running[:keep]
            ended |= {id(s): s.judge(steps=self.settings.steps) for s in running}
        return tuple(ended[id(student)] for student in students)

    def _rungs(self) -> set[int]:
        parts = self.settings.halvings + 1
        return {self.settings.steps * part // parts for part in range(1, parts)}

    def batches(self, seed: int) -> Iterator[tuple[str, Tensor, list[Tensor]]]:
        """(task, inputs, the teacher's block outputs) of each step, the tasks in turn."""
        names = self.features.tasks
        orders = {task: self._ids(task, seed) for task in names}
        blocks = self.features.blocks(names[0])
        for step in range(self.settings.steps):
            task = names[step % len(names)]
            ids = next(orders[task])
            targets = [self.features.tensor(task, f"block{i}", ids) for i in range(blocks)]
            yield task, self.features.tensor(task, "inputs", ids), targets

    def _ids(self, task: str, seed: int) -> Iterator[np.ndarray[Any, Any]]:
        """Sample numbers of one batch after another, in passes of random order."""
        samples = len(self.features.array(task, "inputs"))
        size = min(self.settings.batch_size, samples)
        chance = generator(seed, "distil", task)
        while True:
            order = torch.randperm(samples, generator=chance).numpy()
            for start in range(0, samples - size + 1, size):
                yield np.sort(order[start : start + size])  # sorted: quicker on mapped files


class Student:
    """One candidate while it is distilled."""

    def __init__(self, architecture: Architecture, terms: Distilled) -> None:
        _check_chain(architecture, terms.first)
        network = terms.initial.start(architecture, terms.backbone, terms.tasks)
        self._branches = tuple(network.branches[terms.first :])  # one a stage: a chain
        _take_over(self._branches[-1], terms.closing)
        self._terms = terms
        weights = [each for branch in self._branches for each in branch.parameters()]
        self._optimiser = _optimiser(weights, terms.settings)

    def learn(self, task: str, inputs: Tensor, targets: Sequence[Tensor], *, step: int) -> None:
        """One step towards the teacher's blocks: mean squared distance over all their numbers."""
        settings = self._terms.settings
        if step == settings.steps * 2 // 3 + 1:
            for group in self._optimiser.param_groups:
                group["lr"] = settings.lr / 10
        for branch in self._branches:
            branch.train()
        _, blocks = self._run(task, inputs)
        self._optimiser.zero_grad(set_to_none=True)
        _distance(blocks, targets).backward()
        self._optimiser.step()

    @torch.no_grad()
    def judge(self, *, steps: int, stopped: bool = False) -> Evaluation:
        """Read the features through the teachers' heads on validation samples."""
        for branch in self._branches:
            branch.eval()
        measures = {task.name: self._measure(task) for task in self._terms.tasks}
        by_name = {
            name: {task: found[name] for task, found in sorted(measures.items())}
            for name in ("accuracy", "loss", "features")
        }
        return Evaluation(by_name[self._terms.settings.score], steps, stopped, by_name)

    def _run(self, task: str, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        blocks: list[Tensor] = []
        for branch in self._branches:
            x, found = branch.forward_blocks(x, task)  # type: ignore[operator]
            blocks += found
        return x, blocks

    def _measure(self, task: Task) -> dict[str, float]:
        features, name = self._terms.features, task.name
        head = self._terms.heads[name]
        answers, distance = [], 0.0
        for rows in _slices(len(features.array(name, "val_inputs"))):
            output, blocks = self._run(name, features.tensor(name, "val_inputs", rows))
            answers.append(head(output))
            for index, block in enumerate(blocks):
                target = features.tensor(name, f"val_block{index}", rows)
                distance += float((block - target).square().sum())
        every = slice(None)
        targets = features.tensor(name, "val_targets", every)
        teacher = features.tensor(name, "val_outputs", every)
        student = torch.cat(answers)
        kept = task.present(targets)
        student, teacher, targets = student[kept], teacher[kept], targets[kept]
        values = {
            "accuracy": _relative(task, student, teacher, targets),
            "loss": float(torch.exp(task.loss(teacher, targets) - task.loss(student, targets))),
            "features": 1.0 - distance / max(features.spread(name), 1e-12),
        }
        if not student.isfinite().all():
            values = dict.fromkeys(values, math.nan)
        return {measure: _bounded(measure, value) for measure, value in values.items()}


def _optimiser(weights: list[nn.Parameter], settings: DistilSettings) -> torch.optim.Optimizer:
    lr, decay, momentum = settings.lr, settings.weight_decay, settings.momentum
    if settings.optimiser == "adam":
        betas = momentum, ADAM_BETA2
        return torch.optim.Adam(weights, lr=lr, betas=betas, weight_decay=decay, fused=True)
    nesterov = momentum > 0
    return torch.optim.SGD(weights, lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=decay)


def _take_over(
    branch: nn.Module, closing: Mapping[str, Mapping[str, Mapping[str, Tensor]]]
) -> None:
    """Put the teachers' closing norms in place of those of the common initialisation."""
    if isinstance(branch, PartitionedBranch):
        norms = branch.task_norms()
        for task, states in closing.items():
            for name, state in states.items():
                norms[name].assign(task, state)


def _distance(blocks: Sequence[Tensor], targets: Sequence[Tensor]) -> Tensor:
    """The mean squared distance of the blocks' outputs, concatenated."""
    numbers = sum(target.numel() for target in targets)
    sums = [
        functional.mse_loss(block, target, reduction="sum")
        for block, target in zip(blocks, targets, strict=True)
    ]
    return torch.stack(sums).sum() / numbers


def _bounded(measure: str, value: float) -> float:
    low, high = BOUNDS[measure]
    return low if math.isnan(value) else min(max(value, low), high)


def _check_chain(architecture: Architecture, first: int) -> None:
    partitions = architecture.partitions
    chain = {(stage, architecture.tasks) for stage in range(architecture.num_stages)}
    early = [stage + 1 for (stage, _), each in partitions.items() if each.groups and stage < first]
    if set(partitions) != chain or early:
        raise InputError(
            rule="Distillation judges partitions: one branch a stage, each with a Partition, and no"
            f" channels divided before stage {first + 1}.",
            found=f"channels divided in stage {early[0]}"
            if early
            else f"{len(partitions)} partitions for branches {architecture.num_branches}",
            fix="Take it from a Partitioning space, or judge it with Trained.",
        )


def _relative(task: Task, student: Tensor, teacher: Tensor, targets: Tensor) -> float:
    """The student's first metric over the teacher's; its inverse where lower is better."""
    metric = task.metrics[0]
    ours, theirs = metric.value(student, targets), metric.value(teacher, targets)
    above, below = (theirs, ours) if metric.lower_is_better else (ours, theirs)
    return above / max(below, 1e-12)


def _slices(samples: int) -> Iterator[slice]:
    return (slice(start, start + VAL_BATCH) for start in range(0, samples, VAL_BATCH))
