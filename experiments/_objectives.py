"""Synthetic objectives over partitions, and their known optima, for experiments/strategies.py.

Tasks are in planted groups: overlap helps inside a group and interferes across groups.

- "sums", 6 tasks: value of used and of updated channels saturates at a need of each task; overlaps
  add or take away in proportion.
- "borrowed", 9 tasks: what a task learns from is a sum of its own and of others' channels, inside
  the saturating function; joint updates across groups cost the square of their amount.
- "peaks", 9 tasks: each score is a bell around hidden shares; nothing is concave.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from sharewise.spaces import LEAST_SHARE, Partitioning

Floats = NDArray[np.float64]
Function = Callable[[Floats], Floats]
USE = 0.5


class Shape(Protocol):
    """What tasks are worth at some matrices."""

    def scores(self, forward: Floats, backward: Floats) -> Floats:
        """Scores [T] of matrices [T, T]."""
        ...

    def optimum(self) -> float:
        """The best mean score inside the bound."""
        ...


@dataclass(frozen=True)
class Term:
    """A concave function of a linear form in F's and B's row, for each task: both [T, T]."""

    forward: Floats
    backward: Floats
    value: Function
    slope: Function

    def form(self, forward: Floats, backward: Floats) -> Floats:
        return (self.forward * forward + self.backward * backward).sum(axis=1)


@dataclass(frozen=True)
class Sums:
    """Scores that are sums of terms, times a scale for each task."""

    terms: tuple[Term, ...]
    scale: Floats

    def scores(self, forward: Floats, backward: Floats) -> Floats:
        values = sum(term.value(term.form(forward, backward)) for term in self.terms)
        return np.asarray(self.scale * values)

    def optimum(self) -> float:
        """Cutting planes: the terms are concave in (F, B), and the pair bounds are linear."""
        tasks, (rows, right) = len(self.scale), pair_bounds(len(self.scale))
        half = tasks * (tasks + 1) // 2
        places = _places(tasks)
        forms = np.zeros((len(self.terms), tasks, 2 * half))
        for term, form in zip(self.terms, forms, strict=True):
            np.add.at(form, (np.arange(tasks)[:, None], places), term.forward)
            np.add.at(form, (np.arange(tasks)[:, None], half + places), term.backward)
        hats = len(self.terms) * tasks  # variables above (F, B): each term's value
        worth = np.append(np.zeros(2 * half), -np.tile(self.scale, len(self.terms)) / tasks)
        table = [np.pad(rows, ((0, 0), (0, hats)))]
        points = [np.full(forms.shape[:2], x) for x in np.linspace(-0.5, 2.0, 12)]
        bounds = [(0.0, 1.0)] * (2 * half) + [(None, None)] * hats
        for _ in range(50):
            for at in points:
                slopes = np.stack([t.slope(e) for t, e in zip(self.terms, at, strict=True)])
                values = np.stack([t.value(e) for t, e in zip(self.terms, at, strict=True)])
                cut = -(slopes[..., None] * forms).reshape(hats, -1)
                table.append(np.hstack([cut, np.eye(hats)]))
                right = np.append(right, (values - slopes * at).ravel())
            found = linprog(worth, A_ub=np.vstack(table), b_ub=right, bounds=bounds)
            points = [forms @ found.x[: 2 * half]]
            reached = np.stack([t.value(e) for t, e in zip(self.terms, points[0], strict=True)])
            lower = float((self.scale * reached).sum() / tasks)
            if -found.fun - lower < 1e-6:
                return lower
        raise AssertionError("the cutting planes do not close")


@dataclass(frozen=True)
class Peaks:
    """A bell around hidden matrices for each task, times a scale."""

    forward: Floats
    backward: Floats
    scale: Floats

    def scores(self, forward: Floats, backward: Floats) -> Floats:
        far = ((forward - self.forward) ** 2 + (backward - self.backward) ** 2).sum(axis=1)
        own = (np.diagonal(forward) - np.diagonal(self.forward)) ** 2
        return np.asarray(self.scale * np.exp(-far - 4.0 * own))

    def optimum(self) -> float:
        return float(self.scale.mean())


def _places(tasks: int) -> NDArray[np.int64]:
    """Where the pair (i, j) stands in an upper triangle, [T, T]."""
    places = np.zeros((tasks, tasks), dtype=np.int64)
    upper = np.triu_indices(tasks)
    places[upper] = np.arange(len(upper[0]))
    return np.maximum(places, places.T)


def pair_bounds(tasks: int) -> tuple[Floats, Floats]:
    """What pairs of tasks can share, as rows x <= right over both upper triangles (F, B)."""
    places, half = _places(tasks), tasks * (tasks + 1) // 2
    rows: list[Floats] = []
    right: list[float] = []

    def add(terms: list[tuple[int, float]], most: float) -> None:
        row = np.zeros(2 * half)
        for place, factor in terms:
            row[place] += factor
        rows.append(row)
        right.append(most)

    for i in range(tasks):
        d, b = int(places[i, i]), half + int(places[i, i])
        add([(d, -1)], -LEAST_SHARE)
        add([(b, 1), (d, -1)], 0)
        add([(d, LEAST_SHARE), (b, -1)], 0)  # so much of its used share is updated, too
        for j in range(i):
            f, d2 = int(places[i, j]), int(places[j, j])
            g, b2 = half + f, half + d2
            for less, more in ((f, d), (f, d2), (g, f), (g, b), (g, b2)):
                add([(less, 1), (more, -1)], 0)
            add([(d, 1), (d2, 1), (f, -1)], 1)
            add([(b, 1), (b2, 1), (d, -1), (d2, -1), (f, 1), (g, -1)], 0)
    add([(int(place), 1 / tasks) for place in np.diagonal(places)], USE)
    return np.array(rows), np.array(right)


def _saturating(
    need: Floats, height: float = 1.0
) -> tuple[Callable[[Floats], Floats], Callable[[Floats], Floats]]:
    return lambda e: height * (1 - np.exp(-e / need)), lambda e: height * np.exp(-e / need) / need


def _planted(sizes: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which other tasks are in a task's group, [T, T]."""
    label = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    return np.asarray(label[:, None] == label)


def sums(rng: np.random.Generator, space: Partitioning) -> Shape:
    tasks = len(space.tasks)
    same, own = _planted((3, 3), rng), np.eye(tasks)
    need = np.exp(rng.uniform(np.log(0.05), np.log(1.2), tasks))
    overfit = rng.random(tasks) * (rng.random(tasks) < 0.5)  # what updates cost a task of few data
    value, slope = _saturating(need)
    others = (1 - own) / (tasks - 1)
    affinity = np.where(same, 1.2, -0.7) * rng.random((tasks, tasks)) * others
    joint = np.where(same, 0.4, -1.0) * rng.random((tasks, tasks)) * others - own * overfit
    terms = (
        Term(own, 0 * own, value, slope),
        Term(0 * own, own, value, slope),
        Term(affinity, joint, lambda e: e, np.ones_like),
    )
    return Sums(terms, rng.uniform(0.4, 1.6, tasks))


def borrowed(rng: np.random.Generator, space: Partitioning) -> Shape:
    tasks = len(space.tasks)
    same, own = _planted((4, 3, 2), rng), np.eye(tasks)
    need = np.exp(rng.uniform(np.log(0.05), np.log(1.2), tasks))
    overfit = rng.random(tasks) * (rng.random(tasks) < 0.5)
    value, slope = _saturating(need, 1.5)
    others = (1 - own) / np.sqrt(tasks)
    taught = np.where(same, 0.8, -0.25) * rng.random((tasks, tasks)) * others  # by others alone
    joint = np.where(same, 0.5, -0.3) * rng.random((tasks, tasks)) * others
    clash = 2 * ~same * rng.random((tasks, tasks)) * others
    terms = (
        Term(0.4 * own, 0 * own, lambda e: 1.5 * value(e), lambda e: 1.5 * slope(e)),
        Term(
            taught, 0.6 * own + joint - taught, lambda e: 1.5 * value(e), lambda e: 1.5 * slope(e)
        ),
        Term(0 * own, clash, lambda e: -(e**2), lambda e: -2 * e),
        Term(0 * own, own * overfit, lambda e: -(e**2), lambda e: -2 * e),
    )
    return Sums(terms, rng.uniform(0.4, 1.6, tasks))


def peaks(rng: np.random.Generator, space: Partitioning) -> Shape:
    hidden = rng.random(space.size)
    own = space.forward_diagonal
    hidden[own] = rng.uniform(LEAST_SHARE, 2 * USE - LEAST_SHARE, len(space.tasks))
    hidden[own] *= min(1.0, USE / hidden[own].mean())
    (matrices,) = space.matrices_of(hidden)
    return Peaks(*matrices, rng.uniform(0.4, 1.6, len(space.tasks)))


SHAPES: dict[str, tuple[int, Callable[[np.random.Generator, Partitioning], Shape]]] = {
    "sums": (6, sums),
    "borrowed": (9, borrowed),
    "peaks": (9, peaks),
}
