"""One tree from the literature, as something to compare with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sharewise.architecture import Architecture

_APART = (("segmentation", "normals", "depth"), ("keypoints", "edges"))
RESNET_STAGES = ("stem", "layer1", "layer2", "layer3", "layer4")


def taskonomy_tree(
    tasks: Iterable[str], stages: Sequence[str] = RESNET_STAGES
) -> Architecture | None:
    """The tree published for Taskonomy's five tasks on a ResNet; None for others.

    Tasks share everything up to layer3; layer4 is there twice, once for segmentation, normals and
    depth and once for keypoints and edges. It is the tree that a later comparison published for
    Taskonomy, found on a ResNet-34. On other data of the same five tasks it tells what their names
    alone are worth.

    Args:
        tasks: Their names: segmentation, normals, depth, keypoints and edges, in any order.
        stages: The names of the backbone's stages; the tree is for stem and layer1 to layer4.
    """
    named = [name for group in _APART for name in group]
    if sorted(tasks) != sorted(named) or tuple(stages) != RESNET_STAGES:
        return None
    return Architecture.from_levels(
        [[named]] * (len(RESNET_STAGES) - 1) + [list(map(list, _APART))]
    )
