"""The architecture: an immutable, canonical tree that says which tasks share which branch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from sharewise.architecture._branch import (
    Branch,
    canonical,
    check_names,
    check_stages,
    depths,
    name_list,
    parents,
    read_block,
)
from sharewise.architecture._draw import draw_branches
from sharewise.architecture._json import FORMAT, READS, branch_to_dict, read_roots, unreadable
from sharewise.architecture._partition import Partition
from sharewise.errors import FormatError, InputError


@dataclass(frozen=True, repr=False)
class Architecture:
    """A forest of branches: a branch at depth l is one copy of stage l.

    Any order of tasks and of siblings is accepted; the value keeps the canonical one (tasks
    sorted, siblings by their first task). Equal values hash equal in every process.

    Raises:
        InputError: Children do not split their parent's tasks exactly once each, paths differ
            in depth, a task is named twice, a name holds more than A-Z a-z 0-9 _ -, or a
            partition does not fit its branch.
    """

    roots: tuple[Branch, ...]

    def __post_init__(self) -> None:
        check_names(chain.from_iterable(root.tasks for root in self.roots))
        roots = sorted((canonical(root) for root in self.roots), key=lambda root: root.tasks)
        found = sorted({depth for root in roots for depth in depths(root)})
        if len(found) > 1:
            raise InputError(
                rule="Every path of an architecture runs through all stages.",
                found=f"paths of {' and '.join(map(str, found))} stages",
                fix="Give every leaf the same depth.",
            )
        object.__setattr__(self, "roots", tuple(roots))

    @classmethod
    def shared(cls, tasks: Iterable[str], num_stages: int) -> Architecture:
        """All tasks share every stage."""
        return cls.from_levels([[check_names(tasks)]] * check_stages(num_stages))

    @classmethod
    def independent(cls, tasks: Iterable[str], num_stages: int) -> Architecture:
        """No stage is shared: one network for each task."""
        apart = [(task,) for task in check_names(tasks)]
        return cls.from_levels([apart] * check_stages(num_stages))

    @classmethod
    def partitioned(
        cls, tasks: Iterable[str], partitions: Sequence[Partition | None]
    ) -> Architecture:
        """All tasks in one branch a stage, with one partition (or None) for each stage.

        Raises:
            InputError: No stage, or a partition that does not fit the tasks.
        """
        names = check_names(tasks)
        check_stages(len(partitions))
        branches: tuple[Branch, ...] = ()
        for partition in reversed(partitions):
            branches = (Branch(names, branches, partition),)
        return cls(branches)

    @classmethod
    def from_levels(cls, levels: Sequence[Iterable[Iterable[str]]]) -> Architecture:
        """Build from one set partition of the tasks per stage, each refining the one before.

        Raises:
            InputError: A stage misses or repeats a task, or joins tasks that were split before.
        """
        blocks = [[read_block(block) for block in level] for level in levels]
        check_stages(len(blocks))
        tasks = check_names(chain.from_iterable(blocks[0]))
        for stage, level in enumerate(blocks, start=1):
            if tuple(sorted(chain.from_iterable(level))) != tasks:
                raise InputError(
                    rule="Every stage runs every task exactly once.",
                    found=f"{name_list(chain.from_iterable(level))} at stage {stage}"
                    f" where the tasks are {name_list(tasks)}",
                    fix="Put every task into exactly one branch of each stage.",
                )
        branches = [Branch(block) for block in blocks[-1]]
        for stage in range(len(blocks) - 1, 0, -1):
            branches = parents(blocks[stage - 1], branches, stage=stage)
        return cls(tuple(branches))

    @cached_property
    def tasks(self) -> tuple[str, ...]:
        """The names of all tasks, sorted."""
        return tuple(sorted(chain.from_iterable(root.tasks for root in self.roots)))

    @cached_property
    def num_stages(self) -> int:
        """How many stages every path runs through."""
        return next(depths(self.roots[0]))

    @cached_property
    def levels(self) -> tuple[tuple[tuple[str, ...], ...], ...]:
        """Per stage, the task tuples of its branches, sorted by their first task."""
        levels: list[list[tuple[str, ...]]] = [[] for _ in range(self.num_stages)]
        for stage, branch in self.branches():
            levels[stage].append(branch.tasks)
        return tuple(tuple(sorted(level)) for level in levels)

    @property
    def num_branches(self) -> tuple[int, ...]:
        """Per stage, how many copies of it there are."""
        return tuple(len(level) for level in self.levels)

    def branches(self) -> Iterator[tuple[int, Branch]]:
        """Every branch with its stage, counted from 0, each parent before its children."""
        waiting = [(0, root) for root in reversed(self.roots)]
        while waiting:
            stage, branch = waiting.pop()
            yield stage, branch
            waiting.extend((stage + 1, child) for child in reversed(branch.children))

    @property
    def partitions(self) -> dict[tuple[int, tuple[str, ...]], Partition]:
        """The partitions by (stage counted from 0, the branch's tasks); empty where none is."""
        return {
            (stage, branch.tasks): branch.partition
            for stage, branch in self.branches()
            if branch.partition is not None
        }

    @property
    def use(self) -> dict[str, float]:
        """For each task, the share of the grouped channels on its path that it uses.

        Channels are counted once for each layer of their group; 1 where nothing is grouped.
        """
        used, grouped = dict.fromkeys(self.tasks, 0), dict.fromkeys(self.tasks, 0)
        for (_, tasks), partition in self.partitions.items():
            for group in partition.groups:
                times, channels = len(group.layers), group.channels
                for task, width in group.widths(tasks).items():
                    used[task] += times * width
                    grouped[task] += times * channels
        return {task: used[task] / grouped[task] if grouped[task] else 1.0 for task in self.tasks}

    @property
    def mean_use(self) -> float:
        """The mean of `use` over the tasks."""
        return sum(self.use.values()) / len(self.tasks)

    @cached_property
    def _sha256(self) -> str:
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    @property
    def digest(self) -> str:
        """A short name of the value: the first 12 hex digits of its JSON's sha256."""
        return self._sha256[:12]

    def __hash__(self) -> int:
        # Python salts the hash of strings in each process; 60 bits of the sha256 stay the same.
        return int(self._sha256[:15], 16)

    def __repr__(self) -> str:
        if self.partitions:  # its parts write themselves as Python, too
            return f"Architecture({self.roots!r})"
        return f"Architecture.from_levels({self.levels!r})"

    def to_dict(self) -> dict[str, object]:
        """The JSON form as Python values."""
        return {"format": FORMAT, "roots": [branch_to_dict(root) for root in self.roots]}

    def to_json(self) -> str:
        """The canonical JSON: equal values give equal text, byte for byte."""
        return json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_dict(cls, value: object) -> Architecture:
        """Read what `to_dict` wrote.

        Raises:
            FormatError: Another format, a wrong type, or not a tree with partitions that fit.
        """
        try:
            return cls(read_roots(value))
        except InputError as error:
            raise FormatError(
                rule=f"{READS} {error.rule}", found=error.found, fix=error.fix
            ) from error

    @classmethod
    def from_json(cls, text: str) -> Architecture:
        """Read what `to_json` wrote.

        Raises:
            FormatError: As `from_dict`; also where the text is truncated.
        """
        try:
            return cls.from_dict(json.loads(text))
        except json.JSONDecodeError as error:
            raise unreadable(
                f"text that stops being JSON at character {error.pos} of {len(text)}",
                "The file may be truncated: copy it again.",
            ) from error
        except RecursionError as error:
            raise unreadable("branches nested deeper than Python can follow") from error

    def draw(self, *, width: int = 100) -> str:
        """A text tree for terminals; stages (counted from 1) in which nothing changes are one line.

        Args:
            width: Where long lists of tasks wrap, in characters.
        """
        return "\n".join(["input", *draw_branches(self.roots, 1, prefix="", width=width)])
