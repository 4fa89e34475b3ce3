"""Charts in SVG, drawn with the page's own colours so that they read on light and dark."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape

Point = tuple[float, float]


def ticks(low: float, high: float, count: int = 4) -> list[float]:
    """About `count` round numbers in [low, high]."""
    if not high > low:
        return [low]
    rough = (high - low) / count
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * k for k in (1, 2, 2.5, 5, 10) if size * k >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    found = [number * step for number in range(first, math.floor(high / step + 1e-9) + 1)]
    return [0.0 if abs(value) < step / 1e6 else value for value in found]


def evenly(items: Sequence[Point], most: int) -> list[Point]:
    """At most about `most` of the items, evenly chosen, the first and the last among them."""
    if len(items) <= most:
        return list(items)
    return [items[round(i * (len(items) - 1) / (most - 1))] for i in range(most)]


@dataclass(frozen=True)
class Axes:
    """A rectangle with values from `x[0]` to `x[1]` and from `y[0]` to `y[1]`, in CSS pixels."""

    x: Point
    y: Point
    width: int = 180
    height: int = 132
    left: int = 30
    bottom: int = 22
    right: int = 8
    top: int = 8
    size: int = 10
    log_x: bool = False

    def at(self, x: float, y: float) -> Point:
        """Where a value stands."""
        scale: Callable[[float], float] = math.log if self.log_x else float
        low, high = scale(self.x[0]), scale(self.x[1])
        across = (scale(x) - low) / ((high - low) or 1)
        up = (y - self.y[0]) / ((self.y[1] - self.y[0]) or 1)
        inner = self.width - self.left - self.right, self.height - self.top - self.bottom
        return self.left + across * inner[0], self.top + (1 - up) * inner[1]

    def frame(
        self,
        x_ticks: Iterable[tuple[float, str]],
        y_ticks: Iterable[tuple[float, str]],
        *,
        x_label: str = "",
        y_label: str = "",
    ) -> str:
        """Quiet lines at the y ticks, and the numbers of both axes."""
        parts = []
        end, base = self.width - self.right, self.height - self.bottom
        for value, text in y_ticks:
            y = self.at(self.x[0], value)[1]
            parts.append(f'<path d="M{self.left} {y:.1f}H{end}" stroke="var(--rule)"/>')
            parts.append(self.text(self.left - 5, y + self.size * 0.35, text, anchor="end"))
        for value, text in x_ticks:
            x = self.at(value, self.y[0])[0]
            parts.append(f'<path d="M{x:.1f} {base}v4" stroke="var(--muted)"/>')
            parts.append(self.text(x, base + 5 + self.size, text, anchor="middle"))
        if x_label:
            middle = (self.left + end) / 2
            parts.append(self.text(middle, self.height - 4, x_label, anchor="middle"))
        if y_label:
            parts.append(self.text(2, self.size + 1, y_label))
        return "".join(parts)

    def line(self, points: Sequence[Point], style: str, *, title: str = "") -> str:
        """A line through points; the title shows when a pointer rests on it."""
        places = (self.at(*point) for point in points)
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
        tip = f"<title>{escape(title)}</title>" if title else ""
        return f'<path d="M{path}" fill="none" {style}>{tip}</path>'

    def text(self, x: float, y: float, text: str, *, anchor: str = "start", style: str = "") -> str:
        """Words at a place, in the quiet colour unless the style says another."""
        style = style or 'fill="var(--muted)"'
        return (
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{self.size}"'
            f" {style}>{escape(text)}</text>"
        )

    def svg(self, parts: Iterable[str], *, label: str) -> str:
        """The whole chart, as wide as its place in the page."""
        return (
            f'<svg viewBox="0 0 {self.width} {self.height}" role="img"'
            f' aria-label="{escape(label)}">{"".join(parts)}</svg>'
        )
