from __future__ import annotations

import time
from collections import Counter
from typing import Any

import numpy as np
import pytest
from scipy import stats

from sharewise.architecture import Architecture
from sharewise.errors import InputError
from sharewise.spaces import Branching
from sharewise.spaces._counting import below, set_partitions, stirling
from sharewise.spaces._moves import MOVES, merge, move_task, split, split_earlier, split_later

NAMES = ["a", "b", "c", "d", "e", "f"]
COUNTS = {
    (1, 1): 1,
    (1, 10): 1,
    (2, 1): 2,
    (2, 7): 8,
    (3, 1): 5,
    (3, 3): 22,
    (3, 5): 51,
    (3, 10): 176,
    (4, 1): 15,
    (4, 3): 154,
    (4, 5): 561,
    (4, 10): 3696,
    (5, 1): 52,
    (5, 3): 1304,
    (5, 5): 7556,
    (5, 10): 95986,
    (6, 1): 203,
    (6, 3): 12915,
    (6, 5): 120196,
}


def levels(*names: str) -> Any:
    """Levels such as "ab c" as tuples of task tuples."""
    return tuple(tuple(tuple(block) for block in level.split()) for level in names)


def canonical(chain: Any) -> Any:
    return Architecture.from_levels(chain).levels


# --- counting


@pytest.mark.parametrize(("shape", "size"), COUNTS.items())
def test_the_size_is_the_published_count(shape: tuple[int, int], size: int) -> None:
    num_tasks, num_stages = shape
    assert Branching(NAMES[:num_tasks], num_stages).size() == size


@pytest.mark.parametrize("shape", [(1, 10), (2, 7), (3, 5), (4, 3), (5, 1)])
def test_a_listing_is_as_long_as_the_space(shape: tuple[int, int]) -> None:
    space = Branching(NAMES[: shape[0]], shape[1])
    found = list(space.enumerate())
    assert len(found) == len(set(found)) == COUNTS[shape]


def test_a_listing_begins_with_the_fully_shared_architecture() -> None:
    space = Branching(NAMES[:3], 2)
    assert next(space.enumerate()) == Architecture.shared(NAMES[:3], 2)
    assert Architecture.independent(NAMES[:3], 2) in set(space.enumerate())


def test_the_size_is_exact_where_floats_are_not() -> None:
    size = Branching([f"t{index}" for index in range(40)], 5).size()
    assert isinstance(size, int)
    assert size > 2**64


def test_bounds_count_and_list_the_same() -> None:
    space = Branching(NAMES[:4], 3, max_branches=(3, 2, 3))
    found = list(space.enumerate())
    assert len(set(found)) == space.size() == len(found)
    assert all(
        branches[1] <= 2 and branches[2] <= 3 for branches in (a.num_branches for a in found)
    )


def test_listing_a_tight_space_of_many_tasks_is_quick() -> None:
    space = Branching([f"t{index}" for index in range(10)], 4, max_branches=(1, 1, 1, 2))
    assert len(list(space.enumerate())) == space.size() == 2**9


def test_stirling_numbers() -> None:
    assert stirling(5)[5] == (0, 1, 15, 25, 10, 1)
    assert stirling(0) == ((1,),)


def test_set_partitions_stop_at_the_bound() -> None:
    items = [("a",), ("b",), ("c",), ("d",)]
    sizes = Counter(len(blocks) for blocks in set_partitions(items, 3))
    assert sizes == {1: 1, 2: 7, 3: 6}


# --- drawing at random


def test_big_whole_numbers_are_drawn_evenly() -> None:
    rng = np.random.default_rng(0)
    limit = 3 * 10**30
    thirds = Counter(below(limit, rng) * 3 // limit for _ in range(3000))
    assert stats.chisquare([thirds[third] for third in range(3)]).pvalue > 0.001
    assert {below(1, rng) for _ in range(5)} == {0}
    assert {below(5, rng) for _ in range(200)} == set(range(5))


@pytest.mark.parametrize("max_branches", [None, (2, 3, 3)])
def test_samples_are_uniform(max_branches: tuple[int, ...] | None) -> None:
    space = Branching(NAMES[:3], 3, max_branches=max_branches)
    rng = np.random.default_rng(1)
    found = Counter(space.sample(rng) for _ in range(60 * space.size()))
    counts = [found[architecture] for architecture in space.enumerate()]
    assert sum(counts) == found.total()
    assert stats.chisquare(counts).pvalue > 0.001


def test_forty_tasks_are_sampled_and_varied_quickly() -> None:
    space = Branching([f"t{index}" for index in range(40)], 5)
    rng = np.random.default_rng(2)
    space.sample(rng)  # fills the tables once
    start = time.process_time()
    for _ in range(10):
        architecture = space.sample(rng)
        assert space.vary(architecture, rng) != architecture
    assert time.process_time() - start < 2  # measured: 0.05 s


def test_coarser_is_quick_for_twelve_tasks() -> None:
    space = Branching([f"t{index}" for index in range(12)], 5)
    start = time.process_time()
    found = list(space.coarser(Architecture.independent(space.tasks, 5)))
    assert len(found) == 66
    assert time.process_time() - start < 2  # measured: 0.03 s


# --- membership


def test_membership() -> None:
    space = Branching(NAMES[:3], 2, max_branches=(1, 3))
    assert Architecture.shared(NAMES[:3], 2) in space
    assert Architecture.from_levels(levels("abc", "a b c")) in space
    assert Architecture.independent(NAMES[:3], 2) not in space
    assert Architecture.shared(NAMES[:3], 3) not in space
    assert Architecture.shared(NAMES[:2], 2) not in space
    assert "abc" not in space


def test_order_of_names_does_not_matter() -> None:
    assert Branching(["b", "a"], 2) == Branching(["a", "b"], 2)
    assert hash(Branching(["b", "a"], 2)) == hash(Branching(["a", "b"], 2))


# --- moves


def test_coarser_keeps_children_apart() -> None:
    space = Branching(list("abcd"), 2)
    start = Architecture.from_levels(levels("ab cd", "a b cd"))
    assert {found.levels for found in space.coarser(start)} == {
        levels("abcd", "a b cd"),
        levels("ab cd", "ab cd"),
    }


def test_merge_and_split_undo_each_other() -> None:
    rng = np.random.default_rng(0)
    start = levels("ab cd", "a b cd")
    merged = {merge(start, rng) for _ in range(40)}
    assert {canonical(chain) for chain in merged} == {
        levels("abcd", "a b cd"),
        levels("ab cd", "ab cd"),
    }
    assert start in {canonical(split(levels("abcd", "a b cd"), rng)) for _ in range(100)}


def test_a_split_follows_the_pieces_that_come_later() -> None:
    rng = np.random.default_rng(0)
    found = {canonical(split(levels("abcd", "abcd", "ab cd"), rng)) for _ in range(300)}
    assert found == {
        levels("ab cd", "ab cd", "ab cd"),
        levels("abcd", "ab cd", "ab cd"),
        levels("abcd", "abcd", "a b cd"),
        levels("abcd", "abcd", "ab c d"),
    }


def test_a_split_of_a_branch_that_never_divides_may_go_anywhere() -> None:
    rng = np.random.default_rng(0)
    found = {canonical(split(levels("abc"), rng)) for _ in range(100)}
    assert found == {levels("a bc"), levels("ac b"), levels("ab c")}


def test_a_task_moves_to_a_sibling_and_down_one_of_its_paths() -> None:
    rng = np.random.default_rng(0)
    start = levels("ab cd", "ab c d")
    found = {canonical(move_task(start, rng)) for _ in range(300)}
    wanted = [
        levels("b acd", "b ac d"),
        levels("b acd", "b c ad"),
        levels("a bcd", "a bc d"),
        levels("a bcd", "a c bd"),
        levels("abc d", "abc d"),
        levels("abd c", "abd c"),
        levels("ab cd", "ab cd"),
    ]
    assert found == {canonical(chain) for chain in wanted}


def test_a_split_moves_one_stage_up() -> None:
    rng = np.random.default_rng(0)
    start = levels("abc", "abc", "a bc")
    assert canonical(split_earlier(start, rng)) == levels("abc", "a bc", "a bc")
    assert split_earlier(levels("a b c", "a b c"), rng) is None


def test_a_split_moves_one_stage_down() -> None:
    rng = np.random.default_rng(0)
    start = levels("abc", "a b c", "a b c")
    assert canonical(split_later(start, rng)) == levels("abc", "abc", "a b c")
    assert canonical(split_later(levels("a b c"), rng)) == levels("abc")


def test_nothing_can_be_moved_with_one_task() -> None:
    rng = np.random.default_rng(0)
    assert [move(levels("a", "a"), rng) for move in MOVES] == [None] * len(MOVES)
    space = Branching(["a"], 3)
    only = Architecture.shared(["a"], 3)
    assert space.vary(only, rng) == only


def test_vary_finds_the_only_neighbour() -> None:
    space = Branching(NAMES[:4], 5, max_branches=(1, 1, 1, 1, 2))
    shared = Architecture.shared(NAMES[:4], 5)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        varied = space.vary(shared, rng)
        assert varied.num_branches == (1, 1, 1, 1, 2)


def test_vary_stays_where_nothing_else_is_allowed() -> None:
    space = Branching(NAMES[:4], 2, max_branches=(4, 1))
    shared = Architecture.shared(NAMES[:4], 2)
    assert space.size() == 1
    assert space.vary(shared, np.random.default_rng(0)) == shared


# --- what it refuses


@pytest.mark.parametrize("bounds", [(1,), (1, 2, 3), (0, 1)])
def test_bounds_are_one_positive_number_per_stage(bounds: tuple[int, ...]) -> None:
    with pytest.raises(InputError) as caught:
        Branching(NAMES, 2, max_branches=bounds)
    assert str(caught.value) == (
        f"max_branches is one positive whole number per stage. Found {bounds} for 2 stages. "
        "Give one bound per stage, or None for no bound."
    )


def test_names_and_stages_are_checked() -> None:
    with pytest.raises(InputError, match=r"Found 'a' twice\. Rename one of them\."):
        Branching(["a", "a"], 2)
    with pytest.raises(InputError, match=r"at least one\. Found 0\."):
        Branching(["a"], 0)


@pytest.mark.parametrize("method", ["vary", "coarser"])
def test_an_architecture_of_another_space_is_refused(method: str) -> None:
    space = Branching(["a", "b"], 2, max_branches=(1, 2))
    wrong = Architecture.independent(["a", "b"], 2)
    with pytest.raises(InputError) as caught:
        if method == "vary":
            space.vary(wrong, np.random.default_rng(0))
        else:
            list(space.coarser(wrong))
    assert str(caught.value) == (
        "An architecture is varied inside the space that holds it. "
        "Found tasks a, b with branches (2, 2), where the space has tasks a, b and 2 stages, "
        "max_branches (1, 2). Start from space.sample(rng), or make the space that fits."
    )
