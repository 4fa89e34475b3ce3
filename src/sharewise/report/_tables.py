"""The tables of the report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from html import escape

from sharewise.report._metrics import metric_words
from sharewise.report._page import table
from sharewise.report._read import Facts, Row
from sharewise.report._words import (
    mean_spread,
    milliseconds,
    names_in_words,
    plural,
    quantity,
    score,
    share,
    signed,
    times,
)
from sharewise.spaces import taskonomy_tree

_WORDS = {
    "found": "found by sharewise",
    "shared": "everything shared",
    "independent": "independent networks",
    "random": "random tree",
}


_PARTITION_WORDS = {
    "found": ("found by sharewise", ""),
    "shared": ("shared", "every task uses every channel"),
    "divided": ("divided", "an equal part of the channels each"),
    "random": ("random", "random partitions, same mean use"),
    "independent": ("independent", "a network for each task"),
}


def row_words(facts: Facts, row: Row) -> str:
    """What a row of the comparison is, in words; HTML."""
    known = _PARTITION_WORDS if facts.is_partitioning else _WORDS
    if row.name not in known:
        is_public = row.architectures == (taskonomy_tree(facts.tasks),)
        return _two_lines(row.name, "the tree published for Taskonomy" if is_public else "")
    if facts.is_partitioning:
        return _two_lines(*_PARTITION_WORDS[row.name])
    if row.name == "random" and len(row.architectures) > 1:
        return f"{plural(len(row.architectures), 'random tree')}, same budget"
    return escape(_WORDS[row.name])


def _two_lines(name: str, what: str) -> str:
    return f"{escape(name)}<br><small>{what}</small>" if what else escape(name)


def network_table(facts: Facts) -> str:
    """A row for each network: gains and costs."""
    columns = list(_columns(facts))
    rows = [
        (
            "found" if row.name == "found" else "",
            [row_words(facts, row), *(cell(row) for _, cell in columns)],
        )
        for row in facts.rows.values()
    ]
    heads = ["network", *(head for head, _ in columns)]
    content = table(heads, rows, label="Gains and costs of each network")
    if "score" not in heads:
        return content
    return (
        f"<figure>{content}<figcaption>The score is the Visual Decathlon's: 250 for each task at"
        " the error of its baseline, 1000 without an error, nothing from twice the baseline's on."
        "</figcaption></figure>"
    )


_Column = tuple[str, Callable[[Row], str]]


def _columns(facts: Facts) -> Iterator[_Column]:
    """(heading, cell of a row) of the table of networks."""
    rows = facts.rows.values()
    if facts.is_partitioning and all(facts.accuracy(row) for row in rows):
        yield "mean accuracy", lambda row: _accuracy(facts, row)
    if all(row.decathlon for row in rows):
        yield "score", lambda row: _spread_below(facts, score("score", row.decathlon))
    yield (
        "gain over shared",
        lambda row: "–" if row.name == "shared" else _spread_below(facts, signed(*row.gains)),
    )
    yield (
        "gain over independent",
        lambda row: (
            "–"
            if row.name == "independent"
            else _spread_below(facts, signed(*row.gains_independent))
        ),
    )
    if facts.is_partitioning:
        yield "use", lambda row: "–" if row.use is None else escape(share(row.use))
    yield "parameters", lambda row: _cost(facts, row, lambda each: each.params)
    if facts.is_partitioning and all(row.alone for row in rows):
        yield (
            "multiply-adds of a task",
            lambda row: _cost(facts, row, lambda each: each.alone[1] if each.alone else 0.0),
        )
    else:
        yield "multiply-adds", lambda row: _cost(facts, row, lambda each: each.macs)
    if any(row.latency_ms is not None for row in rows):
        yield (
            "latency",
            lambda row: "–" if row.latency_ms is None else milliseconds(row.latency_ms),
        )


def _accuracy(facts: Facts, row: Row) -> str:
    return _spread_below(facts, score("accuracy", list((facts.accuracy(row) or {}).values())))


def _spread_below(facts: Facts, text: str) -> str:
    """A mean and its spread: a line for each in the table of partitions, which has many columns."""
    mean, plus_minus, spread = escape(text).partition(" ± ")
    if not facts.is_partitioning or not plus_minus:
        return escape(text)
    return f"{mean}<br><small>± {spread}</small>"


def _cost(facts: Facts, row: Row, of: Callable[[Row], float]) -> str:
    """A cost, and how many times that of sharing everything it is."""
    shared = facts.rows.get("shared")
    gap = "<br>" if facts.is_partitioning else " "
    ratio = f"{gap}<small>{times(of(row) / of(shared))}</small>" if shared else ""
    return f"{quantity(of(row))}{ratio}"


def task_table(facts: Facts) -> str:
    """A row for each task's first metric, a column for each network; the best mean stands out.

    All metrics of tasks that have several are in a second table, to unfold.
    """
    tasks = _ordered(facts)
    firsts = {task: _metrics(facts, task)[0] for task in tasks}
    several = [task for task in tasks if len(_metrics(facts, task)) > 1]
    only = firsts[tasks[0]] if len(set(firsts.values())) == 1 else None
    rows = [
        _compared(facts, task, metric, "" if only else f" {_metric_name(facts, metric)}")
        for task, metric in firsts.items()
    ]
    head = f"task {_metric_name(facts, only)}" if only else "task"
    first = " Of each task its first metric." if several else ""
    return (
        "<figure>"
        + table([head, *_network_heads(facts)], rows, label="Test scores of each task")
        + f"<figcaption>↑ higher is better, ↓ lower is better.{first} The best mean is bold, even"
        " where the spreads overlap: look at both before believing a difference.</figcaption>"
        "</figure>" + (_all_metrics(facts, several) if several else "")
    )


def _all_metrics(facts: Facts, tasks: Sequence[str]) -> str:
    """A table to unfold: below the name of each task a row for each of its metrics."""
    rows: list[tuple[str, list[str]]] = []
    for task in tasks:
        metrics = _metrics(facts, task)
        words = metric_words(metrics)
        rows.append(("group", [_named(facts, task), *[""] * len(facts.rows)]))
        for metric in metrics:
            note = f"<small>{escape(words[metric])}</small>" if metric in words else ""
            kind, (_, *cells) = _compared(facts, task, metric)
            rows.append((kind, [f"{_metric_name(facts, metric)}{note}", *cells]))
    label = f"All metrics of {names_in_words(tasks)}"
    content = table(["metric", *_network_heads(facts)], rows, label=label)
    return f"<details><summary>{escape(label)}</summary>{content}</details>"


def _compared(facts: Facts, task: str, metric: str, tail: str = "") -> tuple[str, list[str]]:
    """A row of a table: the task and what each network scores; `tail` is HTML."""
    values = [
        [float(scores[task][metric]) for scores in row.test.values()] for row in facts.rows.values()
    ]
    best = _best([mean_spread(each)[0] for each in values], _is_lower(facts, metric))
    cells = [
        ("*" if i in best else "") + escape(score(metric, each)) for i, each in enumerate(values)
    ]
    return "", [f"{_named(facts, task)}{tail}", *cells]


def _network_heads(facts: Facts) -> Iterator[str]:
    """Names as heads of columns; a long one may be broken behind a "_"."""
    return (escape(name).replace("_", "_<wbr>") for name in facts.rows)


def _named(facts: Facts, task: str) -> str:
    mark = dot(facts, task)
    return f'<span class="named">{mark}{escape(task)}</span>' if mark else escape(task)


def _metric_name(facts: Facts, metric: str) -> str:
    arrow = "↓" if _is_lower(facts, metric) else "↑"
    return f'<small class="metric">{escape(metric)} {arrow}</small>'


def _is_lower(facts: Facts, metric: str) -> bool:
    return bool(facts.comparison.get("lower_is_better", {}).get(metric, False))


def scores_table(facts: Facts) -> str:
    """The scores of the network in network.safetensors."""
    split = {"val": "validation"}.get(facts.scores.get("split", ""), facts.scores.get("split", ""))
    rows = [
        ("", [_named(facts, task), escape(metric), escape(score(metric, [value]))])
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
    """The tasks of the comparison, in the order of the pictures."""
    first = next(iter(facts.rows.values()))
    scored = set(next(iter(first.test.values()), ()))
    return sorted(scored, key=_place(facts))


def _place(facts: Facts) -> Callable[[str], tuple[int, str]]:
    """The place of a task in the order of the pictures."""
    places = {task: place for place, task in enumerate(facts.order)}
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


def dot(facts: Facts, task: str) -> str:
    """The colour of the task's group."""
    if task not in facts.colours:
        return ""
    return f'<span class="dot" style="background: var(--g{facts.colours[task]})"></span>'
