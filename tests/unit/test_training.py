"""train(), evaluate(), their files and their sentences."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from sharewise.architecture import Architecture
from sharewise.backbones import mlp
from sharewise.data import Batch, SeparateData, TensorData
from sharewise.errors import DataError, FormatError, InputError, RunError, TrainingError
from sharewise.networks import Network, build
from sharewise.tasks import Task, binary, classification, masked_loss, regression
from sharewise.training import TrainSettings, evaluate, load_weights, pick_device, train
from sharewise.training._checkpoint import State, Store
from sharewise.training._device import modes, seeded
from sharewise.training._evaluate import labelled, measure
from sharewise.training._train import _learning_rate

TASKS = (classification("kind", 3), binary("flag", weight=0.5), regression("size", 2))
CPU = torch.device("cpu")
FAST = TrainSettings(epochs=3, batch_size=16)


def _split(samples: int, seed: int, names: tuple[str, ...]) -> tuple[Tensor, dict[str, Tensor]]:
    rng = torch.Generator().manual_seed(seed)
    inputs = torch.randn(samples, 6, generator=rng)  # [samples, 6]
    targets = {
        "kind": inputs[:, :3].argmax(1),
        "flag": (inputs[:, 3] > 0).long(),
        "size": inputs[:, 4:] * 2,
    }
    gaps = torch.rand(3, samples, generator=rng) < 0.25  # a quarter of the labels is missing
    targets["kind"][gaps[0]] = -1
    targets["flag"][gaps[1]] = -1
    targets["size"][gaps[2], 0] = math.nan
    return inputs, {name: targets[name] for name in names}


def make_data(tasks: tuple[Task, ...] = TASKS, *, seed: int = 0, samples: int = 40) -> TensorData:
    names = tuple(task.name for task in tasks)
    train_split, val, test = (_split(samples, 10 * seed + part, names) for part in range(3))
    return TensorData(tasks, train=train_split, val=val, test=test)


def make_network(
    tasks: tuple[Task, ...] = TASKS, *, seed: int = 0, shared: bool = False
) -> Network:
    names = [task.name for task in tasks]
    kind = Architecture.shared if shared else Architecture.independent
    return build(kind(names, 2), mlp(6, widths=(8, 8)), tasks, seed=seed)


def weights_of(network: Network) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def same(left: dict[str, Tensor], right: dict[str, Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[n], right[n]) for n in left)


def journal_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]


# --- what it learns, what it leaves


def test_training_lowers_every_loss_and_scores_the_selected_weights() -> None:
    data, network = make_data(samples=200), make_network()
    before = measure(network, data, "val", batch_size=64, device=CPU).losses
    scores = train(network, data, settings=TrainSettings(epochs=15, batch_size=16, lr=1e-2))
    after = measure(network, data, "val", batch_size=64, device=CPU).losses
    assert all(after[name] < before[name] for name in before)
    assert scores["kind"]["accuracy"] > 0.8
    assert scores == evaluate(network, data, "val", batch_size=16)


def test_two_steps_equal_a_loop_written_by_hand() -> None:
    data = make_data(samples=32)
    network, twin = make_network(), make_network()
    settings = TrainSettings(epochs=1, batch_size=16, lr=0.01, weight_decay=0.1, select="last")
    train(network, data, settings=settings, seed=3)
    adam = torch.optim.Adam(twin.parameters(), lr=0.01, weight_decay=0.1)
    for batch, lr in zip(data.train(batch_size=16, seed=3, epoch=1), (0.01, 0.005), strict=True):
        adam.param_groups[0]["lr"] = lr  # half a cosine: 1 at the start, 1/2 half way
        outputs = twin(batch.inputs)
        loss = torch.zeros(())
        for task in TASKS:
            target = batch.targets[task.name]
            here = task.present(target)
            loss = loss + task.weight * task.loss(outputs[task.name][here], target[here])
        adam.zero_grad()
        loss.backward()
        adam.step()
    for name, value in twin.state_dict().items():
        torch.testing.assert_close(network.state_dict()[name], value, atol=1e-6, rtol=1e-5)


def test_cosine_falls_from_lr_to_nothing_and_constant_stays() -> None:
    cosine = [_learning_rate(TrainSettings(lr=2.0), share) for share in (0.0, 0.25, 0.5, 1.0)]
    assert cosine == pytest.approx([2.0, 1 + math.sqrt(0.5), 1.0, 0.0])
    assert _learning_rate(TrainSettings(lr=2.0, schedule="constant"), 0.9) == 2.0


def test_best_and_last_end_with_their_own_weights() -> None:
    # A rate far too high: the validation loss goes up and down, and the last epoch is not best.
    reports: list[dict[str, Any]] = []
    kept: list[dict[str, Tensor]] = []
    data = make_data()
    settings = TrainSettings(epochs=6, batch_size=8, lr=0.5, schedule="constant")
    network, last = make_network(), make_network()

    def note(report: dict[str, Any]) -> None:
        reports.append(report)
        kept.append(weights_of(network))

    scores = train(network, data, settings=settings, progress=note)
    train(last, data, settings=dataclasses.replace(settings, select="last"))
    losses = []
    for weights in kept:
        network.load_state_dict(weights)
        measured = measure(network, data, "val", batch_size=8, device=CPU).losses
        losses.append(sum(task.weight * measured[task.name] for task in TASKS))
    best = losses.index(min(losses))
    assert best != 5
    assert scores == reports[best]["val"]
    train(again := make_network(), data, settings=settings)
    assert same(again.state_dict(), kept[best])
    assert same(last.state_dict(), kept[5])


def test_equal_losses_select_the_earliest_epoch(tmp_path: Path) -> None:
    flat = dataclasses.replace(TASKS[0], loss=lambda output, target: output.sum() * 0 + 1)
    train(make_network((flat,)), make_data((flat,)), settings=FAST, run=tmp_path)
    assert json.loads((tmp_path / "scores.json").read_text())["epoch"] == 1


def test_progress_reports_each_epoch() -> None:
    reports: list[dict[str, Any]] = []
    data, network = make_data(), make_network()
    scores = train(network, data, settings=FAST, progress=reports.append)
    assert [(report["epoch"], report["epochs"]) for report in reports] == [(1, 3), (2, 3), (3, 3)]
    assert all(math.isfinite(report["train_loss"]) for report in reports)
    assert scores in [report["val"] for report in reports]


def test_the_callers_random_state_and_modes_are_left_alone() -> None:
    network = make_network()
    network.train()
    network.heads["kind"].eval()
    state = torch.get_rng_state()
    train(network, make_data(), settings=FAST)
    evaluate(network, make_data(), "test")
    assert torch.equal(torch.get_rng_state(), state)
    assert network.training
    assert not network.heads["kind"].training


def test_the_test_split_is_never_read() -> None:
    class Closed(TensorData):
        def test(self, *, batch_size: int) -> Iterator[Batch]:
            raise AssertionError

    parts = [_split(20, seed, ("kind", "flag", "size")) for seed in range(3)]
    train(make_network(), Closed(TASKS, train=parts[0], val=parts[1], test=parts[2]), settings=FAST)


# --- some tasks, some labels


def make_separate(samples: int = 23) -> SeparateData:
    return SeparateData([make_data(TASKS[:1]), make_data(TASKS[1:], seed=1, samples=samples)])


def test_separate_data_sets_train_all_tasks(tmp_path: Path) -> None:
    network = make_network()
    settings = TrainSettings(epochs=8, batch_size=8, lr=1e-2)
    train(network, make_separate(150), settings=settings, run=tmp_path)
    lines = journal_of(tmp_path)[1:]
    for task in TASKS:
        assert lines[-1]["train_loss"][task.name] < lines[0]["train_loss"][task.name]


def test_a_batch_leaves_the_branches_and_heads_of_other_tasks_as_they_are() -> None:
    class FirstAlone(SeparateData):
        def train(self, *, batch_size: int, seed: int, epoch: int) -> Iterator[Batch]:
            batches = super().train(batch_size=batch_size, seed=seed, epoch=epoch)
            return (batch for batch in batches if batch.tasks == ("kind",))

    network = make_network()
    before = weights_of(network)
    data = FirstAlone([make_data(TASKS[:1]), make_data(TASKS[1:], seed=1)])
    settings = TrainSettings(epochs=2, weight_decay=0.1, select="last")
    train(network, data, settings=settings)
    moved = {
        name for name, value in network.state_dict().items() if not torch.equal(value, before[name])
    }
    mine = {f"heads.kind.{name}" for name in network.heads["kind"].state_dict()}
    own = [
        i
        for i, (_, branch) in enumerate(network.architecture.branches())
        if branch.tasks == ("kind",)
    ]
    for index in own:
        mine |= {f"branches.{index}.{name}" for name in network.branches[index].state_dict()}
    assert moved == mine


def test_a_batch_without_a_label_for_a_task_counts_nothing(tmp_path: Path) -> None:
    data = make_data(samples=16)
    data_targets = data._splits["train"][1]  # the one place to take all labels of a task away
    data_targets["flag"].fill_(-1)
    train(make_network(), data, settings=FAST, run=tmp_path)
    assert set(journal_of(tmp_path)[1]["train_loss"]) == {"kind", "size"}


@pytest.mark.parametrize("labels", [0, 1, 39, 40])
def test_labelled_rows_give_the_masked_loss_to_the_bit(labels: int) -> None:
    inputs, targets = _split(40, 0, ("kind", "flag", "size"))
    outputs = make_network()(inputs)
    for task, missing in zip(TASKS, (-1, -1, math.nan), strict=True):
        target = targets[task.name].nan_to_num().clamp(min=0)
        target[labels:] = missing
        output, kept = labelled(task, outputs[task.name], target)
        assert len(output) == len(kept) == labels
        loss = task.loss(output, kept) if labels else output.sum()
        assert torch.equal(loss, masked_loss(task, outputs[task.name], target))


def test_train_losses_are_means_over_labelled_samples(tmp_path: Path) -> None:
    # With a rate of next to nothing the weights stay: the epoch's mean is the whole split's.
    data, network = make_data(), make_network()
    inputs, targets = data._splits["train"]
    with torch.no_grad():
        outputs = network(inputs)
    settings = TrainSettings(epochs=1, batch_size=7, lr=1e-12)
    train(network, data, settings=settings, run=tmp_path)
    for task in TASKS:
        here = task.present(targets[task.name])
        expected = float(task.loss(outputs[task.name][here], targets[task.name][here]))
        assert journal_of(tmp_path)[1]["train_loss"][task.name] == pytest.approx(expected, rel=1e-5)


# --- evaluate


@pytest.mark.parametrize("batch_size", [1, 7, 40, 256])
@pytest.mark.parametrize("split", ["val", "test"])
def test_evaluate_equals_a_computation_by_hand(split: str, batch_size: int) -> None:
    data, network = make_data(), make_network()
    inputs, targets = _split(40, {"val": 1, "test": 2}[split], ("kind", "flag", "size"))
    with torch.no_grad():
        outputs = network(inputs)
    kind, flag = targets["kind"] >= 0, targets["flag"] >= 0
    size = ~targets["size"].isnan().any(1)
    assert 0 < int(kind.sum()) < 40
    expected = {
        "kind": (outputs["kind"].argmax(1) == targets["kind"])[kind].double().mean(),
        "flag": ((outputs["flag"].flatten() > 0) == (targets["flag"] == 1))[flag].double().mean(),
        "size": (outputs["size"] - targets["size"])[size].double().square().mean(),
    }
    scores = evaluate(network, data, split, batch_size=batch_size)
    assert scores["kind"]["accuracy"] == pytest.approx(float(expected["kind"]), abs=1e-12)
    assert scores["flag"]["accuracy"] == pytest.approx(float(expected["flag"]), abs=1e-12)
    assert scores["size"]["mse"] == pytest.approx(float(expected["size"]), rel=1e-6)
    losses = measure(network, data, split, batch_size=batch_size, device=CPU).losses
    assert losses["size"] == pytest.approx(float(expected["size"]), rel=1e-6)


def test_evaluate_reads_separate_data() -> None:
    network, data = make_network(), make_separate()
    alone = evaluate(make_network(TASKS[:1]), make_data(TASKS[:1]), "val")
    assert evaluate(network, data, "val")["kind"] == alone["kind"]


def test_a_split_without_labels_for_a_task_is_refused() -> None:
    for split in ("val", "test"):
        data = make_data()
        data._splits[split][1]["flag"].fill_(-1)
        with pytest.raises(DataError, match=f"Found no label for 'flag' in the split '{split}'"):
            evaluate(make_network(), data, split)
    data = make_data()
    data._splits["val"][1]["flag"].fill_(-1)
    with pytest.raises(DataError, match="Every task has a labelled sample"):
        train(make_network(), data, settings=FAST)


def test_evaluate_knows_two_splits() -> None:
    with pytest.raises(InputError, match="Found split='train'"):
        evaluate(make_network(), make_data(), "train")


def test_network_and_data_hold_the_same_tasks() -> None:
    with pytest.raises(InputError, match="network tasks flag, kind, size; data tasks kind"):
        train(make_network(), make_data(TASKS[:1]))


# --- losses that are not finite


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stops_before_the_weights_and_resumes(
    tmp_path: Path, value: float
) -> None:
    broken: list[int] = []

    def loss(output: Tensor, target: Tensor) -> Tensor:
        return TASKS[2].loss(output, target) + (value if broken else 0.0)

    tasks = (*TASKS[:2], dataclasses.replace(TASKS[2], loss=loss))
    network, data = make_network(tasks), make_data(tasks)
    kept: list[dict[str, Tensor]] = []

    def spoil(report: dict[str, Any]) -> None:
        kept.append(weights_of(network))
        broken.append(report["epoch"])

    with pytest.raises(TrainingError) as caught:
        train(network, data, settings=FAST, run=tmp_path / "a", progress=spoil)
    assert str(caught.value).startswith(
        f"The loss of every task is a finite number. Found a loss of {value} for task 'size' "
        "at epoch 2, step 1. Look for"
    )
    assert same(network.state_dict(), kept[0])
    assert len(journal_of(tmp_path / "a")) == 2
    broken.clear()
    train(again := make_network(tasks), data, settings=FAST, run=tmp_path / "a", resume=True)
    train(whole := make_network(tasks), data, settings=FAST, run=tmp_path / "b")
    assert same(again.state_dict(), whole.state_dict())
    assert (tmp_path / "a/journal.jsonl").read_bytes() == (
        tmp_path / "b/journal.jsonl"
    ).read_bytes()


def test_a_validation_loss_that_is_not_finite_keeps_nothing_of_that_epoch(tmp_path: Path) -> None:
    def loss(output: Tensor, target: Tensor) -> Tensor:
        return TASKS[2].loss(output, target) + (0.0 if torch.is_grad_enabled() else math.nan)

    task = dataclasses.replace(TASKS[2], loss=loss)
    with pytest.raises(TrainingError, match="'size' on the validation split after epoch 1"):
        train(make_network((task,)), make_data((task,)), settings=FAST, run=tmp_path)
    assert len(journal_of(tmp_path)) == 1
    assert not (tmp_path / "checkpoint/train.safetensors").exists()


# --- the run folder


def test_a_run_folder_holds_the_journal_the_weights_and_the_scores(tmp_path: Path) -> None:
    network = make_network()
    scores = train(network, make_data(), settings=FAST, seed=4, run=tmp_path / "new" / "run")
    header, *lines = journal_of(tmp_path / "new/run")
    assert header["kind"] == "train"
    assert header["settings"] == FAST.to_dict()
    assert header["seed"] == 4
    assert header["data"] == make_data().fingerprint
    assert header["architecture"] == network.architecture.digest
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert set(lines[0]["train_loss"]) == set(lines[0]["val_loss"]) == set(lines[0]["val"])
    kept = json.loads((tmp_path / "new/run/scores.json").read_text())
    assert kept["scores"] == scores
    assert kept["scores"] == lines[kept["epoch"] - 1]["val"]
    other = make_network(seed=9)
    load_weights(other, tmp_path / "new/run/network.safetensors")
    assert same(other.state_dict(), network.state_dict())


def test_a_finished_run_gives_its_scores_without_training(tmp_path: Path) -> None:
    data = make_data()
    scores = train(network := make_network(), data, settings=FAST, run=tmp_path)
    before = (tmp_path / "journal.jsonl").read_bytes()
    other = make_network(seed=9)
    again = train(other, data, settings=FAST, run=tmp_path, resume=True, progress=pytest.fail)
    assert again == scores
    assert same(other.state_dict(), network.state_dict())
    assert (tmp_path / "journal.jsonl").read_bytes() == before


def test_a_run_is_not_started_twice(tmp_path: Path) -> None:
    train(make_network(), make_data(), settings=FAST, run=tmp_path)
    with pytest.raises(RunError, match="resume=True to go on with it, or another folder"):
        train(make_network(), make_data(), settings=FAST, run=tmp_path)


def test_a_run_of_something_else_is_refused_with_both_sides(tmp_path: Path) -> None:
    train(make_network(), make_data(), settings=FAST, run=tmp_path)
    before = (tmp_path / "journal.jsonl").read_bytes()

    def resume(network: Network, data: TensorData, settings: TrainSettings, seed: int) -> str:
        with pytest.raises(RunError) as caught:
            train(network, data, settings=settings, seed=seed, run=tmp_path, resume=True)
        return str(caught.value)

    other = dataclasses.replace(FAST, lr=0.125)
    text = resume(make_network(), make_data(), other, 0)
    assert "0.125" in text
    assert "0.001" in text
    assert "77" in resume(make_network(), make_data(), FAST, 77)
    text = resume(make_network(), make_data(seed=1), FAST, 0)
    assert make_data(seed=1).fingerprint in text
    assert make_data().fingerprint in text
    text = resume(make_network(shared=True), make_data(), FAST, 0)
    assert make_network(shared=True).architecture.digest in text
    heavy = tuple(dataclasses.replace(task, weight=3.0) for task in TASKS)
    assert "3.0" in resume(make_network(heavy), make_data(heavy), FAST, 0)
    assert (tmp_path / "journal.jsonl").read_bytes() == before


def interrupted(folder: Path, *, epoch: int) -> Path:
    """A run that was interrupted after an epoch; returns its checkpoint."""

    def stop(report: dict[str, Any]) -> None:
        if report["epoch"] == epoch:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(make_network(), make_data(), settings=FAST, run=folder, progress=stop)
    return folder / "checkpoint/train.safetensors"


@pytest.mark.parametrize("damage", ["half", "empty", "zeros", "text"])
def test_a_broken_checkpoint_is_a_sentence(tmp_path: Path, damage: str) -> None:
    path = interrupted(tmp_path, epoch=1)
    whole = path.read_bytes()
    spoilt = {
        "half": whole[: len(whole) // 2],
        "empty": b"",
        "zeros": bytes(len(whole)),
        "text": b"not weights at all",
    }
    path.write_bytes(spoilt[damage])
    with pytest.raises(RunError) as caught:
        train(make_network(), make_data(), settings=FAST, run=tmp_path, resume=True)
    assert str(caught.value).startswith("Weights are read from a complete safetensors file. Found ")
    assert "train.safetensors" in caught.value.found
    assert caught.value.fix.endswith("train again in another folder.")


def test_a_checkpoint_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = interrupted(tmp_path, epoch=1)
    save_file({"network.x": torch.zeros(1)}, path, {"sharewise": '{"format": 99, "epoch": 1}'})
    with pytest.raises(RunError, match="A checkpoint says its format"):
        train(make_network(), make_data(), settings=FAST, run=tmp_path, resume=True)
    save_file({"network.x": torch.zeros(1)}, path, {"sharewise": '{"format": 1, "epoch": 1}'})
    with pytest.raises(RunError, match="names and shapes of the network's own"):
        train(make_network(), make_data(), settings=FAST, run=tmp_path, resume=True)


def test_a_checkpoint_ahead_of_its_journal_is_refused(tmp_path: Path) -> None:
    interrupted(tmp_path, epoch=2)
    lines = (tmp_path / "journal.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "journal.jsonl").write_text("".join(lines[:2]))
    with pytest.raises(RunError, match="1 lines, and a checkpoint of epoch 2"):
        train(make_network(), make_data(), settings=FAST, run=tmp_path, resume=True)


def test_a_folder_that_is_a_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError):
        train(make_network(), make_data(), settings=FAST, run=tmp_path / "file")


def test_weights_of_another_architecture_or_backbone_are_refused(tmp_path: Path) -> None:
    network = make_network()
    train(network, make_data(), settings=FAST, run=tmp_path)
    path = tmp_path / "network.safetensors"
    shared = make_network(shared=True)
    with pytest.raises(InputError) as caught:
        load_weights(shared, path)
    assert network.architecture.digest in str(caught.value)
    assert shared.architecture.digest in str(caught.value)
    names = [task.name for task in TASKS]
    wide = build(Architecture.independent(names, 2), mlp(6, widths=(9, 8)), TASKS)
    with pytest.raises(InputError, match="names and shapes"):
        load_weights(wide, path)
    with pytest.raises(RunError, match="complete safetensors file"):
        load_weights(network, tmp_path / "nothing.safetensors")
    save_file(load_file(path), tmp_path / "bare.safetensors")
    with pytest.raises(FormatError, match="carries its architecture"):
        load_weights(network, tmp_path / "bare.safetensors")


def test_weights_that_lie_channels_last_come_back_exactly(tmp_path: Path) -> None:
    # Adam's fused kernel walks memory; a moment in another order than its weight would be wrong.
    def start() -> tuple[Any, torch.optim.Adam]:
        torch_rng = torch.Generator().manual_seed(0)
        network = torch.nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
        with torch.no_grad():
            for each in network.parameters():
                each.copy_(torch.randn(each.shape, generator=torch_rng))
        return network, torch.optim.Adam(network.parameters(), lr=0.1, fused=True)

    def step(network: Any, adam: torch.optim.Adam, seed: int) -> None:
        inputs = torch.randn(2, 3, 5, 5, generator=torch.Generator().manual_seed(seed))
        adam.zero_grad()
        network(inputs).square().sum().backward()
        adam.step()

    network, adam = start()
    step(network, adam, 1)
    store = Store.open(tmp_path, {"kind": "train"}, resume=False)
    store.keep(State(network, adam, [{"epoch": 1}]))
    step(network, adam, 2)
    other, other_adam = start()
    store.restore(State(other, other_adam, []))
    step(other, other_adam, 2)
    assert same(network.state_dict(), other.state_dict())


# --- settings and devices


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("epochs", 0),
        ("epochs", 1.5),
        ("batch_size", True),
        ("lr", 0.0),
        ("lr", math.nan),
        ("lr", "fast"),
        ("weight_decay", -1.0),
        ("schedule", "linear"),
        ("select", "test"),
    ],
)
def test_settings_out_of_bounds_are_refused(word: str, value: Any) -> None:
    with pytest.raises(InputError) as caught:
        TrainSettings(**{word: value})
    assert f"Found {word}={value!r}." in str(caught.value)


def test_settings_go_to_json_and_back() -> None:
    settings = TrainSettings(epochs=3, schedule="constant")
    assert TrainSettings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings
    with pytest.raises(InputError, match="Found 'momentum'"):
        TrainSettings.from_dict({"momentum": 1})


def test_devices() -> None:
    assert pick_device("cpu") == CPU
    assert pick_device(CPU) == CPU
    assert pick_device().type == ("cuda" if torch.cuda.is_available() else "cpu")
    for name in ("toaster", "cuda:63", "meta"):
        with pytest.raises(InputError, match=f"Found device='{name}'"):
            pick_device(name)


def test_seeded_draws_from_seed_and_epoch_alone() -> None:
    def draw(seed: int, epoch: int) -> list[float]:
        with seeded(CPU, seed=seed, epoch=epoch):
            return torch.rand(3).tolist()

    assert draw(0, 1) == draw(0, 1)
    assert draw(0, 1) != draw(1, 0)
    assert draw(0, 1) != draw(0, 2)


def test_modes_come_back_after_an_error() -> None:
    network = torch.nn.Sequential(torch.nn.Dropout(), torch.nn.Dropout().eval())
    with pytest.raises(KeyError), modes(network, training=False):
        assert not network[0].training
        raise KeyError
    assert network[0].training
    assert not network[1].training
