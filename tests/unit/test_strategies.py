"""Strategies: the published step, our step, random numbers of rounds, settings, errors."""

from __future__ import annotations

import dataclasses
import itertools
import math
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from _cubes import make_cube
from numpy.typing import NDArray

import sharewise as sw
from sharewise.errors import InputError
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
    conformance,
)

Floats = NDArray[np.float64]
CUBE = make_cube("abc")  # 12 numbers
DIAGONAL = (0, 3, 5)  # of three tasks' upper triangle, row by row: aa ab ac bb bc cc
PAIRS = ("aa", "ab", "ac", "bb", "bc", "cc") * 2  # forward, backward

Score = Callable[[Proposal], dict[str, float]]


def told(asked: Sequence[Proposal], score: Score, *, per_task: bool = True) -> list[Judged]:
    found = []
    for proposal in asked:
        scores = score(proposal)
        mean = statistics.fmean(scores.values())
        found.append(Judged(proposal, mean, 0.5, scores if per_task else {}))
    return found


def run(
    strategy: Strategy[Any], score: Score, rounds: int, *, per_task: bool = True, seed: int = 0
) -> list[list[Judged]]:
    state = strategy.start(CUBE, seed=seed)
    all_of = []
    for _ in range(rounds):
        all_of.append(told(strategy.ask(state), score, per_task=per_task))
        state = strategy.tell(state, all_of[-1])
    return all_of


def hidden(seed: int = 0, *, noise: float = 0.0) -> tuple[Floats, Score]:
    """A best vector, and scores that fall off from it in the numbers that involve a task."""
    best = np.random.default_rng(seed).uniform(0.2, 0.8, 12)

    def score(proposal: Proposal) -> dict[str, float]:
        far = (np.array(proposal.vector) - best) ** 2
        rng = np.random.default_rng([proposal.seed, *(int(1e6 * x) for x in proposal.vector)])
        return {
            task: float(-far[[task in pair for pair in PAIRS]].sum() + noise * rng.normal())
            for task in "abc"
        }

    return best, score


# The published step, written out number by number.


def clamp(x: float) -> float:
    return min(max(x, 0.0), 1.0)


def published_gradient(
    deltas: list[list[float]], scores: list[float], position: int, kept: int = 7
) -> float:
    """-(1/7) sum (s+ - s-) delta of one number; scores: first, opposite, first, opposite .."""
    spread = statistics.pstdev(scores) + 1e-4
    scaled = [score / spread for score in scores]
    pairs = list(zip(scaled[::2], scaled[1::2], strict=True))
    best = sorted(range(len(pairs)), key=lambda k: -max(pairs[k]))[:kept]
    return -sum((pairs[k][0] - pairs[k][1]) * deltas[k][position] for k in best) / kept


def published_centres(rounds: list[list[Judged]], *, per_task: bool) -> list[list[float]]:
    """Where the centre is before each step, from all that was judged."""
    p = list(max(rounds[0], key=lambda each: each.score).proposal.vector)
    momentum = [0.0] * 12
    centres = [p]
    for judged in rounds[1:]:
        firsts = [each.proposal.vector for each in judged[::2]]
        deltas = [[x - y for x, y in zip(first, p, strict=True)] for first in firsts]
        moved = []
        for i in range(12):
            if per_task:
                gradients = [
                    published_gradient(deltas, [each.per_task[task] for each in judged], i)
                    for task in sorted(set(PAIRS[i]))
                ]
                g = statistics.fmean(gradients)
            else:
                g = published_gradient(deltas, [each.score for each in judged], i)
            g += 0.001 * p[i] if i in DIAGONAL else 0.0
            momentum[i] = 0.8 * momentum[i] + g
            moved.append(clamp(p[i] - 0.25 * (g + 0.8 * momentum[i])))
        p = moved
        centres.append(p)
    return centres


@pytest.mark.parametrize("per_task", [False, True])
def test_the_published_step_is_the_one_written_out(per_task: bool) -> None:
    rounds = run(Evolution.published(per_task=per_task), hidden(noise=0.3)[1], 6)
    assert [len(one) for one in rounds] == [32, 16, 16, 16, 16, 16]
    centres = published_centres(rounds, per_task=per_task)[:-1]
    for centre, judged in zip(centres, rounds[1:], strict=True):
        for first, opposite in pairs_of(judged):
            for p, plus, minus in zip(centre, first, opposite, strict=True):
                # delta = clamp(p + noise) - p; the opposite end is clamped, too.
                assert minus == pytest.approx(clamp(p - (plus - p)), abs=2e-6)


def pairs_of(judged: list[Judged]) -> list[tuple[tuple[float, ...], tuple[float, ...]]]:
    vectors = [each.proposal.vector for each in judged]
    return list(zip(vectors[::2], vectors[1::2], strict=True))


def test_published_directions_have_the_published_size() -> None:
    rounds = run(Evolution.published(), hidden()[1], 4)
    centres = published_centres(rounds, per_task=False)
    deltas = [
        [x - p for p, x in zip(centre, first, strict=True)]
        for centre, judged in zip(centres, rounds[1:], strict=False)
        for first, _ in pairs_of(judged)
    ]
    inside = [x for delta in deltas for x in delta if abs(x) > 1e-3]
    assert statistics.pstdev(inside) == pytest.approx(0.04, rel=0.15)


def test_the_published_penalty_lowers_use_and_a_hard_bound_takes_its_place() -> None:
    def flat(proposal: Proposal) -> dict[str, float]:
        return dict.fromkeys("abc", 1.0)

    def mean_use(strategy: Evolution) -> list[float]:
        rounds = run(strategy, flat, 30)[1:]
        vectors = [[each.proposal.vector for each in judged] for judged in rounds]
        return [float(np.mean(np.array(each)[:, DIAGONAL])) for each in vectors]

    free, bounded = mean_use(Evolution.published()), mean_use(Evolution.published(use=0.9))
    assert free[-1] < free[0] * 0.98
    assert bounded[-1] == pytest.approx(bounded[0], rel=0.01)


# Our step.


@pytest.mark.parametrize("per_task", [False, True])
def test_evolution_comes_near_a_hidden_optimum(per_task: bool) -> None:
    best, score = hidden(noise=0.05)
    rounds = run(Evolution(), score, 16, per_task=per_task)
    last = np.array(rounds[-1][0].proposal.vector)  # the peak of the expected score
    draws = np.array([each.proposal.vector for each in rounds[0]])
    assert np.abs(last - best).mean() < 0.08 < np.abs(draws - best).mean(axis=1).min() / 2


def test_scores_of_tasks_make_it_quicker() -> None:
    def far(per_task: bool, seed: int) -> float:
        best, score = hidden(seed, noise=0.3)
        rounds = run(Evolution(), score, 8, per_task=per_task, seed=seed)
        return float(np.abs(np.array(rounds[-1][0].proposal.vector) - best).mean())

    told_apart = statistics.fmean(far(True, seed) for seed in range(5))
    assert told_apart < 0.8 * statistics.fmean(far(False, seed) for seed in range(5))


def test_a_score_that_is_no_mean_of_the_tasks_is_still_what_counts() -> None:
    """Task a alone counts; what the tasks' mean gets wrong is modelled beside them."""
    best, score = hidden()
    strategy = Evolution()
    state = strategy.start(CUBE, seed=0)
    for _ in range(12):
        judged = told(strategy.ask(state), lambda p: {**score(p), "b": -3 * score(p)["b"]})
        judged = [dataclasses.replace(each, score=each.per_task["a"]) for each in judged]
        state = strategy.tell(state, judged)
    peak = np.array(strategy.ask(state)[0].vector)
    of_a = ["a" in pair for pair in PAIRS]
    assert np.abs(peak - best)[of_a].mean() < 0.05


def test_a_few_collapsed_candidates_do_not_mislead_it() -> None:
    best, score = hidden(noise=0.05)

    def sometimes(proposal: Proposal) -> dict[str, float]:
        rng = np.random.default_rng([1, *(int(1e6 * x) for x in proposal.vector)])
        return dict.fromkeys("abc", -50.0) if rng.random() < 0.05 else score(proposal)

    rounds = run(Evolution(), sometimes, 16)
    assert any(each.score == -50 for one in rounds for each in one)
    assert np.abs(np.array(rounds[-1][0].proposal.vector) - best).mean() < 0.1


@pytest.mark.parametrize("per_task", [False, True])
def test_equal_scores_leave_it_exploring(per_task: bool) -> None:
    rounds = run(Evolution(), lambda _: dict.fromkeys("abc", 0.25), 3, per_task=per_task)
    assert len({each.proposal.vector for each in rounds[-1]}) == 16


def test_with_a_bound_the_peak_spends_use_where_it_is_worth_most() -> None:
    """Value 2 sqrt(w d): with sum d = D at most, the best d are in proportion to w."""
    worth = {"a": 0.1, "b": 0.3, "c": 0.8}

    def score(proposal: Proposal) -> dict[str, float]:
        shares = zip(worth, DIAGONAL, strict=True)
        return {task: 2 * math.sqrt(worth[task] * proposal.vector[i]) for task, i in shares}

    last = run(Evolution(use=0.4), score, 10)[-1][0].proposal.vector
    found = [last[i] for i in DIAGONAL]
    assert sum(found) == pytest.approx(1.2, abs=1e-4)
    assert found == pytest.approx([0.1, 0.3, 0.8], abs=0.08)


def mutants(spread: float) -> tuple[Floats, Floats]:
    """All that was judged in 7 rounds [n, 12], and the mutants of the next round [8, 12]."""
    step = Modelled(offspring=16, mutants=8, parents=4, spread=spread)
    rounds = run(Evolution(step=step), hidden()[1], 8)
    seen = [each.proposal.vector for one in rounds[:-1] for each in one]
    return np.array(seen), np.array([each.proposal.vector for each in rounds[-1][8:]])


def test_mutants_without_spread_are_their_parents_the_best_few() -> None:
    seen, found = mutants(spread=0.0)
    far = np.abs(seen - found[:, None]).max(axis=2)  # [mutants, seen]
    assert far.min(axis=1).max() < 2e-6
    assert len(set(far.argmin(axis=1))) <= 4
    assert far.argmin(axis=1).min() >= 32  # none of the first draws


def test_mutants_are_as_far_from_their_parents_as_their_spread() -> None:
    seen, found = mutants(spread=0.02)
    far = np.abs(seen - found[:, None])  # [mutants, seen, 12]
    nearest = far[np.arange(8), far.mean(axis=2).argmin(axis=1)]
    assert np.median(nearest) == pytest.approx(0.6745 * 0.02, rel=0.3)


# Random numbers.


def test_a_round_has_one_seed_and_every_round_another() -> None:
    for strategy in (Evolution(), Evolution.published()):
        seeds = [{e.proposal.seed for e in one} for one in run(strategy, hidden()[1], 5)]
        assert all(len(each) == 1 for each in seeds)
        assert len(set.union(*seeds)) == 5


def test_all_draws_of_a_random_search_have_one_seed() -> None:
    rounds = run(RandomSearch(), hidden()[1], 5)
    assert len({each.proposal.seed for one in rounds for each in one}) == 1
    assert len({each.proposal.vector for one in rounds for each in one}) == 80


@pytest.mark.parametrize("strategy", [Evolution(), RandomSearch()])
def test_another_seed_searches_elsewhere_with_other_numbers(strategy: Strategy[Any]) -> None:
    first = strategy.ask(strategy.start(CUBE, seed=0))
    other = strategy.ask(strategy.start(CUBE, seed=1))
    assert not {each.vector for each in first} & {each.vector for each in other}
    assert first[0].seed != other[0].seed


# The grid.


def test_an_exhaustive_search_judges_every_point_once_and_ends() -> None:
    strategy = Exhaustive(levels=3, batch=4)
    state = strategy.start(make_cube("a"), seed=0)
    found: list[tuple[float, ...]] = []
    while asked := strategy.ask(state):
        found += [each.vector for each in asked]
        state = strategy.tell(state, [Judged(each, 0.0, 0.5) for each in asked])
    assert sorted(found) == list(itertools.product((0.0, 0.5, 1.0), repeat=2))


def test_a_grid_that_is_too_large_is_refused() -> None:
    with pytest.raises(InputError) as error:
        Exhaustive(levels=4).start(CUBE, seed=0)
    assert str(error.value) == (
        "An exhaustive search judges at most 100000 points. Found 4 levels in each of 12 numbers,"
        " 1.68e+07 points. Search with Evolution() or RandomSearch(), or take fewer levels."
    )
    Exhaustive(levels=4, limit=4**12).start(CUBE, seed=0)


# The archive.


def judged(score: float, use: float, name: float = 0.0) -> Judged:
    return Judged(Proposal((name,), 0), score, use)


def test_an_archive_keeps_what_no_other_beats() -> None:
    archive = Archive()
    assert archive.best() is None
    good, small, worse, equal = judged(3, 0.8), judged(1, 0.2), judged(1, 0.5), judged(3, 0.8, 1)
    for each in (worse, good, small, equal):
        archive = archive.add(each)
    assert archive.front == (small, good)
    assert archive.best() == good
    assert archive.best(0.79) == small
    assert archive.best(0.1) is None


# What it is told.


def asked_once(strategy: Strategy[Any]) -> tuple[Any, list[Judged]]:
    state = strategy.start(CUBE, seed=0)
    return state, told(strategy.ask(state), hidden()[1])


@pytest.mark.parametrize("strategy", [Evolution(), RandomSearch(), Exhaustive(2)])
def test_a_round_that_is_not_whole_is_refused(strategy: Strategy[Any]) -> None:
    state, found = asked_once(strategy)
    with pytest.raises(InputError, match=r"each once.*1 proposals were not judged, 0 were never"):
        strategy.tell(state, found[1:])
    with pytest.raises(InputError, match="0 proposals were not judged, 0 were never asked"):
        strategy.tell(state, [*found, found[0]])
    stranger = Judged(Proposal((0.5,) * 12, 0), 1.0, 0.5, found[0].per_task)
    with pytest.raises(InputError, match="1 proposals were not judged, 1 were never asked"):
        strategy.tell(state, [*found[1:], stranger])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"score": math.nan}, "Scores and use are finite numbers. Found score=nan. Give a"),
        ({"use": math.inf}, "Found use=inf"),
        ({"per_task": {"a": 1.0, "b": -math.inf, "c": 1.0}}, "Found b=-inf"),
        ({"per_task": {"a": 1.0}}, "for every task of the cube or for none"),
        ({"per_task": {}}, "the same tasks"),
    ],
)
def test_judgements_that_are_not_numbers_for_every_task_are_refused(
    change: dict[str, Any], words: str
) -> None:
    state, found = asked_once(Evolution())
    with pytest.raises(InputError, match=words):
        Evolution().tell(state, [dataclasses.replace(found[0], **change), *found[1:]])


# Settings.


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: RandomSearch(batch=0), "batch is a whole number of at least 1. Found batch=0"),
        (lambda: RandomSearch(use=0.01), "A bound on use is a share from 0.05.* Found use=0.01"),
        (lambda: Evolution(use=1.5), "Found use=1.5. Give use=0.5, for example, or None"),
        (lambda: Evolution(use=math.nan), "Found use=nan"),
        (lambda: Evolution(draws=0), "draws is a whole number of at least 1"),
        (lambda: Exhaustive(levels=1), "levels is a whole number of at least 2. Found levels=1"),
        (lambda: Antithetic(kept=9), "Found kept=9 of directions=8. Give kept=8, or fewer"),
        (lambda: Antithetic(spread=0), "spread is a number from 1e-06 to 1. Found spread=0"),
        (lambda: Antithetic(momentum=math.nan), "momentum is a number from 0 to 1"),
        (lambda: Modelled(mutants=16), "Found mutants=16 of offspring=16. Give mutants=4"),
        (
            lambda: Modelled(spread=2),
            "spread is a number from 0 to 1. Found spread=2. Give such a number, or leave",
        ),
        (lambda: Evolution().start(CUBE, seed=-1), "seed is a whole number from 0. Found seed=-1"),
        (lambda: RandomSearch.from_dict({"batc": 3}), "RandomSearch has the settings batch, use"),
        (lambda: Exhaustive.from_dict({"level": 3}), "Found 'level'. Leave them out"),
        (lambda: Evolution.from_dict({"step": {"kind": "x"}}), "modelled or antithetic. Found 'x'"),
        (lambda: Evolution.from_dict({"step": {"kind": "modelled", "lr": 1}}), "Found 'lr'"),
    ],
)
def test_settings_that_cannot_be_are_refused(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        make()


def test_settings_left_out_of_a_dict_have_their_defaults() -> None:
    assert Evolution.from_dict({}) == Evolution()
    assert Evolution.from_dict({"use": 0.5}) == Evolution(use=0.5)
    assert RandomSearch.from_dict({}) == RandomSearch()


def test_the_published_settings_are_the_published_ones() -> None:
    assert Evolution.published().to_dict() == {
        "draws": 32,
        "use": None,
        "per_task_use": False,
        "step": {
            "kind": "antithetic",
            "directions": 8,
            "kept": 7,
            "spread": 0.04,
            "lr": 0.25,
            "momentum": 0.8,
            "penalty": 0.001,
            "per_task": False,
        },
    }


def test_strategies_are_on_the_public_face() -> None:
    assert (sw.Evolution, sw.RandomSearch, sw.Exhaustive) == (Evolution, RandomSearch, Exhaustive)


def test_a_vector_inside_a_bound_stays_as_it_is() -> None:
    vector = np.full((1, 12), 0.3)
    np.testing.assert_array_equal(Bound(0.3).nearest(CUBE, vector), vector)
    lowered = Bound(0.2).nearest(CUBE, vector)
    assert lowered[0, DIAGONAL] == pytest.approx([0.2] * 3)
    assert np.delete(lowered[0], DIAGONAL) == pytest.approx([0.3] * 9)


# The conformance suite finds what is wrong.


class Outside(RandomSearch):
    def ask(self, state: Any) -> tuple[Proposal, ...]:
        return tuple(Proposal((*p.vector[:-1], 1.5), p.seed) for p in super().ask(state))


class Unseeded(RandomSearch):
    def start(self, cube: Any, *, seed: int) -> Any:
        return super().start(cube, seed=int(np.random.default_rng().integers(2**31)))


class Forgetful(RandomSearch):
    """Counts its asks beside the state."""

    def ask(self, state: Any) -> tuple[Proposal, ...]:
        count = self.__dict__.get("count", 0)
        self.__dict__["count"] = count + 1
        return super().ask(dataclasses.replace(state, round_number=count))

    def tell(self, state: Any, judged: Sequence[Judged]) -> Any:
        return state


class Ordered(RandomSearch):
    """Goes on from whatever was told last."""

    def tell(self, state: Any, judged: Sequence[Judged]) -> Any:
        return dataclasses.replace(state, seed=int(1e6 * judged[-1].proposal.vector[0]))


class Nameless(RandomSearch):
    def to_dict(self) -> dict[str, Any]:
        return {}


@pytest.mark.parametrize(
    ("strategy", "check", "rule"),
    [
        (Outside(), conformance.check_inside, "a proposal lies in the unit cube"),
        (Unseeded(), conformance.check_same_seed, "the same seed gives the same proposals"),
        (Unseeded(), conformance.check_resume, "rebuilt after round 0"),
        (Forgetful(), conformance.check_state_is_a_value, "asking twice"),
        (Ordered(), conformance.check_any_order, "in any order"),
        (Nameless(batch=3), conformance.check_settings, "gives the same strategy"),
    ],
)
def test_the_conformance_suite_says_which_rule_is_broken(
    strategy: Strategy[Any], check: Callable[[Strategy[Any]], None], rule: str
) -> None:
    with pytest.raises(AssertionError, match=rule):
        check(strategy)
    with pytest.raises(AssertionError):
        conformance.check_strategy(strategy)
