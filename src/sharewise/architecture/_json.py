"""The JSON form of an architecture, and the errors of reading one."""

from __future__ import annotations

import json
from typing import Any

from sharewise.architecture._branch import Branch
from sharewise.errors import FormatError

FORMAT = 1
READS = f"An architecture is JSON in format {FORMAT}, the only format that this version reads."
_KINDS = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}


def branch_to_dict(branch: Branch) -> dict[str, Any]:
    """The JSON form of a branch and all below it, as Python values."""
    return {
        "tasks": list(branch.tasks),
        "partition": branch.partition,
        "children": [branch_to_dict(child) for child in branch.children],
    }


def unreadable(found: str, fix: str = "Write the file with Architecture.to_json().") -> FormatError:
    """The error for something that is not an architecture; it names the formats that are read."""
    return FormatError(rule=READS, found=found, fix=fix)


def read_roots(value: object) -> tuple[Branch, ...]:
    """The roots of a JSON architecture; their tree is not yet checked.

    Raises:
        FormatError: Another format, a wrong type, an unknown key or a partition.
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
    if value["partition"] is not None:
        raise unreadable(
            f"a partition at {where}, which must be null in this version",
            "Update sharewise, or set the partition to null.",
        )
    return Branch(tuple(tasks), _read_branches(value["children"], f"{where}.children"))


def _check_keys(value: dict[str, object], wanted: set[str], where: str) -> None:
    if value.keys() != wanted:
        raise unreadable(
            f"the keys {', '.join(map(str, sorted(value))) or '(none)'} {where},"
            f" which has {', '.join(sorted(wanted))}"
        )


def _kind(value: object) -> str:
    return "null" if value is None else _KINDS.get(type(value), "a number")
