"""The decathlon's score of a comparison: in its table, its JSON and the report."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from _page import Text
from _partition_run import MINI_TASKS, MadePartition, write_partition_run
from rich.console import Console

from sharewise.architecture import Architecture
from sharewise.baselines import Comparison, Row, comparison_table
from sharewise.evaluation import Budget, Cost
from sharewise.report import write_report
from sharewise.runs import read_json
from sharewise.scores import MINI_BASELINE, Scores, decathlon_score
from sharewise.training import TrainSettings

TREE = Architecture.shared(MINI_TASKS, 2)
LEAST = 1e-9


def accuracies(factor: float) -> Scores:
    """Test scores with so many times the baseline's errors."""
    return {task: {"accuracy": 1 - factor * error} for task, error in MINI_BASELINE.items()}


def row(name: str, *test: Scores) -> Row:
    by_seed = dict(enumerate(test))
    gain = dict.fromkeys(by_seed, 0.0)
    return Row(name, (TREE,), (Cost(10, 10),), by_seed, by_seed, gain, gain)


def comparison(*rows: Row) -> Comparison:
    seeds = tuple(rows[0].test)
    metrics = next(iter(rows[0].test[0].values()))
    lower = dict.fromkeys(metrics, False)
    return Comparison(rows, seeds, Budget(params=2), TrainSettings(epochs=1), lower)


def printed(shown: Comparison) -> str:
    console = Console(width=80, file=io.StringIO(), force_terminal=False)
    console.print(comparison_table(shown))
    return re.sub(r"\s+", " ", console.file.getvalue())  # type: ignore[attr-defined]


def test_the_baselines_errors_give_250_a_task_and_none_1000() -> None:
    at, best = row("found", accuracies(1.0)), row("shared", accuracies(0.0))
    assert at.score_mean == pytest.approx(1500)
    assert best.score_mean == pytest.approx(6000)
    assert at.score_spread is None
    assert " score ↑ 1500 6000 gain" in printed(comparison(at, best))


def test_the_score_is_a_mean_over_seeds_and_not_that_of_mean_errors() -> None:
    mixed = row("found", accuracies(0.5), accuracies(1.5))
    ends = [6000 * (1 - factor / 2) ** 2 for factor in (0.5, 1.5)]
    assert mixed.score_mean == pytest.approx(np.mean(ends))
    assert abs(np.mean(ends) - 1500) > 100
    assert mixed.score_spread == pytest.approx(np.std(ends, ddof=1))
    text = printed(comparison(mixed))
    assert f"score ↑ {np.mean(ends):.0f} ±{np.std(ends, ddof=1):.0f}" in text
    assert "The score is the decathlon's: 250 a task at its baseline's error." in text


def test_it_is_in_the_json_and_worked_out_again() -> None:
    shown = comparison(row("found", accuracies(0.5), accuracies(1.5)))
    value = shown.to_dict()
    (written,) = value["rows"]
    assert written["score_mean"] == shown.row("found").score_mean
    assert written["score_spread"] == shown.row("found").score_spread
    del written["score_mean"], written["score_spread"]  # as versions before it wrote them
    assert Comparison.from_dict(value).row("found").score_mean == pytest.approx(
        shown.row("found").score_mean, abs=LEAST
    )


@pytest.mark.parametrize(
    "scores",
    [
        {"a": {"accuracy": 0.5}},
        {**accuracies(1.0), "fashion": {"accuracy": 0.9}},
        {task: {"mse": 0.5} for task in MINI_TASKS},
    ],
)
def test_other_tasks_and_metrics_have_no_score(scores: Scores) -> None:
    shown = comparison(row("found", scores))
    (written,) = shown.to_dict()["rows"]
    assert written["score_mean"] is written["score_spread"] is None
    assert "score ↑" not in printed(shown)
    assert "decathlon" not in printed(shown)


# --- the report


def columns(html: str) -> tuple[list[str], list[list[str]]]:
    """The heads and rows of the table of networks."""
    table = html[html.index('aria-label="Gains and costs') :].partition("</table>")[0]
    heads = re.findall(r'<th scope="col">([^<]*)', table)
    rows = re.findall(r"<tr[^>]*>(<th scope=\"row\">.*?)</tr>", table)
    cells = [re.split(r"</t[hd]>", each)[:-1] for each in rows]
    return heads, [[Text(cell.replace("<br>", " ")).text.strip() for cell in r] for r in cells]


def test_the_report_has_a_column_for_it(tmp_path: Path) -> None:
    folder = write_partition_run(tmp_path / "run", MadePartition(steps=2))
    html = write_report(folder).read_text(encoding="utf-8")
    heads, rows = columns(html)
    place = heads.index("score")
    written = {each["name"]: each for each in read_json(folder / "comparison.json")["rows"]}
    for cells in rows:
        test = written[cells[0].split()[0]]["test"]
        scores = [
            decathlon_score(
                {task: 1 - each["accuracy"] for task, each in of.items()}, MINI_BASELINE
            )
            for of in test.values()
        ]
        mean, spread = cells[place].split(" ± ")
        assert float(mean) == pytest.approx(np.mean(scores), abs=0.51)
        assert float(spread) == pytest.approx(np.std(scores, ddof=1), abs=0.51)
    assert "250 for each task at the error of its baseline" in Text(html).text


def test_a_report_of_one_seed_has_whole_points(tmp_path: Path) -> None:
    folder = write_partition_run(tmp_path / "run", MadePartition(steps=2, seeds=(0,)))
    heads, rows = columns(write_report(folder).read_text(encoding="utf-8"))
    assert all(re.fullmatch(r"\d+(\.\d)?", cells[heads.index("score")]) for cells in rows)


def test_a_report_without_a_baseline_has_no_column(tmp_path: Path) -> None:
    made = MadePartition(tasks=("a", "b", "c"), groups=((3, ("x",), 24),), steps=2)
    html = write_report(write_partition_run(tmp_path / "run", made)).read_text(encoding="utf-8")
    assert "score" not in columns(html)[0]
    assert "Visual Decathlon" not in html
