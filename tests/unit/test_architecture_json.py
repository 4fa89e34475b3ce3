from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from sharewise.architecture import Architecture
from sharewise.errors import FormatError

READS = "An architecture is JSON in format 1, the only format that this version reads."
NAMES = ["case", "char", "font"]


def tree() -> Architecture:
    return Architecture.from_levels(
        [[NAMES], [["font", "char"], ["case"]], [["font"], ["char"], ["case"]]]
    )


def message(call: Callable[[], object], kind: type[Exception]) -> str:
    with pytest.raises(kind) as caught:
        call()
    return str(caught.value)


def test_the_json_form_is_the_documented_one() -> None:
    text = Architecture.from_levels([[["b", "a"]], [["b"], ["a"]]]).to_json()
    assert text == (
        '{"format":1,"roots":[{"children":[{"children":[],"partition":null,"tasks":["a"]},'
        '{"children":[],"partition":null,"tasks":["b"]}],"partition":null,"tasks":["a","b"]}]}'
    )


def branch(**changed: Any) -> dict[str, Any]:
    return {"tasks": ["a"], "partition": None, "children": []} | changed


WRITE = "Write the file with Architecture.to_json()."


@pytest.mark.parametrize(
    ("value", "rest"),
    [
        ([], f"Found a list without a format number. {WRITE}"),
        (None, f"Found null without a format number. {WRITE}"),
        ({}, f"Found an object without a format number. {WRITE}"),
        (3, f"Found a number without a format number. {WRITE}"),
        (
            {"format": 2},
            "Found format 2. Read it with the version of sharewise that wrote it, "
            "or update sharewise.",
        ),
        (
            {"format": True, "roots": []},
            "Found format true. Read it with the version of sharewise that wrote it, "
            "or update sharewise.",
        ),
        (
            {"format": 1, "trees": []},
            f"Found the keys format, trees at the top level, which has format, roots. {WRITE}",
        ),
        (
            {"format": 1, "roots": {}},
            f"Found an object at roots, where a list of branches belongs. {WRITE}",
        ),
        (
            {"format": 1, "roots": ["a"]},
            f"Found a text at roots[0], where a branch belongs. {WRITE}",
        ),
        (
            {"format": 1, "roots": [branch(tasks="a")]},
            f"Found tasks at roots[0] that are not a list of names. {WRITE}",
        ),
        (
            {"format": 1, "roots": [branch(tasks=["a", 3])]},
            f"Found tasks at roots[0] that are not a list of names. {WRITE}",
        ),
        (
            {"format": 1, "roots": [branch(children=[branch(children=True)])]},
            "Found true or false at roots[0].children[0].children, "
            f"where a list of branches belongs. {WRITE}",
        ),
        (
            {"format": 1, "roots": [branch(children=[{"tasks": ["a"]}])]},
            "Found the keys tasks at roots[0].children[0], "
            f"which has children, partition, tasks. {WRITE}",
        ),
        (
            {"format": 1, "roots": [branch(partition={"use": []})]},
            "Found a partition at roots[0], which must be null in this version. "
            "Update sharewise, or set the partition to null.",
        ),
    ],
)
def test_other_json_says_what_was_found_and_what_is_read(value: Any, rest: str) -> None:
    assert message(lambda: Architecture.from_dict(value), FormatError) == f"{READS} {rest}"
    text = json.dumps(value)
    assert message(lambda: Architecture.from_json(text), FormatError) == f"{READS} {rest}"


def test_a_wrong_tree_in_a_file_is_a_format_error_with_the_broken_rule() -> None:
    value = {"format": 1, "roots": [branch(), branch()]}
    assert message(lambda: Architecture.from_dict(value), FormatError) == (
        f"{READS} A task has a name of its own. Found 'a' twice. Rename one of them."
    )


def test_a_truncated_file_says_where_it_ends() -> None:
    text = tree().to_json()[:20]
    assert message(lambda: Architecture.from_json(text), FormatError) == (
        f"{READS} Found text that stops being JSON at character 20 of 20. "
        "The file may be truncated: copy it again."
    )


def test_a_bottomless_file_is_a_format_error() -> None:
    assert "nested deeper" in message(lambda: Architecture.from_json("[" * 10**5), FormatError)
