"""The choices of a distillation, as one frozen value that a journal can keep."""

from __future__ import annotations

import dataclasses

from sharewise.settings import Settings, check_count, check_number, check_word

SCORES = ("accuracy", "loss", "features")
OPTIMISERS = ("adam", "sgd")


@dataclasses.dataclass(frozen=True, slots=True)
class DistilSettings(Settings):
    """How a candidate is judged by feature distillation.

    Attributes:
        steps: training steps in all, the tasks in turn.
        batch_size: samples a step.
        optimiser: "adam" comes nearer to the teachers in so few steps; "sgd", with Nesterov
            momentum, is the source's.
        lr: of the optimiser; divided by 10 after two thirds of the steps.
        momentum: of the optimiser. (Adam's second moments are kept for 20 steps, .95: a thousand
            would be most of the distillation.)
        weight_decay: of the optimiser.
        train_samples: at most so many training samples of a task are used (and cached).
        val_samples: at most so many validation samples of a task are judged.
        score: what a candidate is judged by: "features", how much of the teacher's features is
            explained, "accuracy" of the student's features under the teacher's head over the
            teacher's (the source's choice), or "loss" likewise. All are on the validation split;
            the first has least noise, and came nearest to the order of full trainings.
        group: candidates that are trained in one process over the same batches, and among which
            hopeless ones are stopped.
        halvings: how often the worse half of a group is stopped, at equal distances; 0 stops none.
            In a search it is candidates that are stopped, not presets or finalists.

    Raises:
        InputError: a value outside its bounds.
    """

    steps: int = 320
    batch_size: int = 16
    optimiser: str = "adam"
    lr: float = 5e-3
    momentum: float = 0.9
    weight_decay: float = 1e-5
    train_samples: int = 1500
    val_samples: int = 300
    score: str = "features"
    group: int = 8
    halvings: int = 0

    @classmethod
    def published(cls) -> DistilSettings:
        """The settings of the released code (Newell et al. 2019); no candidate is stopped."""
        return cls(
            steps=3000, batch_size=4, optimiser="sgd", lr=1.0, val_samples=3000, score="accuracy"
        )

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "train_samples", "val_samples", "group"):
            check_count(name, getattr(self, name), least=1)
        check_count("halvings", self.halvings, least=0)
        for name in ("lr", "weight_decay"):
            check_number(name, getattr(self, name))
        check_number("momentum", self.momentum, most=0.9999)  # at 1 nothing is ever forgotten
        check_word("score", self.score, SCORES)
        check_word("optimiser", self.optimiser, OPTIMISERS)
