"""The space of partitions: vectors, targets, presets, bounds on use, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from sharewise.architecture import Architecture, Group, Partition
from sharewise.errors import BudgetError, InputError
from sharewise.spaces import HiddenGroup, Partitioning

EARLY = HiddenGroup(0, ("0.conv1",), 64)
LATE = HiddenGroup(2, ("1.conv1", "0.conv1"), 256)
PAIR = Partitioning(["b", "a"], 3, [LATE, EARLY])
TRIO = Partitioning(["c", "b", "a"], 3, [LATE, EARLY], matrices="group")


def message(call: Callable[[], object], kind: type[Exception] = InputError) -> str:
    with pytest.raises(kind) as caught:
        call()
    return str(caught.value)


def groups_of(architecture: Architecture) -> dict[tuple[int, tuple[str, ...]], Group]:
    return {
        (stage, group.layers): group
        for (stage, _), partition in architecture.partitions.items()
        for group in partition.groups
    }


def test_a_space_keeps_its_parts_in_order() -> None:
    assert PAIR.tasks == ("a", "b")
    assert PAIR.groups == (EARLY, LATE)
    assert LATE.layers == ("0.conv1", "1.conv1")
    assert Partitioning(("a", "b"), 3, (EARLY, LATE)) == PAIR
    assert hash(Partitioning(("a", "b"), 3, (EARLY, LATE))) == hash(PAIR)


def test_a_vector_has_two_triangles_for_each_matrix() -> None:
    assert PAIR.size == 6
    assert PAIR.forward_diagonal.tolist() == [0, 2]
    assert PAIR.involves.tolist() == 2 * [[True, False], [True, True], [False, True]]
    assert TRIO.size == 24
    assert TRIO.forward_diagonal.tolist() == [0, 3, 5, 12, 15, 17]
    assert TRIO.involves.shape == (24, 3)
    # rF_00 rF_01 rF_02 rF_11 rF_12 rF_22: a is task 0.
    assert np.flatnonzero(TRIO.involves[:, 0]).tolist() == [
        start + index for start in (0, 6, 12, 18) for index in (0, 1, 2)
    ]
    assert TRIO.involves.sum(axis=1).tolist() == 4 * [1, 2, 2, 1, 2, 1]


def test_targets_follow_the_formulas() -> None:
    # d = .8, .6; F between .4 and .6; b = .4, .6; B between .4 + .6 - 1.4 + .45 and .4.
    ((forward, backward),) = PAIR.matrices_of([0.8, 0.25, 0.6, 0.5, 0.4, 1.0])
    assert np.allclose(forward, [[0.8, 0.45], [0.45, 0.6]])
    # .05 + .4 * (.4 - .05)
    assert np.allclose(backward, [[0.4, 0.19], [0.19, 0.6]])
    # Both use little: nothing need be in common; all that b uses, b may update.
    ((forward, backward),) = PAIR.matrices_of([0.25, 0.0, 0.5, 1.0, 1.0, 1.0])
    assert forward.tolist() == [[0.25, 0.0], [0.0, 0.5]]
    assert (backward == forward).all()


def test_each_matrix_has_a_part_of_the_vector() -> None:
    vector = np.concatenate([np.full(12, 0.5), np.ones(12)])
    first, second = TRIO.matrices_of(vector)
    assert np.diagonal(first[0]).tolist() == [0.5] * 3
    assert (second[0] == 1.0).all() and (second[1] == 1.0).all()
    found = groups_of(TRIO.decode(vector))
    assert found[0, ("0.conv1",)].shares(TRIO.tasks)[0].max() == 0.5
    assert found[2, LATE.layers].shares(TRIO.tasks)[0].min() == 1.0


def test_decoding_gives_every_stage_a_partition() -> None:
    architecture = PAIR.decode([0.75, 0.25, 0.5, 0.5, 0.25, 1.0])
    assert list(architecture.partitions) == [(stage, ("a", "b")) for stage in range(3)]
    assert architecture.partitions[1, ("a", "b")] == Partition()
    assert [group.channels for group in groups_of(architecture).values()] == [64, 256]
    assert architecture.use == {"a": 0.75, "b": 0.5}
    forward, backward = PAIR.realised(architecture)[0]
    ((wanted, wanted_backward),) = PAIR.matrices_of([0.75, 0.25, 0.5, 0.5, 0.25, 1.0])
    assert np.abs(forward - wanted).max() < 1 / 256
    assert np.abs(backward - wanted_backward).max() < 1 / 256


def test_groups_of_one_width_and_matrix_have_the_same_owners() -> None:
    wide = [HiddenGroup(stage, ("conv",), 48) for stage in (0, 1)]
    vector = np.random.default_rng(0).random(2 * 12)
    one = Partitioning(list("xyz"), 2, wide)
    first, second = groups_of(one.decode(vector[:12])).values()
    assert first.owners == second.owners
    each = Partitioning(list("xyz"), 2, wide, matrices="group")
    first, second = groups_of(each.decode(vector)).values()
    assert first.owners != second.owners


def test_realised_shares_are_a_mean_over_channels_of_layers() -> None:
    architecture = Architecture.partitioned(
        ["a", "b"],
        [
            Partition((_use(EARLY, 16, 64),)),
            Partition(),
            Partition((_use(LATE, 256, 64),)),
        ],
    )
    ((forward, _),) = PAIR.realised(architecture)
    total = 64 + 2 * 256
    assert forward[0, 0] == pytest.approx((16 + 2 * 256) / total) == architecture.use["a"]
    assert forward[0, 1] == pytest.approx((16 + 2 * 64) / total)


def _use(group: HiddenGroup, first: int, second: int) -> Group:
    """Tasks a and b use the first channels of a group."""
    use = np.arange(group.channels) < np.array([[first], [second]])
    return Group.from_masks(group.layers, ["a", "b"], use, use)


def test_presets_are_what_they_say() -> None:
    names = [f"t{index}" for index in range(5)]
    space = Partitioning(names, 1, [HiddenGroup(0, ("conv",), 64)])
    group = {name: next(iter(groups_of(found).values())) for name, found in presets(space).items()}
    forward, backward = group["all"].shares(names)
    assert (forward == 1.0).all() and (backward == 1.0).all()
    forward, backward = group["forward only"].shares(names)
    assert (forward == 1.0).all()
    assert np.diagonal(64 * backward).tolist() == [13, 13, 13, 13, 12]
    assert backward.sum() == 1.0  # the parts are apart
    forward, backward = group["independent"].shares(names)
    assert np.diagonal(64 * forward).tolist() == [13, 13, 13, 13, 12]
    assert forward.sum() == 1.0 and (backward == forward).all()
    forward, backward = group["quarter"].shares(names)  # 16 in common, 48 divided by five
    assert (64 * forward[~np.eye(5, dtype=bool)] == 16).all()
    assert sorted(np.diagonal(64 * forward)) == [25, 25, 26, 26, 26]
    assert (backward == forward).all()


def presets(space: Partitioning) -> dict[str, Architecture]:
    return {
        "all": space.share_all(),
        "forward only": space.share_forward_only(),
        "independent": space.independent(),
        "quarter": space.share_fixed(0.25),
    }


def test_a_vector_describes_an_architecture() -> None:
    for name, architecture in presets(PAIR).items():
        vector = PAIR.vector_of(architecture)
        wanted, realised = PAIR.matrices_of(vector)[0], PAIR.realised(architecture)[0]
        assert np.allclose(wanted[0], realised[0]), name
        assert np.allclose(wanted[1], realised[1]), name
        found = PAIR.realised(PAIR.decode(vector))[0]
        assert np.abs(found[0] - realised[0]).max() < 1 / 64, name
        assert np.abs(found[1] - realised[1]).max() < 1 / 64, name


def test_draws_are_the_published_ones() -> None:
    rng = np.random.default_rng(0)
    names = [f"t{index}" for index in range(10)]
    space = Partitioning(names, 1, [HiddenGroup(0, ("conv",), 8)])
    drawn = np.array([space.draw(rng) for _ in range(400)])
    assert drawn.shape == (400, 110)
    assert drawn.min() == 0.05 and drawn.max() == 1.0
    use = drawn[:, space.forward_diagonal]
    assert use.mean() == pytest.approx(0.5, abs=0.01) and use.std() == pytest.approx(0.2, abs=0.01)
    update = drawn[:, space.forward_diagonal + 55]
    assert (update == 1.0).mean() == pytest.approx(0.5, abs=0.03)
    assert np.quantile(update, 0.16) == pytest.approx(0.85, abs=0.02)
    pairs = np.delete(drawn, [*space.forward_diagonal, *(space.forward_diagonal + 55)], axis=1)
    assert np.quantile(pairs, 0.25) == pytest.approx(0.25, abs=0.01)
    assert np.quantile(pairs, 0.75) == pytest.approx(0.75, abs=0.01)
    assert len({tuple(row) for row in drawn}) == 400


def test_a_variation_is_near() -> None:
    rng = np.random.default_rng(0)
    start = PAIR.share_fixed(0.5)
    varied = [PAIR.vary(start, rng) for _ in range(10)]
    assert len({found.digest for found in varied}) == 10
    for found in varied:
        forward, _ = PAIR.realised(found)[0]
        assert np.abs(forward - PAIR.realised(start)[0][0]).max() < 0.2


@pytest.mark.parametrize("per_task", [False, True])
@pytest.mark.parametrize("use", [0.11, 0.3, 0.5, 0.8])
@pytest.mark.parametrize("space", [PAIR, TRIO], ids=["network", "group"])
def test_a_bound_on_use_holds_for_what_is_decoded(
    space: Partitioning, use: float, per_task: bool
) -> None:
    rng = np.random.default_rng(1)
    for _ in range(3):
        vector = space.draw(rng)
        before = space.decode(vector)
        changed = space.with_use(vector, use, per_task=per_task)
        found = space.decode(changed)
        kept = np.delete(np.arange(space.size), space.forward_diagonal)
        assert (changed[kept] == vector[kept]).all()
        assert (changed <= vector).all()
        assert changed[space.forward_diagonal].min() >= 0.05
        if per_task:
            for task in space.tasks:
                assert found.use[task] <= use
                # No more than needed: one channel more of each group would be too much.
                assert found.use[task] >= min(before.use[task], use - 0.02)
        else:
            assert found.mean_use <= use
            assert found.mean_use >= min(before.mean_use, use - 0.02)


def test_a_bound_on_use_that_holds_changes_nothing() -> None:
    vector = [0.5, 0.5, 0.25, 1.0, 0.5, 1.0]
    assert PAIR.with_use(vector, 0.375).tolist() == vector
    assert PAIR.with_use(vector, 0.5, per_task=True).tolist() == vector
    assert PAIR.with_use(vector, 1.0).tolist() == vector


def test_a_bound_on_the_mean_scales_all_tasks_alike() -> None:
    changed = PAIR.with_use([0.8, 0.5, 0.4, 1.0, 0.5, 1.0], 0.3)
    assert changed[0] / changed[2] == pytest.approx(2.0)
    each = PAIR.with_use([0.8, 0.5, 0.4, 1.0, 0.5, 1.0], 0.5, per_task=True)
    assert each[0] == pytest.approx(0.5, abs=0.01) and each[2] == 0.4


def test_a_bound_on_use_leaves_small_shares_alone() -> None:
    changed = PAIR.with_use([0.01, 0.5, 1.0, 1.0, 0.5, 1.0], 0.25)
    assert changed[0] == 0.01
    assert changed[2] < 0.5


def test_a_bound_on_use_below_the_least_is_refused() -> None:
    text = message(lambda: PAIR.with_use([1.0] * 6, 0.01), BudgetError)
    assert text == (
        "A bound on use leaves every task a share of .05 of the channels, and one."
        " Found use 0.01 where tasks use at least 0.0503. Raise the bound."
    )
    few = Partitioning(["a", "b"], 1, [HiddenGroup(0, ("conv",), 4)])
    assert "at least 0.25." in message(
        lambda: few.with_use([0.5] * 6, 0.2, per_task=True), BudgetError
    )


def test_what_is_in_the_space() -> None:
    assert PAIR.share_all() in PAIR
    layers = [EARLY, HiddenGroup(2, ("0.conv1",), 256)]
    others = {
        "tasks": Partitioning(["a", "c"], 3, [EARLY, LATE]).share_all(),
        "stages": Partitioning(["a", "b"], 4, [EARLY, LATE]).share_all(),
        "layers": Partitioning(["a", "b"], 3, layers).share_all(),
        "channels": Partitioning(
            ["a", "b"], 3, [HiddenGroup(0, ("0.conv1",), 32), LATE]
        ).share_all(),
        "fewer groups": Partitioning(["a", "b"], 3, [LATE]).share_all(),
        "another stage": Partitioning(
            ["a", "b"], 3, [LATE, HiddenGroup(1, ("0.conv1",), 64)]
        ).share_all(),
        "trees": Architecture.shared(["a", "b"], 3),
        "split trees": Architecture.independent(["a", "b"], 3),
        "a plain stage": Architecture.partitioned(
            ["a", "b"],
            [
                None if stage == 1 else PAIR.share_all().partitions[stage, ("a", "b")]
                for stage in range(3)
            ],
        ),
    }
    assert [name for name, other in others.items() if other in PAIR] == []
    assert "PAIR" not in PAIR
    for call in (PAIR.realised, PAIR.vector_of):
        text = message(lambda call=call: call(others["tasks"]))  # type: ignore[misc]
        assert text == (
            "An architecture is read inside the space that holds it: one branch a stage, with a"
            " partition that has the space's groups."
            " Found tasks a, c with branches (1, 1, 1) and 3 partitions."
            " Start from space.sample(rng) or a preset, or make the space that fits."
        )
    assert message(lambda: PAIR.vary(others["trees"], np.random.default_rng(0)))


@pytest.mark.parametrize(
    ("vector", "found"),
    [
        ([0.5] * 5, "shape (5,)"),
        ([[0.5] * 6], "shape (1, 6)"),
        ([0.5] * 5 + [1.25], "1.25 in it"),
        ([-0.5] + [0.5] * 5, "-0.5 in it"),
        ([0.5, np.nan] + [0.5] * 4, "nan in it"),
    ],
)
def test_other_vectors_are_refused(vector: list[float], found: str) -> None:
    sentence = (
        f"A vector of this space has 6 numbers from 0 to 1. Found {found}."
        " Start from space.draw(rng), and clip what you change."
    )
    assert message(lambda: PAIR.decode(vector)) == sentence
    assert message(lambda: PAIR.matrices_of(vector)) == sentence
    assert message(lambda: PAIR.with_use(vector, 0.5)) == sentence


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            lambda: Partitioning(["a"], 1, []),
            "A space of partitions has at least one group of layers. Found none."
            " Give HiddenGroup(stage, layers, channels) for each group.",
        ),
        (
            lambda: Partitioning(["a"], 2, [LATE]),
            "A group is in one of the space's stages, which are counted from 0."
            " Found stage 2 of 2. Lower the stage, or raise num_stages.",
        ),
        (
            lambda: Partitioning(["a"], 3, [LATE, HiddenGroup(2, ("0.conv1",), 8)]),
            "A layer is in one group. Found '0.conv1' of stage 2 2 times."
            " Leave it out of the others.",
        ),
        (
            lambda: Partitioning(["a"], 3, [LATE], matrices="layer"),  # type: ignore[arg-type]
            "matrices is 'network' (one P for all groups) or 'group' (one for each)."
            " Found 'layer'. Choose one of the two.",
        ),
        (
            lambda: HiddenGroup(-1, ("conv",), 8),
            "A hidden group is for one or more layers of a stage (counted from 0), each with one or"
            " more channels. Found stage -1, layers ('conv',), 8 channels."
            " Write HiddenGroup(2, ('0.conv1', '1.conv1'), 256), for example.",
        ),
        (
            lambda: Partitioning(["a", "b", "c"], 1, [HiddenGroup(0, ("x",), 2)]).independent(),
            "Every task uses at least one channel of each group."
            " Found 2 channels to divide between 3 tasks."
            " Let the tasks share some, or leave out the group.",
        ),
        (
            lambda: PAIR.share_fixed(1.5),
            "The share of channels that all tasks have in common is a number from 0 to 1."
            " Found 1.5. Use 0 for independent tasks and 1 to share everything.",
        ),
    ],
)
def test_other_spaces_are_refused(make: Callable[[], object], sentence: str) -> None:
    assert message(make) == sentence


def test_names_stages_and_groups_are_checked_as_elsewhere() -> None:
    assert "has a name of its own" in message(lambda: Partitioning(["a", "a"], 3, [LATE]))
    assert "whole number of stages" in message(lambda: Partitioning(["a"], 0, [LATE]))
    assert "one or more layers" in message(lambda: HiddenGroup(0, (), 8))
    assert "one or more channels" in message(lambda: HiddenGroup(0, ("conv",), 0))
