from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from sharewise.architecture import Architecture, Group, Owners, Partition
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


def partitioned(partition: Any) -> dict[str, Any]:
    return {"format": 1, "roots": [branch(partition=partition)]}


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
            partitioned({"use": []}),
            "Found an object at roots[0].partition, where null or a list of groups belongs. "
            + WRITE,
        ),
        (
            partitioned(["conv1"]),
            f"Found a text at roots[0].partition[0], where a group of layers belongs. {WRITE}",
        ),
        (
            partitioned([{"layers": ["conv1"]}]),
            f"Found the keys layers at roots[0].partition[0], which has layers, owners. {WRITE}",
        ),
        (
            partitioned([{"layers": "conv1", "owners": []}]),
            f"Found layers at roots[0].partition[0] that are not a list of names. {WRITE}",
        ),
        (
            partitioned([{"layers": ["conv1"], "owners": 3}]),
            "Found a number at roots[0].partition[0].owners, where a list of owners belongs. "
            + WRITE,
        ),
        (
            partitioned([{"layers": ["conv1"], "owners": [[4, "1"]]}]),
            'Found [4, "1"] at roots[0].partition[0].owners[0], '
            f"where [channels, use, update] belongs. {WRITE}",
        ),
        (
            partitioned([{"layers": ["conv1"], "owners": [[4, "1", "0"], [4, "10", "0"]]}]),
            'Found "10" at roots[0].partition[0].owners[1], '
            f"where 1 letters 0 or 1 belong, one for each task. {WRITE}",
        ),
        (
            partitioned([{"layers": ["conv1"], "owners": [[4, "1", "x"]]}]),
            'Found "x" at roots[0].partition[0].owners[0], '
            f"where 1 letters 0 or 1 belong, one for each task. {WRITE}",
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


@pytest.mark.parametrize(
    ("owners", "sentence"),
    [
        ([[1.5, "1", "1"]], "Owners hold a whole number of channels, at least one. Found 1.5."),
        ([[4, "0", "1"]], "A task updates only channels that it uses. Found a updating 4"),
        ([[4, "0", "0"]], "Every task of a branch uses at least one channel of each group."),
        ([], "A group has at least one channel. Found no owners."),
    ],
)
def test_a_wrong_partition_in_a_file_is_a_format_error_with_the_broken_rule(
    owners: Any, sentence: str
) -> None:
    value = partitioned([{"layers": ["conv1"], "owners": owners}])
    found = message(lambda: Architecture.from_dict(value), FormatError)
    assert found.startswith(f"{READS} {sentence}")


def test_the_json_form_of_a_partition_has_a_letter_for_each_sorted_task() -> None:
    owners = [[2, "011", "010"], [1, "100", "100"], [3, "000", "000"]]
    group = {"layers": ["1.conv1", "0.conv1"], "owners": owners}
    branch = {"tasks": ["c", "a", "b"], "partition": [group], "children": []}
    read = Architecture.from_dict({"format": 1, "roots": [branch]})
    assert read == Architecture.partitioned(
        ["a", "b", "c"],
        [
            Partition(
                (
                    Group(
                        ("0.conv1", "1.conv1"),
                        (
                            Owners(2, ("b", "c"), ("b",)),
                            Owners(1, ("a",), ("a",)),
                            Owners(3, (), ()),
                        ),
                    ),
                )
            )
        ],
    )
    assert read.to_json() == (
        '{"format":1,"roots":[{"children":[],"partition":[{"layers":["0.conv1","1.conv1"],'
        '"owners":[[2,"011","010"],[1,"100","100"],[3,"000","000"]]}],"tasks":["a","b","c"]}]}'
    )


def test_a_partition_of_512_channels_for_10_tasks_stays_small() -> None:
    tasks = [f"task{index}" for index in range(10)]
    rng = np.random.default_rng(0)
    runs = rng.integers(0, 2, (10, 25)).repeat([20] * 24 + [32], axis=1)
    runs[:, :20] = 1
    group = Group.from_masks([f"{block}.conv1" for block in range(4)], tasks, runs, runs)
    assert (group.channels, len(group.owners)) == (512, 25)
    whole = len(Architecture.partitioned(tasks, [Partition((group,))]).to_json())
    assert whole - len(Architecture.shared(tasks, 1).to_json()) < 900


def test_a_truncated_file_says_where_it_ends() -> None:
    text = tree().to_json()[:20]
    assert message(lambda: Architecture.from_json(text), FormatError) == (
        f"{READS} Found text that stops being JSON at character 20 of 20. "
        "The file may be truncated: copy it again."
    )


def test_a_bottomless_file_is_a_format_error() -> None:
    assert "nested deeper" in message(lambda: Architecture.from_json("[" * 10**5), FormatError)
