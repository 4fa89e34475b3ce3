"""What a found partition is compared with: other partitions of the same channels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sharewise.architecture import Architecture, Group
from sharewise.baselines._random import seeded_rng
from sharewise.baselines._settings import CompareSettings
from sharewise.costs import CostTable
from sharewise.errors import BudgetError, InputError
from sharewise.evaluation import Budget
from sharewise.spaces import LEAST_SHARE, HiddenGroup, Partitioning, unit_for

Floats = NDArray[np.float64]
Allows = Callable[[Architecture], bool]

_HALVINGS = 40
# How far a drawn partition is moved towards the cheapest one of its use. The last is not 1, so that
# shares that were different still differ: whole channels are then added task by task.
_MOVES = (0.0, 0.25, 0.5, 0.75, 1 - 1e-6)


def partition_rows(
    architecture: Architecture,
    budget: Budget,
    settings: CompareSettings,
    *,
    table: Callable[[], CostTable],
) -> tuple[dict[str, Architecture], dict[int, tuple[Architecture, ...]]]:
    """The rows "shared" and "divided", and for each seed random partitions of the same mean use.

    "divided" is left out where a group has fewer units than there are tasks. A bound on latency
    is left out for random partitions: times vary, and a resumed comparison needs the same ones.

    Raises:
        InputError: the architecture is a tree, or divides nothing.
        BudgetError: no partition of the same use is within the budget.
    """
    space = space_of(architecture)
    rows = {"shared": space.share_all()}
    if space.has_enough_units:
        rows["divided"] = space.independent()
    if not settings.random_trees:
        return rows, {}
    use = min(architecture.mean_use, 1.0 if budget.use is None else budget.use)
    allows = _bound(budget, table(), space)
    drawn = {
        seed: tuple(
            random_partition(space, seeded_rng(seed, index), use=use, allows=allows)
            for index in range(settings.random_trees)
        )
        for seed in settings.seeds
    }
    return rows, drawn


def space_of(architecture: Architecture) -> Partitioning:
    """The space of all partitions of the channels that an architecture divides.

    Its units are those of a search by default, where the architecture deals its channels in them.

    Raises:
        InputError: it has several branches in a stage, or no stage with a group of layers.
    """
    chain = {(stage, architecture.tasks) for stage in range(architecture.num_stages)}
    groups = [
        HiddenGroup(stage, group.layers, group.channels, _unit(group, len(architecture.tasks)))
        for (stage, _), partition in architecture.partitions.items()
        for group in partition.groups
    ]
    if set(architecture.partitions) != chain or not groups:
        raise InputError(
            rule="A partition is compared with others of its channels: it has one branch a stage,"
            " each with a Partition, and divides channels of some layer.",
            found=f"{len(architecture.partitions)} partitions with {len(groups)} groups of layers,"
            f" for branches {architecture.num_branches}",
            fix="Take the architecture that search_partitioning() found.",
        )
    return Partitioning(architecture.tasks, architecture.num_stages, groups)


def _unit(group: Group, num_tasks: int) -> int:
    return unit_for(group.channels, num_tasks, runs=[run.channels for run in group.owners])


def random_partition(
    space: Partitioning, rng: np.random.Generator, *, use: float, allows: Allows
) -> Architecture:
    """A partition from the published sampler, its shares shifted until its mean use is as given.

    Where that is not allowed, tasks have more channels in common and more even shares, at the same
    use: that takes fewer parameters.

    Raises:
        BudgetError: it is never allowed.
    """
    own, num_tasks = space.forward_diagonal, len(space.tasks)
    vector = space.draw(rng)
    seed = int(rng.integers(2**32))
    halves = vector.copy().reshape(-1, 2, num_tasks * (num_tasks + 1) // 2)
    halves[:, 0] = 1.0  # forward: tasks that use fewer channels use some of the others'
    cheapest = halves.ravel()
    cheapest[own] = use
    for move in _MOVES:
        moved = vector + move * (cheapest - vector)
        moved[own] = at_use(space, moved[own], use)
        found = space.decode(moved, seed=seed)
        if allows(found):
            return found
    raise BudgetError(
        rule="Random partitions use as many channels as the found one, inside the budget.",
        found=f"none at mean use {use:.3g}",
        fix="Give the budget that it was found in, or random_trees=0.",
    )


def at_use(space: Partitioning, shares: Floats, use: float) -> Floats:
    """Shares shifted by one number and kept in [.05, 1]: the most whose mean use is at most `use`.

    What counts is the use in whole channels, of a space with one matrix.
    """
    apart = shares + 1e-9 * np.arange(len(shares))  # equal shares would all step at once
    low, high = -1.0, 1.0
    for _ in range(_HALVINGS):
        shift = (low + high) / 2
        if _mean_use(space, np.clip(apart + shift, LEAST_SHARE, 1.0)) > use + 1e-9:
            high = shift
        else:
            low = shift
    return np.clip(apart + low, LEAST_SHARE, 1.0)


def _mean_use(space: Partitioning, shares: Floats) -> float:
    used = np.zeros(len(shares))
    for group in space.groups:
        used += len(group.layers) * group.unit * np.maximum(1, np.rint(group.units * shares))
    return float(used.mean() / sum(len(each.layers) * each.channels for each in space.groups))


def _bound(budget: Budget, table: CostTable, space: Partitioning) -> Allows:
    """Whether an architecture is inside the budget, apart from latency."""
    bounds = {word: most for word, most in budget.to_dict().items() if word != "latency_ms"}
    if not bounds:
        return lambda architecture: True
    kept, shared = Budget.from_dict(bounds), table.of(space.share_all())
    return lambda architecture: kept.allows(table.of(architecture), shared)
