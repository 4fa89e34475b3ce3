"""A branch, and the rules that a tree of branches keeps."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from sharewise.architecture._partition import Partition, check_partition
from sharewise.errors import InputError

_NAME = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Branch:
    """One copy of one stage, run for some tasks.

    Attributes:
        tasks: The names of the tasks that run through it, sorted.
        children: The branches of the next stage; they split the tasks exactly once each.
            Empty at the last stage.
        partition: Which tasks use and update which hidden channels, with normalisations of each
            task's own; None for a plain branch, where all tasks use all and normalise together.
    """

    tasks: tuple[str, ...]
    children: tuple[Branch, ...] = ()
    partition: Partition | None = None


def check_names(names: Iterable[str]) -> tuple[str, ...]:
    """The names of tasks, sorted, or InputError where one is missing, wrong or used twice."""
    tasks = [names] if isinstance(names, str) else list(names)
    if not tasks or isinstance(names, str):
        raise InputError(
            rule="An architecture is for a sequence of one or more task names.",
            found=f"the text {names!r}" if isinstance(names, str) else "none",
            fix="Give a list of names, such as ['case', 'char'].",
        )
    for task in tasks:
        if not isinstance(task, str) or not _NAME.fullmatch(task):
            raise InputError(
                rule="A task's name holds only letters A-Z a-z, digits, '_' and '-'.",
                found=repr(task),
                fix="Rename the task.",
            )
    name, times = Counter(tasks).most_common(1)[0]
    if times > 1:
        raise InputError(
            rule="A task has a name of its own.",
            found=f"{name!r} {'twice' if times == 2 else f'{times} times'}",
            fix="Rename one of them.",
        )
    return tuple(sorted(tasks))


def check_stages(num_stages: int) -> int:
    """The number of stages, or InputError where it is not a positive whole number."""
    if not isinstance(num_stages, int) or isinstance(num_stages, bool) or num_stages < 1:
        raise InputError(
            rule="An architecture has a whole number of stages, at least one.",
            found=repr(num_stages),
            fix="Count the stages of the backbone: len(backbone.stages).",
        )
    return num_stages


def name_list(tasks: Iterable[str]) -> str:
    """Task names as one phrase."""
    return ", ".join(tasks) or "no task"


def read_block(block: Iterable[str]) -> tuple[str, ...]:
    """The sorted tasks of one branch in a list of levels."""
    if isinstance(block, str):
        raise InputError(
            rule="A stage is a list of branches, and a branch is a list of task names.",
            found=f"the text {block!r} where a branch belongs",
            fix=f"Write [{block!r}] for a branch with one task.",
        )
    return tuple(sorted(block))


def parents(level: list[tuple[str, ...]], branches: list[Branch], *, stage: int) -> list[Branch]:
    """The branches of a level above `branches`; `stage` counts the upper level from 1."""
    owner = {task: index for index, block in enumerate(level) for task in block}
    children: list[list[Branch]] = [[] for _ in level]
    for branch in branches:
        if len({owner[task] for task in branch.tasks}) != 1:
            raise InputError(
                rule="Tasks that have split never share a later stage.",
                found=f"{name_list(branch.tasks)} together at stage {stage + 1}"
                f" but apart at stage {stage}",
                fix="Let every stage refine the one before it.",
            )
        children[owner[branch.tasks[0]]].append(branch)
    return [Branch(block, tuple(below)) for block, below in zip(level, children, strict=True)]


def canonical(branch: Branch) -> Branch:
    """The same branch with tasks and siblings in order, or InputError if it breaks a rule."""
    tasks = tuple(sorted(branch.tasks))
    if not tasks:
        raise InputError(
            rule="A branch runs for at least one task.",
            found="a branch for no task",
            fix="Leave out empty branches.",
        )
    check_partition(branch.partition, tasks)
    if not branch.children:
        return Branch(tasks, partition=branch.partition)
    below = tuple(sorted(chain.from_iterable(child.tasks for child in branch.children)))
    if below != tasks:
        raise InputError(
            rule="Children split their parent's tasks exactly once each.",
            found=f"children for {name_list(below)} below a branch for {name_list(tasks)}",
            fix="Put every task of the parent into exactly one child.",
        )
    children = sorted(map(canonical, branch.children), key=lambda child: child.tasks)
    return Branch(tasks, tuple(children), branch.partition)


def depths(branch: Branch) -> Iterator[int]:
    """The number of stages down to each leaf."""
    if not branch.children:
        yield 1
    for child in branch.children:
        for depth in depths(child):
            yield depth + 1
