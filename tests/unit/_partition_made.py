"""What a made-up partitioning run is about: its partitions, their costs and their scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

import numpy as np
from _run_folder import made_row

from sharewise.architecture import Architecture
from sharewise.evaluation import Cost, TaskCost
from sharewise.scores import Scores
from sharewise.spaces import HiddenGroup, Partitioning

MINI_TASKS = ("characters", "digits", "faces", "fonts", "mnist", "monsters")
DECATHLON_TASKS = (
    *("aircraft", "cifar100", "daimlerpedcls", "dtd", "gtsrb"),
    *("imagenet12", "omniglot", "svhn", "ucf101", "vgg-flowers"),
)
STAGES = ("stem", "layer1", "layer2", "layer3")
LAYERS = tuple(f"{block}.conv1" for block in range(4))
PARAMS, MACS = 5_806_944, 1_079_000_000
HIDDEN_PARAMS, HIDDEN_MACS = 0.76, 0.33  # the grouped layers' part of them
NORM_PARAMS = 7_744  # of each task
TRAIN = {"epochs": 8, "batch_size": 64, "lr": 0.003}


@dataclass
class MadePartition:
    """What the folder is about.

    Attributes:
        better: The gain of each row over "shared", percent.
        rejudged: With how many other seeds the finalists were judged.
    """

    tasks: Sequence[str] = MINI_TASKS
    groups: Sequence[tuple[int, tuple[str, ...], int]] = ((3, LAYERS, 256),)
    matrices: str = "network"
    steps: int = 12
    batch: int = 16
    budget: dict[str, float] = field(default_factory=lambda: {"use": 0.5})
    seeds: tuple[int, ...] = (0, 1, 2)
    better: Mapping[str, float] = field(
        default_factory=lambda: {
            **{"found": 1.6, "shared": 0.0, "independent": 0.9, "divided": -1.5, "random": 0.4}
        }
    )
    metric: str = "accuracy"
    finalists: int = 4
    rejudged: int = 2
    data: dict[str, Any] = field(
        default_factory=lambda: {"name": "decathlon-mini", "seed": 0, "size": 32, "samples": 900}
    )
    backbone: dict[str, Any] = field(default_factory=lambda: {"name": "resnet26", "width": 1.0})
    architecture: Architecture | None = None  # what was found; None: a drawn one

    @cached_property
    def space(self) -> Partitioning:
        groups = [HiddenGroup(*group) for group in self.groups]
        return Partitioning(self.tasks, len(STAGES), groups, matrices=self.matrices)  # type: ignore[arg-type]

    @cached_property
    def vector(self) -> np.ndarray[Any, Any]:
        drawn = self.space.draw(np.random.default_rng(5))
        return self.space.with_use(drawn, self.budget.get("use", 0.5))

    @cached_property
    def found(self) -> Architecture:
        return self.architecture or _decoded(self.space, tuple(self.vector.tolist()))

    def cost(self, architecture: Architecture) -> Cost:
        """Hidden layers as the partition has them; the rest as it is."""
        num_tasks = len(architecture.tasks)
        if not architecture.partitions:
            copies = architecture.num_branches[0]
            whole = TaskCost(PARAMS, MACS)
            per_task = dict.fromkeys(architecture.tasks, whole)
            return Cost(copies * PARAMS, copies * MACS, per_task, latency_ms=4.0 * copies)
        per_task = {
            task: TaskCost(
                int(PARAMS * (1 - HIDDEN_PARAMS * (1 - use)) + NORM_PARAMS),
                int(MACS * (1 - HIDDEN_MACS * (1 - use))),
            )
            for task, use in architecture.use.items()
        }
        return Cost(
            params=PARAMS + num_tasks * NORM_PARAMS,
            macs=sum(each.macs for each in per_task.values()),
            per_task=per_task,
            latency_ms=4.0 * num_tasks,
            use=architecture.mean_use,
        )


@cache
def _decoded(space: Partitioning, vector: tuple[float, ...]) -> Architecture:
    return space.decode(vector, seed=1)


def made_comparison(made: MadePartition) -> dict[str, Any]:
    """comparison.json, its rows in the order in which compare() writes them."""
    rng = np.random.default_rng(3)
    space = made.space
    rows = {
        "found": [made.found],
        "shared": [space.share_all()],
        "independent": [Architecture.independent(space.tasks, len(STAGES))],
        "divided": [space.independent()],
        "random": [_drawn(space, seed, made.found.mean_use) for seed in made.seeds],
    }
    base = {task: rng.uniform(0.62, 0.95) for task in space.tasks}
    test = {name: _scores(made, base, name, rng) for name in rows}
    if rows["found"] == rows["shared"]:  # equal architectures are trained once
        test["found"] = test["shared"]
    lower = {made.metric: made.metric == "mse"}
    return {
        "format": 1,
        "kind": "comparison",
        "seeds": list(made.seeds),
        "budget": made.budget,
        "train": TRAIN,
        "lower_is_better": lower,
        "rows": [
            made_row(name, each, [made.cost(one) for one in each], test, lower)
            for name, each in rows.items()
        ],
    }


@cache
def _drawn(space: Partitioning, seed: int, use: float) -> Architecture:
    drawn = space.draw(np.random.default_rng(seed))
    return space.decode(space.with_use(drawn, use), seed=seed)


def _scores(
    made: MadePartition, base: dict[str, float], name: str, rng: np.random.Generator
) -> dict[str, Scores]:
    """{seed: scores}, with noise that is 0 on average: so the mean gain is about what is asked."""
    sign = -1 if made.metric == "mse" else 1
    noise = rng.normal(0, 0.5, (len(made.seeds), len(base)))
    percent = made.better.get(name, 0.0) + noise - noise.mean()
    return {
        str(seed): {
            task: {made.metric: value * (1 + sign * row[place] / 100)}
            for place, (task, value) in enumerate(base.items())
        }
        for seed, row in zip(made.seeds, percent.tolist(), strict=True)
    }
