"""The choices of a distillation, as one frozen value that a journal can keep."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from sharewise.errors import InputError

SCORES = ("accuracy", "loss", "features")


@dataclasses.dataclass(frozen=True, slots=True)
class DistilSettings:
    """How a candidate is judged by feature distillation.

    Attributes:
        steps: training steps in all, the tasks in turn.
        batch_size: samples a step.
        lr: of SGD with Nesterov momentum; divided by 10 after two thirds of the steps.
        momentum: of SGD.
        weight_decay: of SGD.
        train_samples: at most so many training samples of a task are used (and cached).
        val_samples: at most so many validation samples of a task are judged.
        score: what a candidate is judged by: "accuracy" of the student's features under the
            teacher's head over the teacher's (the source's choice), "loss" likewise, or "features",
            how much of the teacher's features is explained. All are on the validation split.
        group: candidates that are trained in one process over the same batches, and among which
            hopeless ones are stopped.
        halvings: how often the worse half of a group is stopped, at equal distances; 0 stops none.

    Raises:
        InputError: a value outside its bounds.
    """

    steps: int = 320
    batch_size: int = 16
    lr: float = 0.3
    momentum: float = 0.9
    weight_decay: float = 1e-5
    train_samples: int = 1500
    val_samples: int = 300
    score: str = "accuracy"
    group: int = 8
    halvings: int = 0

    @classmethod
    def published(cls) -> DistilSettings:
        """The settings of the released code (Newell et al. 2019); no candidate is stopped."""
        return cls(steps=3000, batch_size=4, lr=1.0, val_samples=3000)

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "train_samples", "val_samples", "group"):
            _check_count(name, getattr(self, name), least=1)
        _check_count("halvings", self.halvings, least=0)
        for name in ("lr", "momentum", "weight_decay"):
            _check_number(name, getattr(self, name))
        if self.score not in SCORES:
            raise InputError(
                rule=f"score is one of {', '.join(SCORES)}.",
                found=f"score={self.score!r}",
                fix=f"Use {SCORES[0]}.",
            )

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON values, in the order of the fields."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> DistilSettings:
        """The settings that `to_dict` wrote; InputError at a word that is not one."""
        words = [field.name for field in dataclasses.fields(cls)]
        if unknown := sorted(set(values) - set(words)):
            raise InputError(
                rule="Distil settings hold only words that the distillation knows.",
                found=", ".join(map(repr, unknown)),
                fix=f"Use {', '.join(words)}.",
            )
        return cls(**values)


def _check_count(name: str, value: object, *, least: int) -> None:
    if type(value) is not int or value < least:
        raise InputError(
            rule=f"{name} is a whole number of at least {least}.",
            found=f"{name}={value!r}",
            fix=f"Give {name}={max(1, least)}, for example.",
        )


def _check_number(name: str, value: object) -> None:
    fits = isinstance(value, int | float) and not isinstance(value, bool)
    if not fits or not math.isfinite(float(str(value))) or float(str(value)) < 0:
        raise InputError(
            rule=f"{name} is a finite number of at least 0.",
            found=f"{name}={value!r}",
            fix=f"Give {name}=0.9, for example.",
        )
