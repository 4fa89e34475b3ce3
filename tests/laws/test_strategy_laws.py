"""Law 10: strategies find the optimum of a small space; and what every strategy must keep."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sharewise.spaces import HiddenGroup, Partitioning
from sharewise.strategies import (
    Antithetic,
    Archive,
    Bound,
    Evolution,
    Exhaustive,
    Judged,
    Modelled,
    Proposal,
    RandomSearch,
    Strategy,
)
from sharewise.strategies.conformance import check_strategy, judge

Floats = NDArray[np.float64]
ALL: list[Strategy[Any]] = [
    RandomSearch(),
    RandomSearch(batch=5, use=0.5),
    RandomSearch(use=0.3, per_task_use=True),
    Exhaustive(levels=2, batch=20),
    Exhaustive(levels=3),
    Evolution(),
    Evolution(use=0.4, per_task_use=True),
    Evolution(draws=6, use=0.5, step=Modelled(offspring=5, mutants=0)),
    Evolution.published(),
    Evolution.published(use=0.5),
    Evolution.published(per_task=True),
]


def name_of(strategy: Strategy[Any]) -> str:
    return repr(strategy)


def partitioning(tasks: int, matrices: int = 1) -> Partitioning:
    groups = [HiddenGroup(0, (f"layer{i}",), 16) for i in range(matrices)]
    return Partitioning(["c", "a", "d", "b", "e"][:tasks], 1, groups, matrices="group")


# Law 10. Three levels of five numbers: what two tasks use and update, and what they share.

LEVELS = 3
CELLS = list(itertools.product(range(LEVELS), repeat=5))


@dataclass(frozen=True)
class Small:
    """A cube with a cell for each of the 243 points."""

    size: int = 5

    @property
    def forward_diagonal(self) -> NDArray[np.int64]:
        return np.array([0, 1])

    @property
    def involves(self) -> NDArray[np.bool_]:
        return np.array([[1, 0], [0, 1], [1, 1], [1, 0], [0, 1]], dtype=bool)

    def draw(self, rng: np.random.Generator) -> Floats:
        return rng.random(5)


def planted(seed: int) -> dict[tuple[int, ...], list[float]]:
    """Two tasks' scores in each cell: a hill each, and its numbers act on each other."""
    rng = np.random.default_rng([10, seed])
    best, curve = rng.uniform(0, 1, (2, 3)), rng.uniform(0, 2, (2, 3))
    joint = rng.uniform(-0.5, 0.5, (2, 3, 3))
    scores = {}
    for cell in CELLS:
        z = np.array([[cell[task], cell[2], cell[3 + task]] for task in (0, 1)]) / (LEVELS - 1)
        hill = -(curve * (z - best) ** 2).sum(axis=1)
        scores[cell] = (hill + np.einsum("ti,tij,tj->t", z, joint, z)).tolist()
    return scores


def cells_found(
    strategy: Strategy[Any], scores: dict[tuple[int, ...], list[float]], seed: int
) -> Iterator[tuple[int, ...]]:
    """The cells that a strategy comes by, one an evaluation; the score is the cell's."""
    state = strategy.start(Small(), seed=seed)
    while asked := strategy.ask(state):
        told = []
        for proposal in asked:
            cell = tuple(min(int(LEVELS * x), LEVELS - 1) for x in proposal.vector)
            yield cell
            a, b = scores[cell]
            told.append(Judged(proposal, (a + b) / 2, 0.5, {"a": a, "b": b}))
        state = strategy.tell(state, told)


@pytest.mark.parametrize(
    ("strategy", "budget"),
    [
        (Exhaustive(LEVELS), 243),
        (Evolution(), 160),
        (RandomSearch(), 1500),
        # Steps of the published size, .04, rarely leave a cell, where all scores are equal.
        (Evolution(step=Antithetic(spread=0.3, penalty=0)), 800),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, int) else str(value),
)
def test_a_strategy_finds_the_optimum_of_a_small_space(
    strategy: Strategy[Any], budget: int
) -> None:
    hits = 0
    for seed in range(10):
        scores = planted(seed)
        best = max(CELLS, key=lambda cell: sum(scores[cell]))
        hits += best in itertools.islice(cells_found(strategy, scores, seed), budget)
    assert hits >= 9


def test_evolution_needs_far_fewer_evaluations_than_a_random_search() -> None:
    def evaluations(strategy: Strategy[Any], seed: int) -> int:
        scores = planted(seed)
        best = max(CELLS, key=lambda cell: sum(scores[cell]))
        found = enumerate(cells_found(strategy, scores, seed), start=1)
        return next((count for count, cell in found if cell == best or count == 2000), 2000)

    needed = {
        kind: sum(evaluations(kind(), seed) for seed in range(10, 20))
        for kind in (Evolution, RandomSearch)
    }
    assert 2 * needed[Evolution] < needed[RandomSearch]


@pytest.mark.parametrize("strategy", ALL, ids=name_of)
def test_a_strategy_conforms(strategy: Strategy[Any]) -> None:
    check_strategy(strategy)


@pytest.mark.parametrize("strategy", [Evolution(use=0.5), RandomSearch()], ids=name_of)
def test_a_strategy_conforms_on_a_cube_with_several_matrices(strategy: Strategy[Any]) -> None:
    check_strategy(strategy, partitioning(tasks=3, matrices=2))


@pytest.mark.parametrize("per_task", [False, True])
@pytest.mark.parametrize("kind", [RandomSearch, Evolution, Evolution.published])
def test_every_proposal_keeps_a_bound_on_use(kind: Any, per_task: bool) -> None:
    cube = partitioning(tasks=4, matrices=2)
    strategy = kind(use=0.35, per_task_use=per_task)
    state = strategy.start(cube, seed=3)
    for _ in range(4):
        asked = strategy.ask(state)
        shares = np.array([each.vector for each in asked])[:, cube.forward_diagonal]
        use = shares.reshape(len(asked), 2, 4).mean(axis=1)  # [proposals, tasks]
        assert (use if per_task else use.mean(axis=1)).max() <= 0.35 + 1e-9
        assert shares.min() >= 0.05
        state = strategy.tell(state, [judge(each, cube) for each in asked])


# The projection.


@st.composite
def bounded(draw: st.DrawFn) -> tuple[Partitioning, Bound, Floats, np.random.Generator]:
    """A cube, a bound, and vectors in it and around it."""
    cube = partitioning(draw(st.integers(1, 5)), draw(st.integers(1, 3)))
    bound = Bound(draw(st.floats(0.05, 1)), draw(st.booleans()))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    width = draw(st.sampled_from([0.0, 0.2, 2.0]))
    vectors = rng.random((3, cube.size)) + width * rng.standard_normal((3, cube.size))
    return cube, bound, vectors, rng


def means(cube: Partitioning, bound: Bound, vectors: Floats) -> Floats:
    """What is bounded, [vectors, 1 or tasks]; the diagonals are matrix by matrix."""
    shares = vectors[:, cube.forward_diagonal].reshape(len(vectors), -1, len(cube.tasks))
    by_task = shares.mean(axis=1)
    return by_task if bound.per_task else by_task.mean(axis=1, keepdims=True)


@given(bounded())
def test_a_projection_keeps_the_bound_inside_the_cube(
    given_: tuple[Partitioning, Bound, Floats, np.random.Generator],
) -> None:
    cube, bound, vectors, _ = given_
    inside = bound.nearest(cube, vectors)
    assert bound.use is not None
    assert means(cube, bound, inside).max() <= bound.use + 1e-9
    assert inside.min() >= 0 and inside.max() <= 1
    assert inside[:, cube.forward_diagonal].min() >= 0.05
    np.testing.assert_allclose(bound.nearest(cube, inside), inside, atol=1e-9)


@given(bounded())
def test_a_projection_is_the_nearest_point(
    given_: tuple[Partitioning, Bound, Floats, np.random.Generator],
) -> None:
    """Of a convex set: no point of it lies on the other side, <x - P(x), y - P(x)> <= 0."""
    cube, bound, vectors, rng = given_
    inside = bound.nearest(cube, vectors)
    others = bound.nearest(cube, rng.random((20, cube.size)))
    for x, nearest in zip(vectors, inside, strict=True):
        assert ((others - nearest) @ (x - nearest)).max() <= 1e-7


@given(bounded())
def test_without_a_bound_a_projection_is_a_clip(
    given_: tuple[Partitioning, Bound, Floats, np.random.Generator],
) -> None:
    cube, _, vectors, _ = given_
    np.testing.assert_array_equal(Bound().nearest(cube, vectors), np.clip(vectors, 0, 1))


# The archive.


@st.composite
def judgements(draw: st.DrawFn) -> list[Judged]:
    """Scores and uses with many ties."""
    pairs = draw(st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 4)), max_size=12))
    return [
        Judged(Proposal((float(i),), 0), float(score), use / 4)
        for i, (score, use) in enumerate(pairs)
    ]


@given(judgements(), st.integers(0, 4).map(lambda quarter: quarter / 4))
def test_an_archive_knows_the_best_at_every_use(seen: list[Judged], use: float) -> None:
    archive = reduce(Archive.add, seen, Archive())
    inside = [each.score for each in seen if each.use <= use]
    best = archive.best(use)
    assert (None if best is None else best.score) == max(inside, default=None)
    assert archive.best() == archive.best(1.0)


@given(judgements(), st.randoms(use_true_random=False))
def test_an_archive_holds_the_pareto_front_in_any_order(seen: list[Judged], random: Any) -> None:
    front = reduce(Archive.add, seen, Archive()).front
    assert [each.use for each in front] == sorted({each.use for each in front})
    assert [each.score for each in front] == sorted({each.score for each in front})
    assert all(any(f.score >= s.score and f.use <= s.use for f in front) for s in seen)
    mixed = random.sample(seen, len(seen))
    again = reduce(Archive.add, mixed, Archive()).front
    assert [(each.score, each.use) for each in again] == [(each.score, each.use) for each in front]
