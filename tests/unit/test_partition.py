from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import sharewise
from sharewise.architecture import Architecture, Branch, Group, Owners, Partition
from sharewise.errors import InputError
from sharewise.spaces import Branching

ALL = ("a", "b", "c")


def message(call: Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        call()
    return str(caught.value)


def group(*layers: str) -> Group:
    """Ten channels: a uses 0-5, b 4-5 and 8-9, c all but 8-9; nobody but b updates all it uses."""
    return Group(
        layers or ("conv1",),
        (
            Owners(4, ("a", "c"), ("a",)),
            Owners(2, ("a", "b", "c"), ("b",)),
            Owners(2, ("c",), ()),
            Owners(2, ("b",), ("b",)),
        ),
    )


def plain(channels: int, *layers: str) -> Group:
    return Group(layers, (Owners(channels, ALL, ALL),))


# --- the value


def test_owners_and_layers_are_kept_sorted_and_once() -> None:
    owners = Owners(3, ("c", "a", "c"), ["c", "a"])  # type: ignore[arg-type]
    assert (owners.use, owners.update) == (("a", "c"), ("a", "c"))
    assert Group(("b", "a"), (owners,)).layers == ("a", "b")
    assert Partition((plain(2, "z"), plain(3, "b", "y"))).groups == (
        plain(3, "b", "y"),
        plain(2, "z"),
    )


def test_neighbours_with_equal_owners_are_one_run_and_the_order_is_kept() -> None:
    one, other = Owners(1, ("a",), ()), Owners(2, ("b",), ())
    runs = Group(("conv",), (one, one, other, one)).owners
    assert runs == (Owners(2, ("a",), ()), other, one)
    assert Group(("conv",), (other, one)) != Group(("conv",), (one, other))


def test_used_and_updated_channels_are_ranges() -> None:
    assert group().channels == 10
    assert group().used("a") == ((0, 6),)
    assert group().used("b") == ((4, 6), (8, 10))
    assert group().used("c") == ((0, 8),)
    assert group().updated("a") == ((0, 4),)
    assert group().updated("b") == ((4, 6), (8, 10))
    assert group().updated("c") == ()


def test_masks_have_a_row_for_each_task_in_the_order_asked_for() -> None:
    use, update = group().masks(["c", "b"])
    assert use.astype(int).tolist() == [[1] * 8 + [0] * 2, [0] * 4 + [1, 1, 0, 0, 1, 1]]
    assert update.astype(int).tolist() == [[0] * 10, [0] * 4 + [1, 1, 0, 0, 1, 1]]
    assert use.dtype == update.dtype == np.dtype(bool)
    assert group().masks([])[0].shape == (0, 10)


@pytest.mark.parametrize("kind", [list, np.array, lambda rows: np.array(rows, dtype=float)])
def test_masks_are_read_as_anything_numpy_reads(kind: Callable[[Any], Any]) -> None:
    use = kind([[1, 1, 0, 0], [0, 1, 1, 0]])
    update = kind([[1, 0, 0, 0], [0, 1, 1, 0]])
    assert Group.from_masks(["fc"], ["b", "a"], use, update) == Group(
        ("fc",),
        (
            Owners(1, ("b",), ("b",)),
            Owners(1, ("a", "b"), ("a",)),
            Owners(1, ("a",), ("a",)),
            Owners(1, (), ()),
        ),
    )


def test_shares_are_counted_over_channels_used_and_updated_by_both() -> None:
    forward, backward = group().shares(ALL)
    assert forward == pytest.approx(np.array([[6, 2, 6], [2, 4, 2], [6, 2, 8]]) / 10)
    assert backward == pytest.approx(np.array([[4, 0, 0], [0, 4, 0], [0, 0, 0]]) / 10)


def test_use_counts_a_groups_channels_once_for_each_of_its_layers() -> None:
    partition = Partition((group("x", "y"), plain(30, "z")))
    assert group().widths(["b", "z"]) == {"b": 4, "z": 0}
    assert partition.use("b") == pytest.approx(38 / 50)
    assert Partition().use("b") == 1


def test_the_names_are_in_the_package() -> None:
    assert (sharewise.Group, sharewise.Owners, sharewise.Partition) == (Group, Owners, Partition)


# --- what it refuses


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: Owners(0, (), ()),
            "Owners hold a whole number of channels, at least one. Found 0. "
            "Count the channels of the run, and leave out empty runs.",
        ),
        (
            lambda: Owners(True, (), ()),
            "Owners hold a whole number of channels, at least one. Found True. "
            "Count the channels of the run, and leave out empty runs.",
        ),
        (
            lambda: Owners(2, ("a",), ("b", "a")),
            "A task updates only channels that it uses. Found b updating 2 channels that a uses. "
            "Let it use them, or leave it out of update.",
        ),
        (
            lambda: Owners(2, (), ("b",)),
            "A task updates only channels that it uses. Found b updating 2 channels that nobody "
            "uses. Let it use them, or leave it out of update.",
        ),
        (
            lambda: Owners(2, "ab", ()),  # type: ignore[arg-type]
            "Owners name the tasks that use and that update as two lists of names. Found 'ab'. "
            "Write Owners(16, ('case', 'char'), ('char',)), for example.",
        ),
        (
            lambda: plain(2),
            "A group is for a list of one or more layers, by their names in the stage. Found (). "
            "Write ('0.conv1', '1.conv1'), for example.",
        ),
        (
            lambda: plain(2, "conv1", ""),
            "A group is for a list of one or more layers, by their names in the stage. "
            "Found ('conv1', ''). Write ('0.conv1', '1.conv1'), for example.",
        ),
        (
            lambda: plain(2, "conv1", "conv1"),
            "A layer is in one group of its branch, once. Found 'conv1' twice. "
            "Leave it out of the others.",
        ),
        (
            lambda: Partition((plain(2, "x", "y"), plain(2, "y", "z"), plain(2, "y"))),
            "A layer is in one group of its branch, once. Found 'y' 3 times. "
            "Leave it out of the others.",
        ),
        (
            lambda: Group(("conv1",), ()),
            "A group has at least one channel. Found no owners. "
            "Give an Owners for each run of channels.",
        ),
        (
            lambda: Group.from_masks(["x"], ["a"], np.ones((1, 0)), np.ones((1, 0))),
            "A group has at least one channel. Found no owners. "
            "Give an Owners for each run of channels.",
        ),
        (
            lambda: Group.from_masks(["x"], ["a", "b"], [[1, 1]], [[1, 1], [0, 0]]),
            "Masks have one row for each task and one column for each channel. "
            "Found shapes (1, 2) and (2, 2) for 2 tasks. Give use and update as [tasks, channels].",
        ),
        (
            lambda: Group.from_masks(["x"], ["a"], 1, [[1]]),
            "Masks have one row for each task and one column for each channel. "
            "Found shapes () and (1, 1) for 1 tasks. Give use and update as [tasks, channels].",
        ),
        (
            lambda: Group.from_masks(["x"], ["a"], [[1, 0]], [[1, 1]]),
            "A task updates only channels that it uses. Found a updating 1 channels that nobody "
            "uses. Let it use them, or leave it out of update.",
        ),
        (
            lambda: Architecture.partitioned(["a", "b"], [Partition((group("x", "y"),))]),
            "A partition names only tasks of its branch. "
            "Found c using channels of x, y in a branch for a, b. "
            "Leave it out, or give the partition to a branch that runs it.",
        ),
        (
            lambda: Architecture.partitioned([*ALL, "d"], [Partition((group("x", "y"),))]),
            "Every task of a branch uses at least one channel of each group. "
            "Found d using no channel of x, y. "
            "Let it use some, or give it a branch of its own.",
        ),
        (
            lambda: Architecture.partitioned(ALL, []),
            "An architecture has a whole number of stages, at least one. Found 0. "
            "Count the stages of the backbone: len(backbone.stages).",
        ),
    ],
)
def test_it_says_what_is_wrong(call: Callable[[], object], sentence: str) -> None:
    assert message(call) == sentence


# --- in an architecture


def test_partitions_are_found_by_stage_and_tasks() -> None:
    alone = Partition((Group(("conv1",), (Owners(3, ("c",), ()),)),))
    first = Partition((group(),))
    below = (Branch(("a", "b")), Branch(("c",), partition=alone))
    tree = Architecture((Branch(("c", "b", "a"), below, first),))
    assert tree.partitions == {(0, ALL): first, (1, ("c",)): alone}
    assert Architecture.shared(ALL, 2).partitions == {}
    assert pickle.loads(pickle.dumps(tree)) == tree
    assert tree != Architecture.from_levels(tree.levels)


def test_an_architecture_of_plain_branches_is_the_shared_one() -> None:
    assert Architecture.partitioned(ALL, [None, None]) == Architecture.shared(ALL, 2)
    own_norms = Architecture.partitioned(ALL, [Partition(), None])
    assert own_norms != Architecture.shared(ALL, 2)
    assert own_norms.mean_use == 1


def test_use_weighs_channels_over_the_whole_path() -> None:
    path = Architecture.partitioned(
        ALL, [None, Partition((group("x", "y"),)), Partition((plain(30, "z"),))]
    )
    assert path.use == pytest.approx({"a": 42 / 50, "b": 38 / 50, "c": 46 / 50})
    assert path.mean_use == pytest.approx(42 / 50)
    split = Branch(("b",), (Branch(("b",)),))
    tree = Architecture((Branch(("a",), (Branch(("a",), partition=half("a")),)), split))
    assert tree.use == {"a": 0.5, "b": 1}
    assert tree.mean_use == 0.75


def half(task: str) -> Partition:
    return Partition((Group(("conv1",), (Owners(2, (task,), ()), Owners(2, (), ()))),))


def test_the_repr_of_a_partitioned_one_is_python() -> None:
    path = Architecture.partitioned(ALL, [None, Partition((group("x", "y"),)), Partition()])
    names = {kind.__name__: kind for kind in (Architecture, Branch, Group, Owners, Partition)}
    assert eval(repr(path), names) == path


def test_drawing_says_how_much_each_task_uses() -> None:
    used = Partition((group("x"),))
    path = Architecture.partitioned(ALL, [None, None, used, used, Partition()])
    assert path.draw() == (
        "input\n"
        "└─ stages 1-2 · a, b, c\n"
        "   └─ stages 3-4 · a, b, c (partitioned: a 60 %, b 40 %, c 80 %)\n"
        "      └─ stage 5 · a, b, c (normalised for each task alone)"
    )


def test_a_space_of_trees_holds_no_partitions() -> None:
    path = Architecture.partitioned(ALL, [None, Partition()])
    space = Branching(ALL, 2)
    assert path not in space
    assert Architecture.shared(ALL, 2) in space
    assert "with branches (1, 1) and partitions, where" in message(
        lambda: space.vary(path, np.random.default_rng(0))
    )
