"""Losses and metrics of the dense tasks, against numbers made by hand and by other programs."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
import torch
from _dense import (
    CLASSES,
    DENSE,
    METRICS,
    NAMES,
    NAN,
    OUTPUTS,
    draw_labels,
    draw_output,
    labelled,
    without_label,
)
from torch import Tensor, nn

from sharewise.errors import InputError
from sharewise.tasks import (
    Metric,
    Task,
    decoder,
    depth,
    edges,
    keypoints,
    masked_loss,
    multi_dilation,
    normals,
    resized,
    segmentation,
)

EACH = pytest.mark.parametrize("task", DENSE, ids=NAMES)


def scores(task: Task, output: Tensor, target: Tensor) -> dict[str, float]:
    return {metric.name: metric.value(output, target) for metric in task.metrics}


def image(*rows: list[float]) -> Tensor:
    """One sample of one channel, [1, 1, height, width]."""
    return torch.tensor(rows)[None, None]


def vectors(*columns: tuple[float, float, float]) -> Tensor:
    """One sample of one row, [1, 3, 1, width]."""
    return torch.tensor(columns).T[None, :, None]


# --- what all have in common


@EACH
def test_each_task_has_its_metrics(task: Task) -> None:
    assert {metric.name for metric in task.metrics} == METRICS[task.name]
    lower = {metric.name for metric in task.metrics if metric.lower_is_better}
    assert lower == METRICS[task.name] & {
        "mean_angle",
        "median_angle",
        "abs_error",
        "rel_error",
        "l1",
    }


@EACH
def test_a_sample_is_missing_where_no_pixel_has_a_label(task: Task) -> None:
    target = draw_labels(task.name, 3, seed=0, holes=1.0)  # one pixel of each sample is left
    target[1] = without_label(task.name, target[1])
    assert task.present(target).tolist() == [True, False, True]


@EACH
def test_the_loss_is_a_mean_over_pixels_not_over_samples(task: Task) -> None:
    output, target = draw_output(task.name, 2, seed=1), draw_labels(task.name, 2, seed=2)
    target[1, ..., 3:] = without_label(task.name, target[1, ..., 3:])
    pixels = labelled(task.name, target).flatten(1).sum(1)
    each = torch.stack([task.loss(output[i : i + 1], target[i : i + 1]) for i in range(2)])
    expected = (each * pixels).sum() / pixels.sum()
    assert pixels[1] < pixels[0] / 2
    assert masked_loss(task, output, target).item() == pytest.approx(expected.item(), rel=1e-5)


@EACH
def test_samples_without_a_label_are_left_out_of_the_loss(task: Task) -> None:
    output, target = draw_output(task.name, 3, seed=1), draw_labels(task.name, 3, seed=2)
    target[1] = without_label(task.name, target[1])
    kept = [0, 2]
    expected = task.loss(output[kept], target[kept])
    assert masked_loss(task, output, target).item() == pytest.approx(expected.item(), rel=1e-6)


@EACH
def test_a_batch_without_labels_gives_zero_that_can_be_differentiated(task: Task) -> None:
    output = draw_output(task.name, 2, seed=1).fill_(NAN).requires_grad_()
    target = without_label(task.name, draw_labels(task.name, 2, seed=2))
    loss = masked_loss(task, output, target)
    loss.backward()
    assert loss.item() == 0
    assert output.grad is not None
    assert torch.equal(output.grad, torch.zeros_like(output))


@EACH
def test_an_output_of_another_size_is_resized_bilinearly(task: Task) -> None:
    small, target = draw_output(task.name, 2, seed=3, size=5), draw_labels(task.name, 2, seed=4)
    large = nn.functional.interpolate(small, size=(12, 12), mode="bilinear")
    assert torch.equal(resized(small, (12, 12)), large)
    assert torch.equal(task.loss(small, target), task.loss(large, target))
    assert scores(task, small, target) == scores(task, large, target)
    assert resized(large, (12, 12)) is large


@EACH
def test_the_head_gives_what_the_task_needs(task: Task) -> None:
    output = task.head((6, 5, 4))(torch.zeros(2, 6, 5, 4))
    assert output.shape == (2, OUTPUTS[task.name], 5, 4)
    target = draw_labels(task.name, 2, seed=0)
    assert masked_loss(task, output, target).isfinite()


@EACH
def test_tasks_made_alike_are_equal_and_travel(task: Task) -> None:
    assert pickle.loads(pickle.dumps(task)) == task
    assert hash(pickle.loads(pickle.dumps(task))) == hash(task)


def test_tasks_made_otherwise_differ() -> None:
    plain = segmentation("rooms", 3)
    assert plain == segmentation("rooms", 3)
    assert plain != segmentation("rooms", 3, ignore=200)
    assert plain != segmentation("rooms", 3, class_weights=(1, 2, 3))
    assert normals() != normals(head=multi_dilation())
    assert depth(head=decoder(16)) == depth(head=decoder(16))
    assert depth(head=decoder(16)) != depth(head=decoder(8))
    assert keypoints("edges") == edges()


def test_weights_of_losses_are_passed_on() -> None:
    made = [segmentation("s", 2, weight=1.0), normals(weight=3), depth(weight=2)]
    made += [keypoints(weight=7), edges(weight=7)]
    assert [task.weight for task in made] == [1, 3, 2, 7, 7]


@EACH
def test_labels_may_be_stored_in_half_precision(task: Task) -> None:
    output, target = draw_output(task.name, 2, seed=1), draw_labels(task.name, 2, seed=2)
    stored = target.half() if target.is_floating_point() else target.long()
    task.check(stored)
    found, expected = scores(task, output, stored), scores(task, output, target)
    assert found == pytest.approx(expected, rel=0.02)


# --- segmentation


def test_segmentation_agrees_with_torchmetrics() -> None:
    from torchmetrics.functional.classification import (  # slow to import: only here
        multiclass_accuracy,
        multiclass_jaccard_index,
    )

    output, target = draw_output("segmentation", 6, seed=7), draw_labels("segmentation", 6, seed=8)
    target[target == 3] = 255  # class 3 does not occur, and is predicted
    known = {"num_classes": CLASSES, "ignore_index": 255}
    each = multiclass_jaccard_index(output, target.long(), average=None, **known)
    found = scores(DENSE[0], output, target)
    assert (output.argmax(1) == 3).any()
    assert found["miou"] == pytest.approx(each[:3].mean().item(), rel=1e-6)
    accuracy = multiclass_accuracy(output, target.long(), average="micro", **known)
    assert found["pixel_accuracy"] == pytest.approx(accuracy.item(), rel=1e-6)


def test_segmentation_by_hand() -> None:
    target = torch.tensor([[[0, 0, 1, 255]]], dtype=torch.uint8)
    output = torch.zeros(1, 2, 1, 4)
    output[0, 1, 0, 1:] = 2.0  # predicted 0 1 1 1
    found = scores(segmentation("rooms", 2), output, target)
    assert found == pytest.approx({"miou": 0.5, "pixel_accuracy": 2 / 3})
    half, right, wrong = math.log(2), math.log1p(math.exp(-2)), math.log1p(math.exp(2))
    loss = segmentation("rooms", 2).loss(output, target)
    assert loss.item() == pytest.approx((half + wrong + right) / 3)
    weighted = segmentation("rooms", 2, class_weights=(1, 3)).loss(output, target)
    assert weighted.item() == pytest.approx((half + wrong + 3 * right) / 5)


def test_any_label_may_say_that_there_is_none() -> None:
    task = segmentation("rooms", 2, ignore=-1)
    target = torch.tensor([[[0, 1, -1]], [[-1, -1, -1]]])
    task.check(target)
    assert task.present(target).tolist() == [True, False]
    output = torch.tensor([5.0, -5.0]).reshape(1, 2, 1, 1).expand(2, 2, 1, 3)
    assert scores(task, output[:1], target[:1])["pixel_accuracy"] == 0.5


def test_an_overlap_is_that_of_the_split_not_a_mean_over_samples() -> None:
    target = torch.tensor([[[0, 0, 0, 0]], [[1, 1, 1, 1]]], dtype=torch.uint8)
    output = torch.zeros(2, 2, 1, 4)
    output[0, 0, 0] = output[1, 1, 0, :2] = 1.0
    output[1, 0, 0, 2:] = 1.0  # predicted 0 0 0 0 and 1 1 0 0
    miou = scores(segmentation("rooms", 2), output, target)["miou"]
    assert miou == pytest.approx((4 / 6 + 2 / 4) / 2)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"classes": 1}, "Task 'rooms' needs at least 2 classes. Found 1. Give a larger number."),
        (
            {"classes": 3, "ignore": 2},
            "The label of pixels without one is not a class. Found ignore=2 for task 'rooms' of 3"
            " classes. Give 255, for example.",
        ),
        (
            {"classes": 2, "class_weights": (1.0, 0.0)},
            "Task 'rooms' has one positive finite class weight for each of its 2 classes. Found"
            " class_weights=(1.0, 0.0). Give one for each, or none.",
        ),
        (
            {"classes": 2, "class_weights": [1]},
            "Task 'rooms' has one positive finite class weight for each of its 2 classes. Found"
            " class_weights=(1.0,). Give one for each, or none.",
        ),
    ],
)
def test_a_segmentation_that_cannot_be_is_refused(
    arguments: dict[str, object], sentence: str
) -> None:
    with pytest.raises(InputError) as caught:
        segmentation("rooms", **arguments)  # type: ignore[arg-type]
    assert str(caught.value) == sentence


# --- normals


def turned(*degrees: float) -> Tensor:
    """Vectors of several lengths, so many degrees from (0, 0, 1): [1, 3, 1, width]."""
    angle = torch.tensor(degrees, dtype=torch.float64).deg2rad()
    around, length = torch.arange(len(degrees)), 1 + torch.arange(len(degrees)) % 3
    x, y = angle.sin() * around.cos(), angle.sin() * around.sin()
    return (length * torch.stack([x, y, angle.cos()])).float()[None, :, None]


def upright(pixels: int) -> Tensor:
    return vectors(*[(0.0, 0.0, 1.0)] * pixels)


def test_normals_by_hand() -> None:
    output, target = turned(5, 15, 25, 40, 100, 77), upright(6)
    target[..., 5] = NAN
    found = scores(normals(), output, target)
    assert found["mean_angle"] == pytest.approx(37, rel=1e-5)
    assert found["median_angle"] == pytest.approx(25, abs=0.1)
    shares = [found["within_11"], found["within_22"], found["within_30"]]
    assert shares == pytest.approx([1 / 5, 2 / 5, 3 / 5])
    cosines = [math.cos(math.radians(angle)) for angle in (5, 15, 25, 40, 100)]
    assert normals().loss(output, target).item() == pytest.approx(1 - sum(cosines) / 5, rel=1e-5)


def test_the_limits_of_the_shares_are_those_of_the_literature() -> None:
    angles, target = (11.2, 11.3, 22.4, 22.6, 29.9, 30.1), upright(6)
    found = scores(normals(), turned(*angles), target)
    shares = [found["within_11"], found["within_22"], found["within_30"]]
    assert shares == pytest.approx([1 / 6, 3 / 6, 5 / 6])


@pytest.mark.parametrize("angle", [0.0, 1e-3, 0.02, 45.0, 90.0, 179.99, 180.0])
def test_an_angle_is_exact_near_zero_too(angle: float) -> None:
    found = scores(normals(), turned(angle), upright(1))["mean_angle"]
    assert found == pytest.approx(angle, abs=2e-5)


@pytest.mark.parametrize("pixels", [1, 2, 7, 1000, 4001])
@pytest.mark.parametrize("spread", [0.05, 20.0, 180.0])
def test_the_median_is_that_of_torch_to_a_tenth_of_a_degree(pixels: int, spread: float) -> None:
    draw = torch.Generator().manual_seed(pixels)
    angles = torch.rand(pixels, generator=draw, dtype=torch.float64) * spread
    found = scores(normals(), turned(*angles.tolist()), upright(pixels))["median_angle"]
    assert found == pytest.approx(angles.median().item(), abs=0.1)


def test_an_output_without_direction_is_a_right_angle_off() -> None:
    output = torch.zeros(1, 3, 1, 2, requires_grad=True)
    found = scores(normals(), output.detach(), upright(2))
    assert found["mean_angle"] == pytest.approx(90)
    loss = normals().loss(output, upright(2))
    loss.backward()
    assert loss.item() == 1
    assert output.grad is not None
    assert output.grad.isfinite().all()


def test_an_output_that_is_not_a_number_is_never_right() -> None:
    found = scores(normals(), upright(2) * NAN, upright(2))
    assert math.isnan(found["mean_angle"])
    assert found["median_angle"] > 179
    assert found["within_30"] == 0


def test_a_vector_with_one_number_missing_is_missing() -> None:
    target = upright(2)
    target[0, 0, 0, 1] = NAN
    found = scores(normals(), turned(10, 50), target)
    assert found["mean_angle"] == pytest.approx(10, rel=1e-5)


# --- one number a pixel


def test_depth_by_hand() -> None:
    target = image([1.0, 2.0, 4.0, NAN], [1.0, 1.0, 1.0, 0.0])
    output = image([1.2, 1.0, 4.0, 9.0], [1.5, 1.9, -1.0, 0.5])
    found = scores(depth(), output, target)
    errors = [0.2, 1.0, 0.0, 0.5, 0.9, 2.0, 0.5]
    assert found["abs_error"] == pytest.approx(sum(errors) / 7)
    relative = [0.2, 0.5, 0.0, 0.5, 0.9, 2.0]  # without the pixel of depth 0
    assert found["rel_error"] == pytest.approx(sum(relative) / 6)
    # ratios 1.2, 2, 1, 1.5, 1.9 and none, against 1.25, 1.5625, 1.953125
    shares = [found["within_1"], found["within_2"], found["within_3"]]
    assert shares == pytest.approx([2 / 6, 3 / 6, 4 / 6])
    assert depth().loss(output, target).item() == pytest.approx(sum(errors) / 7)


def test_depth_agrees_with_numpy_on_random_images() -> None:
    output, target = draw_output("depth", 4, seed=5).abs(), draw_labels("depth", 4, seed=6)
    there = ~np.isnan(target.numpy())
    p, g = output.numpy()[there].astype(float), target.numpy()[there].astype(float)
    ratio = np.maximum(p / g, g / p)
    found = scores(depth(), output, target)
    assert found["abs_error"] == pytest.approx(np.abs(p - g).mean(), rel=1e-5)
    assert found["rel_error"] == pytest.approx((np.abs(p - g) / g).mean(), rel=1e-5)
    for k in (1, 2, 3):
        assert found[f"within_{k}"] == pytest.approx((ratio < 1.25**k).mean(), rel=1e-6)


def test_ratios_of_nothing_but_zero_depths_are_not_a_number() -> None:
    found = scores(depth(), image([1.0]), image([0.0]))
    assert found["abs_error"] == 1
    assert math.isnan(found["rel_error"])


@pytest.mark.parametrize("task", [keypoints(), edges()], ids=["keypoints", "edges"])
def test_keypoints_and_edges_by_hand(task: Task) -> None:
    output, target = image([0.5, -1.0, 3.0]), image([1.0, 1.0, NAN])
    assert scores(task, output, target) == {"l1": 1.25}
    assert task.loss(output, target).item() == 1.25


# --- the metric itself


def both(output: Tensor, target: Tensor) -> Tensor:
    return torch.stack([output, target], dim=1)


def test_a_metric_of_several_sums_is_finished_by_its_own_rule() -> None:
    ratio = Metric("ratio", False, both, lambda sums, samples: float(sums[0] / sums[1]) + samples)
    assert ratio.value(torch.tensor([1.0, 2.0]), torch.tensor([4.0, 2.0])) == 2.5
    assert ratio.sums(torch.ones(2), torch.ones(2)).dtype == torch.float64


def test_several_sums_without_a_rule_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        Metric("odd", False, both).value(torch.ones(3), torch.ones(3))
    assert str(caught.value) == (
        "A metric that gives several numbers a sample says what their sums make (Metric.finish);"
        " without, it is the mean of one number a sample. Found sums of shape [2]. Give finish=...,"
        " or let per_sample return [batch]."
    )
