from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from sharewise.data import MINI_DOMAINS
from sharewise.errors import InputError
from sharewise.scores import (
    DECATHLON_BASELINE,
    MINI_BASELINE,
    accuracy_score,
    baseline_of,
    decathlon_score,
    relative_gain,
    relative_gain_per_task,
)

# Accuracy in percent of published entries, in the order of DECATHLON_BASELINE, and their score.
PUBLISHED = {
    "scratch": (
        (59.87, 57.10, 75.73, 91.20, 37.77, 96.55, 56.30, 88.74, 96.63, 43.27),
        1625,
    ),
    "finetune": (
        (59.87, 60.34, 82.12, 92.82, 55.53, 97.53, 81.41, 87.69, 96.55, 51.20),
        2500,
    ),
    "feature": (
        (59.67, 23.31, 63.11, 80.33, 45.37, 68.16, 73.69, 58.79, 43.54, 26.80),
        544,
    ),
    "residual adapters": (
        (59.67, 56.68, 81.20, 93.88, 50.85, 97.05, 66.24, 89.62, 96.13, 47.45),
        2118,
    ),
    "DAN": (
        (57.74, 64.12, 80.07, 91.30, 56.54, 98.46, 86.05, 89.67, 96.77, 49.38),
        2851,
    ),
    "Piggyback": (
        (57.69, 65.29, 79.87, 96.99, 57.45, 97.27, 79.09, 87.63, 97.24, 47.48),
        2838,
    ),
    "parallel adapters": (
        (60.32, 64.21, 81.91, 94.73, 58.83, 99.38, 84.68, 89.21, 96.54, 50.94),
        3412,
    ),
}


def message(call: Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        call()
    return str(caught.value)


# --- decathlon


@pytest.mark.parametrize("entry", PUBLISHED)
def test_published_entries_get_their_published_score(entry: str) -> None:
    accuracy, score = PUBLISHED[entry]
    errors = {
        name: 1 - percent / 100 for name, percent in zip(DECATHLON_BASELINE, accuracy, strict=True)
    }
    assert decathlon_score(errors) == pytest.approx(score, abs=3)


def test_the_baseline_scores_250_a_data_set() -> None:
    assert decathlon_score(DECATHLON_BASELINE) == pytest.approx(2500)
    assert decathlon_score({"x": 0.1}, baseline={"x": 0.1}) == pytest.approx(250)


def test_no_errors_score_1000_and_twice_the_baselines_score_nothing() -> None:
    baseline = {"x": 0.1, "y": 0.4}
    assert decathlon_score({"x": 0, "y": 0}, baseline) == pytest.approx(2000)
    assert decathlon_score({"x": 0.2, "y": 0.9}, baseline) == 0


@pytest.mark.parametrize(
    ("errors", "baseline", "sentence"),
    [
        (
            {"x": 0.1, "z": 0.1},
            {"x": 0.1, "y": 0.1},
            "A score compares the same data sets. Found missing: y; not in the reference: z. "
            "Give both sides the same names, at least one.",
        ),
        (
            {},
            {},
            "A score compares the same data sets. Found missing: none; not in the reference: none. "
            "Give both sides the same names, at least one.",
        ),
        (
            {"x": 12.5},
            {"x": 0.1},
            "Test errors are shares in [0, 1], and a baseline's are above 0. "
            "Found 12.5 against the baseline's 0.1 for 'x'. "
            "Divide percent by 100, and give errors instead of accuracies.",
        ),
        (
            {"x": 0.1},
            {"x": 0.0},
            "Test errors are shares in [0, 1], and a baseline's are above 0. "
            "Found 0.1 against the baseline's 0.0 for 'x'. "
            "Divide percent by 100, and give errors instead of accuracies.",
        ),
        (
            {"x": math.nan},
            {"x": 0.1},
            "Test errors are shares in [0, 1], and a baseline's are above 0. "
            "Found nan against the baseline's 0.1 for 'x'. "
            "Divide percent by 100, and give errors instead of accuracies.",
        ),
    ],
)
def test_errors_that_cannot_be_scored(errors: Any, baseline: Any, sentence: str) -> None:
    assert message(lambda: decathlon_score(errors, baseline)) == sentence


def test_a_part_of_the_decathlon_needs_a_baseline_of_its_own() -> None:
    assert "missing: aircraft, cifar100" in message(lambda: decathlon_score({"dtd": 0.4}))


# --- relative gain

LOWER = {"accuracy": False, "mse": True, "angle": True}


def test_the_gain_is_the_mean_over_metrics_then_tasks() -> None:
    reference = {"a": {"accuracy": 0.8}, "b": {"mse": 2.0, "angle": 10.0}}
    scores = {"a": {"accuracy": 0.6}, "b": {"mse": 1.0, "angle": 11.0}}
    gains = relative_gain_per_task(scores, reference, LOWER)
    assert gains == {"a": pytest.approx(-25), "b": pytest.approx((50 - 10) / 2)}
    assert relative_gain(scores, reference, LOWER) == pytest.approx((-25 + 20) / 2)


def test_a_network_gains_nothing_over_itself() -> None:
    scores = {"a": {"accuracy": 0.7}, "b": {"mse": 0.3}}
    assert relative_gain(scores, scores, LOWER) == 0


def test_the_small_decathlon_has_a_baseline_for_its_domains() -> None:
    assert set(MINI_BASELINE) == set(MINI_DOMAINS)
    assert decathlon_score(MINI_BASELINE, MINI_BASELINE) == pytest.approx(250 * len(MINI_DOMAINS))
    assert baseline_of(MINI_DOMAINS) is MINI_BASELINE
    assert baseline_of(DECATHLON_BASELINE) is DECATHLON_BASELINE
    assert baseline_of(MINI_DOMAINS[:3]) is None


def test_accuracies_are_scored_where_a_baseline_is_known() -> None:
    right = {name: {"accuracy": 1 - error} for name, error in MINI_BASELINE.items()}
    assert accuracy_score(right) == pytest.approx(250 * len(MINI_BASELINE))
    assert accuracy_score({**right, "mnist": {"accuracy": 1.0, "loss": 9.0}}) == pytest.approx(
        250 * (len(MINI_BASELINE) - 1) + 1000
    )
    assert accuracy_score({**right, "mnist": {"mse": 1.0}}) is None
    assert accuracy_score({**right, "fashion": {"accuracy": 1.0}}) is None
    assert accuracy_score({"mnist": {"accuracy": 1.0}}) is None
    full = {name: {"accuracy": 1.0} for name in DECATHLON_BASELINE}
    assert accuracy_score(full) == pytest.approx(10_000)
    assert "Test errors are shares" in message(
        lambda: accuracy_score({**right, "mnist": {"accuracy": 93.0}})
    )


def test_a_reference_of_zero_beside_others_is_left_out() -> None:
    lower = {"angle": True, "within": False}
    reference = {"normals": {"angle": 40.0, "within": 0.0}}
    scores = {"normals": {"angle": 30.0, "within": 0.1}}
    assert relative_gain(scores, reference, lower) == pytest.approx(25)
    with pytest.raises(InputError, match="only zeros for task 'normals'"):
        zeros = {"normals": {"angle": 0.0, "within": 0.0}}
        relative_gain(scores, zeros, lower)


@pytest.mark.parametrize(
    ("scores", "reference", "sentence"),
    [
        (
            {"a": {"mse": 1.0}},
            {"a": {"mse": 1.0}, "b": {"mse": 1.0}},
            "A gain compares the same tasks. Found missing: b; not in the reference: none. "
            "Give both sides the same names, at least one.",
        ),
        (
            {"a": {"mse": 1.0}},
            {"a": {"angle": 1.0}},
            "A gain compares the same metrics of task 'a'. "
            "Found missing: angle; not in the reference: mse. "
            "Give both sides the same names, at least one.",
        ),
        (
            {"a": {"speed": 1.0}},
            {"a": {"speed": 1.0}},
            "Every metric says whether lower is better. Found nothing for 'speed' of task 'a'. "
            "Add {'speed': True} or {'speed': False} to lower_is_better.",
        ),
        (
            {"a": {"mse": 1.0}},
            {"a": {"mse": 0.0}},
            "A relative gain is a share of a reference above 0. Found 0.0 for 'mse' of task 'a'. "
            "Leave this metric out, or give another reference.",
        ),
        (
            {"a": {"mse": 1.0}},
            {"a": {"mse": math.nan}},
            "A relative gain is a share of a reference above 0. Found nan for 'mse' of task 'a'. "
            "Leave this metric out, or give another reference.",
        ),
    ],
)
def test_scores_that_cannot_be_compared(scores: Any, reference: Any, sentence: str) -> None:
    assert message(lambda: relative_gain(scores, reference, LOWER)) == sentence
