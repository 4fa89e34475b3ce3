"""Which sets of tasks use which channels: the Venn regions of a partition."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from sharewise.architecture import Architecture, Group, Owners

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Region:
    """All channels that exactly these tasks use, wherever they are.

    Attributes:
        use: The tasks, in the order of the pictures.
        updates: {task: how many of the channels it updates}.
    """

    use: tuple[str, ...]
    channels: int
    updates: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Shown:
    """Groups of layers that have the same owners, as one picture.

    Attributes:
        stage: Counted from 0.
        layers: Of all of these groups.
        runs: The channels as they are drawn: those of many tasks first, equal owners together.
    """

    stage: int
    layers: tuple[str, ...]
    channels: int
    runs: tuple[Owners, ...]

    def regions(self, order: Sequence[str]) -> list[Region]:
        """The regions as they are drawn."""
        found = []
        for use, runs in groupby(self.runs, key=lambda run: run.use):
            listed = list(runs)
            updates: Counter[str] = Counter()
            for run in listed:
                updates.update(dict.fromkeys(run.update, run.channels))
            tasks = tuple(task for task in order if task in use)
            channels = sum(run.channels for run in listed)
            found.append(Region(tasks, channels, {task: updates[task] for task in tasks}))
        return found

    def by_count(self) -> dict[int, int]:
        """{number of tasks: channels that so many use}, the most first."""
        found: Counter[int] = Counter()
        for run in self.runs:
            found[len(run.use)] += run.channels
        return dict(sorted(found.items(), reverse=True))

    def updated(self, task: str) -> float:
        """The share of the channels that a task updates."""
        return sum(run.channels for run in self.runs if task in run.update) / self.channels

    def used(self, task: str) -> float:
        """The share of the channels that a task uses."""
        return sum(run.channels for run in self.runs if task in run.use) / self.channels


def shown_groups(architecture: Architecture, order: Sequence[str]) -> list[Shown]:
    """The groups of a partition, those of one stage with equal owners together."""
    alike: dict[tuple[int, tuple[Owners, ...]], list[Group]] = defaultdict(list)
    for (stage, _), partition in sorted(architecture.partitions.items()):
        for group in partition.groups:
            alike[stage, group.owners].append(group)
    return [
        Shown(
            stage,
            tuple(layer for group in groups for layer in group.layers),
            groups[0].channels,
            _sorted_runs(owners, order),
        )
        for (stage, owners), groups in alike.items()
    ]


def similar_order(architecture: Architecture) -> tuple[str, ...]:
    """The tasks so that neighbours have much in common: pictures then show blocks.

    By average linkage over the shares of channels that two tasks use together (Jaccard), with the
    leaves in their best order.
    """
    tasks = architecture.tasks
    together = shared_shares(architecture)
    if len(tasks) < 3 or together is None:
        return tasks
    own = np.diagonal(together)
    either = own[:, None] + own[None, :] - together
    apart = 1.0 - together / np.maximum(either, 1e-12)
    np.fill_diagonal(apart, 0.0)
    distances = squareform(apart, checks=False)
    if np.ptp(distances) < 1e-9:
        return tasks
    leaves = leaves_list(linkage(distances, "average", optimal_ordering=True)).tolist()
    leaves = leaves if leaves[0] < leaves[-1] else leaves[::-1]
    return tuple(tasks[leaf] for leaf in leaves)


def shared_shares(architecture: Architecture) -> Floats | None:
    """What two tasks use together over all groups, [tasks, tasks]; None without a partition."""
    total, weight = np.zeros((len(architecture.tasks),) * 2), 0
    for partition in architecture.partitions.values():
        for group in partition.groups:
            size = len(group.layers) * group.channels
            total += size * group.shares(architecture.tasks)[0]
            weight += size
    return total / weight if weight else None


def mean_counts(architecture: Architecture) -> dict[int, float]:
    """{number of tasks: the share of all grouped channels that so many use}, the most first."""
    found: Counter[int] = Counter()
    for size, run in _all_runs(architecture):
        found[len(run.use)] += size
    total = sum(found.values())
    return {count: size / total for count, size in sorted(found.items(), reverse=True)}


def updated_part(architecture: Architecture) -> float:
    """How much of what tasks use they also update."""
    runs = list(_all_runs(architecture))
    used = sum(size * len(run.use) for size, run in runs)
    return sum(size * len(run.update) for size, run in runs) / used if used else 1.0


def _all_runs(architecture: Architecture) -> Iterator[tuple[int, Owners]]:
    """(channels x layers, the run) of every group."""
    for partition in architecture.partitions.values():
        for group in partition.groups:
            for run in group.owners:
                yield len(group.layers) * run.channels, run


def _sorted_runs(owners: Sequence[Owners], order: Sequence[str]) -> tuple[Owners, ...]:
    """Runs with equal owners made one: those of many tasks first, then in the tasks' order."""
    sizes: Counter[tuple[tuple[str, ...], tuple[str, ...]]] = Counter()
    for run in owners:
        sizes[run.use, run.update] += run.channels

    def place(run: Owners) -> tuple[int, list[bool], int, list[bool]]:
        missing = [task not in run.use for task in order]
        return -len(run.use), missing, -len(run.update), [task not in run.update for task in order]

    runs = [Owners(channels, use, update) for (use, update), channels in sizes.items()]
    return tuple(sorted(runs, key=place))
