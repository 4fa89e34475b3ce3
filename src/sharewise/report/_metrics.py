"""What the metrics of tasks with labels for each pixel measure, in a few words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_KNOWN: tuple[Mapping[str, str], ...] = (
    {
        "miou": "overlap with the right pixels, mean over classes",
        "pixel_accuracy": "pixels of the right class",
    },
    {
        "mean_angle": "between right and predicted direction",
        "median_angle": "half of the pixels are nearer",
        "within_11": "pixels off by less than 11.25°",
        "within_22": "pixels off by less than 22.5°",
        "within_30": "pixels off by less than 30°",
    },
    {
        "abs_error": "mean distance, in the labels' unit",
        "rel_error": "mean distance as a share of the label",
        "within_1": "pixels off by a factor below 1.25",
        "within_2": "pixels off by a factor below 1.25² = 1.56",
        "within_3": "pixels off by a factor below 1.25³ = 1.95",
    },
)
PIXEL_SHARES = frozenset(
    {"miou", "within_11", "within_22", "within_30", "within_1", "within_2", "within_3"}
)
"""Metrics that are shares of 1."""


def metric_words(metrics: Iterable[str]) -> Mapping[str, str]:
    """{metric: what it measures} of a task of sharewise's own; empty for metrics of the user's.

    A name such as "within_1" may mean anything, so a task is known by all its metrics.
    """
    found = set(metrics)
    return next((known for known in _KNOWN if set(known) == found), {})
