from __future__ import annotations

import math
import pickle

import pytest
import torch
from torch import Tensor, nn

from sharewise.errors import DataError, InputError
from sharewise.tasks import (
    Metric,
    Task,
    binary,
    check_tasks,
    classification,
    masked_loss,
    regression,
)

NAN = math.nan

# A task, an output, and targets of which the last one is missing.
LABELLED: list[tuple[Task, Tensor, Tensor]] = [
    (
        classification("case", 3),
        torch.tensor([[2.0, 0.0, 0.0], [0.0, 1.0, 3.0], [9.0, 9.0, 9.0]]),
        torch.tensor([0, 1, -1]),
    ),
    (binary("bold"), torch.tensor([[2.0], [1.0], [9.0]]), torch.tensor([1, 0, -1])),
    (
        regression("place", 2),
        torch.tensor([[1.0, 2.0], [0.0, 0.0], [9.0, 9.0]]),
        torch.tensor([[1.0, 0.0], [3.0, 4.0], [5.0, NAN]]),
    ),
    (
        regression("depth"),
        torch.tensor([[1.0], [2.0], [9.0]]),
        torch.tensor([1.0, 4.0, NAN]),
    ),
]
ALL = pytest.mark.parametrize(
    ("task", "output", "target"), LABELLED, ids=[case[0].name for case in LABELLED]
)


@ALL
def test_a_head_fits_a_feature_map_and_a_feature_vector(
    task: Task, output: Tensor, target: Tensor
) -> None:
    assert task.head((6,))(torch.zeros(3, 6)).shape == output.shape
    assert task.head((6, 5, 4))(torch.zeros(3, 6, 5, 4)).shape == output.shape


@ALL
def test_missing_labels_are_left_out_of_the_loss(
    task: Task, output: Tensor, target: Tensor
) -> None:
    assert task.present(target).tolist() == [True, True, False]
    loss = masked_loss(task, output, target)
    assert loss.ndim == 0
    assert torch.equal(loss, task.loss(output[:2], target[:2]))


@ALL
def test_a_missing_label_gets_no_gradient(task: Task, output: Tensor, target: Tensor) -> None:
    output = output.clone().requires_grad_()
    masked_loss(task, output, target).backward()
    assert output.grad is not None
    assert output.grad[:2].abs().sum() > 0
    assert torch.equal(output.grad[2], torch.zeros_like(output.grad[2]))


@ALL
def test_no_label_at_all_gives_zero_that_can_be_differentiated(
    task: Task, output: Tensor, target: Tensor
) -> None:
    output = output[2:].clone().fill_(NAN).requires_grad_()
    loss = masked_loss(task, output, target[2:])
    loss.backward()
    assert loss.item() == 0
    assert output.grad is not None
    assert torch.equal(output.grad, torch.zeros_like(output))


@ALL
def test_a_metric_gives_one_number_a_sample(task: Task, output: Tensor, target: Tensor) -> None:
    present = task.present(target)
    for metric in task.metrics:
        figures = metric.per_sample(output[present], target[present])
        assert figures.shape == (2,)
        assert figures.isfinite().all()


@ALL
def test_labels_of_the_task_pass_its_check(task: Task, output: Tensor, target: Tensor) -> None:
    task.check(target)


@ALL
def test_a_task_survives_the_way_to_another_process(
    task: Task, output: Tensor, target: Tensor
) -> None:
    assert pickle.loads(pickle.dumps(task)) == task


def test_the_losses_and_metrics_of_the_factories() -> None:
    (case, logits, labels), (bold, logit, yes), (place, point, there), (depth, far, truly) = (
        LABELLED
    )
    assert case.metrics[0].per_sample(logits[:2], labels[:2]).tolist() == [1, 0]
    assert bold.metrics[0].per_sample(logit[:2], yes[:2]).tolist() == [1, 0]
    assert place.metrics[0].per_sample(point[:2], there[:2]).tolist() == [2, 12.5]
    assert depth.metrics[0].per_sample(far[:2], truly[:2]).tolist() == [0, 4]
    assert masked_loss(place, point, there).item() == pytest.approx(7.25)
    expected = (math.log1p(math.exp(-2)) + math.log1p(math.exp(1))) / 2
    assert masked_loss(bold, logit, yes).item() == pytest.approx(expected)
    assert masked_loss(case, torch.zeros(1, 3), labels[:1]).item() == pytest.approx(math.log(3))


def test_the_metrics_say_which_way_is_better() -> None:
    assert [(m.name, m.lower_is_better) for m in classification("a", 2).metrics] == [
        ("accuracy", False)
    ]
    assert [(m.name, m.lower_is_better) for m in regression("a").metrics] == [("mse", True)]


def test_a_task_of_ones_own_needs_neither_presence_nor_check() -> None:
    task = Task(
        name="own",
        head=lambda shape: nn.Identity(),
        loss=lambda output, target: (output - target).abs().mean(),
        metrics=(Metric("l1", True, lambda output, target: (output - target).abs()),),
    )
    task.check(torch.tensor([NAN]))
    assert masked_loss(task, torch.zeros(2), torch.tensor([1.0, 3.0])).item() == 2


@pytest.mark.parametrize("kind", [torch.int64, torch.uint8, torch.bool])
def test_binary_labels_may_be_of_any_whole_kind(kind: torch.dtype) -> None:
    task, target = binary("bold"), torch.tensor([0, 1]).to(kind)
    task.check(target)
    assert task.present(target).all()
    assert masked_loss(task, torch.zeros(2, 1), target).item() == pytest.approx(math.log(2))


def test_a_byte_of_255_is_a_label_out_of_range() -> None:
    with pytest.raises(DataError, match="Found 255 at index 0"):
        binary("bold").check(torch.tensor([255], dtype=torch.uint8))


@pytest.mark.parametrize(
    ("task", "target", "sentence"),
    [
        (
            classification("case", 3),
            torch.tensor([0, -1, 3, 7]),
            "The labels of task 'case' lie in 0..2, or are -1 where missing. "
            "Found 3 at index 2. Correct the label, or give the task more classes.",
        ),
        (
            binary("bold"),
            torch.tensor([0, -2]),
            "The labels of task 'bold' lie in 0..1, or are -1 where missing. "
            "Found -2 at index 1. Correct the label, or give the task more classes.",
        ),
        (
            classification("case", 3),
            torch.tensor([0.0, 1.0]),
            "The labels of task 'case' are whole numbers, one for each sample. "
            "Found torch.float32 of shape [2]. Give an integer tensor of shape [samples].",
        ),
        (
            regression("depth"),
            torch.tensor([[0.0], [-math.inf]]),
            "The labels of task 'depth' are finite, or NaN where missing. "
            "Found -inf at index 1. Correct the label, or make it NaN.",
        ),
        (
            regression("place", 2),
            torch.zeros(4, 3),
            "The labels of task 'place' are floating-point numbers, 2 for each sample. "
            "Found torch.float32 of shape [4, 3]. Give a float tensor of shape [samples, 2].",
        ),
    ],
)
def test_labels_that_do_not_fit_are_named(task: Task, target: Tensor, sentence: str) -> None:
    with pytest.raises(DataError) as caught:
        task.check(target)
    assert str(caught.value) == sentence


def test_a_linear_head_refuses_features_it_cannot_pool() -> None:
    with pytest.raises(InputError) as caught:
        classification("case", 3).head((4, 8))
    assert str(caught.value) == (
        "A linear head takes features [channels] or [channels, height, width]. "
        "Found features of shape [4, 8]. "
        "End the backbone with one of these, or give the task a head of its own."
    )


def test_sizes_and_weights_are_checked() -> None:
    with pytest.raises(InputError, match=r"Task 'a' needs at least 2 classes\. Found 1\."):
        classification("a", 1)
    with pytest.raises(InputError, match=r"Task 'a' needs at least 1 output\. Found 0\."):
        regression("a", 0)
    for weight in (0.0, -1.0, NAN, math.inf):
        with pytest.raises(InputError, match="The weight of a task is a positive finite number"):
            binary("a", weight=weight)


def test_names_are_checked() -> None:
    check_tasks([binary("a"), regression("b-2_C")])
    with pytest.raises(InputError) as caught:
        check_tasks([binary("case"), regression("case")])
    assert str(caught.value) == (
        "A task has a name of its own. Found 'case' twice. Rename one of them."
    )
    with pytest.raises(InputError) as caught:
        check_tasks([binary("my case")])
    assert str(caught.value) == (
        "A task's name holds only letters A-Z a-z, digits, '_' and '-'. Found 'my case'."
        " Rename the task."
    )
    with pytest.raises(InputError, match="There is at least one task"):
        check_tasks([])
