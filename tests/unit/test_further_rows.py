"""compare() with architectures that the caller names, and tables that would not fit a line."""

from __future__ import annotations

import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from _dense import METRICS
from rich.console import Console

from sharewise.architecture import Architecture
from sharewise.backbones import mlp
from sharewise.baselines import CompareSettings, Comparison, Row, compare, comparison_table
from sharewise.data import planted
from sharewise.errors import InputError
from sharewise.evaluation import Budget, Cost
from sharewise.training import TrainSettings

DATA = planted((2, 2), samples=60, inputs=6, outputs=2, stages=2)
NAMES = tuple(task.name for task in DATA.tasks)
FAST = TrainSettings(epochs=1, batch_size=30)
SETTINGS = CompareSettings(seeds=(0,), random_trees=1, train=FAST)
MINE = Architecture.from_levels([[list(NAMES)], [[NAMES[0], NAMES[3]], [NAMES[1], NAMES[2]]]])


def compared(run: Path | None = None, **words: Any) -> Comparison:
    return compare(
        DATA.truth,
        mlp(6, (4, 4)),
        DATA,
        budget=Budget(params=1.8),
        settings=SETTINGS,
        run=run,
        **words,
    )


# --- rows


def test_others_are_trained_like_the_rest_and_come_last(tmp_path: Path) -> None:
    plain = compared(tmp_path)
    events: list[dict[str, Any]] = []
    more = compared(tmp_path, others={"mine": MINE, "again": DATA.truth}, progress=events.append)
    assert [row.name for row in more.rows[-2:]] == ["mine", "again"]
    # What was trained before is read, and an equal architecture is not trained twice.
    told = Counter(event["job"] for event in events)
    assert [job for job, times in told.items() if times > 1] == ["mine"]
    assert "found + again" in told
    for row, before in zip(more.rows, plain.rows, strict=False):
        assert (row.name, row.test, row.architectures) == (
            before.name,
            before.test,
            before.architectures,
        )
    assert more.row("again").test == more.row("found").test
    assert more.row("mine").architectures == (MINE,)
    weights = tmp_path / "comparison" / f"{MINE.digest}-seed0" / "network.safetensors"
    stamp = weights.stat().st_mtime_ns
    assert compared(tmp_path, others={"mine": MINE}).row("mine").test == more.row("mine").test
    assert weights.stat().st_mtime_ns == stamp
    written = json.loads((tmp_path / "comparison.json").read_text())
    assert [row.name for row in Comparison.from_dict(written).rows][-1] == "mine"


@pytest.mark.parametrize("name", ["found", "random", "divided", "", "two words", "a=b"])
def test_a_name_is_its_own(name: str) -> None:
    with pytest.raises(InputError) as caught:
        compared(others={name: MINE})
    assert str(caught.value).startswith(
        "A further row of a comparison has a name of its own, of letters A-Z a-z, digits, '_' and"
        " '-'; found, shared, divided, random, independent are taken."
    )
    assert caught.value.found == repr(name)


@pytest.mark.parametrize(
    "wrong", [Architecture.shared(NAMES, 3), Architecture.shared(NAMES[:2], 2)]
)
def test_one_that_does_not_fit_is_refused_before_any_training(
    wrong: Architecture, tmp_path: Path
) -> None:
    events: list[dict[str, Any]] = []
    with pytest.raises(InputError, match="in the row 'mine'"):
        compared(tmp_path / "run", others={"mine": wrong}, progress=events.append)
    assert events == []
    assert not (tmp_path / "run").exists()


# --- the table


def dense_comparison(names: tuple[str, ...]) -> Comparison:
    """Five tasks with 14 metrics, some below 1 and some in degrees."""

    def scores(value: float) -> dict[str, dict[str, float]]:
        return {
            task: {each: 30 * value if "angle" in each else value for each in sorted(metrics)}
            for task, metrics in METRICS.items()
        }

    test = {0: scores(0.7), 1: scores(0.8), 2: scores(0.9)}
    gain: dict[int, float | None] = {0: 10.0, 1: -12.5, 2: 1.0}
    cost = Cost(21_284_672, 18_560_000_000, latency_ms=123.4)
    rows = tuple(Row(name, (MINE,), (cost,), test, test, gain, gain) for name in names)
    metrics = {metric for each in METRICS.values() for metric in each}
    lower = {each: each.endswith(("angle", "error", "l1")) for each in metrics}
    return Comparison(rows, (0, 1, 2), Budget(params=5), FAST, lower)


def printed(comparison: Comparison) -> list[str]:
    console = Console(width=80, file=io.StringIO(), force_terminal=False)
    console.print(comparison_table(comparison))
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined,no-any-return]


def test_six_networks_on_five_dense_tasks_fit_a_terminal() -> None:
    names = ("found", "shared", "independent", "random", "published", "mine")
    lines = printed(dense_comparison(names))
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["network", *names]
    assert "…" not in "".join(lines)
    # A task's name, its metrics below it, and a spread below its mean.
    start = next(i for i, line in enumerate(lines) if line.strip() == "depth")
    assert lines[start + 1].split() == ["abs_error", "↓", *["0.800"] * 6]
    assert lines[start + 2].split() == ["±0.100"] * 6
    assert any(line.split() == ["keypoints", "l1", "↓", *["0.800"] * 6] for line in lines)
    median = next(line for line in lines if "median_angle" in line)
    assert median.split() == ["median_angle", "↓", *["24.000"] * 6]


def test_where_there_is_room_a_spread_stands_beside_its_mean() -> None:
    lines = printed(dense_comparison(("found", "shared", "independent")))
    assert max(map(len, lines)) <= 80
    assert sum(line.count("0.800 ±0.100") for line in lines) >= 3 * 10
    assert not any(line.split() and set(line.split()) == {"±0.100"} for line in lines)


def test_a_long_name_is_broken_and_not_cut() -> None:
    names = ("found", "shared", "independent", "a-name-that-is-long-for-a-column", "published")
    lines = printed(dense_comparison(names))
    assert max(map(len, lines)) <= 80
    assert "…" not in "".join(lines)
    assert "column" in "".join(lines[:5])
