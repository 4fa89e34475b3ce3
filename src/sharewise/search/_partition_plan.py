"""What a partitioning search may choose from: the space inside its budget."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sharewise.architecture import Architecture
from sharewise.backbones import Backbone
from sharewise.costs import CostTable
from sharewise.data import TaskData
from sharewise.errors import BudgetError, InputError
from sharewise.evaluation import Budget, Cost
from sharewise.search._partition_settings import PartitionSettings
from sharewise.spaces import LEAST_SHARE, HiddenGroup, Partitioning, unit_for

Floats = NDArray[np.float64]

_HALVINGS = 12


@dataclasses.dataclass(frozen=True)
class Plan:
    """The space of a search, what its architectures cost, and the budget they keep."""

    space: Partitioning
    table: CostTable
    budget: Budget

    @classmethod
    def of(
        cls, backbone: Backbone, data: TaskData, budget: Budget, settings: PartitionSettings
    ) -> Plan:
        """The plan of a search; `backbone` is bound to the data's inputs.

        Raises:
            InputError: a stage that the backbone does not have, or has nothing to partition.
            InputError: a task without a metric, by which candidates would be judged.
            BudgetError: no partition is inside the budget, or it bounds latency.
        """
        _check_judgeable(data, budget)
        tasks = [task.name for task in data.tasks]
        groups = hidden_groups(backbone, settings.stages, unit=settings.unit, num_tasks=len(tasks))
        space = Partitioning(tasks, backbone.num_stages, groups, matrices=settings.matrices)
        plan = cls(space, CostTable.measure(backbone, data.tasks), budget)
        plan.decode(space.vector_of(space.share_all()), seed=0)  # refuses an impossible budget
        return plan

    @property
    def first(self) -> int:
        """The first stage (from 0) that has channels to divide."""
        return min(group.stage for group in self.space.groups)

    @cached_property
    def shared(self) -> Cost:
        """What it costs when every task uses every channel: what relative bounds refer to."""
        return self.table.of(self.space.share_all())

    def presets(self) -> dict[str, Architecture]:
        """{name: architecture} of the partitions that need no search; budgets do not bound them."""
        found = {
            "shared": self.space.share_all(),
            "shared, updated apart": self.space.share_forward_only(),
        }
        if self.space.has_enough_units:
            found["divided"] = self.space.independent()
        return found

    def decode(self, vector: ArrayLike, *, seed: int) -> Architecture:
        """The architecture of a vector; one over budget uses fewer channels until it is inside."""
        return self._inside(vector, seed)[1]

    def exact(self, vector: ArrayLike, *, seed: int) -> Architecture:
        """As `decode`, with the exact optimum of masks.

        Where that misses the budget, or is not proven in time, it is what `decode` gives: a search
        must not end without an answer.
        """
        moved, found = self._inside(vector, seed)
        try:
            exact = self.space.decode_exactly(moved)
        except InputError:
            return found
        return exact if self._allows(exact) else found

    def targets_of(self, vector: ArrayLike, *, seed: int) -> list[tuple[Floats, Floats]]:
        """The (F, B) that a vector asks for once it is inside the budget, for each matrix."""
        return self.space.matrices_of(self._inside(vector, seed)[0])

    def _inside(self, vector: ArrayLike, seed: int) -> tuple[Floats, Architecture]:
        """The vector, moved as little as the budget asks for, and its architecture.

        It moves towards the least that its tasks may use, and where even that costs too many
        parameters, towards tasks whose channels lie inside each other's as well.
        """
        given = np.array(vector, dtype=np.float64)
        if self.budget.use is not None:
            given = self.space.with_use(given, self.budget.use)
        if self.budget.task_use is not None:
            given = self.space.with_use(given, self.budget.task_use, per_task=True)
        found = self.space.decode(given, seed=seed)
        if self._allows(found):
            return given, found
        least = self._least(given)
        found = self.space.decode(least, seed=seed)
        if not self._allows(found):
            least = self._nested(least)
            found = self.space.decode(least, seed=seed)
        if not self._allows(found):
            raise self._impossible(found)
        low, high, best = 0.0, 1.0, (least, found)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            moved = least + middle * (given - least)
            found = self.space.decode(moved, seed=seed)
            if self._allows(found):
                low, best = middle, (moved, found)
            else:
                high = middle
        return best

    def _least(self, vector: Floats) -> Floats:
        """The vector with the least that each task may use."""
        least, own = vector.copy(), self.space.forward_diagonal
        least[own] = np.minimum(least[own], LEAST_SHARE)
        return least

    def _nested(self, vector: Floats) -> Floats:
        """The vector with the same few channels for all tasks: nothing costs less."""
        num_tasks, own = len(self.space.tasks), self.space.forward_diagonal
        halves = vector.copy().reshape(-1, 2, num_tasks * (num_tasks + 1) // 2)
        halves[:, 0] = 1.0  # forward; the other half says what is updated
        nested = halves.ravel()
        # More than half a unit, or none in common would be nearer to the target than one.
        narrowest = min(group.units for group in self.space.groups)
        nested[own] = max(LEAST_SHARE, 0.501 / narrowest)
        return nested

    def _allows(self, architecture: Architecture) -> bool:
        return self.budget.allows(self.table.of(architecture), self.shared)

    def _impossible(self, least: Architecture) -> BudgetError:
        cost = self.table.of(least)
        return BudgetError(
            rule="A budget leaves room for a partition in which every task has a few channels.",
            found=f"{self.budget}, where even mean use {least.mean_use:.2f} costs"
            f" {cost.params / self.shared.params:.3g} of the parameters and"
            f" {cost.macs / self.shared.macs:.3g} of the multiply-adds of sharing all",
            fix="Raise the budget, or let more stages take part (stages=..).",
        )


def proposed_use(budget: Budget) -> tuple[float | None, bool]:
    """The bound on use that a strategy's proposals keep, and whether it is each task's."""
    if budget.task_use is None or (budget.use is not None and budget.use < budget.task_use):
        return budget.use, False
    return budget.task_use, True


def _check_judgeable(data: TaskData, budget: Budget) -> None:
    for task in data.tasks:
        if not task.metrics:
            raise InputError(
                rule="Candidates are judged by each task's first metric.",
                found=f"task '{task.name}' without a metric",
                fix="Give the task one.",
            )
    if budget.latency_ms is not None:
        raise BudgetError(
            rule="A partitioning search bounds use, parameters or multiply-adds.",
            found=f"latency_ms={budget.latency_ms:g}",
            fix="Bound macs instead: sliced layers take the time that their multiply-adds say.",
        )


def hidden_groups(
    backbone: Backbone,
    stages: Sequence[str] | None = None,
    *,
    unit: int | None = None,
    num_tasks: int = 1,
) -> tuple[HiddenGroup, ...]:
    """Groups of hidden layers with equal channels, one or more for each of the named stages.

    Without `stages`, those of the last stage that has any; without `unit`, `unit_for` chooses.

    Raises:
        InputError: an unknown stage, or one with nothing to partition, with the reasons; a unit
            that does not divide the channels.
    """
    names = [stage.name for stage in backbone.stages]
    layouts = backbone.layouts()
    if stages is None:
        stages = [name for name, each in zip(names, layouts, strict=True) if each.hidden][-1:]
    if unknown := [name for name in stages if name not in names]:
        raise InputError(
            rule=f"The stages of backbone '{backbone.name}' are {', '.join(names)}.",
            found=repr(unknown[0]),
            fix="Name some of these.",
        )
    if empty := [name for name in stages if not layouts[names.index(name)].hidden]:
        raise _nothing_hidden(backbone, empty[:1])
    groups = []
    for index, (name, layout) in enumerate(zip(names, layouts, strict=True)):
        if name not in stages:
            continue
        for channels in sorted({layer.channels for layer in layout.hidden}):
            layers = tuple(each.name for each in layout.hidden if each.channels == channels)
            groups.append(
                HiddenGroup(index, layers, channels, unit or unit_for(channels, num_tasks))
            )
    if not groups:
        raise _nothing_hidden(backbone, names)
    return tuple(groups)


def _nothing_hidden(backbone: Backbone, stages: Sequence[str]) -> InputError:
    reasons = [
        f"'{layer}' of {stage.name}: {reason}"
        for stage, layout in zip(backbone.stages, backbone.layouts(), strict=True)
        for layer, reason in layout.refused.items()
        if stage.name in stages
    ]
    return InputError(
        rule="A partition needs a hidden layer: one that a single other layer of its stage reads.",
        found=f"none in {', '.join(stages)} of backbone '{backbone.name}'"
        f" ({'; '.join(reasons[:3])})",
        fix="Name other stages, or use a backbone whose stages have several layers, such as"
        " mlp(.., hidden=32).",
    )
