"""Models of scores: Bayesian regressions on parabolas, one for each task."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sharewise.strategies._curves import Curves, centred
from sharewise.strategies._strategy import Cube, Floats, Judged

_NOISES = np.array([0.001, 0.01, 0.05, 0.2, 0.6])  # variances that are weighed up
_SIGNAL = 2.0  # prior variance of all slopes together, and of all bends; scores have variance 1
_FLAT = 100.0  # prior variance of the constant
_COMMON = 0.5  # share of the noise that proposals of one round have in common
_OUTLIER = 5.0  # robust standard deviations below the median at which scores are cut off


def learn(
    cube: Cube, rounds: Sequence[Sequence[Judged]], *, rng: np.random.Generator, draws: int
) -> Curves:
    """Curves of the score: the expected ones, then draws - 1 from the posterior.

    The score is the mean of the tasks' own scores and a rest. Each task is regressed on the numbers
    that involve it, the rest on all of them; a rest that is 0 is left out.
    """
    table = _Table.of(rounds)
    slope, bend = np.zeros((2, draws, cube.size))
    for positions, scores in _parts(cube, rounds):
        drawn = _regress(table, positions, scores, rng=rng, draws=draws)
        slope[:, positions] += drawn[:, : len(positions)]
        bend[:, positions] += drawn[:, len(positions) : 2 * len(positions)]
    return Curves(slope, bend)


def _parts(
    cube: Cube, rounds: Sequence[Sequence[Judged]]
) -> Iterator[tuple[NDArray[np.int64], Floats]]:
    """What the score is a sum of: positions of the numbers that it depends on, and values [n]."""
    judged = [each for one in rounds for each in one]
    rest = np.array([each.score for each in judged])
    scale = np.abs(rest).max()
    tasks = sorted(judged[0].per_task)
    if tasks and all(sorted(each.per_task) == tasks for each in judged):
        for index, task in enumerate(tasks):
            part = np.array([each.per_task[task] for each in judged]) / len(tasks)
            rest = rest - part
            yield np.flatnonzero(cube.involves[:, index]), part
        if np.ptp(rest) <= 1e-9 * scale:
            return
    yield np.arange(cube.size), rest


@dataclass(frozen=True, slots=True)
class _Table:
    """What is regressed on: z, then z^2 - 1, then 1.

    Proposals of a round are judged with equal random numbers, so their scores have some noise in
    common. Rows are therefore whitened: a part of the round's mean is taken off (generalised least
    squares with correlation _COMMON inside a round).
    """

    columns: Floats  # [n, 2D + 1], white; rows in the order of judging
    gram: Floats  # [2D + 1, 2D + 1]
    sizes: NDArray[np.int64]  # [rounds]

    @classmethod
    def of(cls, rounds: Sequence[Sequence[Judged]]) -> _Table:
        z = centred(np.array([each.proposal.vector for one in rounds for each in one]))
        sizes = np.array([len(one) for one in rounds])
        columns = _white(np.hstack([z, z**2 - 1.0, np.ones((len(z), 1))]), sizes)
        return cls(columns, columns.T @ columns, sizes)


def _white(columns: Floats, sizes: NDArray[np.int64]) -> Floats:
    """Columns [n, k], in rounds of these sizes, less a part of each round's mean."""
    starts = np.cumsum(sizes) - sizes
    part = 1.0 - 1.0 / np.sqrt(1.0 + sizes * _COMMON / (1.0 - _COMMON))
    means = np.add.reduceat(columns, starts, axis=0) / sizes[:, None]
    white: Floats = columns - np.repeat(part[:, None] * means, sizes, axis=0)
    return white


def _regress(
    table: _Table,
    positions: NDArray[np.int64],
    scores: Floats,
    *,
    rng: np.random.Generator,
    draws: int,
) -> Floats:
    """Coefficients [draws, 2k + 1] of z, z^2 and 1; row 0 is the posterior's mean.

    The noise is the one with the highest evidence; the posterior is that of Bayesian linear
    regression with the prior's precision on the diagonal (Bishop 2006, 3.49-3.54 and 3.86).
    """
    values, scale = _standardised(scores)
    size, count = table.columns.shape[1] // 2, len(positions)
    kept = np.concatenate([positions, size + positions, [2 * size]])
    target = _white(values[:, None], table.sizes)[:, 0]
    gram, moment = table.gram[np.ix_(kept, kept)], (target @ table.columns)[kept]
    prior = np.append(np.full(2 * count, count / _SIGNAL), 1.0 / _FLAT)
    root = np.linalg.cholesky(gram / _NOISES[:, None, None] + np.diag(prior))  # [noises, p, p]
    half = np.linalg.solve(root, moment[:, None] / _NOISES[:, None, None])[..., 0]
    evidence = (half**2).sum(axis=1) - target @ target / _NOISES - len(values) * np.log(_NOISES)
    evidence -= 2.0 * np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)
    best = int(evidence.argmax())
    noise = rng.standard_normal((draws, len(prior)))
    noise[0] = 0.0
    drawn: Floats = scale * np.linalg.solve(root[best].T, (half[best] + noise).T).T
    return drawn


def _standardised(scores: Floats) -> tuple[Floats, float]:
    """Scores of mean 0 and variance 1, and the factor back.

    Scores far below the median are cut off first: a candidate that collapsed (its training
    diverged) says little of its neighbours, and late in a search all early ones are no more than
    bad, so the parabolas need to fit only where it is good.
    """
    low, median, high = np.quantile(scores, [0.25, 0.5, 0.75])
    deviation = (high - low) / 1.349  # of a normal distribution with these quartiles
    kept = np.maximum(scores, median - _OUTLIER * deviation) if deviation > 0 else scores
    scale = max(float(kept.std()), 1e-12)
    return (kept - kept.mean()) / scale, scale
