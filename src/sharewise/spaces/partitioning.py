"""The space of partitions: all tasks run through every stage, with channels of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sharewise.architecture import Architecture, Group, Partition, check_names, check_stages
from sharewise.errors import BudgetError, InputError
from sharewise.spaces import _matrix, _presets
from sharewise.spaces._exact import realise_exact
from sharewise.spaces._groups import HiddenGroup, check_groups
from sharewise.spaces._realise import realise
from sharewise.spaces._targets import Bools, Floats, whole_channels

_STEP = 0.04  # the published evolution's standard deviation
_HALVINGS = 40

Assign = Callable[[int, int], tuple[Bools, Bools]]  # matrix, units -> masks (use, update)


@dataclass(frozen=True)
class Partitioning:
    """Every architecture with one branch a stage, in which tasks divide channels of some layers.

    A point of the space is described by a vector in [0, 1]^size: for each matrix P, the upper
    triangle with diagonal of raw forward numbers, row by row, and then of backward ones (Newell et
    al. 2019, arXiv 1908.04339). `decode` makes an architecture of it. All tasks have
    normalisations of their own in every stage, also where nothing is grouped.

    Attributes:
        tasks: The names of the tasks; kept sorted. Rows of matrices are in this order.
        num_stages: How many stages every path runs through.
        groups: The layers that are partitioned; kept sorted.
        matrices: "network" has one P for all groups, "group" one for each.

    Raises:
        InputError: Names that are wrong or used twice, no stage, no group, a group in a stage that
            is not there, a layer in two groups, or another word for matrices.
    """

    tasks: Sequence[str]
    num_stages: int
    groups: Sequence[HiddenGroup]
    _: KW_ONLY
    matrices: Literal["network", "group"] = "network"

    def __post_init__(self) -> None:
        object.__setattr__(self, "tasks", check_names(self.tasks))
        check_stages(self.num_stages)
        object.__setattr__(self, "groups", check_groups(self.groups, self.num_stages))
        if self.matrices not in ("network", "group"):
            raise InputError(
                rule="matrices is 'network' (one P for all groups) or 'group' (one for each).",
                found=repr(self.matrices),
                fix="Choose one of the two.",
            )

    def __contains__(self, architecture: object) -> bool:
        return (
            isinstance(architecture, Architecture)
            and architecture.tasks == self.tasks
            and architecture.num_stages == self.num_stages
            and self._holds(architecture)
        )

    @property
    def size(self) -> int:
        """How many numbers a vector has: T(T+1) for each matrix."""
        return self._num_matrices * _matrix.size(len(self.tasks))

    @property
    def forward_diagonal(self) -> NDArray[np.int64]:
        """Where in a vector the shares stand that tasks use: [matrices * tasks], in order."""
        starts = np.arange(0, self.size, _matrix.size(len(self.tasks)))
        return (starts[:, None] + _matrix.diagonal(len(self.tasks))).ravel()

    @property
    def involves(self) -> Bools:
        """Which numbers of a vector say something about which task: [size, tasks]."""
        return np.tile(_matrix.involves(len(self.tasks)), (self._num_matrices, 1))

    def decode(self, vector: ArrayLike, seed: int = 0) -> Architecture:
        """The architecture of a vector; its diagonals are exact, what pairs share comes near.

        Masks are realised once for each matrix and size of group, in the groups' units.

        Raises:
            InputError: Another number of values than `size`, or one that is not in [0, 1].
        """
        wanted = self.matrices_of(vector)

        def assign(matrix: int, units: int) -> tuple[Bools, Bools]:
            forward, backward = wanted[matrix]
            return realise(forward, units, seed=seed, backward=backward)

        return self._assemble(assign)

    def decode_exactly(self, vector: ArrayLike, *, time_limit_s: float = 60.0) -> Architecture:
        """As `decode`, with masks that are proven to be nearest; for few tasks, and slow.

        Raises:
            InputError: As `decode` and `realise_exact`.
        """
        wanted = self.matrices_of(vector)

        def assign(matrix: int, units: int) -> tuple[Bools, Bools]:
            forward, backward = wanted[matrix]
            return realise_exact(forward, units, backward=backward, time_limit_s=time_limit_s)

        return self._assemble(assign)

    def matrices_of(self, vector: ArrayLike) -> list[tuple[Floats, Floats]]:
        """The target (F, B) of each matrix, [tasks, tasks] both.

        Raises:
            InputError: As `decode`.
        """
        parts = _matrix.read_vector(vector, self.size).reshape(self._num_matrices, -1)
        return [_matrix.targets(part, len(self.tasks)) for part in parts]

    def realised(self, architecture: Architecture) -> list[tuple[Floats, Floats]]:
        """The (F, B) that came out, for each matrix; a mean over groups, weighted by channels.

        Raises:
            InputError: The architecture is not in the space.
        """
        self._check(architecture)
        total = [np.zeros((2, len(self.tasks), len(self.tasks))) for _ in range(self._num_matrices)]
        weight = [0] * self._num_matrices
        partitions = architecture.partitions
        for index, group in enumerate(self.groups):
            partition = partitions[group.stage, tuple(self.tasks)]
            found = next(each for each in partition.groups if each.layers == group.layers)
            matrix = self._matrix_of(index)
            total[matrix] += group.weight * np.stack(found.shares(self.tasks))
            weight[matrix] += group.weight
        means = [whole / part for whole, part in zip(total, weight, strict=True)]
        return [(mean[0], mean[1]) for mean in means]

    def vector_of(self, architecture: Architecture) -> Floats:
        """A vector with the architecture's realised shares as its targets.

        Raises:
            InputError: The architecture is not in the space.
        """
        return np.concatenate([_matrix.raw_of(*each) for each in self.realised(architecture)])

    def draw(self, rng: np.random.Generator) -> Floats:
        """A vector as the published sampler draws it: tasks use half of the channels, about."""
        return np.concatenate(
            [_matrix.draw(len(self.tasks), rng) for _ in range(self._num_matrices)]
        )

    def sample(self, rng: np.random.Generator) -> Architecture:
        """The architecture of a drawn vector."""
        return self.decode(self.draw(rng), seed=int(rng.integers(2**32)))

    def vary(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """An architecture with shares a little off the given one's; with few channels, the same.

        Raises:
            InputError: The architecture is not in the space.
        """
        vector = self.vector_of(architecture) + _STEP * rng.standard_normal(self.size)
        return self.decode(np.clip(vector, 0.0, 1.0), seed=int(rng.integers(2**32)))

    def with_use(self, vector: ArrayLike, use: float, *, per_task: bool = False) -> Floats:
        """The vector with its forward diagonal scaled down, no more than a bound on use asks for.

        What counts is the use of the decoded architecture, in whole channels: `mean_use`, or each
        task's use. A share is never scaled below .05, the published sampler's least.

        Args:
            vector: [size], in [0, 1].
            use: The bound, a share of the grouped channels.
            per_task: Bound each task's use and scale each task alone; else the mean's.

        Raises:
            BudgetError: Even at the least shares, tasks use more.
            InputError: As `decode`.
        """
        given = _matrix.read_vector(vector, self.size)
        own = self.forward_diagonal
        shares = given[own].reshape(self._num_matrices, -1)  # [matrices, tasks]
        least = np.minimum(shares, _matrix.LEAST_SHARE)

        def fits(scale: Floats) -> Bools:
            found = self._use(np.maximum(least, scale * shares))
            return np.broadcast_to((found if per_task else found.mean()) <= use, found.shape)

        low, high = np.zeros(len(self.tasks)), np.ones(len(self.tasks))
        if not fits(low).all():
            least_use = self._use(least)
            raise BudgetError(
                rule="A bound on use leaves every task a share of .05 of the channels, and one.",
                found=f"use {use:g} where tasks use at least"
                f" {least_use.max() if per_task else least_use.mean():.3g}",
                fix="Raise the bound.",
            )
        low = np.where(fits(high), high, low)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2.0
            good = fits(middle)
            low, high = np.where(good, middle, low), np.where(good, high, middle)
        changed = given.copy()
        changed[own] = np.maximum(least, low * shares).ravel()
        return changed

    def share_all(self) -> Architecture:
        """Every task uses and updates every channel."""
        return self.share_fixed(1.0)

    def share_fixed(self, share: float) -> Architecture:
        """A share of the channels is common to all tasks; the rest is divided evenly.

        Raises:
            InputError: The share is not from 0 to 1, or leaves a task without a channel.
        """
        return self._preset(partial(_presets.fixed, share=share))

    def share_forward_only(self) -> Architecture:
        """Every task uses every channel, and updates a part of its own, divided evenly."""
        return self._preset(_presets.forward_only)

    def independent(self) -> Architecture:
        """The grouped channels are divided evenly: no two tasks have one in common.

        Layers outside the groups are shared as everywhere in this space.

        Raises:
            InputError: A group has fewer units than there are tasks.
        """
        return self.share_fixed(0.0)

    @property
    def has_enough_units(self) -> bool:
        """Whether each group has a unit for every task, so that `independent` is there."""
        return all(group.units >= len(self.tasks) for group in self.groups)

    @property
    def _num_matrices(self) -> int:
        return 1 if self.matrices == "network" else len(self.groups)

    def _matrix_of(self, group: int) -> int:
        return 0 if self.matrices == "network" else group

    def _preset(self, masks: Callable[[int, int], tuple[Bools, Bools]]) -> Architecture:
        return self._assemble(lambda _, units: masks(len(self.tasks), units))

    def _assemble(self, assign: Assign) -> Architecture:
        """The architecture whose masks are assigned to matrices and numbers of units."""
        owners: dict[tuple[int, int, int], Group] = {}
        stages: list[list[Group]] = [[] for _ in range(self.num_stages)]
        for index, group in enumerate(self.groups):
            key = self._matrix_of(index), group.units, group.unit
            if key not in owners:
                masks = (np.repeat(each, group.unit, axis=1) for each in assign(*key[:2]))
                owners[key] = Group.from_masks(group.layers, self.tasks, *masks)
            stages[group.stage].append(Group(group.layers, owners[key].owners))
        return Architecture.partitioned(self.tasks, [Partition(tuple(groups)) for groups in stages])

    def _use(self, shares: Floats) -> Floats:
        """Each task's use, [tasks], where its share in each matrix is as given."""
        used = np.zeros(len(self.tasks))
        for index, group in enumerate(self.groups):
            whole = whole_channels(shares[self._matrix_of(index)], group.units)
            used += len(group.layers) * group.unit * whole
        return used / sum(group.weight for group in self.groups)

    def _holds(self, architecture: Architecture) -> bool:
        """Whether it has one partition a stage, with this space's groups in whole units."""
        partitions = architecture.partitions
        if set(partitions) != {(stage, self.tasks) for stage in range(self.num_stages)}:
            return False
        found = [
            (stage, group)
            for (stage, _), partition in sorted(partitions.items())
            for group in partition.groups
        ]
        return len(found) == len(self.groups) and all(
            (stage, group.layers, group.channels) == (own.stage, own.layers, own.channels)
            and all(run.channels % own.unit == 0 for run in group.owners)
            for (stage, group), own in zip(found, self.groups, strict=True)
        )

    def _check(self, architecture: Architecture) -> None:
        if architecture not in self:
            raise InputError(
                rule="An architecture is read inside the space that holds it: one branch a stage,"
                " with a partition that has the space's groups.",
                found=f"tasks {', '.join(architecture.tasks)} with branches"
                f" {architecture.num_branches} and {len(architecture.partitions)} partitions",
                fix="Start from space.sample(rng) or a preset, or make the space that fits.",
            )
