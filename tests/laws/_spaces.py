"""Random architectures, spaces and generators, shared by the law tests."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from sharewise.architecture import Architecture
from sharewise.spaces import Branching

NAMES = ("char", "case", "font-2", "Weight", "s_l", "7", "mono")


def refine(level: list[list[str]], labels: list[int]) -> list[list[str]]:
    """The blocks of a level, each divided by the labels of its tasks."""
    pieces: dict[tuple[int, int], list[str]] = {}
    for index, block in enumerate(level):
        for task in block:
            label = labels[NAMES.index(task)]
            pieces.setdefault((index, label), []).append(task)
    return list(pieces.values())


@st.composite
def levels(draw: st.DrawFn, max_tasks: int = 6, max_stages: int = 5) -> list[list[list[str]]]:
    """One set partition per stage, each refining the one before, in any order."""
    tasks = draw(st.permutations(NAMES))[: draw(st.integers(1, max_tasks))]
    level, chain = [list(tasks)], []
    for _ in range(draw(st.integers(1, max_stages))):
        labels = draw(st.lists(st.integers(0, 2), min_size=len(NAMES), max_size=len(NAMES)))
        level = refine(level, labels) if draw(st.booleans()) else level
        chain.append(draw(st.permutations(level)))
    return chain


def architectures(max_tasks: int = 6, max_stages: int = 5) -> st.SearchStrategy[Architecture]:
    """Any architecture, from fully shared to independent."""
    return levels(max_tasks, max_stages).map(Architecture.from_levels)


@st.composite
def branchings(draw: st.DrawFn, max_tasks: int = 6, max_stages: int = 5) -> Branching:
    """Any branching space, half of them with bounds on the branches."""
    num_tasks, num_stages = draw(st.integers(1, max_tasks)), draw(st.integers(1, max_stages))
    bounds = st.lists(st.integers(1, num_tasks), min_size=num_stages, max_size=num_stages)
    max_branches = draw(st.none() | bounds.map(tuple))
    return Branching(NAMES[:num_tasks], num_stages, max_branches=max_branches)


def generators() -> st.SearchStrategy[np.random.Generator]:
    """A seeded generator."""
    return st.integers(0, 2**32 - 1).map(np.random.default_rng)
