"""The JSON form of an architecture, and the errors of reading one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sharewise.architecture._branch import Branch
from sharewise.architecture._partition import Group, Owners, Partition
from sharewise.errors import FormatError

FORMAT = 1
READS = f"An architecture is JSON in format {FORMAT}, the only format that this version reads."
_KINDS = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}


def branch_to_dict(branch: Branch) -> dict[str, Any]:
    """The JSON form of a branch and all below it, as Python values."""
    return {
        "tasks": list(branch.tasks),
        "partition": _partition_to_list(branch.partition, branch.tasks),
        "children": [branch_to_dict(child) for child in branch.children],
    }


def _partition_to_list(partition: Partition | None, tasks: Sequence[str]) -> Any:
    """Runs of owners as [channels, use, update]: a letter 1 for each sorted task that does."""
    if partition is None:
        return None
    return [
        {
            "layers": list(group.layers),
            "owners": [
                [owners.channels, _letters(owners.use, tasks), _letters(owners.update, tasks)]
                for owners in group.owners
            ],
        }
        for group in partition.groups
    ]


def _letters(chosen: Sequence[str], tasks: Sequence[str]) -> str:
    return "".join("1" if task in chosen else "0" for task in tasks)


def unreadable(found: str, fix: str = "Write the file with Architecture.to_json().") -> FormatError:
    """The error for something that is not an architecture; it names the formats that are read."""
    return FormatError(rule=READS, found=found, fix=fix)


def read_roots(value: object) -> tuple[Branch, ...]:
    """The roots of a JSON architecture; their tree is not yet checked.

    Raises:
        FormatError: Another format, a wrong type or an unknown key.
        InputError: A partition that breaks a rule.
    """
    if not isinstance(value, dict) or "format" not in value:
        raise unreadable(f"{_kind(value)} without a format number")
    if type(value["format"]) is not int or value["format"] != FORMAT:
        raise unreadable(
            f"format {json.dumps(value['format'], default=repr)}",
            "Read it with the version of sharewise that wrote it, or update sharewise.",
        )
    _check_keys(value, {"format", "roots"}, "at the top level")
    return _read_branches(value["roots"], "roots")


def _read_branches(value: object, where: str) -> tuple[Branch, ...]:
    if not isinstance(value, list):
        raise unreadable(f"{_kind(value)} at {where}, where a list of branches belongs")
    return tuple(_read_branch(item, f"{where}[{index}]") for index, item in enumerate(value))


def _read_branch(value: object, where: str) -> Branch:
    if not isinstance(value, dict):
        raise unreadable(f"{_kind(value)} at {where}, where a branch belongs")
    _check_keys(value, {"tasks", "partition", "children"}, f"at {where}")
    tasks = value["tasks"]
    if not isinstance(tasks, list) or not all(isinstance(task, str) for task in tasks):
        raise unreadable(f"tasks at {where} that are not a list of names")
    partition = _read_partition(value["partition"], sorted(tasks), f"{where}.partition")
    children = _read_branches(value["children"], f"{where}.children")
    return Branch(tuple(tasks), children, partition)


def _read_partition(value: object, tasks: Sequence[str], where: str) -> Partition | None:
    if value is None:
        return None
    if not isinstance(value, list):
        raise unreadable(f"{_kind(value)} at {where}, where null or a list of groups belongs")
    return Partition(
        tuple(_read_group(item, tasks, f"{where}[{index}]") for index, item in enumerate(value))
    )


def _read_group(value: object, tasks: Sequence[str], where: str) -> Group:
    if not isinstance(value, dict):
        raise unreadable(f"{_kind(value)} at {where}, where a group of layers belongs")
    _check_keys(value, {"layers", "owners"}, f"at {where}")
    layers, runs = value["layers"], value["owners"]
    if not isinstance(layers, list) or not all(isinstance(layer, str) for layer in layers):
        raise unreadable(f"layers at {where} that are not a list of names")
    if not isinstance(runs, list):
        raise unreadable(f"{_kind(runs)} at {where}.owners, where a list of owners belongs")
    owners = (
        _read_owners(run, tasks, f"{where}.owners[{index}]") for index, run in enumerate(runs)
    )
    return Group(tuple(layers), tuple(owners))


def _read_owners(value: object, tasks: Sequence[str], where: str) -> Owners:
    if not isinstance(value, list) or len(value) != 3:
        raise unreadable(
            f"{json.dumps(value, default=repr)} at {where}, where [channels, use, update] belongs"
        )
    return Owners(
        value[0], _read_letters(value[1], tasks, where), _read_letters(value[2], tasks, where)
    )


def _read_letters(value: object, tasks: Sequence[str], where: str) -> tuple[str, ...]:
    if not isinstance(value, str) or len(value) != len(tasks) or not set(value) <= {"0", "1"}:
        raise unreadable(
            f"{json.dumps(value, default=repr)} at {where},"
            f" where {len(tasks)} letters 0 or 1 belong, one for each task"
        )
    return tuple(task for task, letter in zip(tasks, value, strict=True) if letter == "1")


def _check_keys(value: dict[str, object], wanted: set[str], where: str) -> None:
    if value.keys() != wanted:
        raise unreadable(
            f"the keys {', '.join(map(str, sorted(value))) or '(none)'} {where},"
            f" which has {', '.join(sorted(wanted))}"
        )


def _kind(value: object) -> str:
    return "null" if value is None else _KINDS.get(type(value), "a number")
