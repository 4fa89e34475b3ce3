"""What an evaluator says of an architecture."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sharewise.architecture import Architecture
from sharewise.scores import Scores


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """How good an architecture is, and how that is known.

    Attributes:
        per_task: each task's score, relative to a reference where the evaluator has one (1: as good
            as the task's teacher); higher is better.
        steps: the training steps behind it (of full training, the epochs).
        stopped: whether it was given up before the last step, as worse than others beside it.
        measures: {measure: {task: value}}: everything that was measured, the score included.
    """

    per_task: Mapping[str, float]
    steps: int
    stopped: bool = False
    measures: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)

    @property
    def score(self) -> float:
        """The mean over tasks."""
        return statistics.fmean(self.per_task.values())

    @property
    def scores(self) -> Scores:
        """{task: {measure: value}} of `measures`."""
        return {
            task: {name: each[task] for name, each in self.measures.items() if task in each}
            for task in self.per_task
        }

    def to_dict(self) -> dict[str, Any]:
        """The evaluation as JSON values, with the score."""
        return {"score": self.score} | dataclasses.asdict(self)


class Evaluator(Protocol):
    """Judges architectures. It can travel to another process, and gives the same there."""

    def evaluate(
        self, architectures: Sequence[Architecture], *, seed: int
    ) -> tuple[Evaluation, ...]:
        """One evaluation for each architecture, in their order.

        The seed decides all randomness; architectures that are judged with one seed see the same
        samples in the same order.
        """
        ...
