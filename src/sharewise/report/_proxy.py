"""Whether the search's quick scores tell what full training would: proxy against trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from scipy.stats import kendalltau, spearmanr

from sharewise.report._axes import Axes, ticks
from sharewise.report._finalists import preset_names
from sharewise.report._page import figure, missing
from sharewise.report._read import Facts, Row
from sharewise.report._words import mean_spread, plural

_FEWEST = 3  # points that a rank correlation is worked out for
_FEW = 8  # points: below, the page warns


@dataclass(frozen=True)
class Judged:
    """A partition that was judged by the proxy and trained in full.

    Attributes:
        trained: The mean over seeds.
        spread: Over seeds; None for one.
    """

    digest: str
    proxy: float
    trained: float
    spread: float | None


@dataclass(frozen=True)
class Agreement:
    """Rank correlations of proxy and trained; the interval is of Spearman's."""

    spearman: float | None
    kendall: float | None
    interval: tuple[float, float] | None


def proxy_section(facts: Facts) -> Iterator[str]:
    """A scatter and what it says, or a sentence where nothing tells."""
    points = [_judged(entry) for entry in facts.proxy.get("points", ())]
    agreement = _written(facts.proxy) if points else None
    height = "mean score over tasks after full training"
    if not points:
        if not all(facts.accuracy(row) for row in facts.rows.values()):
            height = "mean gain over sharing everything after full training, %"
        points = list(_compared(facts))
    if len(points) < _FEWEST:
        yield missing(
            "Whether the search's quick scores tell what full training would is not known for this"
            f" run: {_how_few(len(points))} judged by the search and trained in full, and a rank"
            f" correlation takes at least {_FEWEST}."
        )
        return
    agreement = agreement or _worked_out(points)
    yield f"<p>{escape(_words(agreement, len(points)))}</p>"
    yield figure(
        _scatter(facts, points, height), _caption(facts, points), shape="scroll panel wide"
    )


def _how_few(count: int) -> str:
    words = {0: "no partition was", 1: "one partition was"}
    return words.get(count, f"{count} partitions were")


def _judged(entry: dict[str, Any]) -> Judged:
    spread = entry.get("spread")
    return Judged(
        str(entry.get("architecture", "")),
        float(entry["proxy"]),
        float(entry["trained"]),
        None if spread is None else float(spread),
    )


def _written(proxy: Any) -> Agreement | None:
    """The correlations that the file holds."""
    if proxy.get("spearman") is None:
        return None
    kendall, interval = proxy.get("kendall"), proxy.get("interval")
    return Agreement(
        float(proxy["spearman"]),
        None if kendall is None else float(kendall),
        None if interval is None else (float(interval[0]), float(interval[1])),
    )


def _worked_out(points: Sequence[Judged]) -> Agreement:
    """Neither where all scores of a side are equal: there is no order to compare."""
    proxy, trained = [each.proxy for each in points], [each.trained for each in points]
    if len(set(proxy)) == 1 or len(set(trained)) == 1:
        return Agreement(None, None, None)
    return Agreement(
        float(spearmanr(proxy, trained).statistic),
        float(kendalltau(proxy, trained).statistic),
        None,
    )


def _compared(facts: Facts) -> Iterator[Judged]:
    """The networks of the comparison that the search had judged, too."""
    for row in facts.rows.values():
        for digest, values in _trained(facts, row).items():
            scores = facts.trail.judged.get(digest)
            mean, spread = mean_spread(values)
            if scores and mean is not None:
                yield Judged(digest, sum(scores) / len(scores), mean, spread)


def _trained(facts: Facts, row: Row) -> dict[str, list[float]]:
    """{digest: mean score over tasks, of each seed that it was trained with}."""
    accuracy = facts.accuracy(row)
    by_seed = accuracy if accuracy is not None else row.gain
    if len(row.architectures) == 1:
        return {row.architectures[0].digest: list(by_seed.values())}
    if len(row.architectures) != len(row.test):
        return {}  # several for a seed: their scores are written as one mean
    drawn = zip(row.test, row.architectures, strict=True)
    return {each.digest: [by_seed[seed]] for seed, each in drawn if seed in by_seed}


def _words(agreement: Agreement, count: int) -> str:
    text = (
        f"{plural(count, 'partition')} were judged by the search's quick score and trained in full."
    )
    if agreement.spearman is None:
        return f"{text} All scores of one side are equal, so there is no order to compare."
    text += f" The rank correlation of the two (Spearman) is {_signed(agreement.spearman)}"
    interval = agreement.interval
    if interval:
        text += f", with an interval from {_signed(interval[0])} to {_signed(interval[1])}"
    if agreement.kendall is not None:
        text += f"; Kendall's is {_signed(agreement.kendall)}"
    text += (
        ". It is 1 where the quick score orders partitions as full training does, and 0 where it"
        " says nothing about it."
    )
    if interval and interval[0] <= 0 <= interval[1]:
        return f"{text} The interval holds 0: these points do not show that the quick score helps."
    if not interval and count < _FEW:
        return f"{text} So few points cannot rule out chance."
    return text


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _caption(facts: Facts, points: Sequence[Judged]) -> str:
    text = "Each dot is a partition: to the right the search thought more of it, and further up it"
    text += " did better after full training."
    if any(each.spread for each in points):
        text += " A bar is the spread over seeds."
    if any(each.digest == _found(facts) for each in points):
        text += ' <span class="chip ring"></span>The found one.'
    return text


def _found(facts: Facts) -> str:
    return facts.architecture.digest if facts.architecture else ""


def _scatter(facts: Facts, points: Sequence[Judged], height: str) -> str:
    names = preset_names(facts)
    heights = [
        value
        for each in points
        for value in (each.trained - (each.spread or 0), each.trained + (each.spread or 0))
    ]
    axes = Axes(
        _wider([each.proxy for each in points]), _wider(heights),
        width=620, height=340, left=58, bottom=46, right=20, top=28, size=13,
    )  # fmt: skip
    parts = [
        axes.frame(
            [(value, f"{value:.3g}") for value in ticks(*axes.x, 6)],
            [(value, f"{value:.3g}") for value in ticks(*axes.y, 6)],
            x_label="score in the search",
            y_label=height,
        )
    ]
    for each in points:
        parts.extend(_point(axes, each, names.get(each.digest, ""), each.digest == _found(facts)))
    return axes.svg(parts, label="Score in the search against score after full training")


def _point(axes: Axes, each: Judged, name: str, is_found: bool) -> Iterator[str]:
    x, y = axes.at(each.proxy, each.trained)
    if each.spread:
        ends = [(each.proxy, each.trained - each.spread), (each.proxy, each.trained + each.spread)]
        yield axes.line(ends, 'stroke="var(--faint)" stroke-width="1.5"')
    colour = "var(--warn)" if name else "var(--accent)" if is_found else "var(--muted)"
    title = name or ("the found one" if is_found else each.digest)
    yield (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"><title>{escape(title)}:'
        f" {each.proxy:.3g} in the search, {each.trained:.3g} trained</title></circle>"
    )
    if is_found:
        yield (
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="8" fill="none" stroke="var(--accent)"'
            ' stroke-width="2.2"/>'
        )
    if name:
        right = x > 0.7 * axes.width
        yield axes.text(
            x + (-9 if right else 9), y + 4, name,
            anchor="end" if right else "start", style='fill="var(--ink)"',
        )  # fmt: skip


def _wider(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    room = 0.08 * ((high - low) or abs(high) or 1.0)
    return low - room, high + room
