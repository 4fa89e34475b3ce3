"""Laws 2 and 3: sampled and varied architectures are in the space, and counts are exact."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from math import comb

import numpy as np
from _spaces import branchings, generators
from hypothesis import given

from sharewise.architecture import Architecture
from sharewise.spaces import Branching


@cache
def count(num_stages: int, num_tasks: int) -> int:
    """a_S(n) = sum_k C(n-1, k-1) a_(S-1)(k) a_S(n-k): the task n is with k - 1 others."""
    if num_stages == 0 or num_tasks == 0:
        return 1
    return sum(
        comb(num_tasks - 1, k - 1) * count(num_stages - 1, k) * count(num_stages, num_tasks - k)
        for k in range(1, num_tasks + 1)
    )


@given(branchings(), generators())
def test_a_sample_is_in_the_space(space: Branching, rng: np.random.Generator) -> None:
    assert space.sample(rng) in space


@given(branchings(), generators())
def test_a_variation_is_another_one_in_the_space(
    space: Branching, rng: np.random.Generator
) -> None:
    architecture = space.sample(rng)
    for _ in range(20):
        varied = space.vary(architecture, rng)
        assert varied in space
        assert (varied == architecture) == (space.size() == 1)
        architecture = varied


@given(branchings(max_tasks=4, max_stages=3))
def test_a_listing_has_no_duplicates_and_matches_the_count(space: Branching) -> None:
    found = list(space.enumerate())
    assert len(found) == len(set(found)) == space.size()
    assert all(architecture in space for architecture in found)


@given(branchings(max_tasks=6, max_stages=5))
def test_the_count_without_bounds_follows_the_recurrence(space: Branching) -> None:
    whole = Branching(space.tasks, space.num_stages)
    assert whole.size() == count(space.num_stages, len(space.tasks))
    assert space.size() <= whole.size()


@given(branchings(max_tasks=4, max_stages=3))
def test_a_bound_keeps_exactly_those_that_meet_it(space: Branching) -> None:
    bounds = space.max_branches or (len(space.tasks),) * space.num_stages
    whole = Branching(space.tasks, space.num_stages)
    everything = list(whole.enumerate())
    kept = {
        architecture
        for architecture in everything
        if all(n <= most for n, most in zip(architecture.num_branches, bounds, strict=True))
    }
    assert set(space.enumerate()) == kept
    assert all((architecture in space) == (architecture in kept) for architecture in everything)


@given(branchings(), generators())
def test_a_merge_takes_one_branch_from_one_stage(
    space: Branching, rng: np.random.Generator
) -> None:
    architecture = space.sample(rng)
    found = list(space.coarser(architecture))
    assert len(found) == len(set(found))
    for merged in found:
        assert merged in space
        changed = [
            stage
            for stage in range(space.num_stages)
            if merged.levels[stage] != architecture.levels[stage]
        ]
        assert len(changed) == 1
        before, after = architecture.levels[changed[0]], merged.levels[changed[0]]
        (joined,) = set(after) - set(before)
        assert len(set(before) - set(after)) == 2
        assert set(joined) == {task for block in set(before) - set(after) for task in block}


@given(branchings(), generators())
def test_merges_lead_to_the_fully_shared_architecture(
    space: Branching, rng: np.random.Generator
) -> None:
    architecture = space.sample(rng)
    merges = sum(architecture.num_branches) - space.num_stages
    for _ in range(merges):
        found = list(space.coarser(architecture))
        architecture = found[rng.integers(len(found))]
    assert architecture == Architecture.shared(space.tasks, space.num_stages)
    assert list(space.coarser(architecture)) == []


@given(branchings(max_tasks=3, max_stages=3))
def test_coarser_finds_every_pair_that_differs_by_one_merge(space: Branching) -> None:
    everything = list(space.enumerate())
    for architecture in everything:
        wanted = {other for other in everything if is_merge(architecture, other)}
        assert set(space.coarser(architecture)) == wanted


def is_merge(fine: Architecture, coarse: Architecture) -> bool:
    """Whether one level differs, and there by two blocks that became one."""
    changed = [(set(f), set(c)) for f, c in zip(fine.levels, coarse.levels, strict=True) if f != c]
    if len(changed) != 1:
        return False
    before, after = changed[0]
    return len(before - after) == 2 and len(after - before) == 1


@given(branchings(max_tasks=3, max_stages=2), generators())
def test_variations_reach_the_whole_space(space: Branching, rng: np.random.Generator) -> None:
    architecture = Architecture.shared(space.tasks, space.num_stages)
    seen = {architecture}
    for _ in range(60 * space.size()):
        if len(seen) == space.size():
            break
        architecture = space.vary(architecture, rng)
        seen.add(architecture)
    assert seen == set(space.enumerate())


def test_the_same_seed_gives_the_same_walk() -> None:
    space = Branching([f"t{index}" for index in range(8)], 4)
    walks = []
    for _ in range(2):
        rng = np.random.default_rng(3)
        walk = [space.sample(rng)]
        for _ in range(20):
            walk.append(space.vary(walk[-1], rng))
        walks.append(walk)
    assert walks[0] == walks[1]
    assert all(one != other for one, other in pairwise(walks[0]))
