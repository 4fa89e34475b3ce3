"""A partition: which tasks use, and which may update, each hidden channel of a branch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from typing import TYPE_CHECKING, TypeAlias

from sharewise.errors import InputError

# numpy is imported where it is used: `sharewise --help` reads this file, too.
if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Masks: TypeAlias = npt.NDArray[np.bool_]
    Shares: TypeAlias = npt.NDArray[np.float64]
Ranges = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Owners:
    """A run of neighbouring channels that have the same owners.

    Any order of tasks is accepted; the value keeps them sorted, each once.

    Attributes:
        channels: How many channels the run has, at least one.
        use: The tasks that use them (the forward mask). None: these channels are not built.
        update: The tasks that may update them (the backward mask), some of `use`. None: frozen.

    Raises:
        InputError: No channel, a text where a list of names belongs, or a task that updates what
            it does not use.
    """

    channels: int
    use: tuple[str, ...]
    update: tuple[str, ...]

    def __post_init__(self) -> None:
        channels = self.channels
        if not isinstance(channels, int) or isinstance(channels, bool) or channels < 1:
            raise InputError(
                rule="Owners hold a whole number of channels, at least one.",
                found=repr(channels),
                fix="Count the channels of the run, and leave out empty runs.",
            )
        object.__setattr__(self, "use", _sorted_names(self.use))
        object.__setattr__(self, "update", _sorted_names(self.update))
        beyond = set(self.update).difference(self.use)
        if beyond:
            raise InputError(
                rule="A task updates only channels that it uses.",
                found=f"{', '.join(sorted(beyond))} updating {channels} channels that"
                f" {', '.join(self.use) or 'nobody'} uses",
                fix="Let it use them, or leave it out of update.",
            )


@dataclass(frozen=True, slots=True)
class Group:
    """Hidden layers of a stage that share one assignment of their channels.

    Neighbouring runs with equal owners are merged and the layers sorted. The order of channels is
    kept: it matters where the weights were trained.

    Attributes:
        layers: The names of the layers inside the stage, such as ("0.conv1", "1.conv1"). All of
            them have the same number of channels.
        owners: The runs, in the order of the channels.

    Raises:
        InputError: No layer or no run, an empty name, or a layer named twice.
    """

    layers: tuple[str, ...]
    owners: tuple[Owners, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", _check_layers(self.layers))
        object.__setattr__(self, "owners", _merged(self.owners))

    @classmethod
    def from_masks(
        cls,
        layers: Iterable[str],
        tasks: Sequence[str],
        use: npt.ArrayLike,
        update: npt.ArrayLike,
    ) -> Group:
        """The group with these masks, each [tasks, channels]: true where a task uses or updates.

        Raises:
            InputError: Masks of other shapes, or a task that updates what it does not use.
        """
        import numpy as np

        rows = (np.asarray(use), np.asarray(update))
        if any(mask.ndim != 2 or mask.shape != (len(tasks), rows[0].shape[-1]) for mask in rows):
            raise InputError(
                rule="Masks have one row for each task and one column for each channel.",
                found=f"shapes {rows[0].shape} and {rows[1].shape} for {len(tasks)} tasks",
                fix="Give use and update as [tasks, channels].",
            )
        columns = np.concatenate(rows).astype(bool)
        changes = (np.flatnonzero((columns[:, 1:] != columns[:, :-1]).any(axis=0)) + 1).tolist()
        starts = [0, *changes] if columns.shape[1] else []
        stops = [*changes, columns.shape[1]]
        names = list(tasks)
        owners = []
        for start, stop in zip(starts, stops, strict=False):
            flags = columns[:, start].tolist()
            using = tuple(name for name, on in zip(names, flags, strict=False) if on)
            updating = tuple(n for n, on in zip(names, flags[len(names) :], strict=True) if on)
            owners.append(Owners(stop - start, using, updating))
        return cls(tuple(layers), tuple(owners))

    @property
    def channels(self) -> int:
        """How many channels each layer of the group has."""
        return sum(owners.channels for owners in self.owners)

    def widths(self, tasks: Iterable[str]) -> dict[str, int]:
        """How many channels each of these tasks uses."""
        counts = dict.fromkeys(tasks, 0)
        for owners in self.owners:
            for task in owners.use:
                if task in counts:
                    counts[task] += owners.channels
        return counts

    def used(self, task: str) -> Ranges:
        """The channels that the task uses, as ranges [start, stop) in order, with gaps between."""
        return _ranges((owners.channels, task in owners.use) for owners in self.owners)

    def updated(self, task: str) -> Ranges:
        """The channels that the task may update, as ranges [start, stop) in order."""
        return _ranges((owners.channels, task in owners.update) for owners in self.owners)

    def masks(self, tasks: Sequence[str]) -> tuple[Masks, Masks]:
        """The masks (use, update), each [tasks, channels]; rows in the order of `tasks`."""
        import numpy as np

        channels = [owners.channels for owners in self.owners]
        use = [[task in owners.use for owners in self.owners] for task in tasks]
        update = [[task in owners.update for owners in self.owners] for task in tasks]
        shape = (len(tasks), len(channels))
        return (
            np.repeat(np.array(use, bool).reshape(shape), channels, axis=1),
            np.repeat(np.array(update, bool).reshape(shape), channels, axis=1),
        )

    def shares(self, tasks: Sequence[str]) -> tuple[Shares, Shares]:
        """The realised P, each [tasks, tasks]: shares of channels that both tasks use (update).

        On the diagonal is what the task uses (updates) itself. These are the d and F, and the b
        and B, of Newell et al. 2019 (arXiv 1908.04339) as they came out, not as they were asked
        for.
        """
        import numpy as np

        use, update = (mask.astype(np.float64) for mask in self.masks(tasks))
        return use @ use.T / self.channels, update @ update.T / self.channels


@dataclass(frozen=True, slots=True)
class Partition:
    """The groups of a branch, sorted by their layers.

    A branch with a partition, even one without groups, has normalisations of its own for each of
    its tasks, and runs once for each.

    Raises:
        InputError: A layer in two groups.
    """

    groups: tuple[Group, ...] = ()

    def __post_init__(self) -> None:
        groups = tuple(sorted(self.groups, key=lambda group: group.layers))
        _check_once(chain.from_iterable(group.layers for group in groups))
        object.__setattr__(self, "groups", groups)

    def use(self, task: str) -> float:
        """The share of the grouped layers' channels that the task uses; 1 without groups."""
        used = sum(len(group.layers) * group.widths([task])[task] for group in self.groups)
        total = sum(len(group.layers) * group.channels for group in self.groups)
        return used / total if total else 1.0


def check_partition(partition: object, tasks: Sequence[str]) -> None:
    """Raise InputError unless the partition (or None) fits a branch for these tasks."""
    if partition is None:
        return
    if not isinstance(partition, Partition):
        raise InputError(
            rule="A branch's partition is a Partition, or None for a plain branch.",
            found=repr(partition),
            fix="Write Partition((Group(...), ...)).",
        )
    for group in partition.groups:
        named = set(chain.from_iterable(owners.use for owners in group.owners))
        layers = ", ".join(group.layers)
        for task in sorted(named.difference(tasks)):
            raise InputError(
                rule="A partition names only tasks of its branch.",
                found=f"{task} using channels of {layers} in a branch for {', '.join(tasks)}",
                fix="Leave it out, or give the partition to a branch that runs it.",
            )
        for task in sorted(set(tasks) - named):
            raise InputError(
                rule="Every task of a branch uses at least one channel of each group.",
                found=f"{task} using no channel of {layers}",
                fix="Let it use some, or give it a branch of its own.",
            )


def _sorted_names(names: Iterable[str]) -> tuple[str, ...]:
    listed = None if isinstance(names, str) else tuple(names)
    if listed is None or not all(isinstance(name, str) for name in listed):
        raise InputError(
            rule="Owners name the tasks that use and that update as two lists of names.",
            found=repr(names),
            fix="Write Owners(16, ('case', 'char'), ('char',)), for example.",
        )
    return tuple(sorted(set(listed)))


def _check_layers(layers: Iterable[str]) -> tuple[str, ...]:
    names = () if isinstance(layers, str) else tuple(layers)
    if not names or not all(isinstance(name, str) and name for name in names):
        raise InputError(
            rule="A group is for a list of one or more layers, by their names in the stage.",
            found=repr(layers),
            fix="Write ('0.conv1', '1.conv1'), for example.",
        )
    _check_once(names)
    return tuple(sorted(names))


def _check_once(layers: Iterable[str]) -> None:
    layer, times = max(Counter(layers).items(), key=lambda item: item[1], default=("", 0))
    if times > 1:
        raise InputError(
            rule="A layer is in one group of its branch, once.",
            found=f"{layer!r} {'twice' if times == 2 else f'{times} times'}",
            fix="Leave it out of the others.",
        )


def _merged(owners: Iterable[Owners]) -> tuple[Owners, ...]:
    """The runs with equal neighbours made one."""
    runs = [
        tuple(same) for _, same in groupby(owners, key=lambda owners: (owners.use, owners.update))
    ]
    if not runs:
        raise InputError(
            rule="A group has at least one channel.",
            found="no owners",
            fix="Give an Owners for each run of channels.",
        )
    return tuple(
        run[0]
        if len(run) == 1
        else Owners(sum(owners.channels for owners in run), run[0].use, run[0].update)
        for run in runs
    )


def _ranges(runs: Iterable[tuple[int, bool]]) -> Ranges:
    """The ranges of the runs (channels, wanted) that are wanted, with neighbours made one."""
    return tuple(_joined(runs))


def _joined(runs: Iterable[tuple[int, bool]]) -> Iterator[tuple[int, int]]:
    stop = 0
    for wanted, same in groupby(runs, key=lambda run: run[1]):
        start, stop = stop, stop + sum(channels for channels, _ in same)
        if wanted:
            yield start, stop
