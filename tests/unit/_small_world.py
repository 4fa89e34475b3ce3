"""What comes before candidates are judged, for the small network: made once, and quickly."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from _small import make_backbone, make_data, make_space

from sharewise.architecture import Architecture
from sharewise.backbones import Backbone
from sharewise.data import TaskData
from sharewise.evaluators import (
    Distilled,
    DistilSettings,
    Features,
    Initial,
    Teachers,
    train_initial,
    train_teachers,
)
from sharewise.spaces import Partitioning
from sharewise.training import TrainSettings

LEARN = TrainSettings(epochs=3, batch_size=16, lr=0.02)
DISTIL = DistilSettings(
    steps=12,
    batch_size=8,
    optimiser="sgd",
    lr=0.1,
    train_samples=40,
    val_samples=20,
    score="features",
    group=4,
)


@dataclass(frozen=True)
class World:
    backbone: Backbone
    data: TaskData
    initial: Initial
    teachers: Teachers
    features: Features
    space: Partitioning

    def distilled(self, settings: DistilSettings = DISTIL, **changes: Any) -> Distilled:
        return Distilled.of(
            self.teachers,
            tasks=self.data.tasks,
            initial=self.initial,
            features=self.features,
            settings=replace(settings, **changes),
        )

    def drawn(self, count: int) -> list[Architecture]:
        return [self.space.sample(np.random.default_rng(index)) for index in range(count)]


def make_world(folder: Path, data: TaskData | None = None, dropout: float = 0.0) -> World:
    data, backbone = data or make_data(), make_backbone(dropout)
    initial = train_initial(backbone, data, settings=LEARN, device="cpu")
    teachers = train_teachers(initial, backbone, data, first=1, settings=LEARN)
    features = Features.compute(teachers, data, DISTIL, folder=folder)
    space = make_space(tuple(task.name for task in data.tasks))
    return World(backbone, data, initial, teachers, features, space)
