from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from sharewise.architecture import Architecture, Branch, check_names
from sharewise.errors import InputError

NAMES = ["case", "char", "font"]


def leaf(*tasks: str) -> Branch:
    return Branch(tasks)


def tree() -> Architecture:
    return Architecture.from_levels(
        [[NAMES], [["font", "char"], ["case"]], [["font"], ["char"], ["case"]]]
    )


def message(call: Callable[[], object], kind: type[Exception]) -> str:
    with pytest.raises(kind) as caught:
        call()
    return str(caught.value)


# --- making one


def test_shared_has_one_branch_per_stage() -> None:
    shared = Architecture.shared(NAMES, 2)
    assert shared.roots == (Branch(("case", "char", "font"), (leaf("case", "char", "font"),)),)
    assert shared.num_branches == (1, 1)


def test_independent_has_one_path_per_task() -> None:
    apart = Architecture.independent(["b", "a"], 2)
    assert apart.roots == (Branch(("a",), (leaf("a"),)), Branch(("b",), (leaf("b"),)))
    assert apart.num_branches == (2, 2)


def test_the_value_is_canonical() -> None:
    messy = Architecture((leaf("d", "b"), leaf("c", "a")))
    assert messy.roots == (leaf("a", "c"), leaf("b", "d"))
    assert messy == Architecture.from_levels([[["b", "d"], ["a", "c"]]])


def test_properties() -> None:
    assert tree().tasks == ("case", "char", "font")
    assert tree().num_stages == 3
    assert tree().num_branches == (1, 2, 3)
    assert tree().levels[1] == (("case",), ("char", "font"))


def test_branches_are_in_preorder_with_stages_from_0() -> None:
    assert [(stage, branch.tasks) for stage, branch in tree().branches()] == [
        (0, ("case", "char", "font")),
        (1, ("case",)),
        (2, ("case",)),
        (1, ("char", "font")),
        (2, ("char",)),
        (2, ("font",)),
    ]


def test_one_task_is_shared_and_independent_at_once() -> None:
    assert Architecture.shared(["a"], 3) == Architecture.independent(["a"], 3)


def test_levels_may_be_any_iterables() -> None:
    levels = [iter([{"a", "b"}]), (("a",), iter("b"))]
    assert Architecture.from_levels(levels).num_branches == (1, 2)


def test_it_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        tree().roots = ()  # type: ignore[misc]


def test_it_survives_pickle_and_works_as_a_key() -> None:
    assert pickle.loads(pickle.dumps(tree())) == tree()
    assert {tree(): 1}[tree()] == 1


def test_the_digest_is_fixed_for_ever() -> None:
    # Run folders and golden files hold it: a change of this line is a change of format.
    assert Architecture.shared(["a", "b"], 1).digest == "d0e3fcf54a17"
    assert len(tree().digest) == 12


# --- what it refuses


@pytest.mark.parametrize(
    ("roots", "sentence"),
    [
        (
            (leaf("case"), leaf("case")),
            "A task has a name of its own. Found 'case' twice. Rename one of them.",
        ),
        (
            (leaf("a", "a", "a"),),
            "A task has a name of its own. Found 'a' 3 times. Rename one of them.",
        ),
        (
            (leaf("a b"),),
            "A task's name holds only letters A-Z a-z, digits, '_' and '-'. Found 'a b'. "
            "Rename the task.",
        ),
        (
            (),
            "An architecture is for a sequence of one or more task names. Found none. "
            "Give a list of names, such as ['case', 'char'].",
        ),
        (
            (leaf("a"), leaf()),
            "A branch runs for at least one task. Found a branch for no task. "
            "Leave out empty branches.",
        ),
        (
            (Branch(("a",), partition="x"),),  # type: ignore[arg-type]
            "A branch's partition is a Partition, or None for a plain branch. Found 'x'. "
            "Write Partition((Group(...), ...)).",
        ),
        (
            (Branch(("a", "b"), (leaf("a"),)),),
            "Children split their parent's tasks exactly once each. "
            "Found children for a below a branch for a, b. "
            "Put every task of the parent into exactly one child.",
        ),
        (
            (Branch(("a", "b"), (leaf("a", "b"), leaf("b"))),),
            "Children split their parent's tasks exactly once each. "
            "Found children for a, b, b below a branch for a, b. "
            "Put every task of the parent into exactly one child.",
        ),
        (
            (leaf("a"), Branch(("b",), (leaf("b"),))),
            "Every path of an architecture runs through all stages. "
            "Found paths of 1 and 2 stages. Give every leaf the same depth.",
        ),
    ],
)
def test_a_wrong_tree_says_what_is_wrong(roots: tuple[Branch, ...], sentence: str) -> None:
    assert message(lambda: Architecture(roots), InputError) == sentence


@pytest.mark.parametrize("name", ["", "ä", "a.b", "a/b", "a\n", 3, None])
def test_a_wrong_name_is_refused(name: Any) -> None:
    assert f"Found {name!r}." in message(lambda: check_names([name]), InputError)


@pytest.mark.parametrize(
    ("levels", "sentence"),
    [
        (
            [],
            "An architecture has a whole number of stages, at least one. Found 0. "
            "Count the stages of the backbone: len(backbone.stages).",
        ),
        (
            [[["a", "b"]], [["a"]]],
            "Every stage runs every task exactly once. "
            "Found a at stage 2 where the tasks are a, b. "
            "Put every task into exactly one branch of each stage.",
        ),
        (
            [[["a"], ["b"]], [["a", "b"]]],
            "Tasks that have split never share a later stage. "
            "Found a, b together at stage 2 but apart at stage 1. "
            "Let every stage refine the one before it.",
        ),
        (
            [["case", "char"]],
            "A stage is a list of branches, and a branch is a list of task names. "
            "Found the text 'case' where a branch belongs. "
            "Write ['case'] for a branch with one task.",
        ),
    ],
)
def test_wrong_levels_say_what_is_wrong(levels: Any, sentence: str) -> None:
    assert message(lambda: Architecture.from_levels(levels), InputError) == sentence


@pytest.mark.parametrize("num_stages", [0, -1, 1.5, True, "3"])
def test_the_number_of_stages_is_positive_and_whole(num_stages: Any) -> None:
    for make in (Architecture.shared, Architecture.independent):
        text = message(lambda make=make: make(NAMES, num_stages), InputError)  # type: ignore[misc]
        assert text.startswith("An architecture has a whole number of stages, at least one. Found")


def test_one_text_is_not_a_list_of_names() -> None:
    assert message(lambda: Architecture.shared("case", 2), InputError) == (
        "An architecture is for a sequence of one or more task names. Found the text 'case'. "
        "Give a list of names, such as ['case', 'char']."
    )


# --- drawing


def test_drawing_shows_the_tree_and_collapses_stages_that_only_go_on() -> None:
    levels = [[["case", "char", "font", "slant"]]] * 2
    levels += [[["case", "font"], ["char", "slant"]]] * 2
    levels += [[["case"], ["font"], ["char", "slant"]]]
    assert Architecture.from_levels(levels).draw() == (
        "input\n"
        "└─ stages 1-2 · case, char, font, slant\n"
        "   ├─ stages 3-4 · case, font\n"
        "   │  ├─ stage 5 · case\n"
        "   │  └─ stage 5 · font\n"
        "   └─ stages 3-5 · char, slant"
    )


def test_drawing_shows_every_root() -> None:
    assert Architecture.independent(["a", "b"], 3).draw() == (
        "input\n├─ stages 1-3 · a\n└─ stages 1-3 · b"
    )


def test_long_lists_of_tasks_wrap_inside_the_tree() -> None:
    tasks = [f"task-{index}" for index in range(5)]
    drawn = Architecture.from_levels([[tasks], [tasks[:4], tasks[4:]]]).draw(width=30)
    assert drawn == (
        "input\n"
        "└─ stage 1 · task-0, task-1,\n"
        "   │    task-2, task-3, task-4\n"
        "   ├─ stage 2 · task-0,\n"
        "   │       task-1, task-2,\n"
        "   │       task-3\n"
        "   └─ stage 2 · task-4"
    )
