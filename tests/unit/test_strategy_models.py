"""The models of our evolution: regressions against plain formulas, peaks against grids."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from _cubes import make_cube
from numpy.typing import NDArray

from sharewise.strategies import Bound, Judged, Proposal
from sharewise.strategies._curves import Curves, peak
from sharewise.strategies._model import learn

Floats = NDArray[np.float64]
TWO = make_cube("ab")  # 6 numbers: aa ab bb, twice
OWN = [0, 2]
OF_A, OF_B = [0, 1, 3, 4], [1, 2, 4, 5]


def judged_rounds(
    sizes: Sequence[int], *, noise: float = 0.1, seed: int = 0, tasks: str = "ab"
) -> list[list[Judged]]:
    """Random vectors of TWO; each task has a slope and a bend in each of its numbers."""
    rng = np.random.default_rng(seed)
    slope, bend = rng.normal(size=(2, 2, 6))
    rounds = []
    for round_number, size in enumerate(sizes):
        one = []
        for vector in rng.random((size, 6)):
            terms = slope * vector + bend * vector**2 + noise * rng.normal(size=(2, 1))
            scores = {"a": float(terms[0, OF_A].sum()), "b": float(terms[1, OF_B].sum())}
            mean = (scores["a"] + scores["b"]) / 2
            per_task = {task: scores[task] for task in tasks}
            one.append(Judged(Proposal(tuple(vector), round_number), mean, 0.5, per_task))
        rounds.append(one)
    return rounds


def drawn(
    rounds: Sequence[Sequence[Judged]], draws: int = 1, *, seed: int = 0
) -> tuple[Curves, Floats]:
    """Curves, and the vectors that they were learnt from."""
    vectors = np.array([each.proposal.vector for one in rounds for each in one])
    return learn(TWO, rounds, rng=np.random.default_rng(seed), draws=draws), vectors


# The posterior.


def plain_posterior(
    z: Floats, scores: Floats, rounds: Floats, *, noise: float
) -> tuple[Floats, Floats]:
    """Mean and covariance of the coefficients, from the whole covariance of the scores.

    Scores have covariance noise (I + C), where C is 1 for two of one round (half of the noise in
    common); coefficients of z and of z^2 - 1 have prior variance 2 / k each, the constant 100.
    """
    columns = np.hstack([z, z**2 - 1, np.ones((len(z), 1))])
    count = z.shape[1]
    prior = np.diag([2 / count] * (2 * count) + [100.0])
    same = (rounds[:, None] == rounds).astype(float)
    of_scores = noise * (np.eye(len(z)) + same)
    gain = prior @ columns.T @ np.linalg.inv(columns @ prior @ columns.T + of_scores)
    return gain @ scores, prior - gain @ columns @ prior


def plain_evidence(z: Floats, scores: Floats, rounds: Floats, *, noise: float) -> float:
    columns = np.hstack([z, z**2 - 1, np.ones((len(z), 1))])
    count = z.shape[1]
    prior = np.diag([2 / count] * (2 * count) + [100.0])
    same = (rounds[:, None] == rounds).astype(float)
    whole = columns @ prior @ columns.T + noise * (np.eye(len(z)) + same)
    return float(-scores @ np.linalg.solve(whole, scores) - np.linalg.slogdet(whole)[1])


def score_alone(sizes: Sequence[int], noise: float) -> tuple[list[list[Judged]], Floats, Floats]:
    """Rounds without the tasks' scores; the standardised scores, and each one's round."""
    rounds = judged_rounds(sizes, noise=noise, tasks="")
    scores = np.array([each.score for one in rounds for each in one])
    assert scores.min() > np.median(scores) - 3 * scores.std()  # nothing is cut off
    return rounds, scores, np.repeat(np.arange(len(sizes)), sizes).astype(float)


@pytest.mark.parametrize("noise", [0.01, 0.3, 2.0])
def test_the_expected_score_is_the_posteriors_mean(noise: float) -> None:
    rounds, scores, of_round = score_alone([20, 7, 9], noise)
    curves, vectors = drawn(rounds)
    z = np.sqrt(12) * (vectors - 0.5)
    values = (scores - scores.mean()) / scores.std()
    levels = [0.001, 0.01, 0.05, 0.2, 0.6]
    best = max(levels, key=lambda level: plain_evidence(z, values, of_round, noise=level))
    mean, _ = plain_posterior(z, values, of_round, noise=best)
    np.testing.assert_allclose(curves.slope[0], scores.std() * mean[:6], atol=1e-8)
    np.testing.assert_allclose(curves.bend[0], scores.std() * mean[6:12], atol=1e-8)


def test_draws_have_the_posteriors_covariance() -> None:
    rounds, scores, of_round = score_alone([20, 7, 9], 2.0)
    curves, vectors = drawn(rounds, draws=20_001)
    z = np.sqrt(12) * (vectors - 0.5)
    values = (scores - scores.mean()) / scores.std()
    _, covariance = plain_posterior(z, values, of_round, noise=0.6)
    found = np.cov(np.hstack([curves.slope[1:], curves.bend[1:]]).T / scores.std())
    np.testing.assert_allclose(found, covariance[:12, :12], atol=0.03)


def test_more_noise_leaves_the_draws_wider() -> None:
    def width(noise: float) -> float:
        curves, _ = drawn(judged_rounds([40], noise=noise), draws=200)
        return float(curves.slope[1:].std(axis=0).mean())

    assert width(0.01) < 0.5 * width(0.5)


# What the score is a sum of.


def test_a_task_is_modelled_with_the_numbers_that_involve_it() -> None:
    """Without b's score, whatever b's numbers seem to do to a's is not believed."""
    rounds = judged_rounds([40], noise=0.5)
    only_a = [
        [Judged(e.proposal, e.per_task["a"] / 2, 0.5, e.per_task | {"b": 0.0}) for e in one]
        for one in rounds
    ]
    curves, _ = drawn(only_a)
    assert np.abs(curves.slope[0, [2, 5]]).max() < 1e-9
    assert np.abs(curves.slope[0, OF_A]).min() > 1e-3


def test_expected_scores_are_those_of_the_tasks_together() -> None:
    rounds = judged_rounds([60], noise=0.0)
    curves, vectors = drawn(rounds)
    scores = np.array([each.score for each in rounds[0]])
    expected = curves.expected(vectors)
    assert np.corrcoef(expected, scores)[0, 1] > 0.999
    assert np.ptp(expected - scores) < 0.1 * np.ptp(scores)


def test_what_the_tasks_mean_leaves_over_is_modelled_too() -> None:
    rounds = judged_rounds([80], noise=0.0)
    changed = [
        [Judged(e.proposal, e.score + 3 * e.proposal.vector[5], 0.5, e.per_task) for e in one]
        for one in rounds
    ]
    plain, _ = drawn(rounds)
    more, _ = drawn(changed)
    gained = more.slope[0] - plain.slope[0]
    assert gained[5] * np.sqrt(12) == pytest.approx(3, rel=0.05)
    assert np.abs(np.delete(gained, 5)).max() < 0.05


def test_noise_that_a_round_has_in_common_counts_less() -> None:
    """Half of the vectors lie high in every number and were judged with lucky numbers."""
    rng = np.random.default_rng(0)

    def rounds(sizes: Sequence[int]) -> list[list[Judged]]:
        found = []
        for number, size in enumerate(sizes):
            high = number % 2
            luck = high + 0.02 * rng.normal(size=size)
            vectors = 0.2 * high + 0.8 * rng.random((size, 6))
            found.append(
                [
                    Judged(Proposal(tuple(v), number), x, 0.5)
                    for v, x in zip(vectors, luck, strict=True)
                ]
            )
        return found

    together, _ = drawn(rounds([32, 32]))
    apart, _ = drawn(rounds([1] * 64))
    assert together.slope[0].mean() < 0.6 * apart.slope[0].mean()


# Peaks.

STEPS = np.linspace(0, 1, 21)


def curves_of(seed: int, draws: int = 8) -> Curves:
    rng = np.random.default_rng(seed)
    return Curves(rng.normal(size=(draws, 6)), rng.normal(size=(draws, 6)))


def value(curves: Curves, row: int, vectors: Floats) -> Floats:
    z = np.sqrt(12) * (vectors - 0.5)
    return np.asarray(z @ curves.slope[row] + z**2 @ curves.bend[row])


@pytest.mark.parametrize("seed", range(3))
def test_a_peak_is_above_every_point_of_a_grid(seed: int) -> None:
    curves = curves_of(seed)
    peaks = peak(curves, TWO, Bound())
    assert peaks.min() >= 0 and peaks.max() <= 1
    for row, found in enumerate(peaks):
        for i in range(6):
            others = np.repeat(found[None], 21, axis=0)
            others[:, i] = STEPS
            assert value(curves, row, others).max() <= value(curves, row, found[None])[0] + 1e-9


def concave(curves: Curves) -> Curves:
    return Curves(curves.slope, -np.abs(curves.bend) - 0.05)


@pytest.mark.parametrize("per_task", [False, True])
@pytest.mark.parametrize("use", [0.1, 0.35, 0.8])
def test_a_concave_peak_inside_a_bound_is_above_every_point_inside(
    use: float, per_task: bool
) -> None:
    curves = concave(curves_of(5))
    shares = np.array(list(itertools.product(np.linspace(0.05, 1, 39), repeat=2)))
    inside = shares[(shares.max(axis=1) if per_task else shares.mean(axis=1)) <= use]
    for row, found in enumerate(peak(curves, TWO, Bound(use, per_task))):
        most = found[OWN].max() if per_task else found[OWN].mean()
        assert most <= use + 1e-9 and found[OWN].min() >= 0.05
        others = np.repeat(found[None], len(inside), axis=0)
        others[:, OWN] = inside
        assert value(curves, row, others).max() <= value(curves, row, found[None])[0] + 1e-9


@pytest.mark.parametrize("seed", range(3))
def test_any_peak_keeps_its_bound(seed: int) -> None:
    found = peak(curves_of(seed, draws=50), TWO, Bound(0.4))
    assert found[:, OWN].mean(axis=1).max() <= 0.4 + 1e-9
    assert found[:, OWN].min() >= 0.05
    free = peak(curves_of(seed, draws=50), TWO, Bound())
    np.testing.assert_array_equal(np.delete(found, OWN, axis=1), np.delete(free, OWN, axis=1))


def test_a_flat_score_has_its_peak_in_the_middle() -> None:
    flat = Curves(np.zeros((1, 6)), np.zeros((1, 6)))
    np.testing.assert_allclose(peak(flat, TWO, Bound())[0], 0.5)
