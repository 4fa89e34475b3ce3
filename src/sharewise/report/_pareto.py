"""The picture of what each network gains for what it costs."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from sharewise.report._axes import Axes, Point, ticks
from sharewise.report._read import Facts, Row
from sharewise.report._words import signed

_SIZE = 13
_LINE = 16  # between two labels, in CSS pixels


def pareto(facts: Facts) -> str:
    """Gain over sharing everything against cost, as SVG; empty where there is no comparison."""
    rows = [row for row in facts.rows.values() if row.gains[0] is not None]
    shared = facts.rows.get("shared")
    if shared is None or len(rows) < 2:
        return ""
    places = {row.name: _ratio(facts, row, shared) for row in rows}
    gains = [g for row in rows for g in _extent(row)]
    low, high = min(0.0, *gains), max(0.0, *gains)
    room = 0.12 * ((high - low) or 1.0)
    bound = _bound(facts)
    most = max(*places.values(), 1.02 if facts.is_partitioning else 1.2)
    if bound and bound < 2 * most:
        most = max(most, bound)
    least = min(*places.values(), 1.0)
    axes = Axes(
        (least / 1.06, most * 1.12),
        (low - room, high + room),
        width=620, height=330, left=56, bottom=48, right=20, top=28, size=_SIZE, log_x=True,
    )  # fmt: skip
    unit = _quantity(facts)[1]
    frame = axes.frame(
        [(value, f"{value:g}×") for value in _log_ticks(least, most)],
        [
            (value, f"{value:+g} %".replace("-", "−") if value else "0")
            for value in ticks(*axes.y, 6)
        ],
        x_label=f"{unit}, × sharing everything (logarithmic)",
        y_label="mean relative gain over sharing everything, test split",
    )
    zero = axes.line([(axes.x[0], 0), (axes.x[1], 0)], 'stroke="var(--muted)"')
    parts = [frame, zero, *_budget(bound, axes)]
    rows.sort(key=lambda row: row.name == "found")  # drawn last, on top
    parts.extend(part for row in rows for part in _marks(axes, row, places[row.name]))
    parts.extend(_labels(axes, rows, places))
    return axes.svg(parts, label=f"Gain of each network against its {unit}")


def _quantity(facts: Facts) -> tuple[str, str]:
    """What the horizontal axis counts: parameters, unless the budget bounds something else.

    A bound on use is one on multiply-adds: parameters stay where some task uses a channel.
    """
    bounds = facts.budget.to_dict() if facts.budget else {}
    if {"macs", "macs_g", "use"} & set(bounds) and not {"params", "params_m"} & set(bounds):
        return "macs", "multiply-adds"
    return "params", "parameters"


def _ratio(facts: Facts, row: Row, shared: Row) -> float:
    word = _quantity(facts)[0]
    return float(getattr(row, word) / getattr(shared, word))


def _extent(row: Row) -> Iterator[float]:
    mean, spread = row.gains
    yield from row.gain.values()
    if mean is not None:
        yield mean - (spread or 0.0)
        yield mean + (spread or 0.0)


def _log_ticks(least: float, most: float) -> list[float]:
    """1, 2, 4 ...; closer ones where the networks are, and parts of 1 where some cost less."""
    steps = [1, 1.25, 1.5, 1.75, 2] if most < 2.2 else [1, 1.5, 2, 3, 4, 6, 8]
    parts = [0.1, 0.2, 0.4, 0.6, 0.8] if least < 0.7 else [0.7, 0.75, 0.8, 0.85, 0.9, 0.95]
    below = [part for part in parts if least < 1 and least / 1.06 < part]
    return [*below, *(step for step in (*steps, 16, 32) if step <= most * 1.1)]


def _bound(facts: Facts) -> float | None:
    """What the budget allows, in units of the horizontal axis."""
    bounds = facts.budget.to_dict() if facts.budget else {}
    shared = facts.cost_of("shared")
    word = _quantity(facts)[0]
    absolute = {"params": ("params_m", 1e6, 0), "macs": ("macs_g", 1e9, 1)}[word]
    if word not in bounds and shared and absolute[0] in bounds:
        return bounds[absolute[0]] * absolute[1] / shared[absolute[2]]
    return bounds.get(word)


def _budget(bound: float | None, axes: Axes) -> Iterator[str]:
    """The line that the search had to stay left of."""
    if bound is None or not axes.x[0] < bound < axes.x[1]:
        return
    style = 'stroke="var(--warn)" stroke-width="1.3" stroke-dasharray="6 4"'
    yield axes.line([(bound, axes.y[0]), (bound, axes.y[1])], style)
    x, y = axes.at(bound, axes.y[0])
    yield axes.text(x + 6, y - 7, f"budget {bound:.3g}×", style='fill="var(--warn)"')


def _marks(axes: Axes, row: Row, x: float) -> Iterator[str]:
    """The mean with its spread, and a small dot for each seed."""
    mean, spread = row.gains
    if mean is None:
        return
    colour = "var(--accent)" if row.name == "found" else "var(--muted)"
    if spread:
        style = f'stroke="{colour}" stroke-width="2"'
        yield axes.line([(x, mean - spread), (x, mean + spread)], style)
    for value in row.gain.values():
        at = axes.at(x, value)
        yield (f'<circle cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="2.2" fill="{colour}" opacity=".55"/>')
    at = axes.at(x, mean)
    radius = 7 if row.name == "found" else 5
    title = escape(f"{row.name}: {signed(*row.gains)}")
    yield (
        f'<circle cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="{radius}" fill="{colour}"'
        f' stroke="var(--card)" stroke-width="2"><title>{title}</title></circle>'
    )


def _labels(axes: Axes, rows: list[Row], places: dict[str, float]) -> Iterator[str]:
    """Names beside the marks; where two would meet, the lower one moves down."""
    taken: list[Point] = []
    for row in sorted(rows, key=lambda row: -(row.gains[0] or 0.0)):
        x, y = axes.at(places[row.name], row.gains[0] or 0.0)
        y -= 8
        while any(abs(x - a) < 110 and abs(y - b) < _LINE for a, b in taken):
            y += 2
        taken.append((x, y))
        is_right = x > axes.width * 0.8
        style = 'fill="var(--ink)"' + (' font-weight="650"' if row.name == "found" else "")
        anchor = "end" if is_right else "start"
        yield axes.text(x + (-11 if is_right else 11), y + 4, row.name, anchor=anchor, style=style)
