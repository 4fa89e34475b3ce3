"""The tables of the report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape

from sharewise.report._page import table
from sharewise.report._read import Facts, Row
from sharewise.report._tree import task_colours, tree_order
from sharewise.report._words import (
    mean_spread,
    milliseconds,
    plural,
    quantity,
    score,
    signed,
    times,
)

_WORDS = {
    "found": "found by sharewise",
    "shared": "everything shared",
    "independent": "independent networks",
    "random": "random tree",
}


def row_words(facts: Facts, row: Row) -> str:
    """What a row of the comparison is, in words."""
    words = _WORDS.get(row.name, row.name)
    if row.name == "random" and len(row.architectures) > 1:
        return f"{plural(len(row.architectures), 'random tree')}, same budget"
    return words


def network_table(facts: Facts) -> str:
    """A row for each network: gains and costs."""
    shared = facts.rows.get("shared")
    heads = ["network", "gain over shared", "gain over independent", "parameters", "multiply-adds"]
    has_latency = any(row.latency_ms is not None for row in facts.rows.values())
    if has_latency:
        heads.append("latency")

    def cells(row: Row) -> Iterator[str]:
        yield escape(row_words(facts, row))
        yield "–" if row.name == "shared" else escape(signed(*row.gains))
        yield "–" if row.name == "independent" else escape(signed(*row.gains_independent))
        for word in ("params", "macs"):
            value = getattr(row, word)
            ratio = f" <small>{times(value / getattr(shared, word))}</small>" if shared else ""
            yield f"{quantity(value)}{ratio}"
        if has_latency:
            yield "–" if row.latency_ms is None else milliseconds(row.latency_ms)

    rows = [("found" if row.name == "found" else "", cells(row)) for row in facts.rows.values()]
    return table(heads, rows, label="Gains and costs of each network")


def task_table(facts: Facts) -> str:
    """A row for each task and metric, a column for each network; the best mean stands out."""
    tasks = _ordered(facts)
    metrics = {metric for task in tasks for metric in _metrics(facts, task)}
    only = metrics.pop() if len(metrics) == 1 else None
    rows = []
    for task in tasks:
        for metric in _metrics(facts, task):
            values = [
                [float(scores[task][metric]) for scores in row.test.values()]
                for row in facts.rows.values()
            ]
            best = _best([mean_spread(each)[0] for each in values], _is_lower(facts, metric))
            head = f"{_dot(facts, task)}{escape(task)}"
            head += "" if only else _metric_words(facts, metric)
            cells = (
                ("*" if i in best else "") + escape(score(metric, each))
                for i, each in enumerate(values)
            )
            rows.append(("", [head, *cells]))
    heads = [f"task{_metric_words(facts, only) if only else ''}", *map(escape, facts.rows)]
    return (
        "<figure>"
        + table(heads, rows, label="Test scores of each task")
        + "<figcaption>↑ higher is better, ↓ lower is better. The best mean is bold, even where the"
        " spreads overlap: look at both before believing a difference.</figcaption></figure>"
    )


def _metric_words(facts: Facts, metric: str) -> str:
    return f" <small>{escape(metric)} {'↓' if _is_lower(facts, metric) else '↑'}</small>"


def _is_lower(facts: Facts, metric: str) -> bool:
    return bool(facts.comparison.get("lower_is_better", {}).get(metric, False))


def scores_table(facts: Facts) -> str:
    """The scores of the network in network.safetensors."""
    split = {"val": "validation"}.get(facts.scores.get("split", ""), facts.scores.get("split", ""))
    rows = [
        ("", [f"{_dot(facts, task)}{escape(task)}", escape(metric), escape(score(metric, [value]))])
        for task in sorted(facts.scores["scores"], key=_place(facts))
        for metric, value in facts.scores["scores"][task].items()
    ]
    on = f" on the {split} split" if split else ""
    scores = table(["task", "metric", "score"], rows, label="Scores of the trained network")
    return (
        f"<p>The weights in network.safetensors score as follows{escape(on)}.</p>"
        f'<div class="narrow">{scores}</div>'
    )


def _ordered(facts: Facts) -> list[str]:
    """The tasks of the comparison, as the leaves of the tree stand."""
    first = next(iter(facts.rows.values()))
    scored = set(next(iter(first.test.values()), ()))
    return sorted(scored, key=_place(facts))


def _place(facts: Facts) -> Callable[[str], tuple[int, str]]:
    """The place of a task among the leaves of the tree."""
    order = tree_order(facts.architecture) if facts.architecture else facts.tasks
    places = {task: place for place, task in enumerate(order)}
    return lambda task: (places.get(task, len(places)), task)


def _metrics(facts: Facts, task: str) -> list[str]:
    first = next(iter(facts.rows.values()))
    return list(next(iter(first.test.values()))[task])


def _best(means: list[float | None], lower_is_better: bool) -> set[int]:
    """Which columns hold the best mean; none where all are equal."""
    known = {i: mean for i, mean in enumerate(means) if mean is not None}
    if len(set(known.values())) < 2:
        return set()
    best = (min if lower_is_better else max)(known.values())
    return {i for i, mean in known.items() if mean == best}


def _dot(facts: Facts, task: str) -> str:
    """The colour of the task's group."""
    colours = task_colours(facts.architecture) if facts.architecture else {}
    if task not in colours:
        return ""
    return f'<span class="dot" style="background: var(--g{colours[task]})"></span>'
