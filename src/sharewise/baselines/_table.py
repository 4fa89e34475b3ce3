"""The comparison as a table for terminals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from textwrap import fill

from rich import box
from rich.table import Table

from sharewise.baselines._comparison import Comparison, Row, mean_of, spread_of
from sharewise.baselines._others import ROWS

_MISSING = "–"
_INDENT = "  "
_WIDTH = 80  # of a terminal
_SCORE_WORDS = " The score is the decathlon's: 250 a task at its baseline's error."
_NARROW = 11  # the longest of the names that every comparison has


def comparison_table(comparison: Comparison) -> Table:
    """A column for each network; a line for each task's test scores, then gain and costs.

    Scores and gain are means over seeds with the sample standard deviation. Where every task has
    an accuracy first, there is their mean, too; of partitions how much of the channels tasks use.
    (Networks are columns because there are few of them and up to forty tasks: so all fits into 80
    characters. Where it does not, a spread stands below its mean.) And the Visual Decathlon's
    score, where a baseline for it is known.
    """
    seeds = len(comparison.seeds)
    rows = _ordered(comparison.rows)
    table = Table(
        box=box.SIMPLE_HEAD,
        caption=f"Test scores and gain: mean{' ± standard deviation' * (seeds > 1)} over {seeds} "
        f"seed{'s' * (seeds > 1)} (↑ higher is better, ↓ lower). The gain is over 'shared', "
        f"relative to its scores.{_start_words(comparison)}{_SCORE_WORDS * _has_score(rows)}",
        caption_justify="left",
        padding=(0, 1, 0, 0),
        show_edge=False,
    )
    lines = [*_scores(comparison, rows), *_whole(rows)]
    fits = _width([row.name for row in rows], lines) <= _WIDTH
    table.add_column("network", overflow="fold")  # a long name of a task is folded, numbers never
    for row in rows:
        name = row.name if fits else fill(row.name, _NARROW)
        table.add_column(name, justify="right", no_wrap=True)
    for line in lines:
        cells = line.cells if fits else [cell.replace(" ±", "\n±") for cell in line.cells]
        table.add_row(line.name, *cells, style=line.style, end_section=line.is_last)
    return table


def _start_words(comparison: Comparison) -> str:
    if comparison.shared is None:
        return ""
    first, then = comparison.shared.epochs, comparison.train.epochs
    return f" For the first {first} of {first + then} epochs all of a seed are one shared network."


@dataclass(frozen=True)
class _Line:
    name: str
    cells: list[str]
    style: str = ""
    is_last: bool = False  # of a section


def _scores(comparison: Comparison, rows: Sequence[Row]) -> Iterator[_Line]:
    """A line for each metric; those of a task with several stand below its name."""
    scores = next(iter(comparison.rows[0].test.values()))
    for task, metrics in scores.items():
        if len(metrics) > 1:
            yield _Line(task, [""] * len(rows))
        for metric in metrics:
            name = f"{task} {metric}" if len(metrics) == 1 else f"{_INDENT}{metric}"
            yield _Line(
                f"{name} {'↓' if comparison.lower_is_better[metric] else '↑'}",
                [_score(row, task, metric) for row in rows],
                is_last=(task, metric) == (list(scores)[-1], list(metrics)[-1]),
            )


def _whole(rows: Sequence[Row]) -> Iterator[_Line]:
    """What is said of a network as a whole."""
    scores = next(iter(rows[0].test.values()))
    if all(next(iter(metrics), None) == "accuracy" for metrics in scores.values()):
        yield _Line("mean accuracy ↑", list(map(_accuracy, rows)), "bold")
    if _has_score(rows):
        yield _Line("score ↑", list(map(_decathlon, rows)), "bold")
    yield _Line("gain (%)", list(map(_gain, rows)), "bold")
    if any(_use(row) is not None for row in rows):
        yield _Line("use", [_score_text(_use(row), None) for row in rows])
    yield _Line("params", [_large(row.params) for row in rows])
    yield _Line("multiply-adds", [_large(row.macs) for row in rows])
    yield _Line("latency (ms)", [_score_text(row.latency_ms, None) for row in rows])


def _width(names: Sequence[str], lines: Sequence[_Line]) -> int:
    """Characters of a table whose cells are whole; the names of lines may be folded."""
    columns = zip(*(line.cells for line in lines), strict=True)
    cells = [max(map(len, (name, *cells))) for name, cells in zip(names, columns, strict=True)]
    first = max(
        len(line.name) if line.name.startswith(_INDENT) else max(map(len, line.name.split()))
        for line in lines
    )
    return first + sum(1 + width for width in cells)


def _ordered(rows: Sequence[Row]) -> list[Row]:
    """The rows as they are; those of partitions beside what they are to be compared with."""
    if all(_use(row) is None for row in rows):
        return list(rows)
    return sorted(rows, key=lambda row: ROWS.index(row.name) if row.name in ROWS else len(ROWS))


def _use(row: Row) -> float | None:
    """The mean share of the divided channels that a task uses; None where none are divided."""
    return mean_of([cost.use for cost in row.costs])


def _accuracy(row: Row) -> str:
    """The mean over tasks."""
    means = [fmean(each["accuracy"] for each in scores.values()) for scores in row.test.values()]
    return _score_text(mean_of(means), spread_of(means))


def _has_score(rows: Sequence[Row]) -> bool:
    return any(row.score_mean is not None for row in rows)


def _decathlon(row: Row) -> str:
    """The Visual Decathlon's score: hundreds a task, so in whole points."""
    if row.score_mean is None:
        return _MISSING
    return f"{row.score_mean:.0f}" + (
        "" if row.score_spread is None else f" ±{row.score_spread:.0f}"
    )


def _score(row: Row, task: str, metric: str) -> str:
    figures = [scores[task][metric] for scores in row.test.values()]
    return _score_text(mean_of(figures), spread_of(figures))


def _score_text(mean: float | None, spread: float | None) -> str:
    if mean is None:
        return _MISSING
    form = ".3f" if mean == 0 or 0.01 <= abs(mean) < 1000 else ".3g"
    return f"{mean:{form}}" + ("" if spread is None else f" ±{spread:{form}}")


def _gain(row: Row) -> str:
    if row.gain_mean is None:
        return _MISSING
    spread = "" if row.gain_spread is None else f" ±{row.gain_spread:.1f}"
    return f"{row.gain_mean:+.1f}{spread}"


def _large(value: float) -> str:
    for sign, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= 0.9995 * size:  # from where three digits round up to it
            return f"{value / size:.3g} {sign}"
    return f"{value:.0f}"
