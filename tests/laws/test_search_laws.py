"""Laws 7 and 8 for the search, law 10 for its read-off, and hard budgets."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sharewise as sw
from sharewise.costs import CostTable
from sharewise.search._consensus import candidates, log_evidence

EPOCHS = 4
SCRIPT = """
import sys
import sharewise as sw
sw.search_branching(
    sw.backbones.mlp(6, (4, 4)), sw.data.planted((2, 2), samples=200, outputs=4, inputs=6),
    budget=sw.Budget(params=2.0), seed=3, run=sys.argv[1], resume=True, device="cpu",
    settings=sw.SearchSettings(
        epochs=12, initialisations=2, batch_size=16, nodes=3, stacked=False
    ),
)
"""


class StopSearchError(Exception):
    """Raised from a progress callback, as an interruption."""


def search(folder: Path, *, stop_after: int | None = None, **changes: Any) -> sw.SearchResult:
    settings = {"epochs": EPOCHS, "initialisations": 2, "batch_size": 32, "nodes": 3} | changes

    def progress(entry: dict[str, Any]) -> None:
        if entry["epoch"] == stop_after:
            raise StopSearchError

    return sw.search_branching(
        sw.backbones.mlp(6, (4, 4)),
        sw.data.planted((2, 2), samples=200, outputs=4, inputs=6),
        budget=sw.Budget(params=2.0),
        settings=sw.SearchSettings(**settings),
        seed=3,
        run=folder,
        resume=True,
        device="cpu",
        progress=progress,
    )


def files(folder: Path) -> dict[str, bytes]:
    names = ("journal.jsonl", "architecture.json", "settings.json", "checkpoint/search.safetensors")
    return {name: (folder / name).read_bytes() for name in names}


@pytest.mark.parametrize("stacked", [True, False])
@pytest.mark.parametrize("update", ["joint", "alternate", "held-out"])
def test_a_search_that_is_interrupted_ends_as_one_that_is_not(
    tmp_path: Path, stacked: bool, update: str
) -> None:
    whole = search(tmp_path / "whole", stacked=stacked, update=update)
    for stop_after in (1, 3):
        with pytest.raises(StopSearchError):
            search(tmp_path / "parts", stop_after=stop_after, stacked=stacked, update=update)
    parts = search(tmp_path / "parts", stacked=stacked, update=update)
    assert files(tmp_path / "parts") == files(tmp_path / "whole")
    assert parts.architecture == whole.architecture
    again = search(tmp_path / "parts", stacked=stacked, update=update)  # already complete
    assert again.architecture == whole.architecture
    assert files(tmp_path / "parts") == files(tmp_path / "whole")


def test_killed_searches_resume_to_the_same_journal(tmp_path: Path) -> None:
    # One process writes the whole journal here; others are killed at random moments.
    search(tmp_path / "whole", epochs=12, batch_size=16, stacked=False)
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "killed")]
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    draw = random.Random(0)
    killed = 0
    for _ in range(2):
        process = subprocess.Popen(command, env=environment)
        journal = tmp_path / "killed" / "journal.jsonl"
        while process.poll() is None and not journal.exists():
            time.sleep(0.01)
        time.sleep(draw.uniform(0.0, 0.4))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            killed += 1
        process.wait()
    assert killed
    assert subprocess.run(command, env=environment, check=False).returncode == 0
    assert files(tmp_path / "killed") == files(tmp_path / "whole")


@given(seed=st.integers(0, 10_000), factor=st.floats(1.0, 3.0))
def test_every_candidate_is_a_tree_inside_the_budget(seed: int, factor: float) -> None:
    rng = np.random.default_rng(seed)
    tasks = [f"t{i}" for i in range(5)]
    shared = _votes(rng, stages=3, tasks=5)
    table = CostTable.measure(sw.backbones.mlp(6, (4, 4, 4)))
    fully = table.of(sw.Architecture.shared(tasks, 3))
    budget = sw.Budget(params=factor)

    def allows(counts: tuple[int, ...]) -> bool:
        params = sum(n * s.params for n, s in zip(counts, table.stages, strict=True))
        return params <= factor * fully.params

    found = candidates(shared, tasks, votes=7, allows=allows)
    assert found
    space = sw.spaces.Branching(tasks, 3)
    for each in found:
        assert each.architecture in space
        assert budget.allows(table.of(each.architecture), fully)
    assert len({each.architecture for each in found}) == len(found)
    scores = [round(each.score, 6) for each in found]  # sums of logarithms, equal up to rounding
    assert scores == sorted(scores, reverse=True)


def test_the_consensus_is_the_best_of_all_trees_where_the_votes_are_clear() -> None:
    # Law 10: on a space small enough to enumerate, with votes around a random tree.
    exact = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        tasks = ["a", "b", "c", "d"]
        space = sw.spaces.Branching(tasks, 5)  # 561 trees: more than are all judged
        truth = space.sample(rng)
        shared = _noisy(truth, tasks, rng)
        best = max(space.enumerate(), key=lambda tree: _evidence(tree, tasks, shared))
        found = candidates(shared, tasks, votes=12, allows=lambda counts: True)[0]
        exact += (
            _evidence(found.architecture, tasks, shared) >= _evidence(best, tasks, shared) - 1e-9
        )
    assert exact >= 9


def _votes(rng: np.random.Generator, *, stages: int, tasks: int) -> np.ndarray[Any, Any]:
    upper = rng.integers(0, 8, (stages, tasks, tasks)) / 7
    shared = np.triu(upper, 1)
    shared = shared + shared.transpose(0, 2, 1)
    shared[:, range(tasks), range(tasks)] = 1.0
    return shared


def _noisy(truth: sw.Architecture, tasks: list[str], rng: np.random.Generator) -> Any:
    shared = np.empty((truth.num_stages, len(tasks), len(tasks)))
    for stage, level in enumerate(truth.levels):
        block = {task: i for i, names in enumerate(level) for task in names}
        for i, a in enumerate(tasks):
            for j, b in enumerate(tasks[: i + 1]):
                rate = 0.85 if block[a] == block[b] else 0.1
                shared[stage, i, j] = shared[stage, j, i] = rng.binomial(12, rate) / 12
    return shared


def _evidence(tree: sw.Architecture, tasks: list[str], shared: Any) -> float:
    levels = [
        tuple(tuple(tasks.index(task) for task in block) for block in level)
        for level in tree.levels
    ]
    return sum(
        log_evidence(stage, blocks, votes=12) for stage, blocks in zip(shared, levels, strict=True)
    )
