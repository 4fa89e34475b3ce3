"""The choices of a partitioning search, as one frozen value that a run keeps."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from typing import Literal

from sharewise.errors import InputError
from sharewise.evaluators import DistilSettings
from sharewise.settings import Settings, check_count
from sharewise.training import TrainSettings

_INITIAL = TrainSettings(epochs=10, batch_size=32, lr=3e-3)
_TEACHERS = TrainSettings(epochs=10, batch_size=32, lr=3e-3)
_DISTIL = DistilSettings()


@dataclasses.dataclass(frozen=True)
class PartitionSettings(Settings):
    """How a partitioning search is run, apart from its strategy, budget and seed.

    Attributes:
        evaluations: candidates that are distilled; a strategy's steps are not cut, so that there
            may be a few fewer (but there is one step at least).
        stages: names of the stages whose hidden layers are partitioned, one at least; None: the
            last one that has any, as in the source.
        matrices: "network" has one P for all groups of layers, "group" one for each.
        unit: how many neighbouring channels have the same owners (`HiddenGroup`; the source has 1).
            None: 16 or a smaller power of two, so that a layer has at least six units and as many
            as there are tasks.
        source: the task on which the common initialisation is trained; None: the richest one.
        initial: the training of the common initialisation.
        teachers: the training of each teacher.
        freeze_below: whether teachers keep the weights of the common initialisation below the first
            stage that is partitioned, as in the source. Off by default: features that one small
            data set has trained are no ImageNet features, and teachers on top of them are poor.
        distil: how a candidate is judged.
        finalists: the best candidates, which are judged again; scores of one distillation are
            noisy, and the best of many is lucky as much as good (ours; 1 takes the best).
        rejudged: with how many other seeds finalists are judged again.
        exact: realise the final P by the exact integer optimum, where it is proven within a minute
            and inside the budget; for few tasks only.

    Raises:
        InputError: a value outside its bounds.
    """

    evaluations: int = 128
    stages: tuple[str, ...] | None = None
    matrices: Literal["network", "group"] = "network"
    unit: int | None = None
    source: str | None = None
    initial: TrainSettings = _INITIAL
    teachers: TrainSettings = _TEACHERS
    freeze_below: bool = False
    distil: DistilSettings = _DISTIL
    finalists: int = 8
    rejudged: int = 2
    exact: bool = False

    def __post_init__(self) -> None:
        if self.stages is not None:
            _check_names("stages", self.stages)
            object.__setattr__(self, "stages", tuple(self.stages))
        for name in ("evaluations", "finalists"):
            check_count(name, getattr(self, name), least=1)
        if self.unit is not None:
            check_count("unit", self.unit)
        check_count("rejudged", self.rejudged, least=0)


def _check_names(name: str, value: object) -> None:
    if isinstance(value, str) or not isinstance(value, Collection) or not value:
        raise InputError(
            rule=f"{name} are names, one at least.",
            found=f"{name}={value!r}",
            fix=f"Give {name}=('layer3',), for example, or None.",
        )
