"""Dense tasks from build to export: trees, partitions, training, scores, searches."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from _dense import (
    CLASSES,
    METRICS,
    NAMES,
    OUTPUTS,
    SIZE,
    make_backbone,
    make_data,
    make_images,
    make_split,
)

import sharewise as sw
from sharewise.architecture import Architecture, Group, Owners, Partition
from sharewise.backbones import resnet18
from sharewise.data import TensorData
from sharewise.networks import Network, build, build_masked, compact, export, extract
from sharewise.tasks import (
    decoder,
    depth,
    edges,
    keypoints,
    masked_loss,
    multi_dilation,
    normals,
    segmentation,
)
from sharewise.training import TrainSettings, evaluate, train

FAST = TrainSettings(epochs=1, batch_size=8)
TREE = Architecture.from_levels([[NAMES], [NAMES[:3], NAMES[3:]]])
LIGHT = (
    segmentation("segmentation", CLASSES, head=decoder(8)),
    normals(head=decoder(8, doublings=1)),
    depth(head=multi_dilation((1, 2))),
    keypoints(head=decoder(8)),
    edges(head=decoder(4)),
)


def divided(stages: int = 2, layer: str = "conv1", channels: int = 8) -> Architecture:
    """Half of the last stage's hidden channels for the first three tasks, half for all."""
    half = channels // 2
    owners = (Owners(half, NAMES, NAMES), Owners(channels - half, NAMES[:3], NAMES[:2]))
    parts = [Partition()] * (stages - 1) + [Partition((Group((layer,), owners),))]
    return Architecture.partitioned(NAMES, parts)


def check_scores(scores: dict[str, dict[str, float]]) -> None:
    assert {task: set(found) for task, found in scores.items()} == METRICS
    assert all(math.isfinite(value) for found in scores.values() for value in found.values())


def trained(architecture: Architecture) -> Network:
    network = build(architecture, make_backbone(), LIGHT, seed=1)
    before = {name: each.clone() for name, each in network.named_parameters()}
    check_scores(train(network, make_data(LIGHT), settings=FAST, seed=0, device="cpu"))
    for name, each in network.named_parameters():
        assert each.isfinite().all()
        assert not name.startswith("heads") or not torch.equal(each, before[name])
    return network


@pytest.mark.parametrize(
    "architecture",
    [Architecture.shared(NAMES, 2), TREE, divided()],
    ids=["shared", "tree", "partition"],
)
def test_a_network_is_trained_scored_and_exported(
    architecture: Architecture, tmp_path: Path
) -> None:
    network = trained(architecture)
    check_scores(evaluate(network, make_data(LIGHT), "test", device="cpu"))
    exported = export(network, tmp_path / "net.pt2", to="pt2", backbone=make_backbone())
    assert exported.difference < 1e-5


def test_heads_that_double_are_exported_to_onnx(tmp_path: Path) -> None:
    network = build(Architecture.shared(NAMES, 2), make_backbone(), LIGHT, seed=1)
    exported = export(network, tmp_path / "net.onnx", to="onnx", backbone=make_backbone())
    assert exported.difference < 1e-4


def test_outputs_are_images() -> None:
    network = build(TREE, make_backbone(), LIGHT).eval()
    outputs = network(make_images(2, seed=0))
    sides = {"normals": 12}
    assert {name: tuple(each.shape) for name, each in outputs.items()} == {
        name: (2, count, sides.get(name, 6), sides.get(name, 6)) for name, count in OUTPUTS.items()
    }


def test_training_lowers_every_loss() -> None:
    network = build(Architecture.independent(NAMES, 2), make_backbone(), LIGHT, seed=1)
    # The labels are noise, so the network is scored on what it learns by heart.
    split = make_split(16, seed=0)
    data = TensorData(LIGHT, train=split, val=split, test=split)
    inputs, targets = split

    def losses() -> dict[str, float]:
        with torch.no_grad():
            outputs = network.eval()(inputs)
        return {t.name: float(masked_loss(t, outputs[t.name], targets[t.name])) for t in LIGHT}

    before = losses()
    train(network, data, settings=TrainSettings(epochs=15, batch_size=8, lr=0.01), device="cpu")
    after = losses()
    assert all(after[name] < 0.97 * before[name] for name in NAMES)


def test_the_cost_with_heads_is_the_built_networks_count() -> None:
    for architecture in (TREE, divided()):
        network = build(architecture, make_backbone(), LIGHT)
        cost = sw.cost(architecture, make_backbone(), LIGHT)
        assert cost.params == sum(each.numel() for each in network.parameters())
        assert cost.macs > sw.cost(architecture, make_backbone()).macs


def assert_close(network: Network, other: Network, tasks: tuple[str, ...] = NAMES) -> None:
    x = make_images(3, seed=4)
    with torch.no_grad():
        there, here = network.eval()(x), other.eval()(x)
    for task in tasks:
        torch.testing.assert_close(there[task], here[task], rtol=1e-4, atol=1e-5)


def test_masked_compact_and_extracted_networks_agree() -> None:
    masked = build_masked(divided(), make_backbone(), LIGHT, seed=2)
    joint = compact(masked)
    assert_close(masked, joint)
    for task in NAMES:
        assert_close(joint, extract(joint, task, backbone=make_backbone()), (task,))


def test_so_do_those_of_a_dilated_network() -> None:
    backbone = resnet18(0.07, input_size=32, output_stride=8)
    layer = backbone.layouts()[4].hidden[0]
    architecture = divided(5, layer.name, layer.channels)
    masked = build_masked(architecture, backbone, LIGHT, seed=2)
    joint, x = compact(masked), torch.randn(2, 3, 32, 32)
    assert sw.cost(architecture, backbone, LIGHT).params == sum(
        each.numel() for each in joint.parameters()
    )
    alone = extract(joint, "normals", backbone=backbone)
    with torch.no_grad():
        there, here = masked.eval()(x), joint.eval()(x)
        torch.testing.assert_close(there["normals"], here["normals"], rtol=1e-4, atol=1e-5)
        only = alone.eval()(x)
    torch.testing.assert_close(only["normals"], here["normals"], rtol=1e-4, atol=1e-5)


def test_a_branching_search_gives_a_tree() -> None:
    settings = sw.SearchSettings(epochs=2, batch_size=8, initialisations=2)
    result = sw.search_branching(
        make_backbone(),
        make_data(LIGHT),
        budget=sw.Budget(params=2.0),
        settings=settings,
        seed=0,
        device="cpu",
    )
    assert result.architecture.tasks == tuple(sorted(NAMES))
    network = build(result.architecture, result.backbone, LIGHT)
    assert network(torch.zeros(2, 3, SIZE, SIZE))["depth"].shape[:2] == (2, 1)


@pytest.mark.parametrize("score", ["accuracy", "loss"])
def test_a_partitioning_search_judges_by_dense_metrics(score: str) -> None:
    distil = sw.DistilSettings(
        steps=4,
        batch_size=8,
        train_samples=8,
        val_samples=8,
        group=2,
        score=score,  # type: ignore[arg-type]
    )
    settings = sw.PartitionSettings(
        evaluations=3, initial=FAST, teachers=FAST, distil=distil, finalists=2, rejudged=1
    )
    result = sw.search_partitioning(
        make_backbone(),
        make_data(LIGHT),
        strategy=sw.RandomSearch(),
        budget=sw.Budget(use=0.6),
        settings=settings,
        seed=0,
    )
    assert result.architecture.tasks == tuple(sorted(NAMES))
    assert result.architecture.mean_use <= 0.6 + 1e-9
