"""The tree published for Taskonomy: what it is, and for whom."""

from __future__ import annotations

import pytest

from sharewise.backbones import resnet18, resnet34
from sharewise.spaces import taskonomy_tree

TASKS = ("segmentation", "normals", "depth", "keypoints", "edges")
STAGES = ("stem", "layer1", "layer2", "layer3", "layer4")


def test_only_the_last_stage_is_there_twice() -> None:
    tree = taskonomy_tree(TASKS, STAGES)
    assert tree is not None
    assert tree.num_branches == (1, 1, 1, 1, 2)
    pairs = {frozenset(branch) for branch in tree.levels[-1]}
    assert pairs == {
        frozenset({"segmentation", "normals", "depth"}),
        frozenset({"keypoints", "edges"}),
    }


def test_the_order_of_the_tasks_is_no_matter() -> None:
    assert taskonomy_tree(reversed(TASKS), STAGES) == taskonomy_tree(TASKS)


@pytest.mark.parametrize("backbone", [resnet18(width=0.1), resnet34(output_stride=8)])
def test_it_is_for_the_stages_of_these_resnets(backbone: object) -> None:
    tree = taskonomy_tree(TASKS, [stage.name for stage in backbone.stages])  # type: ignore[attr-defined]
    assert tree is not None
    backbone.check(tree)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("tasks", "stages"),
    [
        (TASKS[:4], STAGES),
        ((*TASKS, "curvature"), STAGES),
        (("semantics", *TASKS[1:]), STAGES),
        (TASKS, STAGES[:4]),
        (TASKS, ("block1", "block2", "block3", "block4", "block5")),
    ],
)
def test_others_have_none(tasks: tuple[str, ...], stages: tuple[str, ...]) -> None:
    assert taskonomy_tree(tasks, stages) is None
