"""The cost of an architecture: sums over its branches and heads."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import nn

from sharewise.architecture import Architecture, Branch
from sharewise.backbones import Backbone, dry_run, explained, make_on_meta, output_shape
from sharewise.costs._branch import BranchCost, partitioned_cost, plain_cost
from sharewise.costs._count import MacCounter
from sharewise.costs._latency import measure_latencies
from sharewise.errors import InputError
from sharewise.evaluation import Cost, TaskCost
from sharewise.tasks import Task, check_tasks


@dataclasses.dataclass(frozen=True)
class CostTable:
    """What a copy of each stage and each head costs; the rest is arithmetic.

    `stages` has one entry a stage, `heads` one a task (empty: heads are not counted). `stage_ms`
    and `head_ms` are measured times in milliseconds, or None.
    """

    backbone: Backbone
    stages: tuple[TaskCost, ...]
    heads: Mapping[str, TaskCost]
    stage_ms: tuple[float, ...] | None = None
    head_ms: Mapping[str, float] | None = None

    @classmethod
    def measure(cls, backbone: Backbone, tasks: Sequence[Task] | None = None) -> CostTable:
        """Counts every stage and head once, on the meta device.

        Raises:
            UnknownLayerError: a stage or head has an op that is neither counted nor known to be
                free.
            InputError: a stage or head does not accept the features that reach it.
        """
        stages, shape = _measure_stages(backbone)
        heads = {} if tasks is None else _measure_heads(tasks, shape)
        return cls(backbone, stages, heads)

    def of(self, architecture: Architecture) -> Cost:
        """The cost of `architecture`; fast enough for a search to call at every step.

        A branch with a partition runs once for each of its tasks, and so does everything below it:
        their multiply-adds count for each task, their parameters once.

        Raises:
            InputError: the architecture has another number of stages, or other tasks than the
                heads; or a partition that does not fit its stage.
        """
        self.backbone.check(architecture)
        self._check_tasks(architecture)
        params = sum(head.params for head in self.heads.values())
        macs = sum(head.macs for head in self.heads.values())
        alone = {task: self.heads.get(task, TaskCost(0, 0)) for task in architecture.tasks}
        runs = [0.0] * len(self.stages)
        # Branches come in preorder, so apart[stage] is about the parent of the branch at hand:
        # whether its tasks' features are different ones.
        apart = [False] * (len(self.stages) + 1)
        for stage, branch in architecture.branches():
            apart[stage + 1] = apart[stage] or branch.partition is not None
            found = self._branch(stage, branch)
            tasks = branch.tasks if apart[stage + 1] else branch.tasks[:1]
            spent = sum(found.alone[task].macs for task in tasks)
            params += found.params
            macs += spent
            whole = self.stages[stage].macs
            runs[stage] += spent / whole if whole else len(tasks)
            for task, part in found.alone.items():
                before = alone[task]
                alone[task] = TaskCost(before.params + part.params, before.macs + part.macs)
        return Cost(
            params=params,
            macs=macs,
            per_task=alone,
            latency_ms=self._latency(runs),
            use=architecture.mean_use if architecture.partitions else None,
            task_use=max(architecture.use.values()) if architecture.partitions else None,
        )

    def with_latency(
        self,
        backbone: Backbone,
        tasks: Sequence[Task] | None = None,
        *,
        device: str | torch.device = "cpu",
        batch_size: int = 1,
        repeats: int = 30,
        threads: int = 1,
    ) -> CostTable:
        """This table with measured times, so that `of` estimates an architecture's latency.

        The estimate is the sum over branches and heads, each timed alone: it leaves out what
        branches do to each other (caches, kernels that overlap). A task that uses some of a
        branch's channels counts with the share of the stage's multiply-adds that are left, which
        is less than narrow layers really take. For a final number use `measure_latency`.

        Raises:
            InputError: as `measure_latency`; also for another backbone or other tasks than the
                table's.
        """
        self._check_same(backbone, tasks or ())

        inputs = (backbone.input_shape, *backbone.shapes())
        features = inputs[-1]
        with torch.random.fork_rng(devices=[]):
            stages = [stage.make() for stage in backbone.stages]
            heads = {task.name: task.head(features) for task in tasks or ()}
        times = measure_latencies(
            [*zip(stages, inputs, strict=False), *((head, features) for head in heads.values())],
            batch_size=batch_size,
            device=device,
            repeats=repeats,
            threads=threads,
        )
        stage_ms = tuple(times[: len(stages)])
        head_ms = dict(zip(heads, times[len(stages) :], strict=True))
        return dataclasses.replace(self, stage_ms=stage_ms, head_ms=head_ms)

    def _check_same(self, backbone: Backbone, tasks: Sequence[Task]) -> None:
        names = sorted(task.name for task in tasks)
        if backbone.num_stages != len(self.stages) or names != sorted(self.heads):
            raise InputError(
                rule="Times are added for the stages and tasks that a table was measured for.",
                found=f"{backbone.num_stages} stages and tasks {names} for a table of"
                f" {len(self.stages)} stages and tasks {sorted(self.heads)}",
                fix="Give the backbone and tasks that CostTable.measure was given.",
            )

    def _branch(self, stage: int, branch: Branch) -> BranchCost:
        if branch.partition is None:
            return plain_cost(branch, self.stages[stage])
        return partitioned_cost(
            branch,
            branch.partition,
            whole=self.stages[stage],
            layout=self.backbone.layouts()[stage],
            subject=f"stage '{self.backbone.stages[stage].name}'",
        )

    def _latency(self, runs: Sequence[float]) -> float | None:
        if self.stage_ms is None or self.head_ms is None:
            return None
        branches = sum(n * ms for n, ms in zip(runs, self.stage_ms, strict=True))
        return branches + sum(self.head_ms.values())

    def _check_tasks(self, architecture: Architecture) -> None:
        if self.heads and set(architecture.tasks) != set(self.heads):
            raise InputError(
                rule="A cost with heads is counted for exactly the tasks of the architecture.",
                found=f"architecture of {list(architecture.tasks)} and heads of"
                f" {sorted(self.heads)}",
                fix="Give the tasks that the architecture names, or none to leave the heads out.",
            )


def cost(
    architecture: Architecture, backbone: Backbone, tasks: Sequence[Task] | None = None
) -> Cost:
    """Parameters and multiply-adds of an architecture, in all and for each task alone.

    Multiply-adds are those of convolutions and matrix products only, for one sample, in eval mode.
    Heads are counted when `tasks` are given. The numbers are those of the network that `build`
    gives, and for each task alone of the one that `extract` gives. To cost many architectures,
    measure once: `CostTable.measure(backbone, tasks).of(architecture)`.

    Raises:
        UnknownLayerError: a stage or head has an op that is neither counted nor known to be free.
        InputError: the architecture does not belong to the backbone or the tasks, or it has a
            partition that does not fit its stage.
    """
    return CostTable.measure(backbone, tasks).of(architecture)


def stage_costs(backbone: Backbone) -> tuple[TaskCost, ...]:
    """Parameters, and multiply-adds for one sample, of one copy of each stage."""
    return _measure_stages(backbone)[0]


def head_costs(backbone: Backbone, tasks: Sequence[Task]) -> dict[str, TaskCost]:
    """Parameters, and multiply-adds for one sample, of each task's head."""
    return _measure_heads(tasks, backbone.shapes()[-1])


def _measure_stages(backbone: Backbone) -> tuple[tuple[TaskCost, ...], tuple[int, ...]]:
    """The stages' costs, and the shape of the features that the heads read."""
    costs = []
    shape = backbone.input_shape
    for stage in backbone.stages:
        subject = f"stage '{stage.name}'"
        module = make_on_meta(stage.make, subject=subject)
        counter = MacCounter(subject)
        shape = output_shape(module, shape, subject=subject, mode=counter)
        costs.append(TaskCost(params=_params(module), macs=counter.macs))
    return tuple(costs), shape


def _measure_heads(tasks: Sequence[Task], shape: tuple[int, ...]) -> dict[str, TaskCost]:
    check_tasks(tasks)
    costs = {}
    for task in tasks:
        subject = f"head of task '{task.name}'"
        with explained(subject, shape):
            head = make_on_meta(partial(task.head, shape), subject=subject)
        counter = MacCounter(subject)
        dry_run(head, shape, subject=subject, mode=counter)
        costs[task.name] = TaskCost(params=_params(head), macs=counter.macs)
    return costs


def _params(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
