"""Random architectures, spaces and generators, shared by the law tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from sharewise.architecture import Architecture, Branch, Group, Owners, Partition
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


@st.composite
def groups(
    draw: st.DrawFn, tasks: Sequence[str], layers: Sequence[str], channels: int = 0
) -> Group:
    """Any group of these layers in which every task uses a channel; any width where it is 0."""
    width = channels or draw(st.integers(1, 12))
    cuts = sorted(draw(st.sets(st.integers(1, max(width - 1, 1)), max_size=5)) - {width})
    flags = st.lists(st.integers(0, 2), min_size=len(tasks), max_size=len(tasks))
    states = [draw(flags) for _ in range(len(cuts) + 1)]  # 0 unused, 1 used, 2 updated
    for task in range(len(tasks)):
        if not any(state[task] for state in states):
            states[draw(st.integers(0, len(cuts)))][task] = draw(st.integers(1, 2))
    owners = [
        Owners(
            stop - start,
            tuple(task for task, mark in zip(tasks, state, strict=True) if mark > 0),
            tuple(task for task, mark in zip(tasks, state, strict=True) if mark > 1),
        )
        for start, stop, state in zip([0, *cuts], [*cuts, width], states, strict=True)
    ]
    return Group(tuple(draw(st.permutations(layers))), tuple(owners))


@st.composite
def partitions(
    draw: st.DrawFn, tasks: Sequence[str], hidden: Sequence[tuple[str, int]] | None = None
) -> Partition:
    """Any partition for these tasks, perhaps without groups.

    `hidden` names the layers that may be in it, with their channels; without it they are made up.
    """
    made_up = [(f"{block}.conv1", 0) for block in range(3)]
    blocks: dict[tuple[int, int], list[str]] = {}
    for layer, channels in made_up if hidden is None else hidden:
        label = draw(st.integers(0, 2))
        if label:  # 0: this layer is in no group
            blocks.setdefault((label, channels), []).append(layer)
    found = [draw(groups(tasks, layers, width)) for (_, width), layers in blocks.items()]
    return Partition(tuple(draw(st.permutations(found))))


@st.composite
def partitioned_architectures(
    draw: st.DrawFn,
    max_tasks: int = 4,
    max_stages: int = 3,
    hidden: Sequence[Sequence[tuple[str, int]]] = (),
) -> Architecture:
    """Any tree with a partition in any of its branches, and in at least one.

    `hidden` gives, for each of the stages, the layers that may be partitioned and their channels.
    """
    tree = draw(architectures(max_tasks, max_stages))
    if hidden:  # as many stages as there are lists of layers
        deep = tree.levels + tree.levels[-1:] * len(hidden)
        tree = Architecture.from_levels(deep[: len(hidden)])

    def dressed(branch: Branch, stage: int) -> Branch:
        children = tuple(dressed(child, stage + 1) for child in branch.children)
        chosen = partitions(branch.tasks, hidden[stage] if hidden else None)
        needed = stage == 0 and branch is tree.roots[0]
        return Branch(branch.tasks, children, draw(chosen if needed else st.none() | chosen))

    return Architecture(tuple(dressed(root, 0) for root in tree.roots))


def generators() -> st.SearchStrategy[np.random.Generator]:
    """A seeded generator."""
    return st.integers(0, 2**32 - 1).map(np.random.default_rng)
