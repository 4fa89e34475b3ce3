"""A run folder as a partitioning search and a comparison leave it, with made-up numbers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _partition_made import (
    DECATHLON_TASKS,
    HIDDEN_MACS,
    LAYERS,
    MACS,
    MINI_TASKS,
    NORM_PARAMS,
    PARAMS,
    STAGES,
    TRAIN,
    MadePartition,
    made_comparison,
)
from _run_folder import write_results

from sharewise.runs import Run, write_atomic

__all__ = [
    "DECATHLON_TASKS",
    "LAYERS",
    "MINI_TASKS",
    "STAGES",
    "MadePartition",
    "write_partition_run",
]


def write_partition_run(
    folder: Path, made: MadePartition | None = None, *, leave_out: Sequence[str] = ()
) -> Path:
    """Write the folder; `leave_out` names files that are not written, "choice" the journal's end,
    and "finalists" that and what comes before it.
    """
    made = made or MadePartition()
    run = Run.start(folder, _settings(made))
    if "journal.jsonl" not in leave_out:
        # In one piece: a journal waits for the disk at every line, and here there are hundreds.
        lines = [{"kind": "search", **_settings(made)}, *_entries(made, leave_out)]
        write_atomic(run.journal, "".join(f"{json.dumps(line)}\n" for line in lines))
    if "architecture.json" not in leave_out:
        write_atomic(run.architecture, made.found.to_json() + "\n")
    if {"comparison.json", "scores.json"} <= {*leave_out}:
        return folder
    write_results(run, made_comparison(made), leave_out)
    return folder


def _settings(made: MadePartition) -> dict[str, Any]:
    return {
        "format": 1,
        "method": "partitioning",
        "data": {
            "name": made.data["name"],
            "fingerprint": "0c4f7d21b9a8e653",
            "settings": made.data,
        },
        "backbone": made.backbone,
        "stages": list(STAGES),
        "stage_params": [896, 299_520, 1_116_160, PARAMS - 1_416_576],
        "tasks": sorted(made.tasks),
        "groups": [
            {"stage": group.stage, "layers": list(group.layers), "channels": group.channels}
            for group in made.space.groups
        ],
        "budget": made.budget,
        "strategy": {"name": "Evolution", "batch": made.batch, "lr": 0.25, "use": 0.5},
        "search": {
            "evaluations": made.steps * made.batch,
            "stages": None,
            "matrices": made.matrices,
            "source": "imagenet" if "imagenet12" in made.tasks else "fonts",
            "initial": {**TRAIN, "epochs": 12},
            "teachers": TRAIN,
            "distil": {"steps": 600, "batch_size": 16, "lr": 1.0, "score": "accuracy"},
            "finalists": made.finalists,
            "rejudged": made.rejudged,
            "exact": False,
        },
        "seed": 0,
    }


def _entries(made: MadePartition, leave_out: Sequence[str]) -> Iterable[dict[str, Any]]:
    """The journal: candidates that become better and more frugal, the finalists, the choice."""
    entries = _candidates(made)
    yield from entries
    if not entries or "finalists" in leave_out:
        return
    found = made.found
    best = sorted(entries, key=lambda entry: -entry["score"])[: made.finalists]
    means = {}
    for rank, entry in enumerate(best):
        scores = [0.92 - 0.01 * (len(best) - rank) + 0.004 * k for k in range(made.rejudged)]
        means[entry["architecture"]] = float(np.mean([entry["score"], *scores]))
        for number, score in enumerate(scores, start=1):
            yield {
                "finalist": rank,
                "again": number,
                "seed": 1_000_000 + number,
                "architecture": entry["architecture"],
                "score": score,
                "per_task": dict.fromkeys(sorted(made.tasks), score),
            }
    if "choice" not in leave_out:
        yield {
            "chosen": found.digest,
            "vector": made.vector.tolist(),
            "finalists": means,
            "targets": _pairs(made.space.matrices_of(made.vector)),
            "realised": _pairs(made.space.realised(found)),
        }


def _candidates(made: MadePartition) -> list[dict[str, Any]]:
    """The found partition is the last of the finalists."""
    rng = np.random.default_rng(11)
    found = made.found
    goal = np.array([found.use[task] for task in sorted(made.tasks)])
    entries: list[dict[str, Any]] = []
    for place in range(made.steps * made.batch):
        step = place // made.batch
        done = step / max(1, made.steps - 1)
        centre = (1 - done) * 0.62 + done * goal
        use = np.clip(centre + 0.07 * rng.standard_normal(len(goal)), 0.05, 1.0)
        use = np.minimum(use, use * made.budget.get("use", 1.0) / use.mean())
        score = 0.86 + 0.07 * done**0.6 + 0.05 * (use.mean() - 0.5)
        score = float(score + 0.02 * rng.standard_normal())
        entries.append(_candidate(made, place, step, use, score))
    for entry in sorted(entries, key=lambda entry: -entry["score"])[: made.finalists][-1:]:
        entry |= {"architecture": found.digest, "use": found.use}
        entry |= {"params": made.cost(found).params, "macs": made.cost(found).macs}
    return entries


def _candidate(
    made: MadePartition, number: int, step: int, use: np.ndarray[Any, Any], score: float
) -> dict[str, Any]:
    tasks = sorted(made.tasks)
    return {
        "candidate": number,
        "step": step,
        "seed": step,
        "vector": [],
        "architecture": f"{number:012x}",
        "use": dict(zip(tasks, np.round(use, 4).tolist(), strict=True)),
        "params": PARAMS + len(tasks) * NORM_PARAMS,
        "macs": int(MACS * sum(1 - HIDDEN_MACS * (1 - use))),
        "score": score,
        "per_task": dict.fromkeys(tasks, score),
        "steps": 150 if number % 7 == 0 and score < 0.9 else 600,
        "stopped": number % 7 == 0 and score < 0.9,
        "measures": {},
    }


def _pairs(matrices: Iterable[tuple[Any, Any]]) -> list[list[Any]]:
    return [[forward.tolist(), backward.tolist()] for forward, backward in matrices]
