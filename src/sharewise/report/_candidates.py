"""The pictures of a partitioning search: what its candidates used, and how they scored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby

from sharewise.report._axes import Axes, Point, evenly, ticks
from sharewise.report._finalists import preset_names
from sharewise.report._plots import Tile
from sharewise.report._read import Facts
from sharewise.report._trail import Candidate
from sharewise.report._words import THIN, share

_MOST_DOTS = 4000  # beyond, some candidates, evenly chosen, are drawn
_MOST_NAMES = 14  # tasks whose names fit beside their lines
_FEW_STEPS = 4  # below, a line is a mean over neighbours and not over steps
_LONGEST = 16  # letters of a name beside a line
_BOUND = 'stroke="var(--warn)" stroke-width="1.3" stroke-dasharray="6 4"'


def use_lines(facts: Facts) -> Tile:
    """The share of the channels that each task uses, a line a task over the candidates."""
    candidates = facts.trail.candidates
    named = facts.order if len(facts.order) <= _MOST_NAMES else ()
    right = 16 + 6.0 * max((min(len(task), _LONGEST) for task in named), default=0)
    lines = {task: _smooth(candidates, task) for task in facts.order}
    bound = facts.budget.use if facts.budget else None
    values = [y for points in lines.values() for _, y in points]
    top = min(1.0, 1.1 * max(*values, bound or 0.0))
    axes = Axes(
        (0.0, max(1.0, len(candidates) - 1.0)), (0.0, top),
        width=460, height=270, left=42, bottom=38, right=round(right), top=12, size=11,
    )  # fmt: skip
    parts = [_frame(axes, _percent_ticks(0, top))]
    if bound:
        ends = [(axes.x[0], bound), (axes.x[1], bound)]
        parts.append(axes.line(ends, _BOUND, title=f"bound on the mean: {share(bound)}"))
    for task, points in lines.items():
        style = f'stroke="var(--g{facts.colours[task]})" stroke-width="1.8"'
        title = f"{task}: {share(points[-1][1])} at the end"
        parts.append(axes.line(evenly(points, 160), style, title=title))
    parts.append(axes.line(evenly(_mean(lines), 160), 'stroke="var(--ink)" stroke-width="2.6"'))
    ends_at = {task: axes.at(*points[-1])[1] for task, points in lines.items() if task in named}
    parts.extend(_end_names(facts, axes, ends_at))
    label = "Share of the channels that each task uses, over the candidates"
    return Tile("Share of the channels that each task uses", axes.svg(parts, label=label))


def best_so_far(facts: Facts) -> Tile:
    """All scores, and the best one so far."""
    candidates = facts.trail.candidates
    axes = _score_axes(facts, (0.0, max(1.0, len(candidates) - 1.0)))
    best: list[Point] = []
    for place, each in enumerate(candidates):
        if not best or each.score > best[-1][1]:
            best += [(place, best[-1][1])] if best else []
            best.append((place, each.score))
    best.append((len(candidates) - 1, best[-1][1]))
    places = {each.number: float(place) for place, each in enumerate(candidates)}
    parts = [
        _frame(axes, _score_ticks(axes)),
        *_dots(axes, [(places[each.number], each) for each in candidates]),
        axes.line(best, 'stroke="var(--accent)" stroke-width="2"', title="best so far"),
    ]
    chosen = facts.trail.winner
    if chosen:
        parts.append(_ring(axes, (places[chosen.number], chosen.score)))
    label = "Score of each candidate, and the best so far"
    return Tile("Score, candidate by candidate", axes.svg(parts, label=label))


def front(facts: Facts) -> Tile:
    """Score against use: all candidates, those that none beats in both, and known networks."""
    candidates = facts.trail.candidates
    known = list(preset_points(facts))
    uses = [each.mean_use for each in candidates] + [use for _, (use, _) in known]
    room = 0.06 * ((max(uses) - min(uses)) or 0.1)
    axes = _score_axes(
        facts, (min(uses) - room, max(uses) + room), extra=[score for _, (_, score) in known]
    )
    best = pareto_front(candidates)
    corners = [
        corner
        for one, other in zip(best, [*best[1:], best[-1]], strict=True)
        for corner in ((one.mean_use, one.score), (other.mean_use, one.score))
    ]
    x_ticks = _percent_ticks(*axes.x)
    parts = [
        axes.frame(x_ticks, _score_ticks(axes), x_label="mean share of the channels in use"),
        *_dots(axes, [(each.mean_use, each) for each in candidates]),
        axes.line(corners, 'stroke="var(--accent)" stroke-width="2"', title="Pareto front"),
    ]
    parts.extend(_diamonds(axes, known))
    chosen = facts.trail.winner
    if chosen:
        parts.append(_ring(axes, (chosen.mean_use, chosen.score)))
    return Tile("Score against use", axes.svg(parts, label="Score against use, all candidates"))


def pareto_front(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those that no other beats in score and use, the most frugal first."""
    found: list[Candidate] = []
    for each in sorted(candidates, key=lambda each: (each.mean_use, -each.score)):
        if not found or each.score > found[-1].score:
            found.append(each)
    return found


def preset_points(facts: Facts) -> Iterator[tuple[str, Point]]:
    """(name, (use, score)) of the presets that the search judged."""
    for digest, name in preset_names(facts).items():
        candidate = facts.trail.candidate(digest)
        if candidate and digest != facts.trail.chosen:
            yield name, (candidate.mean_use, candidate.score)


def has_steps(candidates: Sequence[Candidate]) -> bool:
    """Whether there are so many steps that lines are means over them, and not over neighbours."""
    return len({each.step for each in candidates}) >= _FEW_STEPS


def _smooth(candidates: Sequence[Candidate], task: str) -> list[Point]:
    """The mean over each step; over neighbours where there are few steps."""
    values = [each.use[task] for each in candidates]
    steps = [
        list(places) for _, places in groupby(range(len(values)), lambda i: candidates[i].step)
    ]
    if not has_steps(candidates):
        half = len(values) // 16
        steps = [
            list(range(max(0, i - half), min(len(values), i + half + 1)))
            for i in range(len(values))
        ]
        return [(i, sum(values[j] for j in s) / len(s)) for i, s in enumerate(steps)]
    means = [(sum(s) / len(s), sum(values[i] for i in s) / len(s)) for s in steps]
    return [(0.0, means[0][1]), *means, (len(values) - 1.0, means[-1][1])]


def _mean(lines: dict[str, list[Point]]) -> list[Point]:
    several = list(lines.values())
    return [
        (points[0][0], sum(y for _, y in points) / len(points))
        for points in zip(*several, strict=True)
    ]


def _score_axes(facts: Facts, x: Point, *, extra: Sequence[float] = ()) -> Axes:
    """Axes for scores; a few that are far below the others stand at the lower edge."""
    scores = sorted([*(each.score for each in facts.trail.candidates), *extra])
    quarter, middle = scores[len(scores) // 4], scores[len(scores) // 2]
    low = max(scores[0], quarter - 4 * (scores[-1] - middle) - 1e-9)
    room = 0.07 * ((scores[-1] - low) or 0.01)
    return Axes(
        x, (low - room, scores[-1] + room),
        width=440, height=310, left=46, bottom=40, right=14, top=12, size=12,
    )  # fmt: skip


def _score_ticks(axes: Axes) -> list[tuple[float, str]]:
    found = ticks(*axes.y, 5)
    digits = 3 if axes.y[1] - axes.y[0] < 0.05 else 2
    return [(value, f"{value:.{digits}f}".replace("-", "−")) for value in found]


def _percent_ticks(low: float, high: float) -> list[tuple[float, str]]:
    found = ticks(low, high)
    digits = 1 if high - low < 0.03 else 0
    return [(value, f"{100 * value:.{digits}f}{THIN}%") for value in found]


def _frame(axes: Axes, y_ticks: Sequence[tuple[float, str]]) -> str:
    x_ticks = [(value, f"{value:.0f}") for value in ticks(*axes.x, 5) if value == int(value)]
    return axes.frame(x_ticks, y_ticks, x_label="candidate")


def _dots(axes: Axes, places: Sequence[tuple[float, Candidate]]) -> Iterator[str]:
    """A small dot for each candidate, hollow for one that was stopped early."""
    few = places if len(places) <= _MOST_DOTS else places[:: -(-len(places) // _MOST_DOTS)]
    for is_stopped in (True, False):
        style = (
            'fill="none" stroke="var(--faint)"' if is_stopped
            else 'fill="var(--muted)" fill-opacity=".6"'
        )  # fmt: skip
        circles = (
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.4"/>'
            for x, y in (
                axes.at(x, max(each.score, axes.y[0]))
                for x, each in few
                if each.stopped == is_stopped
            )
        )
        yield f"<g {style}>{''.join(circles)}</g>"


def _diamonds(axes: Axes, known: Sequence[tuple[str, Point]]) -> Iterator[str]:
    """Marks with names above them; of two names that would meet, the lower one moves down."""
    lowest = float("-inf")
    for name, point in sorted(known, key=lambda each: -each[1][1]):
        x, y = axes.at(*point)
        yield (
            f'<path d="M{x:.1f} {y - 6:.1f}l6 6l-6 6l-6 -6z" fill="var(--warn)"'
            f' stroke="var(--card)" stroke-width="1.5"><title>{escape(name)}</title></path>'
        )
        is_right = x > 0.6 * axes.width
        lowest = max(y - 5, lowest + axes.size + 1)
        anchor, shift = ("end", -8) if is_right else ("start", 8)
        yield axes.text(x + shift, lowest, name, anchor=anchor, style='fill="var(--ink)"')


def _ring(axes: Axes, point: Point) -> str:
    x, y = axes.at(*point)
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="7" fill="none" stroke="var(--accent)"'
        ' stroke-width="2.4"><title>the chosen one</title></circle>'
    )


def _end_names(facts: Facts, axes: Axes, heights: dict[str, float]) -> Iterator[str]:
    """The names at the ends of their lines, moved apart where they would meet."""
    gap = axes.size + 1.5
    placed: dict[str, float] = {}
    y = float("-inf")
    for task, height in sorted(heights.items(), key=lambda pair: pair[1]):
        y = placed[task] = max(height, y + gap)
    most, above = axes.height - axes.bottom + 4.0, float("inf")
    for task in reversed(placed):
        above = placed[task] = min(placed[task], above - gap, most)
    for task, place in placed.items():
        short = task if len(task) <= _LONGEST else f"{task[: _LONGEST - 1]}…"
        style = f'fill="var(--g{facts.colours[task]})"'
        yield axes.text(axes.width - axes.right + 7, place + 4, short, style=style)
