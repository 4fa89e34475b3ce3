"""Numbers and findings in words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from sharewise.report._metrics import PIXEL_SHARES

THIN = "\u202f"  # a narrow space that does not break, between a number and its unit
_MANY = 5  # names in a sentence; beyond, their number


def stage_titles(names: Sequence[str] | None, num_stages: int) -> tuple[str, ...]:
    """The names of the stages, or "stage 1", "stage 2" ..."""
    return tuple(names or (f"stage {number}" for number in range(1, num_stages + 1)))


def names_in_words(names: Iterable[str], *, most: int = _MANY) -> str:
    """Names as part of a sentence; "9 tasks" where they are too many to name."""
    listed = list(names)
    if len(listed) > most:
        return f"{len(listed)} tasks"
    *first, last = listed
    return f"{', '.join(first)} and {last}" if first else last


def plural(count: int, word: str, many: str = "") -> str:
    """A count with its noun."""
    return f"{count} {word if count == 1 else many or word + 's'}"


def share(value: float) -> str:
    """A share of 1 in whole percent."""
    percent = 100 * value
    return f"<1{THIN}%" if 0 < percent < 1 else f"{percent:.0f}{THIN}%"


def quantity(value: float, unit: str = "") -> str:
    """A count with three digits and k, M or G: 11.2 M."""
    for size, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= 0.9995 * size:
            return f"{_three(value / size)}{THIN}{prefix}{unit}"
    return f"{_three(value)}{THIN + unit if unit else ''}"


def times(ratio: float) -> str:
    """How many times as much: 1.27×."""
    return f"{_three(ratio)}×" if ratio >= 1 else f"{ratio:.2f}×"


def milliseconds(value: float) -> str:
    """A duration with three digits: 1.10 ms."""
    return f"{_three(value) if value >= 1 else f'{value:.2f}'}{THIN}ms"


def signed(mean: float | None, spread: float | None, unit: str = "%") -> str:
    """A difference with its spread: +1.3 ± 0.4 %."""
    if mean is None:
        return "–"
    if mean == 0 and not spread:
        return f"0{THIN}{unit}"
    digits = 2 if spread is not None and 0 < spread < 0.05 else 1
    text = f"{_zero(mean, digits):+.{digits}f}".replace("-", "−")
    if spread is not None:
        text += f" ± {spread:.{digits}f}"
    return f"{text}{THIN}{unit}"


def score(metric: str, values: Sequence[float]) -> str:
    """The mean of a metric over seeds with its spread; shares of right answers in percent."""
    mean, spread = mean_spread(values)
    if mean is None:
        return "–"
    if is_percent(metric):
        tail = "" if spread is None else f" ± {100 * spread:.1f}"
        return f"{100 * mean:.1f}{tail}{THIN}%"
    unit = "°" if metric.endswith("_angle") else ""
    if spread is None or spread == 0:
        return f"{mean:{'.0f' if 1000 <= abs(mean) < 1e6 else '.3g'}}{unit}"
    # Two digits of a spread that begins with 1, one of the others: what the seeds can tell.
    first = math.floor(math.log10(spread))
    digits = max(0, min(6, -first + (spread < 2 * 10**first)))
    return f"{mean:.{digits}f} ± {spread:.{digits}f}{unit}"


def is_percent(metric: str) -> bool:
    """Whether a metric is a share that people read in percent."""
    return "accuracy" in metric or metric in PIXEL_SHARES


def mean_spread(values: Sequence[float]) -> tuple[float | None, float | None]:
    """The mean and the sample standard deviation; None where there are too few values."""
    if not values or not all(map(math.isfinite, values)):
        return None, None
    mean = math.fsum(values) / len(values)
    if len(values) == 1:
        return mean, None
    return mean, math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1))


def _three(value: float) -> str:
    """Three digits, without an exponent."""
    if value == 0:
        return "0"
    rounded = float(f"{value:.2e}")  # 9.999 has as many digits before the point as 10.0
    digits = max(0, 2 - math.floor(math.log10(abs(rounded))))
    return f"{value:.{digits}f}"


def _zero(value: float, digits: int) -> float:
    """The value, or plain 0 where rounding would leave a minus before zeros."""
    return value if round(value, digits) else 0.0
