"""The pictures of a search: how sharing, uncertainty, cost and losses went over the epochs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import combinations
from typing import Any

from sharewise.report._axes import Axes, Point, evenly, ticks
from sharewise.report._read import Facts
from sharewise.report._tree import task_colours, tree_order
from sharewise.report._words import plural, share

Matrix = Sequence[Sequence[float]]
_MOST_POINTS = 24_000  # of all lines of a picture: the page stays below 2 MB
_MOST_NAMES = 14  # tasks whose names fit beside a heat map
_SHADES = 10
_LINE = 'stroke="var(--accent)" stroke-width="1.6"'
_TOGETHER = 'stroke="var(--accent)" stroke-width="1.4" stroke-opacity=".8"'
_APART = 'stroke="var(--faint)" stroke-width="1" stroke-opacity=".75"'


@dataclass(frozen=True)
class Tile:
    """A small picture with its title."""

    title: str
    svg: str


def sharing_lines(facts: Facts) -> tuple[list[Tile], int]:
    """Per stage, the probability of sharing over the epochs, a line for each pair of tasks.

    Returns (pictures, the number of pairs drawn): where there are very many pairs, some, evenly
    chosen, are drawn.
    """
    epochs = [entry for entry in facts.epochs or () if entry.get("sharing")]
    pairs = list(combinations(range(len(facts.tasks)), 2))
    if not epochs or not pairs:
        return [], 0
    length = min(len(epochs), 40)
    most = max(30, _MOST_POINTS // (length * facts.num_stages))
    drawn = pairs[:: -(-len(pairs) // most)]
    axes = _epoch_axes(epochs, (0.0, 1.0))
    tiles = []
    for stage, name in enumerate(facts.stage_names):
        level = facts.architecture.levels[stage] if facts.architecture else ()
        lines: list[tuple[bool, str]] = []
        for i, j in drawn:
            one, other = facts.tasks[i], facts.tasks[j]
            together = any(one in tasks and other in tasks for tasks in level)
            points = [(entry["epoch"], entry["sharing"][stage][i][j]) for entry in epochs]
            title = f"{one} and {other}: {share(points[-1][1])} at the end"
            style = _TOGETHER if together else _APART
            lines.append((together, axes.line(evenly(points, length), style, title=title)))
        lines.sort(key=lambda line: line[0])  # the pairs that share are drawn on top
        frame = _frame(axes, epochs, [(0.0, "0"), (0.5, "½"), (1.0, "1")])
        label = f"Probability over the epochs that two tasks share {name}"
        tiles.append(Tile(name, axes.svg([frame, *(line for _, line in lines)], label=label)))
    return tiles, len(drawn)


def heat_maps(facts: Facts) -> list[Tile]:
    """Per stage, how often each pair of tasks shares it, in the order of the found tree."""
    matrices: Sequence[Matrix] = facts.read_off.get("sharing") or (
        facts.epochs[-1].get("sharing", ()) if facts.epochs else ()
    )
    order = tree_order(facts.architecture) if facts.architecture else facts.tasks
    tiles = []
    for stage, matrix in enumerate(matrices):
        ranks = [facts.tasks.index(task) for task in order]
        cells = [[float(matrix[i][j]) for j in ranks] for i in ranks]
        svg = _heat_map(facts, order, cells, stage=stage)
        tiles.append(Tile(facts.stage_names[stage], svg))
    return tiles


def progress(facts: Facts) -> list[Tile]:
    """Uncertainty, temperature, expected cost and losses over the epochs."""
    epochs = facts.epochs or ()
    tiles = [
        *_entropy(facts, [entry for entry in epochs if entry.get("entropy")]),
        *_temperature([entry for entry in epochs if entry.get("temperature") is not None]),
        *_expected_cost(facts, [entry for entry in epochs if entry.get("expected_cost")]),
        *_losses(facts, [entry for entry in epochs if entry.get("losses")]),
    ]
    return tiles


def _heat_map(
    facts: Facts, order: Sequence[str], cells: Sequence[Sequence[float]], *, stage: int
) -> str:
    colours = task_colours(facts.architecture) if facts.architecture else {}
    count = len(order)
    left = 8 + 5.6 * max(map(len, order)) if count <= _MOST_NAMES else 8
    cell = (180 - left) / count
    parts = [
        f'<rect x="{left:.1f}" y="4" width="{180 - left:.1f}" height="{180 - left:.1f}"'
        ' fill="var(--cell)"/>'
    ]
    parts.append(
        f'<g transform="translate({left:.2f} 4) scale({cell:.4f})" shape-rendering="crispEdges">'
    )
    parts.extend(shades(cells))
    place = {task: number for number, task in enumerate(order)}
    for tasks in facts.architecture.levels[stage] if facts.architecture else ():
        start = min(place[task] for task in tasks)
        parts.append(
            f'<rect x="{start}" y="{start}" width="{len(tasks)}" height="{len(tasks)}"'
            f' fill="none" stroke="var(--ink)" stroke-width="{1.6 / cell:.3f}"/>'
        )
    parts.append("</g>")
    for task, number in place.items():
        y = 4 + (number + 0.5) * cell
        colour = f"var(--g{colours[task]})" if task in colours else "var(--muted)"
        parts.append(
            f'<rect x="{left - 5:.1f}" y="{y - cell / 2 + 0.3:.1f}" width="3"'
            f' height="{cell - 0.6:.1f}" fill="{colour}"/>'
        )
        if count <= _MOST_NAMES:
            parts.append(
                f'<text x="{left - 8:.1f}" y="{y + 3:.1f}" text-anchor="end" font-size="9.5"'
                f' fill="var(--ink)">{escape(task)}</text>'
            )
    label = f"How often pairs of tasks share {facts.stage_names[stage]}"
    axes = Axes((0, 1), (0, 1), width=184, height=round(190 - left))
    return axes.svg(parts, label=label)


def shades(cells: Sequence[Sequence[float]]) -> Iterator[str]:
    """Cells of 1 x 1 with values in [0, 1], as one path for each shade.

    Runs of equal cells are one rectangle: a few kB where cells would be MB.
    """
    paths: dict[int, list[str]] = {}
    for row, values in enumerate(cells):
        levels = [round(_SHADES * min(1.0, max(0.0, value))) for value in values]
        start = 0
        for column in range(1, len(levels) + 1):
            if column == len(levels) or levels[column] != levels[start]:
                run = f"M{start} {row}h{column - start}v1h-{column - start}z"
                paths.setdefault(levels[start], []).append(run)
                start = column
    for shade, runs in sorted(paths.items()):
        if shade:
            opacity = f"{shade / _SHADES:.2g}"
            yield f'<path d="{"".join(runs)}" fill="var(--accent)" fill-opacity="{opacity}"/>'


def _entropy(facts: Facts, epochs: Sequence[Mapping[str, Any]]) -> Iterator[Tile]:
    if not epochs:
        return
    layers = len(epochs[0]["entropy"])
    top = max(max(entry["entropy"]) for entry in epochs) or 1.0
    axes = _epoch_axes(epochs, (0.0, 1.08 * top), wide=True)
    parts = [_frame(axes, epochs, [(v, f"{v:g}") for v in ticks(0, top)])]
    for layer in range(layers):
        into = facts.stage_names[layer + 1] if layer + 1 < facts.num_stages else "the tasks"
        points = [(entry["epoch"], entry["entropy"][layer]) for entry in epochs]
        strength = 0.3 + 0.7 * (layer + 1) / layers
        style = f'stroke="var(--accent)" stroke-width="1.6" stroke-opacity="{strength:.2f}"'
        parts.append(axes.line(evenly(points, 120), style, title=f"into {into}"))
    yield Tile("Uncertainty, nats", axes.svg(parts, label="Entropy of the gates"))


def _temperature(epochs: Sequence[Mapping[str, Any]]) -> Iterator[Tile]:
    if not epochs:
        return
    points = [(entry["epoch"], entry["temperature"]) for entry in epochs]
    top = max(value for _, value in points) or 1.0
    axes = _epoch_axes(epochs, (0.0, 1.08 * top), wide=True)
    frame = _frame(axes, epochs, [(v, f"{v:g}") for v in ticks(0, top)])
    line = axes.line(evenly(points, 120), _LINE)
    yield Tile("Temperature", axes.svg([frame, line], label="Temperature over the epochs"))


def _expected_cost(facts: Facts, epochs: Sequence[Mapping[str, Any]]) -> Iterator[Tile]:
    """In the first cost that the budget bounds, relative to sharing everything."""
    points = [(entry["epoch"], float(entry["expected_cost"])) for entry in epochs]
    if not points:
        return
    bounds = facts.budget.to_dict() if facts.budget else {}
    bound = bounds.get("params", bounds.get("macs"))
    top = max(bound or 0.0, *(value for _, value in points))
    axes = _epoch_axes(epochs, (0.0, 1.08 * top), wide=True)
    parts = [_frame(axes, epochs, [(v, f"{v:g}×") for v in ticks(0, top)])]
    if bound:
        style = 'stroke="var(--warn)" stroke-width="1.2" stroke-dasharray="6 4"'
        ends = [(axes.x[0], bound), (axes.x[1], bound)]
        parts.append(axes.line(ends, style, title=f"budget: {bound:g}×"))
    parts.append(axes.line(evenly(points, 120), _LINE, title="expected cost"))
    yield Tile("Expected cost, × shared", axes.svg(parts, label="Expected cost over the epochs"))


def _losses(facts: Facts, epochs: Sequence[Mapping[str, Any]]) -> Iterator[Tile]:
    if not epochs:
        return
    colours = task_colours(facts.architecture) if facts.architecture else {}
    lines: dict[str, list[Point]] = {}
    for task in facts.tasks:
        first = epochs[0]["losses"].get(task)
        if first:
            lines[task] = [(e["epoch"], e["losses"].get(task, 0.0) / first) for e in epochs]
    top = max((value for points in lines.values() for _, value in points), default=1.0)
    axes = _epoch_axes(epochs, (0.0, 1.08 * top), wide=True)
    parts = [_frame(axes, epochs, [(v, f"{100 * v:.0f}") for v in ticks(0, top)])]
    for task, points in lines.items():
        colour = f"var(--g{colours[task]})" if task in colours else "var(--accent)"
        style = f'stroke="{colour}" stroke-width="1.4" stroke-opacity=".9"'
        parts.append(axes.line(evenly(points, 120), style, title=task))
    label = f"Training losses of {plural(len(lines), 'task')}"
    yield Tile("Losses, % of epoch 1", axes.svg(parts, label=label))


def _epoch_axes(epochs: Sequence[Mapping[str, Any]], y: Point, *, wide: bool = False) -> Axes:
    x = (float(epochs[0]["epoch"]), float(epochs[-1]["epoch"]))
    if wide:
        return Axes(x, y, width=220, height=150, left=32)
    return Axes(x, y, width=180, height=132, left=20)


def _frame(
    axes: Axes, epochs: Sequence[Mapping[str, Any]], y_ticks: Sequence[tuple[float, str]]
) -> str:
    """Both axes, and the warm-up as a shade."""
    warm = [entry["epoch"] for entry in epochs if entry.get("phase") == "warmup"]
    shade = ""
    if warm:
        left, top = axes.at(axes.x[0], axes.y[1])
        right, base = axes.at(min(warm[-1] + 0.5, axes.x[1]), axes.y[0])
        shade = (
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}"'
            f' height="{base - top:.1f}" fill="var(--shade)"><title>warm-up</title></rect>'
        )
    first, last = epochs[0]["epoch"], epochs[-1]["epoch"]
    numbers = (
        [(float(first), f"epoch {first}")]
        if first == last
        else [
            (float(first), f"{first}"),
            (float(last), f"epoch {last}"),
        ]
    )
    frame = axes.frame([], y_ticks)
    base = axes.height - axes.bottom + 5 + axes.size
    ends = [
        axes.text(axes.at(value, 0)[0], base, text, anchor="start" if i == 0 else "end")
        for i, (value, text) in enumerate(numbers)
    ]
    return shade + frame + "".join(ends)
