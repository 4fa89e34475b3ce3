"""The comparison as a table for terminals."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from rich import box
from rich.table import Table

from sharewise.baselines._comparison import Comparison, Row, mean_of, spread_of

_MISSING = "–"
_ORDER = ("found", "shared", "divided", "random", "independent")  # of partitions


def comparison_table(comparison: Comparison) -> Table:
    """A column for each network; a line for each task's test scores, then gain and costs.

    Scores and gain are means over seeds with the sample standard deviation. Where every task has
    an accuracy first, there is their mean, too; of partitions how much of the channels tasks use.
    (Networks are columns because there are few of them and up to forty tasks: so all fits into 80
    characters.)
    """
    seeds = len(comparison.seeds)
    rows = _ordered(comparison.rows)
    table = Table(
        box=box.SIMPLE_HEAD,
        caption=f"Test scores and gain: mean{' ± standard deviation' * (seeds > 1)} over {seeds} "
        f"seed{'s' * (seeds > 1)} (↑ higher is better, ↓ lower). The gain is over 'shared', "
        "relative to its scores.",
        caption_justify="left",
        padding=(0, 1, 0, 0),
        show_edge=False,
    )
    table.add_column("network", overflow="fold")  # a long name of a task is folded, numbers never
    for row in rows:
        table.add_column(row.name, justify="right", no_wrap=True)
    scores = next(iter(comparison.rows[0].test.values()))
    pairs = [(task, metric) for task, metrics in scores.items() for metric in metrics]
    for task, metric in pairs:
        direction = "↓" if comparison.lower_is_better[metric] else "↑"
        table.add_row(
            f"{task} {metric} {direction}",
            *(_score(row, task, metric) for row in rows),
            end_section=(task, metric) == pairs[-1],
        )
    if all(next(iter(metrics), None) == "accuracy" for metrics in scores.values()):
        table.add_row("mean accuracy ↑", *map(_accuracy, rows), style="bold")
    table.add_row("gain (%)", *map(_gain, rows), style="bold")
    if any(_use(row) is not None for row in rows):
        table.add_row("use", *(_score_text(_use(row), None) for row in rows))
    table.add_row("params", *(_large(row.params) for row in rows))
    table.add_row("multiply-adds", *(_large(row.macs) for row in rows))
    table.add_row("latency (ms)", *(_score_text(row.latency_ms, None) for row in rows))
    return table


def _ordered(rows: Sequence[Row]) -> list[Row]:
    """The rows as they are; those of partitions beside what they are to be compared with."""
    if all(_use(row) is None for row in rows):
        return list(rows)
    return sorted(rows, key=lambda row: _ORDER.index(row.name) if row.name in _ORDER else 99)


def _use(row: Row) -> float | None:
    """The mean share of the divided channels that a task uses; None where none are divided."""
    return mean_of([cost.use for cost in row.costs])


def _accuracy(row: Row) -> str:
    """The mean over tasks."""
    means = [fmean(each["accuracy"] for each in scores.values()) for scores in row.test.values()]
    return _score_text(mean_of(means), spread_of(means))


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
