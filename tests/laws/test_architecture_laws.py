"""Law 1: an architecture survives its JSON form, and equal values hash equal everywhere."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
import pytest
from _spaces import NAMES, architectures, groups, levels, partitioned_architectures
from hypothesis import given
from hypothesis import strategies as st

import sharewise
from sharewise.architecture import Architecture, Branch, Group, Owners, Partition
from sharewise.errors import FormatError

SOURCE = Path(sharewise.__file__).parents[1]
ANY = architectures() | partitioned_architectures()
PARTS = {kind.__name__: kind for kind in (Architecture, Branch, Group, Owners, Partition)}
HASHES = """
import sys
from sharewise.architecture import Architecture
for line in sys.stdin:
    architecture = Architecture.from_json(line)
    print(hash(architecture), architecture.digest, architecture.to_json() == line.strip())
"""


@given(ANY)
def test_json_gives_the_same_value_back(architecture: Architecture) -> None:
    text = architecture.to_json()
    again = Architecture.from_json(text)
    assert again == architecture
    assert hash(again) == hash(architecture)
    assert again.to_json() == text
    assert Architecture.from_dict(architecture.to_dict()) == architecture


@given(ANY)
def test_repr_gives_the_same_value_back(architecture: Architecture) -> None:
    assert eval(repr(architecture), PARTS) == architecture


@given(levels())
def test_levels_give_the_same_value_back(chain_of_levels: list[list[list[str]]]) -> None:
    architecture = Architecture.from_levels(chain_of_levels)
    wanted = tuple(tuple(sorted(tuple(sorted(b)) for b in level)) for level in chain_of_levels)
    assert architecture.levels == wanted
    assert Architecture.from_levels(architecture.levels) == architecture
    assert architecture.num_branches == tuple(len(level) for level in chain_of_levels)


@given(ANY, st.randoms(use_true_random=False))
def test_order_of_tasks_and_siblings_does_not_matter(
    architecture: Architecture, rng: random.Random
) -> None:
    shuffled = Architecture(tuple(shuffle(architecture.roots, rng)))
    assert shuffled == architecture
    assert shuffled.digest == architecture.digest


def shuffle(branches: tuple[Branch, ...], rng: random.Random) -> Iterator[Branch]:
    for branch in rng.sample(branches, len(branches)):
        tasks = tuple(rng.sample(branch.tasks, len(branch.tasks)))
        partition = branch.partition
        if partition is not None:
            shuffled = rng.sample(partition.groups, len(partition.groups))
            partition = Partition(tuple(mixed(group, rng) for group in shuffled))
        yield Branch(tasks, tuple(shuffle(branch.children, rng)), partition)


def mixed(group: Group, rng: random.Random) -> Group:
    """The same group with layers and tasks in another order, each run of channels cut in two."""
    owners = []
    for run in group.owners:
        use, update = (tuple(rng.sample(t, len(t))) for t in (run.use, run.update))
        cut = rng.randint(0, run.channels)
        owners += [Owners(n, use, update) for n in (cut, run.channels - cut) if n]
    return Group(tuple(rng.sample(group.layers, len(group.layers))), tuple(owners))


@given(ANY, ANY)
def test_different_values_have_different_json(one: Architecture, other: Architecture) -> None:
    assert (one == other) == (one.to_json() == other.to_json()) == (one.digest == other.digest)


@given(architectures())
def test_every_stage_runs_every_task_once_and_refines_the_one_before(
    architecture: Architecture,
) -> None:
    for level in architecture.levels:
        assert tuple(sorted(chain.from_iterable(level))) == architecture.tasks
    for above, below in pairwise(architecture.levels):
        assert all(any(set(block) <= set(parent) for parent in above) for block in below)


@given(architectures())
def test_branches_come_in_preorder(architecture: Architecture) -> None:
    assert list(architecture.branches()) == list(preorder(architecture.roots, 0))
    assert len(list(architecture.branches())) == sum(architecture.num_branches)


def preorder(branches: tuple[Branch, ...], stage: int) -> Iterator[tuple[int, Branch]]:
    for branch in branches:
        yield stage, branch
        yield from preorder(branch.children, stage + 1)


@given(ANY, st.integers(0, 10**6))
def test_a_truncated_file_is_a_format_error(architecture: Architecture, cut: int) -> None:
    text = architecture.to_json()
    with pytest.raises(FormatError, match="format 1"):
        Architecture.from_json(text[: cut % len(text)])


@given(groups(NAMES[:4], ("0.conv1", "1.conv1")), st.permutations(NAMES[:4]))
def test_masks_ranges_and_shares_say_the_same(group: Group, tasks: list[str]) -> None:
    use, update = group.masks(tasks)
    assert Group.from_masks(group.layers, tasks, use, update) == group
    assert not (update & ~use).any()
    for row, task in enumerate(tasks):
        for mask, ranges in ((use[row], group.used(task)), (update[row], group.updated(task))):
            assert [i for start, stop in ranges for i in range(start, stop)] == [
                i for i, on in enumerate(mask) if on
            ]
            assert all(stop < start for (_, stop), (start, _) in pairwise(ranges))
    for mask, shares in zip((use, update), group.shares(tasks), strict=True):
        both = [[(mask[i] & mask[j]).mean() for j in range(4)] for i in range(4)]
        assert shares == pytest.approx(np.array(both))


@given(partitioned_architectures())
def test_use_is_the_mean_over_all_grouped_channels_of_a_path(architecture: Architecture) -> None:
    for task in architecture.tasks:
        flags: list[bool] = []
        for (_, tasks), partition in architecture.partitions.items():
            for group in partition.groups if task in tasks else ():
                flags += len(group.layers) * list(group.masks([task])[0][0])
        assert architecture.use[task] == pytest.approx(sum(flags) / len(flags) if flags else 1)
        assert 0 < architecture.use[task] <= 1


@given(architectures())
def test_a_drawing_names_every_task_and_has_no_line_for_a_stage_that_only_goes_on(
    architecture: Architecture,
) -> None:
    lines = architecture.draw(width=1000).splitlines()
    forks = sum(len(b.children) for _, b in architecture.branches() if len(b.children) > 1)
    assert len(lines) == 1 + len(architecture.roots) + forks
    assert all(task in "\n".join(lines) for task in architecture.tasks)


@pytest.mark.parametrize("seed", ["1", "2"])
def test_equal_values_hash_equal_in_another_process(seed: str) -> None:
    tasks = ["case", "char", "font", "slant"]
    values = [
        Architecture.shared(tasks, 5),
        Architecture.independent(tasks, 3),
        Architecture.from_levels([[tasks], [["case", "font"], ["char", "slant"]]]),
        Architecture.partitioned(
            tasks, [None, Partition((Group(("conv1", "conv2"), (Owners(3, tuple(tasks), ()),)),))]
        ),
    ]
    found = subprocess.run(
        [sys.executable, "-c", HASHES],
        input="\n".join(value.to_json() for value in values),
        env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=True,
    )
    wanted = [f"{hash(value)} {value.digest} True" for value in values]
    assert found.stdout.splitlines() == wanted
