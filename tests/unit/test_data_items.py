"""The engine for everything on disk: order, chances, workers, memory, errors."""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from sharewise.data import Batch, ItemData, Items, OnlyTask, TaskData
from sharewise.data._augment import Normalise
from sharewise.data._dense_changes import DenseChanges
from sharewise.data._items import Targets, _Pieces, kept
from sharewise.data._packed import Packed, pack, unpack
from sharewise.errors import DataError, InputError
from sharewise.tasks import binary, classification

TASKS = (classification("kind", 10), binary("odd"))


@dataclass(frozen=True)
class Load:
    """The item 7 is 7s, with labels; some cannot be read. The log is of all processes."""

    broken: tuple[int, ...] = ()
    seen: list[int] = field(default_factory=list)
    log: Path | None = None

    def __call__(self, item: int) -> tuple[Tensor, Targets]:
        self.seen.append(item)
        if self.log is not None:
            with self.log.open("a") as file:
                file.write(f"{item}\n")
        if item in self.broken:
            raise DataError(rule="An item is whole.", found=f"item {item}", fix="Mend it.")
        kind = torch.tensor(item % 10 if item % 4 else -1)
        return torch.full((2,), float(item)), {"kind": kind, "odd": torch.tensor(item % 2)}


@dataclass(frozen=True)
class AddChance:
    numbers: int = 2

    def __call__(
        self, inputs: Tensor, targets: Targets, chances: Tensor | None
    ) -> tuple[Tensor, Targets]:
        return (inputs if chances is None else inputs + chances), targets


def make(load: Load | None = None, *, keep: bool = False, **more: Any) -> ItemData:
    splits = {"train": range(23), "val": range(100, 107), "test": range(200, 205)}
    given: dict[str, Any] = {
        "input_shape": (2,),
        "settings": {"name": "made"},
        "content": {split: [list(ids)] for split, ids in splits.items()},
        "workers": 0,
    }
    items = {split: Items(ids, load or Load(), keep=keep) for split, ids in splits.items()}
    return ItemData(TASKS, items, **(given | more))


def train(data: TaskData, *, batch_size: int = 5, seed: int = 0, epoch: int = 0) -> list[Batch]:
    return list(data.train(batch_size=batch_size, seed=seed, epoch=epoch))


def firsts(batches: list[Batch]) -> list[float]:
    return [float(value) for batch in batches for value in batch.inputs[:, 0]]


def test_an_epoch_has_every_item_once_in_an_order_of_seed_and_epoch() -> None:
    data = make()
    assert isinstance(data, TaskData)
    orders = [firsts(train(data, seed=seed, epoch=e)) for seed in (0, 1) for e in (0, 1)]
    assert all(sorted(order) == list(range(23)) for order in orders)
    assert len({tuple(order) for order in orders}) == 4
    assert firsts(train(make(), seed=1, epoch=1)) == orders[3]
    assert [len(batch.inputs) for batch in train(data)] == [5, 5, 5, 5, 3]
    assert firsts(list(data.val(batch_size=4))) == list(range(100, 107))
    assert data.sizes() == {"train": 23, "val": 7, "test": 5}


def test_labels_stay_with_their_items_and_some_are_missing() -> None:
    for batch in train(make()):
        assert batch.tasks == ("kind", "odd")
        items = batch.inputs[:, 0].long()
        assert torch.equal(batch.targets["odd"], items % 2)
        wanted = torch.where(items % 4 == 0, -1, items % 10)
        assert torch.equal(batch.targets["kind"], wanted)


def test_chances_depend_on_seed_epoch_and_item_and_on_training() -> None:
    data = make(changes=AddChance())

    def by_item(**how: int) -> dict[int, float]:
        return {int(value): value % 1 for value in firsts(train(data, **how))}

    whole = by_item(batch_size=23)
    assert by_item(batch_size=4) == whole  # not on the batch
    assert by_item(epoch=1) != whole and by_item(seed=1) != whole
    assert len(set(whole.values())) == 23
    assert firsts(list(data.val(batch_size=3))) == list(range(100, 107))


@pytest.mark.parametrize(("split", "keep"), [("train", False), ("val", False), ("train", True)])
def test_workers_change_no_bit(split: str, keep: bool) -> None:
    def batches(workers: int) -> list[Batch]:
        data = make(changes=AddChance(), workers=workers, keep=keep)
        how = {"seed": 3, "epoch": 2} if split == "train" else {}
        return list(getattr(data, split)(batch_size=4, **how))

    alone, helped = batches(0), batches(2)
    assert len(alone) == len(helped)
    for one, other in zip(alone, helped, strict=True):
        assert one.tasks == other.tasks
        assert torch.equal(one.inputs, other.inputs)
        assert all(torch.equal(one.targets[name], other.targets[name]) for name in one.tasks)


def test_no_pass_touches_the_global_random_numbers() -> None:
    before = torch.get_rng_state(), random.getstate()
    for workers in (0, 1):
        train(make(changes=AddChance(), workers=workers))
    assert torch.equal(torch.get_rng_state(), before[0]) and random.getstate() == before[1]


def test_a_pass_that_is_left_early_disturbs_no_other() -> None:
    data = make(workers=1)
    first = data.train(batch_size=5, seed=0, epoch=0)
    next(first)
    beside = data.val(batch_size=3)
    assert float(next(beside).inputs[0, 0]) == 100
    assert firsts(train(data)) == firsts(train(make()))
    assert float(next(beside).inputs[0, 0]) == 103


@pytest.mark.parametrize("workers", [0, 2])
def test_what_cannot_be_read_is_named_and_counted(workers: int) -> None:
    data = make(Load(broken=(101, 102, 104)), workers=workers)
    with pytest.raises(DataError) as caught:
        list(data.val(batch_size=4))
    assert str(caught.value) == (
        "An item is whole. Found item 101, and 1 more in this batch. Mend it."
    )
    assert type(caught.value) is DataError
    with pytest.raises(DataError, match=r"Found item 104\. Mend"):
        data.items("val").read([0, 4])


def test_kept_items_are_loaded_once_and_do_not_travel() -> None:
    load = Load()
    data = make(load, keep=True)
    for epoch in range(3):
        train(data, epoch=epoch)
    assert sorted(load.seen) == list(range(23))
    again = pickle.loads(pickle.dumps(data))
    assert firsts(train(again)) == firsts(train(data))
    assert sorted(again.items("train")._load.seen) == sorted([*range(23)] * 2)
    assert make(load).items("train").keep is False


def test_workers_load_what_is_kept_once_and_only_what_is_missing(tmp_path: Path) -> None:
    load = Load(log=tmp_path / "log")
    data = make(load, keep=True, workers=1)
    data.items("train").read([3, 4])
    assert load.seen == [3, 4]
    orders = [firsts(train(data, epoch=epoch)) for epoch in range(3)]
    assert orders == [firsts(train(make(), epoch=epoch)) for epoch in range(3)]
    assert load.seen == [3, 4]  # the others were read by another process
    logged = (tmp_path / "log").read_text().split()
    assert sorted(map(int, logged)) == list(range(23))


def test_what_is_changed_in_a_batch_is_not_changed_in_memory() -> None:
    data = make(keep=True)
    for _ in range(2):
        (batch,) = data.val(batch_size=9)
        assert firsts([batch]) == list(range(100, 107))
        batch.inputs.zero_()
        batch.targets["odd"].fill_(7)
    assert set(batch.targets["odd"].tolist()) == {7}
    assert set(next(data.val(batch_size=9)).targets["odd"].tolist()) == {0, 1}


def test_a_single_batch_is_read_here() -> None:
    load = Load()
    data = make(load, workers=2)
    list(data.val(batch_size=7))
    assert load.seen == list(range(100, 107))
    list(data.val(batch_size=6))
    assert load.seen == list(range(100, 107))


def test_a_batch_arrives_as_it_was_sent_whatever_it_holds() -> None:
    targets = {
        "label": torch.tensor([3, -1]),
        "mask": torch.arange(6, dtype=torch.uint8).reshape(2, 3),
        "half": torch.tensor([[1.5], [float("nan")]], dtype=torch.float16),
        "yes": torch.tensor([True, False]),
        "turned": torch.arange(8.0, dtype=torch.float64).reshape(2, 2, 2).transpose(1, 2),
    }
    sent = Batch(tuple(targets), torch.randn(2, 3, 5), targets)
    packed = pack(sent)
    assert isinstance(packed, Packed) and packed.content.is_shared()
    found = unpack(packed)
    assert found.tasks == sent.tasks and torch.equal(found.inputs, sent.inputs)
    for name, target in targets.items():
        assert found.targets[name].dtype == target.dtype
        assert torch.equal(found.targets[name].nan_to_num(9), target.nan_to_num(9))
    found.targets["label"].zero_()  # no two of them overlap
    assert torch.equal(found.inputs, sent.inputs) and found.targets["mask"].max() == 5


def test_a_process_that_is_a_worker_starts_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert make(workers=2)._worker_count() == 2
    monkeypatch.setattr("os.cpu_count", lambda: 6)
    assert make(workers=None)._worker_count() == 3
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    assert make(workers=None)._worker_count() == 4
    monkeypatch.setattr("multiprocessing.parent_process", object)
    assert make(workers=2)._worker_count() == 0


def test_samples_are_kept_where_they_fit() -> None:
    assert kept(1000, 1000, 1) and not kept(1001, 1000, 1) and not kept(1, 1, 0)


def test_the_fingerprint_is_of_settings_and_content_wherever_the_folder_is() -> None:
    def mark(**settings: Any) -> str:
        return make(settings={"name": "made", **settings}).fingerprint

    assert mark(folder="a") == mark(folder="b") == mark()
    assert mark(size=1) != mark(size=2)
    other = {"train": [[0]], "val": [[1]], "test": [[2]]}
    assert make(content=other).fingerprint != make().fingerprint


def test_the_sizes_of_one_task_are_told_without_reading() -> None:
    load = Load()
    assert OnlyTask(make(load), "odd").sizes()["train"] == 23
    assert load.seen == []


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda: make(workers=-1), "The number of workers is 0 or more. Found workers=-1. Give 0 "
         "to read without other processes."),
        (lambda: make().train(batch_size=0, seed=0, epoch=0), "A batch holds at least one sample. "
         "Found batch_size=0. Give a batch_size of 1 or more."),
    ],
)  # fmt: skip
def test_wrong_numbers_are_refused(spoil: Callable[[], object], sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        spoil()
    assert str(caught.value) == sentence


def test_an_empty_split_is_refused() -> None:
    items = {"train": Items([1], Load()), "val": Items([], Load()), "test": Items([2], Load())}
    with pytest.raises(DataError) as caught:
        ItemData(TASKS, items, input_shape=(2,), settings={"name": "made"}, content={})
    assert str(caught.value) == (
        "Every split of a data set has samples. Found an empty val split in 'made'. Give it some "
        "samples."
    )


# --- images and targets for each pixel, changed alike ---

PLAIN = Normalise((0.0,) * 3, (1 / 255,) * 3)  # bytes as they are


def scene(batch: int = 40) -> tuple[Tensor, Targets]:
    """No two pixels of an image are equal; the labels repeat them."""
    pixels = torch.arange(100, dtype=torch.uint8).reshape(1, 10, 10).expand(batch, -1, -1)
    directions = torch.stack([pixels / 100.0 + 0.01, pixels * 0.0, pixels * 0.0 + 1], dim=1)
    targets = {"label": pixels.clone(), "n": directions, "name": torch.arange(batch)}
    return pixels[:, None].expand(-1, 3, -1, -1).contiguous(), targets


def changed(**how: Any) -> tuple[Tensor, Targets, Tensor]:
    changes = DenseChanges(PLAIN, dense=("label", "n"), directions=("n",), **how)
    chances = torch.rand((40, changes.numbers), generator=torch.Generator().manual_seed(0))
    inputs, targets = changes(*scene(), chances)
    return inputs, targets, chances


def test_targets_are_cut_where_their_images_are() -> None:
    inputs, targets, _ = changed(flip=True, crop=7)
    assert inputs.shape == (40, 3, 7, 7)
    assert torch.equal(inputs[:, 0], targets["label"].float())
    assert torch.allclose(targets["n"][:, 0].abs() - 0.01, inputs[:, 0] / 100, atol=1e-6)
    assert torch.equal(targets["name"], torch.arange(40))
    assert {int(each[0].min()) // 10 for each in inputs[:, 0]} == {0, 1, 2, 3}
    assert {int(each.min()) % 10 for each in inputs[:, 0]} == {0, 1, 2, 3}


def test_without_chances_the_middle_is_cut() -> None:
    changes = DenseChanges(PLAIN, dense=("label", "n"), directions=("n",), flip=True, crop=6)
    inputs, targets = changes(*scene(), None)
    assert inputs[0, 0, 0, 0] == 22 and inputs[0, 0, 5, 5] == 77
    assert torch.equal(inputs[:, 0], targets["label"].float())
    assert (targets["n"][:, 0] > 0).all()


def test_a_mirrored_direction_points_the_other_way() -> None:
    inputs, targets, _ = changed(flip=True)
    mirrored = inputs[:, 0, 0, 0] == 9
    assert 10 <= int(mirrored.sum()) <= 30
    assert (targets["n"][mirrored, 0] < 0).all() and (targets["n"][~mirrored, 0] > 0).all()
    assert (targets["n"][:, 2] == 1).all()
    assert torch.allclose(targets["n"][:, 0].abs() - 0.01, inputs[:, 0] / 100, atol=1e-6)


def test_without_chances_nothing_changes() -> None:
    changes = DenseChanges(PLAIN, dense=("label", "n"), flip=True)
    stored, given = scene()
    inputs, targets = changes(stored, given, None)
    assert torch.equal(inputs, stored.float())
    assert all(torch.equal(targets[name], given[name]) for name in given)


def test_a_piece_is_a_batch_of_its_plan(tmp_path: Path) -> None:
    pieces = _Pieces(make().items("val"), AddChance(), [(torch.tensor([2, 0]), None)])
    batch = pieces[0]
    assert isinstance(batch, Batch) and batch.inputs[:, 0].tolist() == [102, 100]
