"""Laws 1, 2 and 12 for partitions: round trips, samples in the space, and masks near targets."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from _spaces import NAMES, generators
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import linprog

from sharewise.architecture import Architecture
from sharewise.errors import BudgetError, InputError
from sharewise.spaces import (
    HiddenGroup,
    Partitioning,
    published_masks,
    realise,
    realise_exact,
)

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

CHANNELS = 256
MOST_ABOVE = 0.005  # law 12, in shares of the channels


def bound(shares: Floats, found: Bools, inside: Bools) -> float:
    """The least mean error over pairs of any masks inside `inside` with the diagonal found.

    The linear programme over owner sets: amounts x of every subset of every column of `inside`.
    """
    pools, sizes = np.unique(inside.T, axis=0, return_counts=True)
    sets = [
        (pool, np.isin(np.arange(len(shares)), chosen))
        for pool, owners in enumerate(pools)
        for size in range(owners.sum() + 1)
        for chosen in combinations(np.flatnonzero(owners), size)
    ]
    owner = np.array([members for _, members in sets]).T
    pool_of = np.array([pool for pool, _ in sets])
    first, second = np.triu_indices(len(shares), 1)
    equal = np.concatenate([pool_of == np.arange(len(pools))[:, None], owner]).astype(float)
    pairs = (owner[first] & owner[second]).astype(float)
    away = np.eye(len(first))
    wanted = shares[first, second] * inside.shape[1]
    solved = linprog(
        np.concatenate([np.zeros(len(sets)), np.ones(len(first))]),
        A_eq=np.hstack([equal, np.zeros((len(equal), len(first)))]),
        b_eq=np.concatenate([sizes, found.sum(axis=1)]),
        A_ub=np.block([[pairs, -away], [-pairs, -away]]),
        b_ub=np.concatenate([wanted, -wanted]),
    )
    return float(solved.fun) / inside.shape[1] / max(len(first), 1)


def error(masks: Bools, shares: Floats) -> float:
    """The mean over pairs of tasks, in shares of the channels."""
    counted = masks.astype(np.float64)
    away = np.abs(counted @ counted.T / masks.shape[1] - shares)
    pairs = away[np.triu_indices(len(shares), 1)]
    return float(pairs.mean()) if pairs.size else 0.0


def check_sizes(use: Bools, update: Bools, forward: Floats, backward: Floats) -> None:
    """Law 12 without its bound."""
    channels = use.shape[1]
    for task in range(len(forward)):
        assert use[task].sum() == max(1, round(channels * forward[task, task]))
        least = 1 if backward[task, task] > 0.0 else 0
        assert update[task].sum() == max(least, round(channels * backward[task, task]))
    assert not (update & ~use).any()


def shares(tasks: int) -> st.SearchStrategy[Floats]:
    """Any symmetric matrix of shares, most of them far from what masks can have."""
    some = st.sampled_from([0.0, 0.05, 0.25, 0.5, 1.0]) | st.floats(0.0, 1.0)
    listed = st.lists(some, min_size=tasks * tasks, max_size=tasks * tasks)
    whole = listed.map(lambda values: np.array(values).reshape(tasks, tasks))
    return whole.map(lambda matrix: np.triu(matrix) + np.triu(matrix, 1).T)


@st.composite
def spaces(draw: st.DrawFn, max_tasks: int = 5) -> Partitioning:
    """Any space of partitions, of few channels and many."""
    tasks, stages = draw(st.integers(1, max_tasks)), draw(st.integers(1, 3))
    places = draw(
        st.lists(
            st.tuples(st.integers(0, stages - 1), st.sampled_from(["conv", "0.fc", "1.fc"])),
            min_size=1,
            max_size=4,
            unique=True,
        )
    )
    units = [
        (draw(st.sampled_from([1, 1, 4])), draw(st.sampled_from([1, 2, 5, 64]))) for _ in places
    ]
    groups = [
        HiddenGroup(stage, (layer,), unit * count, unit)
        for (stage, layer), (unit, count) in zip(places, units, strict=True)
    ]
    return Partitioning(
        NAMES[:tasks], stages, groups, matrices=draw(st.sampled_from(["network", "group"]))
    )


@st.composite
def vectors(draw: st.DrawFn, space: Partitioning) -> Floats:
    """Any point of the cube, its corners and edges, too."""
    rng = draw(generators())
    vector = rng.random(space.size)
    kind = rng.integers(0, 4, size=space.size) * draw(st.integers(0, 1))
    return np.where(kind == 1, 0.0, np.where(kind == 2, 1.0, vector))


@given(spaces(), generators())
def test_a_sample_is_in_the_space(space: Partitioning, rng: np.random.Generator) -> None:
    assert space.sample(rng) in space


@given(spaces(), generators())
def test_a_variation_is_in_the_space(space: Partitioning, rng: np.random.Generator) -> None:
    architecture = space.share_all()
    for _ in range(5):
        architecture = space.vary(architecture, rng)
        assert architecture in space


@given(spaces(), st.data())
def test_a_decoded_vector_comes_back_from_json(space: Partitioning, data: st.DataObject) -> None:
    architecture = space.decode(data.draw(vectors(space)))
    assert architecture in space
    assert Architecture.from_json(architecture.to_json()) == architecture


@given(spaces(), st.data(), st.integers(0, 2**32 - 1))
def test_a_seed_gives_one_architecture(space: Partitioning, data: st.DataObject, seed: int) -> None:
    vector = data.draw(vectors(space))
    assert space.decode(vector, seed=seed) == space.decode(tuple(vector), seed)


@given(spaces(), st.data())
def test_decoding_realises_the_targets(space: Partitioning, data: st.DataObject) -> None:
    vector = data.draw(vectors(space))
    architecture = space.decode(vector)
    targets = space.matrices_of(vector)
    for index, group in enumerate(space.groups):
        forward, backward = targets[0 if space.matrices == "network" else index]
        partition = architecture.partitions[group.stage, tuple(space.tasks)]
        found = next(each for each in partition.groups if each.layers == group.layers)
        masks = np.stack(found.masks(space.tasks))
        dealt = masks.reshape(2, len(space.tasks), group.units, group.unit)
        assert (dealt == dealt[..., :1]).all()  # neighbours in a unit have the same owners
        check_sizes(*dealt[..., 0], forward, backward)


@given(spaces(), st.data())
def test_targets_of_a_vector_suit_every_pair(space: Partitioning, data: st.DataObject) -> None:
    for forward, backward in space.matrices_of(data.draw(vectors(space))):
        d, b = np.diagonal(forward), np.diagonal(backward)
        together = d[:, None] + d - forward  # the channels of either, where two are one pair
        off = ~np.eye(len(d), dtype=bool)
        assert (together[off] <= 1.0 + 1e-9).all()
        assert (forward <= np.minimum(d[:, None], d) + 1e-9).all()
        assert (backward <= np.minimum(forward, np.minimum(b[:, None], b)) + 1e-9).all()
        assert ((b[:, None] + b - backward)[off] <= together[off] + 1e-9).all()


@given(spaces(), st.data())
def test_a_vector_is_read_off_any_architecture(space: Partitioning, data: st.DataObject) -> None:
    architecture = space.decode(data.draw(vectors(space)))
    vector = space.vector_of(architecture)
    assert vector.min() >= 0.0 and vector.max() <= 1.0
    for wanted, found in zip(space.matrices_of(vector), space.realised(architecture), strict=True):
        assert np.allclose(wanted[0], found[0]) and np.allclose(wanted[1], found[1])


@given(spaces(), st.data(), st.floats(0.01, 1.0), st.booleans())
def test_a_bound_on_use_holds_or_is_refused(
    space: Partitioning, data: st.DataObject, use: float, per_task: bool
) -> None:
    vector = data.draw(vectors(space))
    least = vector.copy()
    least[space.forward_diagonal] = np.minimum(least[space.forward_diagonal], 0.05)
    lowest = space.decode(least)
    reached = max(lowest.use.values()) if per_task else lowest.mean_use
    if reached > use + 1e-9:
        with pytest.raises(BudgetError):
            space.with_use(vector, use, per_task=per_task)
    elif reached < use - 1e-9:
        found = space.decode(space.with_use(vector, use, per_task=per_task))
        assert (max(found.use.values()) if per_task else found.mean_use) <= use + 1e-9


@given(spaces(), st.data())
def test_a_number_changes_only_the_tasks_that_it_involves(
    space: Partitioning, data: st.DataObject
) -> None:
    vector = data.draw(vectors(space))
    position = data.draw(st.integers(0, space.size - 1))
    changed = vector.copy()
    changed[position] = data.draw(st.floats(0.0, 1.0))
    others = ~space.involves[position]
    for before, after in zip(space.matrices_of(vector), space.matrices_of(changed), strict=True):
        for old, new in zip(before, after, strict=True):
            assert (old[np.ix_(others, others)] == new[np.ix_(others, others)]).all()


@given(spaces())
def test_presets_are_in_the_space_or_are_refused(space: Partitioning) -> None:
    assert space.share_all().mean_use == space.share_forward_only().mean_use == 1.0
    assert space.share_all() in space and space.share_forward_only() in space
    assert space.has_enough_units == all(g.units >= len(space.tasks) for g in space.groups)
    if not space.has_enough_units:
        with pytest.raises(InputError):
            space.independent()
        return
    apart = space.independent()
    assert apart in space
    assert sum(apart.use.values()) == pytest.approx(1.0)
    for forward, backward in space.realised(apart):
        assert np.allclose(forward, np.diag(np.diagonal(forward)))
        assert (backward == forward).all()


@given(spaces(), st.floats(0.0, 1.0))
def test_more_in_common_is_more_use(space: Partitioning, share: float) -> None:
    if min(group.units for group in space.groups) >= len(space.tasks):
        found = space.share_fixed(share)
        assert found in space
        assert space.independent().mean_use <= found.mean_use + 1e-9 <= 1.0 + 2e-9


@given(st.integers(1, 5).flatmap(shares), st.integers(1, 30), st.integers(0, 3))
def test_published_masks_have_the_same_sizes(forward: Floats, channels: int, seed: int) -> None:
    backward = forward / 2.0
    check_sizes(
        *published_masks(forward, channels, seed=seed, backward=backward), forward, backward
    )


@given(st.integers(1, 3).flatmap(shares), st.integers(1, 12))
def test_exact_masks_are_at_least_as_near(forward: Floats, channels: int) -> None:
    backward = forward / 2.0
    use, update = realise_exact(forward, channels, backward=backward)
    check_sizes(use, update, forward, backward)
    assert error(use, forward) >= bound(forward, use, np.ones_like(use)) - 1e-6
    assert error(use, forward) <= error(realise(forward, channels)[0], forward) * 1.0001 + 1e-6


@given(st.integers(1, 5).flatmap(shares), st.integers(0, 3))
def test_masks_are_near_the_bound_for_any_targets(forward: Floats, seed: int) -> None:
    use, update = realise(forward, CHANNELS, seed=seed, backward=forward)
    check_sizes(use, update, forward, forward)
    whole = np.ones_like(use)
    assert error(use, forward) <= bound(forward, use, whole) + MOST_ABOVE


@given(st.integers(1, 4), st.data())
def test_masks_are_near_the_bound_forward_and_backward(tasks: int, data: st.DataObject) -> None:
    space = Partitioning(NAMES[:tasks], 1, [HiddenGroup(0, ("conv",), CHANNELS)])
    ((forward, backward),) = space.matrices_of(data.draw(vectors(space)))
    use, update = realise(forward, CHANNELS, backward=backward)
    check_sizes(use, update, forward, backward)
    assert error(use, forward) <= bound(forward, use, np.ones_like(use)) + MOST_ABOVE
    assert error(update, backward) <= bound(backward, update, use) + MOST_ABOVE


def test_nine_tasks_are_near_the_bound() -> None:
    names = [f"task{index}" for index in range(9)]
    space = Partitioning(names, 1, [HiddenGroup(0, ("conv",), CHANNELS)])
    rng = np.random.default_rng(0)
    for _ in range(4):
        ((forward, backward),) = space.matrices_of(space.draw(rng))
        use, update = realise(forward, CHANNELS, backward=backward)
        check_sizes(use, update, forward, backward)
        assert error(use, forward) <= bound(forward, use, np.ones_like(use)) + 0.003


HARD = {
    "one channel": (np.full((3, 3), 0.5), 1),
    "one task": (np.array([[0.3]]), 10),
    "a task with every channel": (np.array([[1.0, 0.5], [0.5, 0.5]]), 16),
    "a task with every channel, another target": (np.array([[1.0, 0.1], [0.1, 0.5]]), 16),
    "all tasks with every channel": (np.ones((4, 4)), 7),
    "nothing wanted": (np.zeros((3, 3)), 12),
    "three halves apart": (np.diag([0.5, 0.5, 0.5]), CHANNELS),
    "forty tasks": (np.full((40, 40), 0.25) + np.diag(np.full(40, 0.25)), 64),
    "thirty tasks, more than numbers hold": (np.diag(np.full(30, 0.1)), 32),
}


@pytest.mark.parametrize("name", HARD)
def test_hard_inputs_have_masks(name: str) -> None:
    forward, channels = HARD[name]
    for backward in (forward, forward / 2.0, np.zeros_like(forward)):
        use, update = realise(forward, channels, seed=1, backward=backward)
        check_sizes(use, update, forward, backward)
        again = realise(forward, channels, seed=1, backward=backward)
        assert (use == again[0]).all() and (update == again[1]).all()
        if len(forward) <= 4 and channels == CHANNELS:
            assert error(use, forward) <= bound(forward, use, np.ones_like(use)) + MOST_ABOVE


@given(st.integers(1, 5).flatmap(shares), st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_channels_with_equal_owners_are_one_run(forward: Floats, seed: int, channels: int) -> None:
    use, update = realise(forward, channels, seed=seed, backward=forward / 2.0)
    columns = np.concatenate([use, update]).T
    changes = (columns[1:] != columns[:-1]).any(axis=1).sum()
    assert changes + 1 == len(np.unique(columns, axis=0))
