"""Which labels dense tasks take, and the sentences about those that they do not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from _dense import DENSE, NAMES, NAN, draw_labels, without_label
from torch import Tensor

from sharewise.data import TensorData
from sharewise.errors import DataError
from sharewise.tasks import Task, depth, edges, normals, segmentation

ROOMS = segmentation("rooms", 3)


def with_pixel(target: Tensor, value: float, *where: int) -> Tensor:
    target[where] = value
    return target


def maps(channels: int = 1) -> Tensor:
    """[2, channels, 4, 5] of ones."""
    return torch.ones(2, channels, 4, 5)


def unit(samples: int = 2) -> Tensor:
    """[samples, 3, 4, 5], all (0, 0.6, 0.8)."""
    return torch.tensor([0.0, 0.6, 0.8]).reshape(1, 3, 1, 1).repeat(samples, 1, 4, 5)


@pytest.mark.parametrize("task", DENSE, ids=NAMES)
def test_labels_with_holes_and_labels_of_nothing_pass(task: Task) -> None:
    target = draw_labels(task.name, 3, seed=0)
    task.check(target)
    task.check(without_label(task.name, target))


@pytest.mark.parametrize("kind", [torch.uint8, torch.int16, torch.int32, torch.int64])
def test_classes_may_be_of_any_whole_kind(kind: torch.dtype) -> None:
    ROOMS.check(torch.tensor([[[0, 2], [1, 255]]]).to(kind))


def test_normals_rounded_to_eight_bits_pass() -> None:
    exact = draw_labels("normals", 4, seed=1)
    stored = ((exact + 1) * 127.5).round()  # as in the PNG files of Taskonomy
    normals().check(stored / 127.5 - 1)


def test_depth_zero_is_a_depth() -> None:
    depth().check(torch.zeros(1, 1, 2, 2))


@pytest.mark.parametrize(
    ("task", "make", "sentence"),
    [
        (
            ROOMS,
            lambda: torch.zeros(2, 4, 5),
            "The labels of task 'rooms' are whole numbers, one for each pixel. Found torch.float32"
            " of shape [2, 4, 5]. Give an integer tensor of shape [samples, height, width].",
        ),
        (
            ROOMS,
            lambda: torch.zeros(2, 1, 4, 5, dtype=torch.uint8),
            "The labels of task 'rooms' are whole numbers, one for each pixel. Found torch.uint8"
            " of shape [2, 1, 4, 5]. Give an integer tensor of shape [samples, height, width].",
        ),
        (
            ROOMS,
            lambda: with_pixel(torch.zeros(2, 4, 5, dtype=torch.uint8), 3, 1, 2, 3),
            "The labels of task 'rooms' lie in 0..2, or are 255 where missing. Found 3 in sample 1,"
            " row 2, column 3. Correct the label, or give the task more classes.",
        ),
        (
            segmentation("rooms", 3, ignore=-1),
            lambda: with_pixel(torch.zeros(2, 4, 5, dtype=torch.uint8), 255, 0, 0, 4),
            "The labels of task 'rooms' lie in 0..2, or are -1 where missing. Found 255 in sample"
            " 0, row 0, column 4. Correct the label, or give the task more classes.",
        ),
        (
            depth(),
            lambda: maps().long(),
            "The labels of task 'depth' are floating-point numbers, 1 for each pixel. Found"
            " torch.int64 of shape [2, 1, 4, 5]. Give a float tensor of shape [samples, 1, height,"
            " width].",
        ),
        (
            edges(),
            lambda: torch.ones(2, 4, 5),
            "The labels of task 'edges' are floating-point numbers, 1 for each pixel. Found"
            " torch.float32 of shape [2, 4, 5]. Give a float tensor of shape [samples, 1, height,"
            " width].",
        ),
        (
            edges(),
            lambda: with_pixel(maps(), -torch.inf, 1, 0, 2, 4),
            "The labels of task 'edges' are finite, or NaN where missing. Found -inf in sample 1,"
            " row 2, column 4. Correct the label, or make it NaN.",
        ),
        (
            depth(),
            lambda: with_pixel(maps(), -0.5, 0, 0, 1, 2),
            "The labels of task 'depth' are finite, not below 0, or NaN where missing. Found -0.5"
            " in sample 0, row 1, column 2. Correct the label, or make it NaN.",
        ),
        (
            normals(),
            lambda: maps(1),
            "The labels of task 'normals' are floating-point numbers, 3 for each pixel. Found"
            " torch.float32 of shape [2, 1, 4, 5]. Give a float tensor of shape [samples, 3,"
            " height, width].",
        ),
        (
            normals(),
            lambda: with_pixel(unit(), torch.inf, 0, 2, 3, 1),
            "The labels of task 'normals' are finite, or NaN where missing. Found inf in sample 0,"
            " row 3, column 1. Correct the label, or make it NaN.",
        ),
        (
            normals(),
            lambda: with_pixel(unit(), 0.0, 1, 2, 3, 1),
            "The labels of task 'normals' are vectors of length 1 (within 0.02), or NaN where"
            " missing. Found length 0.6 in sample 1, row 3, column 1. Divide the vector by its"
            " length, or make it NaN.",
        ),
        (
            normals(),  # checked some hundred samples at a time, and counted from the first
            lambda: with_pixel(unit(600), 0.0, 599, 2, 0, 0),
            "The labels of task 'normals' are vectors of length 1 (within 0.02), or NaN where"
            " missing. Found length 0.6 in sample 599, row 0, column 0. Divide the vector by its"
            " length, or make it NaN.",
        ),
    ],
)
def test_labels_that_do_not_fit_are_named(
    task: Task, make: Callable[[], Tensor], sentence: str
) -> None:
    with pytest.raises(DataError) as caught:
        task.check(make())
    assert str(caught.value) == sentence


def test_a_missing_number_among_the_three_is_no_wrong_length() -> None:
    normals().check(with_pixel(unit(), NAN, 0, 2, 1, 1))


def test_data_in_memory_refuses_them_too() -> None:
    good, bad = draw_labels("edges", 2, seed=0), torch.zeros(2, 12, 12)
    images = torch.zeros(2, 3, 12, 12)
    with pytest.raises(DataError, match="1 for each pixel"):
        TensorData(
            [edges()],
            train=(images, {"edges": good}),
            val=(images, {"edges": bad}),
            test=(images, {"edges": good}),
        )


@pytest.mark.parametrize("sample", [0, 255, 256, 599])
def test_samples_are_counted_from_the_first_of_the_split(sample: int) -> None:
    rooms = with_pixel(torch.zeros(600, 1, 2, dtype=torch.uint8), 9, sample, 0, 1)
    far = with_pixel(torch.zeros(600, 1, 1, 2), torch.inf, sample, 0, 0, 1)
    for task, target in ((ROOMS, rooms), (depth(), far)):
        with pytest.raises(DataError, match=rf" in sample {sample}, row 0, column 1\."):
            task.check(target)
