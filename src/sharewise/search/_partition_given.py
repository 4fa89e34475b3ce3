"""What the caller of a partitioning search has trained already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from sharewise.backbones import Backbone
from sharewise.errors import InputError
from sharewise.evaluators import Initial, Teachers
from sharewise.networks import Network
from sharewise.search._partition_plan import Plan
from sharewise.tasks import Task


@dataclass(frozen=True)
class Given:
    """The common initialisation and the teachers; None is trained by the search."""

    initial: Initial | None
    teachers: Teachers | None

    @classmethod
    def of(
        cls,
        plan: Plan,
        tasks: Sequence[Task],
        initial: Initial | None,
        teachers: Mapping[str, Network] | None,
    ) -> Given:
        """What was given, once it is found to fit; InputError where it does not."""
        if initial is not None:
            # Tried: it refuses weights of another network.
            initial.start(plan.space.share_all(), plan.table.backbone, tasks)
        if teachers is None:
            return cls(initial, None)
        wanted = list(plan.space.tasks)
        if sorted(teachers) != wanted:
            raise InputError(
                rule="There is a teacher for each task.",
                found=f"teachers for {sorted(teachers)} and tasks {wanted}",
                fix="Give one for each, or None to train them.",
            )
        found = Teachers(teachers, plan.first, plan.table.backbone)
        for task in tasks:
            _check_head(task, found.heads[task.name], plan.table.backbone)
        return cls(initial, found)

    def to_dict(self) -> dict[str, Any]:
        """What it adds to a search's header: nothing where nothing is given."""
        words: dict[str, Any] = {}
        if self.initial is not None:
            words["initial"] = {"task": self.initial.source, "weights": self.initial.digest}
        if self.teachers is not None:
            words["teachers"] = self.teachers.digests
        return words


def _check_head(task: Task, head: nn.Module, backbone: Backbone) -> None:
    """Raises InputError where a teacher answers another question than the task asks."""
    with torch.random.fork_rng(devices=[]):  # a head draws its weights
        wanted = _shapes(task.head(backbone.shapes()[-1]))
    found = _shapes(head)
    if wanted != found:
        raise InputError(
            rule="A teacher has the head of its task: it is what students are read through.",
            found=f"weights of shapes {found} for task '{task.name}', whose head has {wanted}",
            fix="Give one that was trained for these data.",
        )


def _shapes(module: nn.Module) -> list[list[int]]:
    return [list(each.shape) for each in module.state_dict().values()]
