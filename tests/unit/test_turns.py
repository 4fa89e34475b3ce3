"""Which data set a step belongs to, and the trainings that follow from it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from _small import FAST, NAMES, TASKS, make_backbone, make_data, make_part, make_shared

from sharewise.architecture import Architecture
from sharewise.data import Batch, SeparateData, TaskData
from sharewise.errors import InputError
from sharewise.networks import Network, build
from sharewise.tasks import Metric, classification, regression
from sharewise.training import TrainSettings, can_have_curriculum, train
from sharewise.training._turns import Turns

CURRICULUM = replace(FAST, turns="curriculum")
UNIFORM = replace(FAST, turns="uniform")


def uneven() -> SeparateData:
    """Three steps of the first task an epoch and nine of the second."""
    return SeparateData([make_part(TASKS[0], train=48), make_part(TASKS[1], train=144)])


def drawn(turns: Turns, epochs: range) -> Counter[str]:
    return Counter(batch.tasks[0] for epoch in epochs for batch in turns.batches(epoch))


def answers(task: str, *, right: int, wrong: int) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Logits of a classification with so many hits and misses."""
    target = torch.zeros(right + wrong, dtype=torch.long)
    output = torch.zeros(right + wrong, 3)
    output[:right, 0] = output[right:, 1] = 1.0
    return {task: (output, target)}


def make_network(data: TaskData) -> Network:
    names = [task.name for task in data.tasks]
    return build(Architecture.shared(names, 2), make_backbone(), data.tasks)


def weights_of(network: Network) -> list[bytes]:
    return [value.numpy().tobytes() for value in network.state_dict().values()]


# --- who comes next


@pytest.mark.parametrize("turns", ["uniform", "curriculum"])
def test_an_epoch_has_as_many_steps_as_one_that_visits_every_sample(turns: str) -> None:
    data = SeparateData([make_part(TASKS[0], train=50), make_part(TASKS[1], train=20)])
    every = list(data.train(batch_size=16, seed=0, epoch=1))
    found = list(Turns(data, replace(FAST, turns=turns), seed=0).batches(1))
    assert len(found) == len(every) == 6


def test_all_is_the_order_of_the_data() -> None:
    data = uneven()
    found = list(Turns(data, FAST, seed=5).batches(2))
    expected = list(data.train(batch_size=16, seed=5, epoch=2))
    assert [batch.tasks for batch in found] == [batch.tasks for batch in expected]
    assert all(torch.equal(a.inputs, b.inputs) for a, b in zip(found, expected, strict=True))


def test_uniform_gives_small_and_large_data_sets_equal_chances() -> None:
    counts = drawn(Turns(uneven(), UNIFORM, seed=0), range(1, 101))
    assert sum(counts.values()) == 1200
    # Half of 1200 draws, within four standard deviations of a fair coin.
    assert abs(counts["kind"] - 600) < 4 * (1200 * 0.25) ** 0.5


def test_the_curriculum_draws_in_proportion_to_the_formula() -> None:
    turns = Turns(uneven(), CURRICULUM, seed=0)
    turns.running.update(kind=0.2, sign=0.6)
    kind, sign = (1 - 0.2 + 0.15) ** (1 / 0.3), (1 - 0.6 + 0.15) ** (1 / 0.3)
    chance = kind / (kind + sign)
    counts = drawn(turns, range(1, 101))
    assert 0.8 < chance < 0.9
    assert abs(counts["kind"] - 1200 * chance) < 4 * (1200 * chance * (1 - chance)) ** 0.5


def test_tasks_that_share_a_data_set_share_a_chance() -> None:
    def chances(first: float, second: float) -> list[float]:
        both = SeparateData([make_shared(), make_part(classification("third", 3))])
        turns = Turns(both, CURRICULUM, seed=0)
        turns.running.update(kind=first, sign=second, third=0.5)
        found = turns._chances()
        return (found / found.sum()).tolist()

    def weight(accuracy: float) -> float:
        return float((1.15 - accuracy) ** (1 / 0.3))

    pair, third = (weight(0.1) + weight(0.9)) / 2, weight(0.5)
    assert chances(0.1, 0.9) == pytest.approx([pair / (pair + third), third / (pair + third)])
    assert chances(0.5, 0.5) == pytest.approx([0.5, 0.5])


def test_running_accuracy_forgets_a_tenth_with_each_batch_of_the_task() -> None:
    turns = Turns(make_data(), CURRICULUM, seed=0)
    assert turns.running == {"kind": 0.0, "sign": 0.0}
    turns.note(answers("kind", right=3, wrong=1))
    turns.note(answers("kind", right=1, wrong=1))
    assert turns.running == {"kind": pytest.approx(0.9 * 0.075 + 0.05), "sign": 0.0}


def test_a_batch_without_labels_leaves_the_accuracy_as_it_is() -> None:
    turns = Turns(make_data(), CURRICULUM, seed=0)
    turns.note(answers("kind", right=4, wrong=0))
    turns.note(answers("kind", right=0, wrong=0))
    assert turns.running["kind"] == pytest.approx(0.1)


@pytest.mark.parametrize("settings", [FAST, UNIFORM])
def test_other_turns_measure_nothing(settings: TrainSettings) -> None:
    turns = Turns(make_data(), settings, seed=0)
    turns.note(answers("kind", right=3, wrong=1))
    assert turns.running == {}


def test_a_part_without_training_samples_is_never_drawn() -> None:
    class Empty:
        """A part of a user's own whose train split is empty."""

        def __init__(self) -> None:
            self.inner = make_part(TASKS[1])
            self.tasks, self.input_shape = self.inner.tasks, self.inner.input_shape
            self.name, self.fingerprint, self.settings = "empty", "0", {"name": "empty"}
            self.val, self.test = self.inner.val, self.inner.test

        def train(self, *, batch_size: int, seed: int, epoch: int) -> Iterator[Batch]:
            return iter(())

        def sizes(self) -> dict[str, int]:
            return {**self.inner.sizes(), "train": 0}

    data = SeparateData([make_part(TASKS[0]), Empty()])
    assert drawn(Turns(data, UNIFORM, seed=0), range(1, 5)) == {"kind": 12}


def test_a_data_set_drawn_more_often_than_it_has_batches_comes_again_in_another_order() -> None:
    # 3 batches of the small one an epoch: among 48 draws it comes round many times.
    data = SeparateData([make_part(TASKS[0], train=48), make_part(TASKS[1], train=720)])
    small = [
        batch.inputs
        for batch in Turns(data, UNIFORM, seed=1).batches(1)
        if batch.tasks == ("kind",)
    ]
    assert len(small) > 9
    passes = [torch.cat(small[i : i + 3]) for i in range(0, 9, 3)]
    whole = [sorted(each.flatten(1).sum(1).tolist()) for each in passes]
    assert whole[0] == whole[1] == whole[2]
    assert not torch.equal(passes[0], passes[1])
    assert not torch.equal(passes[1], passes[2])


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    def order(seed: int, epoch: int) -> list[str]:
        return [b.tasks[0] for b in Turns(uneven(), UNIFORM, seed=seed).batches(epoch)]

    assert order(1, 2) == order(1, 2)
    assert order(1, 2) != order(1, 3)
    assert order(1, 2) != order(2, 2)


# --- training


@pytest.mark.parametrize("turns", ["uniform", "curriculum"])
def test_a_training_that_is_interrupted_ends_as_one_that_is_not(tmp_path: Path, turns: str) -> None:
    settings = replace(FAST, epochs=4, turns=turns)
    train(whole := make_network(uneven()), uneven(), settings=settings, run=tmp_path / "whole")

    for stop in (1, 3):

        def interrupt(report: dict[str, Any], stop: int = stop) -> None:
            if report["epoch"] == stop:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            train(
                make_network(uneven()),
                uneven(),
                settings=settings,
                run=tmp_path / "parts",
                resume=True,
                progress=interrupt,
            )
    parts = make_network(uneven())
    train(parts, uneven(), settings=settings, run=tmp_path / "parts", resume=True)
    assert weights_of(parts) == weights_of(whole)
    for name in ("journal.jsonl", "network.safetensors", "scores.json"):
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_the_journal_keeps_the_running_accuracies_of_a_curriculum(tmp_path: Path) -> None:
    data = make_data()
    train(make_network(data), data, settings=replace(CURRICULUM, epochs=6), run=tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "journal.jsonl").read_text().splitlines()]
    running = [line["running"] for line in lines[1:]]
    assert all(set(each) == set(NAMES) for each in running)
    assert all(0 <= value <= 1 for each in running for value in each.values())
    assert sum(running[-1].values()) > sum(running[0].values())
    train(make_network(data), data, settings=UNIFORM, run=tmp_path / "uniform")
    text = (tmp_path / "uniform/journal.jsonl").read_text()
    assert '"running"' not in text


def test_a_hard_task_is_trained_more_often_than_an_easy_one() -> None:
    # The second task's labels are noise: its accuracy stays low, and so it comes more often.
    data = SeparateData([make_part(TASKS[1], train=96), make_noise()])
    counts: Counter[str] = Counter()

    class Counted(Network):
        def forward(self, inputs: torch.Tensor, tasks: Any = None) -> dict[str, torch.Tensor]:
            if self.training:
                counts.update(tasks)
            return super().forward(inputs, tasks)

    network = make_network(data)
    network.__class__ = Counted
    train(network, data, settings=replace(CURRICULUM, epochs=10))
    assert counts["noise"] > 1.5 * counts["sign"]


def make_noise() -> TaskData:
    data = make_part(classification("noise", 8), train=96)
    draw = torch.Generator().manual_seed(0)
    for _, targets in data._splits.values():
        targets["noise"] = torch.randint(8, targets["noise"].shape, generator=draw)
    return data


# --- refusals, before anything is written


def refused(data: TaskData, settings: TrainSettings, run: Path) -> str:
    with pytest.raises(InputError) as caught:
        train(make_network(data), data, settings=settings, run=run)
    assert not run.exists()
    train(make_network(data), data, settings=FAST, run=run)  # and so the folder is still free
    return str(caught.value)


@pytest.mark.parametrize("settings", [UNIFORM, CURRICULUM])
def test_data_of_one_input_take_no_turns(tmp_path: Path, settings: TrainSettings) -> None:
    assert refused(make_shared(), settings, tmp_path / "run") == (
        "Data sets take turns where tasks have inputs of their own (SeparateData). Found "
        f"turns={settings.turns!r} for data 'tensors', whose tasks share their inputs. Leave turns"
        " at 'all'."
    )


def test_a_curriculum_needs_accuracies(tmp_path: Path) -> None:
    mixed = SeparateData([make_part(TASKS[0]), make_part(regression("size"))])
    assert refused(mixed, CURRICULUM, tmp_path / "run") == (
        "The curriculum goes by each task's accuracy, its first metric. Found task 'size' with mse."
        " Use turns='uniform' or 'all' for such tasks."
    )
    train(make_network(mixed), mixed, settings=UNIFORM)


def test_a_task_without_a_metric_has_no_curriculum() -> None:
    bare = replace(TASKS[0], metrics=())
    with pytest.raises(InputError, match="Found task 'kind' with no metric"):
        Turns(SeparateData([make_part(bare)]), CURRICULUM, seed=0)
    named = replace(TASKS[0], metrics=(Metric("accuracy", False, TASKS[0].metrics[0].per_sample),))
    assert Turns(SeparateData([make_part(named)]), CURRICULUM, seed=0).running == {"kind": 0.0}


def test_turns_are_three_words() -> None:
    with pytest.raises(InputError, match="turns is one of 'all', 'uniform', 'curriculum'"):
        TrainSettings(turns="random")
    assert TrainSettings.from_dict(CURRICULUM.to_dict()) == CURRICULUM


def test_the_question_whether_a_curriculum_is_possible_has_the_answer_of_the_training() -> None:
    assert can_have_curriculum(uneven())
    Turns(uneven(), CURRICULUM, seed=0)
    mixed = SeparateData([make_part(TASKS[0]), make_part(regression("size"))])
    for data in (make_shared(), make_noise(), mixed):
        assert not can_have_curriculum(data)
        with pytest.raises(InputError):
            Turns(data, CURRICULUM, seed=0)
