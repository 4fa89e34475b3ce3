"""Random trees under a budget: what a search has to beat."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sharewise.architecture import Architecture
from sharewise.costs import CostTable
from sharewise.errors import FormatError, RunError
from sharewise.evaluation import Budget
from sharewise.runs import read_json, write_json
from sharewise.spaces import Branching

_FORMAT = 1
Trees = dict[int, tuple[Architecture, ...]]
"""{seed: its random trees}."""


def random_tree(
    space: Branching, budget: Budget, *, table: CostTable, rng: np.random.Generator
) -> Architecture:
    """A random architecture of the space within the budget.

    Draws one uniformly over all trees and merges two random siblings again and again until the
    budget allows it. So among the trees within the budget those near its bound are the likelier
    ones: a baseline that spends what the found architecture may spend.

    Args:
        space: The trees to draw from.
        budget: The bounds; relative ones refer to the fully shared network.
        table: What a copy of each stage costs, with heads if the budget is to count them.
        rng: The source of all randomness.

    Raises:
        BudgetError: Not even the fully shared network is within the budget, or a latency is
            bounded and the table has no times.
        InputError: The table is of another number of stages or of other tasks than the space.
    """
    shared = table.of(Architecture.shared(space.tasks, space.num_stages))
    budget.check(shared)
    tree = space.sample(rng)
    while not budget.allows(table.of(tree), shared):
        merged = list(space.coarser(tree))
        tree = merged[int(rng.integers(len(merged)))]
    return tree


def seeded_rng(seed: int, index: int) -> np.random.Generator:
    """The generator of one random tree, the same in every process."""
    digest = hashlib.sha256(f"sharewise random tree {seed} {index}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def draw_trees(
    space: Branching,
    budget: Budget,
    *,
    table: Callable[[], CostTable],
    wanted: Mapping[int, int],
    path: Path | None,
) -> Trees:
    """`wanted` = {seed: number of random trees}, drawn once and then read from the file at `path`.

    Where a latency is bounded, a tree depends on times that vary from one measurement to the next;
    the file makes a resumed comparison go on with the trees that it began with. `table` is called
    only if a tree is missing.
    """
    entries = [] if path is None or not path.exists() else _read(path)
    # Those of another budget, and of other tasks, stay in the file for the comparisons they are of.
    known = {
        (seed, index): tree
        for bounds, seed, index, tree in entries
        if bounds == budget.to_dict() and tree in space
    }
    before = len(known)
    measured: CostTable | None = None
    for seed, count in wanted.items():
        for index in range(count):
            if (seed, index) not in known:
                measured = table() if measured is None else measured
                rng = seeded_rng(seed, index)
                known[seed, index] = random_tree(space, budget, table=measured, rng=rng)
    if path is not None and len(known) > before:
        fresh = [(budget.to_dict(), *key, tree) for key, tree in list(known.items())[before:]]
        _write(path, [*entries, *fresh])
    return {seed: tuple(known[seed, i] for i in range(count)) for seed, count in wanted.items()}


_Entry = tuple[dict[str, float], int, int, Architecture]


def _write(path: Path, entries: list[_Entry]) -> None:
    trees = [
        {"budget": bounds, "seed": seed, "index": index, "architecture": tree.to_dict()}
        for bounds, seed, index, tree in entries
    ]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(
            rule="A comparison is written to a folder with room and permission.",
            found=f"{error.strerror} at {path.parent}",
            fix="Free some space, or give another run.",
        ) from error
    write_json(path, {"format": _FORMAT, "trees": trees})


def _read(path: Path) -> list[_Entry]:
    value: Any = read_json(path)
    try:
        if value["format"] != _FORMAT:
            raise ValueError(f"format {value['format']!r}")
        return [
            (
                Budget.from_dict(each["budget"]).to_dict(),
                int(each["seed"]),
                int(each["index"]),
                Architecture.from_dict(each["architecture"]),
            )
            for each in value["trees"]
        ]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise FormatError(
            rule=f"The random trees of a comparison are a file of format {_FORMAT}.",
            found=f"{type(error).__name__}: {error} in {path}",
            fix="Restore the file from a copy, or remove it to draw the trees again.",
        ) from error
