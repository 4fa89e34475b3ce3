"""Masks from targets: sizes, order, near ones, proven ones, published ones, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from sharewise.errors import InputError
from sharewise.spaces import HiddenGroup, Partitioning, published_masks, realise, realise_exact

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Solve = Callable[..., tuple[Bools, Bools]]

SOLVERS = pytest.mark.parametrize("solve", [realise, realise_exact, published_masks])
APART = [[0.5, 0.0, 0.0], [0.0, 0.5, 0.0], [0.0, 0.0, 0.5]]  # three halves with nothing in common


def drawn(tasks: int, number: int = 1) -> list[tuple[Floats, Floats]]:
    names = [f"task{index:02}" for index in range(tasks)]
    space = Partitioning(names, 1, [HiddenGroup(0, ("conv",), 256)])
    rng = np.random.default_rng(5)
    return [space.matrices_of(space.draw(rng))[0] for _ in range(number)]


def shared(masks: Bools) -> Floats:
    """The shares of channels that two tasks both have, [tasks, tasks]."""
    counted = masks.astype(np.float64)
    return counted @ counted.T / masks.shape[1]


def distance(masks: Bools, targets: Floats) -> float:
    """The sum over pairs of tasks, in channels."""
    return float(np.abs(np.triu(shared(masks) - targets, 1)).sum() * masks.shape[1])


@SOLVERS
def test_diagonals_are_exact_and_update_is_inside_use(solve: Solve) -> None:
    forward, backward = drawn(4)[0]
    use, update = solve(forward, 50, backward=backward)
    assert use.dtype == update.dtype == np.bool_
    assert use.shape == update.shape == (4, 50)
    for task in range(4):
        assert use[task].sum() == max(1, round(50 * forward[task, task]))
        assert update[task].sum() == max(1, round(50 * backward[task, task]))
    assert not (update & ~use).any()


@SOLVERS
def test_without_a_backward_target_tasks_update_all_that_they_use(solve: Solve) -> None:
    use, update = solve([[0.5, 0.25], [0.25, 0.75]], 8)
    assert (use == update).all()
    assert shared(use).tolist() == [[0.5, 0.25], [0.25, 0.75]]


@SOLVERS
def test_channels_with_equal_owners_are_neighbours(solve: Solve) -> None:
    forward, backward = drawn(5)[0]
    use, update = solve(forward, 60, backward=backward)
    columns = np.concatenate([use, update])
    changes = int((columns[:, 1:] != columns[:, :-1]).any(axis=0).sum())
    assert changes + 1 == len(np.unique(columns.T, axis=0))


def test_runs_follow_each_other_so_that_slices_are_few() -> None:
    forward, backward = drawn(9)[0]
    use, _ = realise(forward, 256, backward=backward)
    starts = int((np.diff(use.astype(int), axis=1, prepend=0) == 1).sum())
    by_number = use[:, np.lexsort(use[::-1])]
    assert starts < int((np.diff(by_number.astype(int), axis=1, prepend=0) == 1).sum())


@SOLVERS
def test_a_task_uses_one_channel_at_least_and_updates_none_only_where_told(solve: Solve) -> None:
    forward = [[0.001, 0.0], [0.0, 0.5]]
    use, update = solve(forward, 10, backward=[[0.001, 0.0], [0.0, 0.001]])
    assert use.sum(axis=1).tolist() == [1, 5]
    assert update.sum(axis=1).tolist() == [1, 1]
    _, update = solve(forward, 10, backward=[[0.0, 0.0], [0.0, 0.5]])
    assert update.sum(axis=1).tolist() == [0, 5]


@pytest.mark.parametrize("tasks", [2, 3, 4, 6])
def test_targets_that_masks_have_are_met(tasks: int) -> None:
    rng = np.random.default_rng(tasks)
    use = rng.random((tasks, 256)) < rng.random((tasks, 1))
    use[:, 0] = True
    update = use & (rng.random((tasks, 256)) < 0.8)
    found = realise(shared(use), 256, backward=shared(update))
    pairs = tasks * (tasks - 1) / 2
    assert distance(found[0], shared(use)) <= 0.2 * pairs  # channels
    assert distance(found[1], shared(update)) <= 0.5 * pairs


def test_a_seed_below_zero_is_refused() -> None:
    for solve in (realise, published_masks):
        with pytest.raises(InputError, match=r"^seed is a whole number of at least 0\."):
            solve([[0.5, 0.2], [0.2, 0.5]], 8, seed=-1)


@SOLVERS
def test_three_halves_without_overlap_give_the_nearest(solve: Solve) -> None:
    # 3 * 32 channels of 64: the pairs have 32 in common at least.
    use, _ = solve(APART, 64)
    assert use.sum(axis=1).tolist() == [32, 32, 32]
    assert distance(use, np.array(APART)) >= 32.0
    if solve is not published_masks:
        assert distance(use, np.array(APART)) == 32.0


@pytest.mark.parametrize("tasks", [2, 3])
def test_exact_masks_are_the_best_of_all(tasks: int) -> None:
    rng = np.random.default_rng(tasks)
    channels = 4
    rows = [np.array(row, bool) for row in product([0, 1], repeat=channels)]
    for _ in range(5):
        targets = rng.random((tasks, tasks))
        targets = (targets + targets.T) / 2.0
        counts = [max(1, round(channels * share)) for share in np.diagonal(targets)]
        fitting = [[row for row in rows if row.sum() == count] for count in counts]
        best = min(distance(np.array(masks), targets) for masks in product(*fitting))
        assert distance(realise_exact(targets, channels)[0], targets) == pytest.approx(best)
        assert distance(realise(targets, channels)[0], targets) == pytest.approx(best)


def test_exact_backward_masks_are_the_best_inside_the_forward_masks() -> None:
    forward = [[0.75, 0.5, 0.5], [0.5, 0.75, 0.5], [0.5, 0.5, 1.0]]
    backward = [[0.5, 0.0, 0.25], [0.0, 0.5, 0.5], [0.25, 0.5, 0.75]]
    use, update = realise_exact(forward, 4, backward=backward)
    rows = [np.array(row, bool) for row in product([0, 1], repeat=4)]
    fitting = [
        [row for row in rows if row.sum() == count and not (row & ~mask).any()]
        for mask, count in zip(use, (2, 2, 3), strict=True)
    ]
    best = min(distance(np.array(masks), np.array(backward)) for masks in product(*fitting))
    assert distance(update, np.array(backward)) == pytest.approx(best)


def test_realised_masks_are_never_nearer_than_exact_ones() -> None:
    for forward, _ in drawn(5, 5):
        near = distance(realise(forward, 64)[0], forward)
        exact = distance(realise_exact(forward, 64)[0], forward)
        assert exact <= near * 1.0001
        assert near <= exact + 64 * 10 * 0.003


def test_the_search_comes_nearer_than_the_published_solver() -> None:
    ours, theirs = 0.0, 0.0
    for forward, backward in drawn(9, 4):
        for solve in (realise, published_masks):
            use, update = solve(forward, 256, backward=backward)
            found = distance(use, forward) + distance(update, backward)
            ours, theirs = (ours + found, theirs) if solve is realise else (ours, theirs + found)
    assert ours < 0.75 * theirs


def test_the_published_solver_comes_nearer_than_chance() -> None:
    forward, _ = drawn(6)[0]
    use, _ = published_masks(forward, 256)
    rng = np.random.default_rng(0)
    chance = np.array([rng.permutation(row) for row in use])
    assert distance(use, forward) < 0.6 * distance(chance, forward)


def test_a_channel_more_or_less_is_all_that_many_channels_err_by() -> None:
    use, _ = realise([[0.5, 0.1, 0.3], [0.1, 0.3, 0.2], [0.3, 0.2, 0.5]], 3000)
    assert shared(use).tolist()[0] == [0.5, 0.1, 0.3]
    assert distance(use, np.array([[0.5, 0.1, 0.3], [0.1, 0.3, 0.2], [0.3, 0.2, 0.5]])) <= 1e-6


@pytest.mark.parametrize("tasks", [26, 27])
def test_more_tasks_than_numbers_hold_are_realised_alike(tasks: int) -> None:
    forward, backward = drawn(tasks)[0]
    use, update = realise(forward, 128, backward=backward)
    theirs, _ = published_masks(forward, 128, backward=backward)
    assert distance(use, forward) < 0.85 * distance(theirs, forward)
    assert use.sum(axis=1).tolist() == [max(1, round(128 * share)) for share in np.diag(forward)]
    assert not (update & ~use).any()


@SOLVERS
def test_what_is_given_stays_as_it_is_and_what_is_got_is_the_callers(solve: Solve) -> None:
    forward = np.array([[0.5, 0.25], [0.25, 0.5]], dtype=np.float32)
    given = forward.copy()
    use, update = solve(forward, 8)
    use[:] = False
    assert update.any()
    assert (forward == given).all()
    again, _ = solve(((0.5, 0.25), (0.25, 0.5)), 8)
    assert shared(again).tolist() == forward.tolist()


def test_what_arithmetic_adds_to_a_share_is_no_error() -> None:
    more = 1e-12
    use, update = realise(
        [[1.0 + more, 0.5], [0.5 + more, 0.5]], 8, backward=[[1.0, 0.5], [0.5 + 2 * more, 0.5]]
    )
    assert use.sum(axis=1).tolist() == update.sum(axis=1).tolist() == [8, 4]


def test_a_seed_gives_the_same_masks_with_other_arithmetic() -> None:
    script = (
        "import numpy as np; from sharewise.spaces import realise\n"
        "targets = np.random.default_rng(1).random((9, 9)) / 2\n"
        "targets = targets + targets.T\n"
        "print(np.packbits(realise(targets, 200, seed=3, backward=targets / 3)).tobytes().hex())"
    )
    # Kernels of an old processor add matrix products in another order.
    found = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, **more},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for more in ({}, {"OPENBLAS_CORETYPE": "Prescott"})
    }
    assert len(found) == 1
    assert len(found.pop()) > 100


def test_another_seed_may_give_other_masks_as_near() -> None:
    forward, _ = drawn(9)[0]
    found = [realise(forward, 256, seed=seed)[0] for seed in range(3)]
    errors = [distance(use, forward) / 36 / 256 for use in found]
    assert max(errors) - min(errors) < 0.003
    assert any((found[0] != use).any() for use in found[1:])


SQUARE = (
    "Targets are a square matrix of numbers, [tasks, tasks], for at least one task. Found {}."
    " Give a row and a column for each task."
)
RANGE = (
    "Targets are shares of channels, numbers from 0 to 1. Found {}. Divide numbers of channels by"
    " the number of all channels."
)


@SOLVERS
@pytest.mark.parametrize(
    ("forward", "found"),
    [
        ([[0.5, 0.5]], "forward of shape (1, 2)"),
        ([0.5, 0.5], "forward of shape (2,)"),
        (np.zeros((0, 0)), "forward of shape (0, 0)"),
        ([[0.5], [0.5, 0.5]], "forward = [[0.5], [0.5, 0.5]]"),
        ([["a"]], "forward = [['a']]"),
    ],
)
def test_targets_that_are_not_square_are_refused(
    solve: Solve, forward: ArrayLike, found: str
) -> None:
    with pytest.raises(InputError) as caught:
        solve(forward, 4)
    assert str(caught.value) == SQUARE.format(found)


@SOLVERS
@pytest.mark.parametrize(
    ("forward", "found"),
    [
        ([[1.5]], "1.5 in forward at [0, 0]"),
        ([[0.5, -0.25], [-0.25, 0.5]], "-0.25 in forward at [0, 1]"),
        ([[0.5, np.nan], [np.nan, 0.5]], "nan in forward at [0, 1]"),
        ([[np.inf]], "inf in forward at [0, 0]"),
    ],
)
def test_targets_that_are_not_shares_are_refused(
    solve: Solve, forward: ArrayLike, found: str
) -> None:
    with pytest.raises(InputError) as caught:
        solve(forward, 4)
    assert str(caught.value) == RANGE.format(found)


@SOLVERS
def test_other_targets_that_say_nothing_are_refused(solve: Solve) -> None:
    with pytest.raises(InputError) as caught:
        solve([[0.5, 0.25], [0.125, 0.5]], 4)
    assert str(caught.value) == (
        "Two tasks share as many channels in one order as in the other: targets are symmetric."
        " Found 0.25 and 0.125 in forward at [0, 1] and its mirror."
        " Give the target of a pair in both places."
    )
    with pytest.raises(InputError) as caught:
        solve([[0.5]], 4, backward=[[0.5, 0.5], [0.5, 0.5]])
    assert str(caught.value) == (
        "Forward and backward targets are for the same tasks. Found 1 tasks forward and 2 backward."
        " Give two matrices of one size."
    )
    with pytest.raises(InputError) as caught:
        solve([[0.5, 0.25], [0.25, 0.5]], 4, backward=[[0.5, 0.375], [0.375, 0.5]])
    assert str(caught.value) == (
        "Tasks update only channels that they use: backward targets are at most forward ones."
        " Found 0.375 backward where forward has 0.25, at [0, 1]."
        " Lower the backward target, or raise the forward one."
    )
    with pytest.raises(InputError, match=r"2 in backward at \[0, 0\]"):
        solve([[0.5]], 4, backward=[[2.0]])


@SOLVERS
@pytest.mark.parametrize("channels", [0, -1, 2.5, True])
def test_masks_need_channels(solve: Solve, channels: int) -> None:
    with pytest.raises(InputError) as caught:
        solve([[0.5]], channels)
    assert str(caught.value) == (
        "Masks are for a whole number of channels, at least one."
        f" Found {channels!r}. Count the output channels of the layer."
    )


def test_exact_masks_are_refused_where_no_proof_is_near() -> None:
    with pytest.raises(InputError) as caught:
        realise_exact(np.full((13, 13), 0.5), 64)
    assert str(caught.value) == (
        "Exact masks are for at most 12 tasks: owner sets double with each. Found 13 tasks."
        " Use realise(), which takes any number of tasks."
    )
    with pytest.raises(InputError) as caught:
        realise_exact(drawn(9)[0][0], 256, time_limit_s=0.001)
    assert str(caught.value) == (
        "Exact masks are handed back with a proof that none are nearer."
        " Found no proof after 0.001 seconds."
        " Raise time_limit_s, or use realise(), which comes near without a proof."
    )
