"""The data of one task among several."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from _small import SPLITS, TASKS, make_data, make_part, make_shared

from sharewise.data import Batch, OnlyTask, SeparateData, TaskData, TensorData
from sharewise.errors import InputError
from sharewise.tasks import classification


def batches(data: TaskData, split: str) -> list[Batch]:
    if split == "train":
        return list(data.train(batch_size=8, seed=3, epoch=2))
    return list(getattr(data, split)(batch_size=8))


def assert_equal(found: list[Batch], expected: list[Batch], task: str) -> None:
    assert len(found) == len(expected) > 0
    for here, there in zip(found, expected, strict=True):
        assert here.tasks == (task,)
        assert set(here.targets) == {task}
        assert torch.equal(here.inputs, there.inputs)
        assert torch.equal(here.targets[task], there.targets[task])


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("task", [task.name for task in TASKS])
def test_shared_inputs_keep_their_order_and_lose_the_other_labels(split: str, task: str) -> None:
    data = make_shared()
    assert_equal(batches(OnlyTask(data, task), split), batches(data, split), task)


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("index", [0, 1])
def test_of_separate_data_only_the_part_is_read(split: str, index: int) -> None:
    data, task = make_data(), TASKS[index].name
    only = OnlyTask(data, task)
    assert_equal(batches(only, split), batches(data.parts[index], split), task)
    assert only.sizes() == data.parts[index].sizes()


def test_a_part_may_lie_in_a_part() -> None:
    inner = make_data()
    extra = make_part(TASKS[0], seed=4)
    outer = SeparateData([SeparateData([inner]), make_renamed(extra)])
    only = OnlyTask(outer, "sign")
    for split in SPLITS:
        assert_equal(batches(only, split), batches(inner.parts[1], split), "sign")
    assert only.sizes()["train"] == 48


def make_renamed(data: TensorData) -> TensorData:
    splits = {split: (inputs, {"other": t["kind"]}) for split, (inputs, t) in data._splits.items()}
    return TensorData((classification("other", 3),), **splits)


class Mixed:
    """Data of a user's own: 20 samples have both tasks, 48 (24 in validation) the first alone."""

    def __init__(self) -> None:
        self.parts = (make_shared(), make_part(TASKS[0]))
        self.tasks, self.input_shape = TASKS, (1, 4, 4)
        self.name, self.fingerprint, self.settings = "mixed", "0", {"name": "mixed"}

    def train(self, *, batch_size: int, seed: int, epoch: int) -> Iterator[Batch]:
        for part in self.parts:
            yield from part.train(batch_size=batch_size, seed=seed, epoch=epoch)

    def val(self, *, batch_size: int) -> Iterator[Batch]:
        for part in self.parts:
            yield from part.val(batch_size=batch_size)

    def test(self, *, batch_size: int) -> Iterator[Batch]:
        raise AssertionError("not asked for")

    def sizes(self) -> dict[str, int]:
        return {"train": 68, "val": 44, "test": 44}


def test_batches_without_the_task_are_left_out_and_not_counted() -> None:
    data = Mixed()
    kind, sign = (OnlyTask(data, task.name) for task in TASKS)
    for split in ("train", "val"):
        assert_equal(batches(kind, split), batches(data, split), "kind")
        assert_equal(batches(sign, split), batches(data.parts[0], split), "sign")
    assert kind.sizes() == {"train": 68, "val": 44, "test": 44}
    # Of the test split, which nothing reads before the end, the size is the data's own.
    assert sign.sizes() == {"train": 20, "val": 20, "test": 44}


def test_the_size_of_tensors_is_known_without_reading_them() -> None:
    class Closed(TensorData):
        def train(self, *, batch_size: int, seed: int, epoch: int) -> Iterator[Batch]:
            raise AssertionError("not asked for")

    shared = make_shared()
    closed = Closed(TASKS, **shared._splits)
    assert OnlyTask(closed, "sign").sizes() == shared.sizes()


def test_it_is_data_of_its_own() -> None:
    data = make_data()
    kind, sign = (OnlyTask(data, task.name) for task in TASKS)
    assert isinstance(kind, TaskData)
    assert (kind.name, kind.tasks, kind.input_shape) == ("small/kind", TASKS[:1], (1, 4, 4))
    assert kind.settings == {"name": "small/kind", "of": data.settings}
    assert kind.fingerprint == OnlyTask(make_data(), "kind").fingerprint
    assert kind.fingerprint != OnlyTask(make_data(seed=1), "kind").fingerprint
    assert kind.fingerprint != sign.fingerprint
    shared = make_shared()
    assert OnlyTask(shared, "kind").fingerprint != OnlyTask(shared, "sign").fingerprint


def test_another_part_does_not_change_it() -> None:
    other = SeparateData([make_part(TASKS[0]), make_part(TASKS[1], seed=9)])
    assert OnlyTask(other, "kind").fingerprint == OnlyTask(make_data(), "kind").fingerprint


def test_a_task_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        OnlyTask(make_data(), "colour")
    assert str(caught.value) == (
        "The task is one of the data's. Found 'colour' and data for kind, sign. Name one of these."
    )
