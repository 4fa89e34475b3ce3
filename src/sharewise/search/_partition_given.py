"""What the caller of a partitioning search has trained already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sharewise.errors import InputError
from sharewise.evaluators import Initial, Teachers
from sharewise.networks import Network
from sharewise.search._partition_plan import Plan


@dataclass(frozen=True)
class Given:
    """The common initialisation and the teachers; None is trained by the search."""

    initial: Initial | None
    teachers: Teachers | None

    @classmethod
    def of(
        cls, plan: Plan, initial: Initial | None, teachers: Mapping[str, Network] | None
    ) -> Given:
        """What was given, once it is found to fit; InputError where it does not."""
        if teachers is None:
            return cls(initial, None)
        wanted = list(plan.space.tasks)
        if sorted(teachers) != wanted:
            raise InputError(
                rule="There is a teacher for each task.",
                found=f"teachers for {sorted(teachers)} and tasks {wanted}",
                fix="Give one for each, or None to train them.",
            )
        return cls(initial, Teachers(teachers, plan.first, plan.table.backbone))

    def to_dict(self) -> dict[str, Any]:
        """What it adds to a search's header: nothing where nothing is given."""
        words: dict[str, Any] = {}
        if self.initial is not None:
            words["initial"] = {"task": self.initial.source, "weights": self.initial.digest}
        if self.teachers is not None:
            words["teachers"] = self.teachers.digests
        return words
