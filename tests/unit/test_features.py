"""What teachers say of every sample: right, computed once, and never of something else."""

from __future__ import annotations

import json
import pickle
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from _small import TASKS, make_backbone, make_data, make_part, make_shared
from _small_world import DISTIL, LEARN, World, make_world

from sharewise.data import Batch, OnlyTask, SeparateData, TaskData, TensorData
from sharewise.errors import DataError, RunError
from sharewise.evaluators import Features, Teachers, train_initial, train_teachers
from sharewise.evaluators._stored import Stored
from sharewise.networks import Network
from sharewise.tasks import classification, regression

ALL = replace(DISTIL, train_samples=1000, val_samples=1000)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("world") / "features")


def teach(data: TaskData, **changes: Any) -> Teachers:
    settings = replace(LEARN, epochs=1, **changes)
    initial = train_initial(make_backbone(), data, settings=settings, device="cpu")
    return train_teachers(initial, make_backbone(), data, first=1, settings=settings)


def by_hand(network: Network, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
    """What a teacher gives, from its own modules."""
    seen: dict[str, torch.Tensor] = {}
    stem, blocks = network.branches
    task = network.tasks[0]

    with torch.no_grad():
        seen["inputs"] = stem.eval()(inputs, task)
        plain = make_backbone().stages[1].make().eval()
        plain.load_state_dict(blocks.plain_state(task))
        seen["block0"] = plain[0](seen["inputs"])
        seen["block1"] = plain[1](seen["block0"])
        seen["outputs"] = network.heads[task].eval()(seen["block1"])
    return seen


def rounded(value: torch.Tensor) -> torch.Tensor:
    return value.half().float()


# --- what is stored


@pytest.mark.parametrize("task", [task.name for task in TASKS])
def test_stored_features_are_what_the_teacher_gives(
    world: World, tmp_path: Path, task: str
) -> None:
    teacher = world.teachers.networks[task]
    features = Features.compute(world.teachers, world.data, ALL, folder=tmp_path / "f")
    every = slice(None)
    only = OnlyTask(world.data, task)
    train = torch.cat([b.inputs for b in only.train(batch_size=128, seed=0, epoch=0)])
    found = by_hand(teacher, train)
    for name in ("inputs", "block0", "block1"):
        stored = features.tensor(task, name, every)
        assert stored.dtype == torch.float32
        torch.testing.assert_close(stored, rounded(found[name]), atol=1e-3, rtol=2e-3)
    val = next(only.val(batch_size=128))
    found = by_hand(teacher, val.inputs)
    for name in ("inputs", "block0", "block1"):
        stored = features.tensor(task, f"val_{name}", every)
        torch.testing.assert_close(stored, rounded(found[name]), atol=1e-3, rtol=2e-3)
    torch.testing.assert_close(features.tensor(task, "val_outputs", every), found["outputs"])
    assert torch.equal(features.tensor(task, "val_targets", every), val.targets[task])
    assert features.blocks(task) == 2
    assert features.tasks == ("kind", "sign")


def test_only_so_many_samples_are_stored(world: World) -> None:
    for task in world.features.tasks:
        assert len(world.features.array(task, "inputs")) == 40
        assert len(world.features.array(task, "block1")) == 40
        assert len(world.features.array(task, "val_inputs")) == 20
        assert len(world.features.array(task, "val_targets")) == 20


def test_a_validation_split_in_the_order_of_its_classes_is_judged_by_all_of_them(
    tmp_path: Path,
) -> None:
    task = classification("kind", 3)
    data = make_part(task, val=90)
    inputs, targets = data._splits["val"]
    order = targets["kind"].argsort()
    data._splits["val"] = (inputs[order], {"kind": targets["kind"][order]})
    features = Features.compute(teach(data), data, DISTIL, folder=tmp_path / "f")
    stored = features.tensor("kind", "val_targets", slice(None))
    assert len(stored) == 20
    assert set(stored.tolist()) == {0, 1, 2}
    assert torch.equal(stored, stored.sort().values)  # and they stay in their order


def test_a_sample_keeps_its_label_and_its_answer(world: World) -> None:
    # The stored part is one of the whole split: each row is found there, with the same label.
    only = OnlyTask(world.data, "kind")
    whole = next(only.val(batch_size=128))
    found = by_hand(world.teachers.networks["kind"], whole.inputs)
    rows = []
    for index in range(20):
        answer = world.features.tensor("kind", "val_outputs", slice(index, index + 1))
        match = (found["outputs"] - answer).abs().amax(1) < 1e-5
        assert match.sum() == 1
        rows.append(int(match.nonzero()[0, 0]))
    labels = world.features.tensor("kind", "val_targets", slice(None))
    assert torch.equal(labels, whole.targets["kind"][rows])
    assert len(set(rows)) == 20


def test_labels_that_are_numbers_are_not_rounded(tmp_path: Path) -> None:
    data = make_part(regression("size"))
    for _, targets in data._splits.values():
        targets["size"] = targets["size"] * 1e-3 + 100_000.123
    features = Features.compute(teach(data), data, ALL, folder=tmp_path / "f")
    stored = features.tensor("size", "val_targets", slice(None))
    assert torch.equal(stored, data._splits["val"][1]["size"])


def test_numbers_beyond_float16_are_cut_to_its_largest(tmp_path: Path) -> None:
    with Stored(tmp_path / "task", 3) as stored:
        stored.add("inputs", torch.tensor([[1e6], [-1e6]]))
        stored.add("inputs", torch.tensor([[0.5]]))
    found = np.load(tmp_path / "task" / "inputs.npy")
    assert found.dtype == np.float16
    assert found.ravel().tolist() == [65504, -65504, 0.5]


def test_spread_is_the_distance_to_the_mean_of_each_channel(world: World) -> None:
    blocks = [world.features.tensor("sign", f"val_block{i}", slice(None)) for i in (0, 1)]
    expected = sum(
        float((block.double().permute(1, 0, 2, 3).flatten(1).var(1, correction=0) * 320).sum())
        for block in blocks
    )
    assert world.features.spread("sign") == pytest.approx(expected, rel=1e-9)


def test_a_teacher_that_was_training_answers_as_in_validation(world: World, tmp_path: Path) -> None:
    for network in world.teachers.networks.values():
        network.train()
    again = Features.compute(world.teachers, world.data, DISTIL, folder=tmp_path / "f")
    for name in ("block1", "val_outputs"):
        assert np.array_equal(again.array("kind", name), world.features.array("kind", name))


# --- computed once


class Counted(TensorData):
    """Counts how often a split is read."""

    reads: ClassVar[Counter[str]] = Counter()

    def train(self, *, batch_size: int, seed: int, epoch: int) -> Iterator[Batch]:
        self.reads["train"] += 1
        return super().train(batch_size=batch_size, seed=seed, epoch=epoch)

    def val(self, *, batch_size: int) -> Iterator[Batch]:
        self.reads["val"] += 1
        return super().val(batch_size=batch_size)

    def test(self, *, batch_size: int) -> Iterator[Batch]:
        raise AssertionError("the test split is never read")


def counted(seed: int = 0) -> TaskData:
    parts = [make_part(task, seed=seed) for task in TASKS]
    Counted.reads.clear()
    return SeparateData([Counted(part.tasks, name=part.name, **part._splits) for part in parts])


def compute(teachers: Teachers, data: TaskData, folder: Path, **changes: Any) -> list[str]:
    """Compute, and what progress was told."""
    events: list[dict[str, Any]] = []
    settings = replace(DISTIL, **changes)
    Features.compute(teachers, data, settings, folder=folder, progress=events.append)
    assert all(event["part"] == "features" for event in events)
    return ["rebuilt" if event.get("rebuilt") else event["job"] for event in events]


def test_every_teacher_looks_at_its_samples_once(world: World, tmp_path: Path) -> None:
    data, folder = counted(), tmp_path / "f"
    assert compute(world.teachers, data, folder) == ["kind", "sign"]
    assert Counted.reads == {"train": 2, "val": 2}
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert compute(world.teachers, data, folder) == []
    assert compute(world.teachers, data, folder, steps=99, lr=0.2, score="loss") == []
    assert Counted.reads == {"train": 2, "val": 2}
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_features_of_something_else_are_computed_anew(world: World, tmp_path: Path) -> None:
    folder, data = tmp_path / "f", make_data()
    assert compute(world.teachers, data, folder) == ["kind", "sign"]
    expected = ["rebuilt", "kind", "sign"]
    others = teach(data)
    assert compute(others, data, folder) == expected
    assert compute(world.teachers, data, folder) == expected
    assert compute(world.teachers, make_data(seed=1), folder) == expected
    assert compute(world.teachers, data, folder, train_samples=30) == expected
    assert compute(world.teachers, data, folder, train_samples=30, val_samples=10) == expected
    later = Teachers(world.teachers.networks, 0, world.backbone)
    assert compute(later, data, folder) == expected
    features = Features(folder)
    assert features.array("kind", "inputs").shape == (40, 1, 4, 4)  # before the first stage: images


def test_features_of_fewer_tasks_leave_no_folder_behind(world: World, tmp_path: Path) -> None:
    compute(world.teachers, make_data(), tmp_path / "f")
    kind = Teachers({"kind": world.teachers.networks["kind"]}, 1, world.backbone)
    assert compute(kind, make_data(), tmp_path / "f") == ["rebuilt", "kind"]
    assert Features(tmp_path / "f").tasks == ("kind",)


@pytest.mark.parametrize("damage", ["torn", "missing", "identity", "text", "folder"])
def test_broken_features_are_computed_anew(world: World, tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "f"
    compute(world.teachers, world.data, folder)
    whole = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.*")}
    block = folder / "kind" / "block1.npy"
    match damage:
        case "torn":
            block.write_bytes(block.read_bytes()[:-7])
        case "missing":
            block.unlink()
        case "identity":
            (folder / "identity.json").write_text('{"format": 1}')
        case "text":
            (folder / "identity.json").write_text("{")
        case "folder":
            for path in (folder / "sign").iterdir():
                path.unlink()
            (folder / "sign").rmdir()
    assert compute(world.teachers, world.data, folder) == ["rebuilt", "kind", "sign"]
    assert {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.*")} == whole


def test_an_interrupted_computation_begins_again(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "f"

    def stop(event: dict[str, Any]) -> None:
        if event["done"] == 1:  # the first task's are written, the second's are not
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Features.compute(world.teachers, world.data, DISTIL, folder=folder, progress=stop)
    (folder / "kind" / "half.npy").write_bytes(b"")
    assert compute(world.teachers, world.data, folder) == ["rebuilt", "kind", "sign"]
    assert not (folder / "kind" / "half.npy").exists()
    assert compute(world.teachers, world.data, folder) == []


def test_a_folder_of_somebody_elses_is_left_alone(world: World, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(RunError) as caught:
        compute(world.teachers, world.data, tmp_path)
    assert str(caught.value) == (
        "Features are kept in a folder of their own. Found thesis.tex and no identity.json in "
        f"{tmp_path}. Give another folder."
    )
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_a_file_in_the_place_of_the_folder(world: World, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("")
    with pytest.raises(RunError, match="Features are written to a folder with room"):
        compute(world.teachers, world.data, tmp_path / "f")


def test_a_disk_that_refuses_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "inputs.npy").mkdir()
    with Stored(tmp_path, 1) as stored, pytest.raises(RunError, match="Is a directory at"):
        stored.add("inputs", torch.zeros(1, 2))


def test_an_array_that_is_gone_is_a_sentence(world: World, tmp_path: Path) -> None:
    compute(world.teachers, world.data, tmp_path / "f")
    features = Features(tmp_path / "f")
    (tmp_path / "f/kind/block0.npy").unlink()
    with pytest.raises(
        RunError, match="Stored features are there as long as candidates are judged"
    ):
        features.tensor("kind", "block0", slice(None))


def test_a_task_without_a_label_to_judge_by_is_refused(tmp_path: Path) -> None:
    data = make_shared()
    teachers = teach(data)
    chosen = Features.compute(teachers, data, ALL, folder=tmp_path / "f")
    assert len(chosen.array("sign", "val_targets")) == 20
    data._splits["val"][1]["sign"].fill_(-1)
    with pytest.raises(DataError) as caught:
        compute(teachers, data, tmp_path / "g", val_samples=5)
    assert str(caught.value) == (
        "Every task has a labelled sample among those that judge candidates. Found none for 'sign'"
        " in 5 of the validation split. Raise val_samples, or give the task more labels."
    )


def test_mapped_files_are_opened_anew_in_another_process(world: World) -> None:
    world.features.array("kind", "inputs")
    world.features.spread("kind")
    packed = pickle.dumps(world.features)
    assert len(packed) < 500
    again = pickle.loads(packed)
    assert again == world.features
    assert np.array_equal(again.array("kind", "inputs"), world.features.array("kind", "inputs"))


def test_the_identity_says_what_the_features_are_of(world: World) -> None:
    identity = json.loads((world.features.folder / "identity.json").read_text())
    assert identity["data"] == world.data.fingerprint
    assert identity["samples"] == [40, 20]
    assert set(identity["teachers"]) == {"kind", "sign"}
    assert identity["bytes"]["kind/val_targets.npy"] == 128 + 20 * 8
