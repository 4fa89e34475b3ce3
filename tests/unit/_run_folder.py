"""A run folder as a search and a comparison leave it, with made-up but plausible numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from sharewise.architecture import Architecture
from sharewise.evaluation import Cost, TaskCost
from sharewise.runs import Journal, Run, write_atomic, write_json
from sharewise.scores import Scores, relative_gain

GLYPH_TASKS = ("case", "character", "family", "holes", "mono", "serif", "slant", "weight")
SHAPES = (["case", "character", "holes"], ["family", "mono", "serif", "slant", "weight"])
GLYPH_LEVELS = (
    [list(GLYPH_TASKS)],
    [list(GLYPH_TASKS)],
    list(SHAPES),
    list(SHAPES),
    [["case"], ["character", "holes"], ["family", "mono", "serif"], ["slant", "weight"]],
)
RESNET_STAGES = ("stem", "layer1", "layer2", "layer3", "layer4")
RESNET_PARAMS = (9_536, 147_968, 525_568, 2_099_712, 8_393_728)
RESNET_MACS = (118_013_952, 462_422_016, 411_041_792, 411_041_792, 411_041_792)
HEAD_PARAMS, HEAD_MACS = 2_565, 2_560


@dataclass
class Made:
    """What the folder is about."""

    levels: Sequence[list[list[str]]] = GLYPH_LEVELS
    stages: Sequence[str] | None = RESNET_STAGES
    params: Sequence[int] = RESNET_PARAMS
    macs: Sequence[int] = RESNET_MACS
    seeds: tuple[int, ...] = (0, 1, 2)
    epochs: int = 12
    gain: float = 1.4
    metric: str = "accuracy"
    data: dict[str, Any] = field(default_factory=lambda: {"name": "glyphs", "seed": 0, "size": 32})
    backbone: dict[str, Any] = field(
        default_factory=lambda: {
            "name": "resnet18",
            "width": 1.0,
            "in_channels": 3,
            "stem": "small",
        }
    )
    budget: dict[str, float] = field(default_factory=lambda: {"params": 3.5})

    @property
    def architecture(self) -> Architecture:
        return Architecture.from_levels(self.levels)

    def cost(self, architecture: Architecture) -> Cost:
        counts = architecture.num_branches
        num_tasks = len(architecture.tasks)
        alone = TaskCost(sum(self.params) + HEAD_PARAMS, sum(self.macs) + HEAD_MACS)
        return Cost(
            params=int(np.dot(counts, self.params)) + num_tasks * HEAD_PARAMS,
            macs=int(np.dot(counts, self.macs)) + num_tasks * HEAD_MACS,
            per_task=dict.fromkeys(architecture.tasks, alone),
            latency_ms=0.4 + 0.35 * sum(counts) / len(counts),
        )


def write_run(folder: Path, made: Made | None = None, *, leave_out: Sequence[str] = ()) -> Path:
    """Write the folder; `leave_out` names files that are not written."""
    made = made or Made()
    run = Run.start(folder, _settings(made))
    rng = np.random.default_rng(7)
    if "journal.jsonl" not in leave_out:
        _write_journal(run, made, rng)
    if "architecture.json" not in leave_out:
        write_atomic(run.architecture, made.architecture.to_json())
    write_results(run, _comparison(made, rng), leave_out)
    return folder


def write_results(run: Run, comparison: dict[str, Any], leave_out: Sequence[str]) -> None:
    """comparison.json, and scores.json of its first network and seed."""
    if "comparison.json" not in leave_out:
        write_json(run.comparison, comparison)
    if "scores.json" not in leave_out:
        scores = comparison["rows"][0]["val"][str(comparison["seeds"][0])]
        write_json(run.scores, {"format": 1, "split": "val", "epoch": 9, "scores": scores})


def _settings(made: Made) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "format": 1,
        "method": "branching",
        "data": {
            "name": made.data["name"],
            "fingerprint": "5b1d0c9e8f7a6b21",
            "settings": made.data,
        },
        "backbone": made.backbone,
        "tasks": list(made.architecture.tasks),
        "budget": made.budget,
        "search": {"epochs": made.epochs, "lr": 0.002, "initialisations": 8},
        "seed": 0,
    }
    return settings | ({"stages": list(made.stages)} if made.stages else {})


def _write_journal(run: Run, made: Made, rng: np.random.Generator) -> None:
    tasks, stages = made.architecture.tasks, made.architecture.num_stages
    journal = Journal.open(run.journal, {"kind": "search", **_settings(made)})
    target = np.stack([_together(level, tasks) for level in made.levels])
    noise = np.stack([_symmetric(rng, len(tasks)) for _ in range(stages)])
    goal = np.clip(target * (1 - 0.25 * noise) + (1 - target) * 0.3 * noise, 0, 1)
    decay = {task: rng.uniform(0.7, 0.9) for task in tasks}
    scale = {task: rng.uniform(0.5, 3) for task in tasks}
    shared = made.cost(Architecture.shared(tasks, stages))
    found = made.cost(made.architecture)
    for epoch in range(1, made.epochs + 1):
        done = max(0.0, (epoch - 2) / max(1, made.epochs - 2)) ** 0.8
        matrices = (1 - done) * (0.28 + 0.1 * noise) + done * goal
        for matrix in matrices:
            np.fill_diagonal(matrix, 1.0)
        journal.append(
            {
                "epoch": epoch,
                "phase": "warmup" if epoch <= 2 else "search",
                "temperature": round(5 * 0.02 ** (epoch / made.epochs), 4),
                "losses": {
                    task: round(scale[task] * (0.15 + 0.85 * decay[task] ** epoch), 4)
                    for task in tasks
                },
                "entropy": [round(1.38 * (1 - done) ** (0.5 + s / 4), 4) for s in range(stages)],
                "sharing": np.round(matrices, 3).tolist(),
                "expected_cost": round((1 - done) * 4 + done * found.params / shared.params, 4),
                "active": 2.0 - done,
                "gates": [],
            }
        )
    trees = [made.architecture, Architecture.shared(tasks, stages)]
    candidates = [
        {
            "num_branches": list(tree.num_branches),
            "score": -10.0 - i,
            "params": made.cost(tree).params,
            "macs": made.cost(tree).macs,
            "architecture": tree.to_dict(),
        }
        for i, tree in enumerate([*trees, *_cuts(tasks, stages)])
    ]
    votes = np.round(np.round(8 * goal) / 8, 3)
    for matrix in votes:
        np.fill_diagonal(matrix, 1.0)
    journal.append({"read_off": {"sharing": votes.tolist(), "candidates": candidates, "chosen": 0}})


def _cuts(tasks: Sequence[str], stages: int) -> list[Architecture]:
    """Trees that split all tasks from one stage on: enough to tell what each stage costs."""
    whole, apart = [list(tasks)], [[task] for task in tasks]
    return [
        Architecture.from_levels([whole] * stage + [apart] * (stages - stage))
        for stage in range(1, stages)
    ]


def _comparison(made: Made, rng: np.random.Generator) -> dict[str, Any]:
    tasks, stages = made.architecture.tasks, made.architecture.num_stages
    trees = {
        "found": [made.architecture],
        "shared": [Architecture.shared(tasks, stages)],
        "independent": [Architecture.independent(tasks, stages)],
        "random": [_some_tree(tasks, stages, rng) for _ in made.seeds],
    }
    better = {"found": made.gain, "shared": 0.0, "independent": made.gain - 0.5, "random": 0.3}
    lower = {made.metric: made.metric == "mse"}
    base = {task: rng.uniform(0.72, 0.96) for task in tasks}
    test = {
        name: {str(seed): _scores(made, base, better[name], rng) for seed in made.seeds}
        for name in trees
    }
    for name in ("shared", "independent"):  # equal architectures are trained once
        if trees[name] == trees["found"]:
            test["found"] = test[name]
    return {
        "format": 1,
        "kind": "comparison",
        "seeds": list(made.seeds),
        "budget": made.budget,
        "train": {"epochs": 10, "batch_size": 64, "lr": 0.001},
        "lower_is_better": lower,
        "rows": [
            made_row(name, several, [made.cost(tree) for tree in several], test, lower)
            for name, several in trees.items()
        ],
    }


def made_row(
    name: str,
    architectures: Sequence[Architecture],
    costs: Sequence[Cost],
    test: Mapping[str, Mapping[str, Scores]],
    lower: Mapping[str, bool],
) -> dict[str, Any]:
    """A row of comparison.json; `test` is {row: {seed: scores}}."""
    row: dict[str, Any] = {
        "name": name,
        "architectures": [each.to_dict() for each in architectures],
        "costs": [cost.to_dict() for cost in costs],
        "val": test[name],
        "test": test[name],
        "params": float(np.mean([cost.params for cost in costs])),
        "macs": float(np.mean([cost.macs for cost in costs])),
        "latency_ms": float(np.mean([cost.latency_ms or 0 for cost in costs])),
    }
    for key, reference in (("gain", "shared"), ("gain_independent", "independent")):
        gains = [relative_gain(test[name][s], test[reference][s], lower) for s in test[name]]
        row[key] = dict(zip(test[name], gains, strict=True))
        row[f"{key}_mean"] = float(np.mean(gains))
        row[f"{key}_spread"] = float(np.std(gains, ddof=1)) if len(gains) > 1 else None
    return row


def _scores(made: Made, base: dict[str, float], percent: float, rng: np.random.Generator) -> Scores:
    sign = -1 if made.metric == "mse" else 1
    factor = {task: 1 + sign * (percent + rng.normal(0, 0.5)) / 100 for task in base}
    return {task: {made.metric: min(1.0, base[task] * factor[task])} for task in base}


def _some_tree(tasks: Sequence[str], stages: int, rng: np.random.Generator) -> Architecture:
    """Two random halves from a random stage on."""
    side = rng.permutation(len(tasks)) < max(1, len(tasks) // 2)
    halves = [
        [t for t, left in zip(tasks, side, strict=True) if left is np.bool_(w)] for w in (1, 0)
    ]
    stage = int(rng.integers(0, stages))
    parts = [half for half in halves if half]
    return Architecture.from_levels([[list(tasks)]] * stage + [parts] * (stages - stage))


def _together(level: list[list[str]], tasks: Sequence[str]) -> np.ndarray[Any, Any]:
    owner = {task: i for i, block in enumerate(level) for task in block}
    row = np.array([owner[task] for task in tasks])
    return (row[:, None] == row[None, :]).astype(np.float64)


def _symmetric(rng: np.random.Generator, size: int) -> np.ndarray[Any, Any]:
    half = rng.random((size, size))
    return (half + half.T) / 2


def nested(num_tasks: int, num_stages: int, seed: int = 0) -> list[list[list[str]]]:
    """The levels of a random tree, splitting now and then."""
    rng = np.random.default_rng(seed)
    level = [[f"task-{i:02d}" for i in range(num_tasks)]]
    levels = []
    for _ in range(num_stages):
        level = list(chain.from_iterable(_maybe_split(block, rng) for block in level))
        levels.append(level)
    return levels


def _maybe_split(block: list[str], rng: np.random.Generator) -> list[list[str]]:
    if len(block) == 1 or rng.random() < 0.6:
        return [block]
    cut = int(rng.integers(1, len(block)))
    return [block[:cut], block[cut:]]
