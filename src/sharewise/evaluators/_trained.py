"""Full training as an evaluator: what the distillation stands for."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from sharewise.architecture import Architecture
from sharewise.backbones import Backbone
from sharewise.data import TaskData
from sharewise.evaluators._evaluation import Evaluation
from sharewise.evaluators._initial import Initial, begin
from sharewise.training import TrainSettings, one_thread, train


@dataclasses.dataclass(frozen=True)
class Trained:
    """Trains each architecture in full, and judges it on the validation split.

    `initial` is the common initialisation; None trains from scratch. The score of a task is its
    first metric, negative where lower is better; the measures are all metrics, as they are.
    """

    backbone: Backbone
    data: TaskData
    settings: TrainSettings
    initial: Initial | None = None
    device: str = "cpu"

    def evaluate(
        self, architectures: Sequence[Architecture], *, seed: int
    ) -> tuple[Evaluation, ...]:
        """One evaluation for each architecture, in their order."""
        return tuple(self._one(architecture, seed) for architecture in architectures)

    def _one(self, architecture: Architecture, seed: int) -> Evaluation:
        tasks = self.data.tasks
        network = begin(architecture, self.backbone, tasks, initial=self.initial, seed=seed)
        with one_thread():
            scores = train(
                network, self.data, settings=self.settings, seed=seed, device=self.device
            )
        found: dict[str, float] = {}
        measures: dict[str, dict[str, float]] = {}
        for task in sorted(tasks, key=lambda task: task.name):
            metric = task.metrics[0]
            value = scores[task.name][metric.name]
            found[task.name] = -value if metric.lower_is_better else value
            for name, figure in scores[task.name].items():
                measures.setdefault(name, {})[task.name] = figure
        return Evaluation(found, self.settings.epochs, measures=measures)
