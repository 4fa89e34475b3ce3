"""What a partition was asked to share, and what came out: heat maps of P."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

import numpy as np

from sharewise.report._page import figure, missing
from sharewise.report._plots import shades
from sharewise.report._read import Facts
from sharewise.report._trail import Matrices, Shares
from sharewise.report._words import share

_MOST_NUMBERS = 12  # tasks whose cells have room for a number
_MOST_NAMES = 24  # tasks whose names fit beside a heat map
_MOST_DRAWN = 4  # matrices of a network with one for each group
_LONGEST = 15  # letters of a name beside a heat map
_SIDE = 250.0  # of the cells together, in CSS pixels


def matrices(facts: Facts) -> Iterator[str]:
    """Forward and backward, asked and realised, with how far apart they are."""
    found = facts.trail.matrices
    if not found:
        yield missing(
            "The journal of this run has no last line yet: what was asked of the chosen partition,"
            " and what came out, is not known."
        )
        return
    yield f"<p>{escape(_difference_words(facts, found))}</p>"
    titles = _titles(facts, len(found))
    for number, (title, each) in enumerate(zip(titles, found, strict=True)):
        if number == _MOST_DRAWN:
            yield f"<p>{len(found) - number} more matrices are not drawn.</p>"
            break
        if title:
            yield f"<h3>{escape(title)}</h3>"
        yield figure(_maps(facts, each), _caption(facts), shape="pairs")


def _caption(facts: Facts) -> str:
    unit = "Numbers are percent of the channels." if len(facts.tasks) <= _MOST_NUMBERS else ""
    return (
        "On the diagonal: the share of the channels that a task uses (above) or updates (below)."
        " Off it: the share that both tasks of row and column do. The stronger the colour, the"
        f" more. {unit} Asked is what the search proposed; realised is what the channels come to."
    )


def _difference_words(facts: Facts, found: Sequence[Matrices]) -> str:
    """The mean absolute differences, in points of percent."""
    sentences = [
        "The search does not choose channels one by one. It asks for a matrix: which share of the"
        " channels each task and each pair of tasks should use (forward), and which they should"
        " update (backward). Channels that meet every wish at once may not exist, so the nearest"
        " ones are taken."
    ]
    for name, pairs in (
        ("What pairs use together", [each.forward for each in found]),
        ("What pairs update together", [each.backward for each in found]),
    ):
        if len(facts.tasks) > 1:
            sentences.append(_pair_words(facts, name, pairs))
    own = np.concatenate([np.diagonal(abs(asked - came)) for asked, came in _both(found)])
    sentences.append(
        f"What single tasks use and update differs by {_points(own.mean())} on average."
    )
    return " ".join(sentences)


def _pair_words(facts: Facts, name: str, pairs: Sequence[tuple[Shares, Shares]]) -> str:
    rows, columns = np.triu_indices(len(facts.tasks), 1)
    apart = np.stack([abs(asked - came)[rows, columns] for asked, came in pairs])
    text = f"{name} differs by {_points(apart.mean())} on average"
    if apart.max() < 0.0005:
        return f"{text}."
    worst = int(apart.max(axis=0).argmax())
    one, other = facts.tasks[rows[worst]], facts.tasks[columns[worst]]
    return f"{text}, by {_points(apart.max())} at most ({one} and {other})."


def _both(found: Sequence[Matrices]) -> Iterator[tuple[Shares, Shares]]:
    for each in found:
        yield each.forward
        yield each.backward


def _points(value: float) -> str:
    return f"{100 * value:.1f} percentage points"


def _titles(facts: Facts, count: int) -> list[str]:
    """What each matrix is for; nothing to say where there is one for all."""
    groups = facts.settings.get("groups") or ()
    if count == 1 or len(groups) != count:
        return [""] * count if count == 1 else [f"Matrix {number + 1}" for number in range(count)]
    return [
        f"{facts.stage_names[int(group['stage'])]}, {group['channels']} channels"
        for group in groups
    ]


def _maps(facts: Facts, each: Matrices) -> str:
    top = max(float(cells.max()) for cells in (*each.forward, *each.backward)) or 1.0
    return "".join(
        f'<div class="tile"><h4>{title}</h4>{_heat_map(facts, cells, label=title, top=top)}</div>'
        for title, cells in (
            ("Used together: asked", each.forward[0]),
            ("Used together: realised", each.forward[1]),
            ("Updated together: asked", each.backward[0]),
            ("Updated together: realised", each.backward[1]),
        )
    )


def _heat_map(facts: Facts, cells: Shares, *, label: str, top: float) -> str:
    """Tasks by tasks, in the order of the pictures; a share of `top` has the full colour."""
    order = facts.order
    ranks = [facts.tasks.index(task) for task in order]
    values = cells[np.ix_(ranks, ranks)].tolist()
    names = [_short(task) for task in order] if len(order) <= _MOST_NAMES else []
    room = 10 + 6.2 * max(map(len, names), default=0)
    cell = _SIDE / len(order)
    parts = [
        f'<g transform="translate({room:.1f} 2) scale({cell:.3f})" shape-rendering="crispEdges">'
        f'<rect width="{len(order)}" height="{len(order)}" fill="var(--cell)"/>',
        *shades([[value / top for value in row] for row in values]),
        "</g>",
    ]
    if len(order) <= _MOST_NUMBERS:
        parts.extend(_numbers(order, values, left=room, top=top))
    parts.extend(_names(order, names, left=room, cell=cell))
    width, height = room + _SIDE + 2, 2 + _SIDE + (room if names else 2)
    return (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{escape(label)}">'
        f"{''.join(parts)}</svg>"
    )


def _names(
    order: Sequence[str], names: Sequence[str], *, left: float, cell: float
) -> Iterator[str]:
    """Names beside the rows, and below the columns from bottom to top."""
    size = min(11.0, 0.9 * cell)
    for place, (task, name) in enumerate(zip(order, names, strict=False)):
        middle = (place + 0.5) * cell
        title = f"<title>{escape(task)}</title>" if name != task else ""
        style = f'text-anchor="end" font-size="{size:.1f}" fill="var(--ink)"'
        yield f'<text x="{left - 6:.1f}" y="{middle + 6:.1f}" {style}>{escape(name)}{title}</text>'
        x, y = left + middle + 3.5, _SIDE + 8
        yield (
            f'<text transform="translate({x:.1f} {y:.1f}) rotate(-90)" {style}>'
            f"{escape(name)}{title}</text>"
        )


def _numbers(
    order: Sequence[str], values: Sequence[Sequence[float]], *, left: float, top: float
) -> Iterator[str]:
    """A number in each cell; the square behind it carries its title."""
    cell = _SIDE / len(order)
    size = min(12.0, 0.44 * cell)
    for i, row in enumerate(values):
        for j, value in enumerate(row):
            who = order[i] if i == j else f"{order[i]} and {order[j]}"
            title = f"{who}: {share(value)}"
            x, y = left + (j + 0.5) * cell, 2 + (i + 0.5) * cell + 0.36 * size
            ink = "var(--bar-ink)" if value >= 0.55 * top else "var(--ink)"
            yield (
                f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle" font-size="{size:.1f}"'
                f' fill="{ink}">{100 * value:.0f}<title>{escape(title)}</title>'
                "</text>"
            )


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
