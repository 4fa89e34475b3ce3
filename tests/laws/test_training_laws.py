"""Laws 7 and 8 for train(): interrupted or not, in this process or another, the same bits."""

from __future__ import annotations

import math
import os
import random
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from sharewise.architecture import Architecture
from sharewise.backbones import Backbone, Stage
from sharewise.data import SeparateData, TaskData, TensorData
from sharewise.networks import Network, build
from sharewise.tasks import Task, classification, regression
from sharewise.training import TrainSettings, train

FILES = ("journal.jsonl", "network.safetensors", "scores.json", "checkpoint/train.safetensors")


def make_layer(inputs: int, outputs: int) -> nn.Module:
    """Dropout draws random numbers, batch normalisation keeps buffers: easily lost in resuming."""
    return nn.Sequential(
        nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU(), nn.Dropout(0.2)
    )


def make_tasks() -> tuple[Task, ...]:
    return (classification("kind", 3), regression("left"), regression("right", 2))


def make_part(tasks: tuple[Task, ...], seed: int) -> TensorData:
    splits = []
    for part in range(3):
        rng = torch.Generator().manual_seed(10 * seed + part)
        inputs = torch.randn(30, 5, generator=rng)  # [samples, 5]
        targets = {
            "kind": inputs[:, :3].argmax(1),
            "left": inputs[:, 3:4].clone(),
            "right": inputs[:, 1:3].clone(),
        }
        targets["kind"][::4] = -1
        targets["left"][::3] = math.nan
        splits.append((inputs, {task.name: targets[task.name] for task in tasks}))
    return TensorData(tasks, train=splits[0], val=splits[1], test=splits[2])


def make_data(kind: str) -> TaskData:
    tasks = make_tasks()
    if kind == "separate":
        return SeparateData([make_part(tasks[:1], 1), make_part(tasks[1:], 2)])
    return make_part(tasks, 0)


def make_network(seed: int = 0) -> Network:
    stages = (Stage("one", partial(make_layer, 5, 6)), Stage("two", partial(make_layer, 6, 6)))
    tree = Architecture.from_levels([[["kind", "left", "right"]], [["kind"], ["left", "right"]]])
    return build(tree, Backbone("dropping", stages, (5,)), make_tasks(), seed=seed)


def settings_of(select: str, epochs: int = 6) -> TrainSettings:
    # A high rate, so that the best epoch is seldom the last one and its weights must survive the
    # interruption.
    return TrainSettings(epochs=epochs, batch_size=8, lr=0.1, select=select)


def assert_same_run(left: Path, right: Path) -> None:
    for name in FILES:
        assert (left / name).read_bytes() == (right / name).read_bytes(), name


def assert_same_bits(left: Network, right: Network) -> None:
    for name, value in left.state_dict().items():
        assert torch.equal(value, right.state_dict()[name]), name


class StopError(Exception):
    """Raised by a progress callback, as Ctrl-C would be."""


def run_until(epoch: int, network: Network, data: TaskData, **options: Any) -> None:
    def stop(report: dict[str, Any]) -> None:
        if report["epoch"] == epoch:
            raise StopError

    with pytest.raises(StopError):
        train(network, data, progress=stop, **options)


@pytest.mark.parametrize("select", ["best", "last"])
@pytest.mark.parametrize("kind", ["together", "separate"])
def test_training_in_pieces_is_training_in_one(tmp_path: Path, kind: str, select: str) -> None:
    data, settings = make_data(kind), settings_of(select)
    whole = make_network()
    scores = train(whole, data, settings=settings, seed=5, run=tmp_path / "whole")
    for epoch in range(1, 7):
        folder = tmp_path / f"stopped{epoch}"
        run_until(epoch, make_network(), data, settings=settings, seed=5, run=folder)
        torch.manual_seed(epoch)  # the caller's own state must not matter
        # Other initial weights: everything must come from the checkpoint.
        resumed = make_network(seed=99)
        assert train(resumed, data, settings=settings, seed=5, run=folder, resume=True) == scores
        assert_same_bits(whole, resumed)
        assert_same_run(tmp_path / "whole", folder)


def test_stopping_after_every_epoch_changes_nothing(tmp_path: Path) -> None:
    data, settings = make_data("together"), settings_of("best")
    train(make_network(), data, settings=settings, run=tmp_path / "whole")
    for epoch in range(1, 7):
        run_until(
            epoch, make_network(), data, settings=settings, run=tmp_path / "pieces", resume=True
        )
    train(make_network(), data, settings=settings, run=tmp_path / "pieces", resume=True)
    assert_same_run(tmp_path / "whole", tmp_path / "pieces")


def test_a_journal_ahead_of_its_checkpoint_is_cut_back(tmp_path: Path) -> None:
    # What a kill between the two writes leaves behind.
    data, settings = make_data("together"), settings_of("best")
    train(make_network(), data, settings=settings, run=tmp_path / "whole")
    for epoch in (1, 3):
        folder = tmp_path / f"ahead{epoch}"
        run_until(epoch, make_network(), data, settings=settings, run=folder)
        lines = (tmp_path / "whole/journal.jsonl").read_bytes().splitlines(keepends=True)
        (folder / "journal.jsonl").write_bytes(b"".join(lines[: epoch + 2]))
        if epoch == 1:
            (folder / "checkpoint/train.safetensors").unlink()
        train(make_network(), data, settings=settings, run=folder, resume=True)
        assert_same_run(tmp_path / "whole", folder)


def test_the_run_folder_changes_no_bit_and_neither_does_a_second_training(tmp_path: Path) -> None:
    data, settings = make_data("together"), settings_of("best")
    first, second, third = make_network(), make_network(), make_network()
    scores = train(first, data, settings=settings, seed=1)
    torch.rand(7)
    assert train(second, data, settings=settings, seed=1, run=tmp_path) == scores
    assert_same_bits(first, second)
    train(third, data, settings=settings, seed=2)
    assert not torch.equal(
        next(iter(first.state_dict().values())), next(iter(third.state_dict().values()))
    )


# Forks a trainer at every "start" and kills it at every "kill": torch is imported only once.
LAUNCHER = """
import os, signal, sys
from pathlib import Path
import torch
import torch._dynamo  # the first optimiser of a process imports it, for seconds
torch.set_num_threads(1)
sys.path.insert(0, sys.argv[1])
from test_training_laws import make_data, make_network, settings_of
from sharewise.training import train
settings, folder = settings_of("best", 40), Path(sys.argv[2])
for word in sys.stdin:
    if word == "start\\n":
        child = os.fork()
        if child == 0:
            try:
                data = make_data("together")
                train(make_network(), data, settings=settings, run=folder, resume=True)
            finally:
                os._exit(0)
    else:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        print("dead", flush=True)
"""


def lines_in(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def start_and_kill(launcher: subprocess.Popen[str], journal: Path, rng: random.Random) -> None:
    """Go on with the run in another process, and SIGKILL it at a random moment of a later epoch."""
    assert launcher.stdin is not None
    assert launcher.stdout is not None
    goal = min(41, lines_in(journal) + rng.randint(1, 8))
    deadline = time.monotonic() + 60
    print("start", file=launcher.stdin, flush=True)
    while lines_in(journal) < goal:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    time.sleep(rng.random() * 0.02)
    print("kill", file=launcher.stdin, flush=True)
    assert launcher.stdout.readline() == "dead\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that can be forked and killed")
def test_killed_processes_leave_a_run_that_ends_the_same(tmp_path: Path) -> None:
    data, settings = make_data("together"), settings_of("best", 40)
    whole, resumed = make_network(), make_network()
    train(whole, data, settings=settings, run=tmp_path / "whole")
    journal = tmp_path / "killed/journal.jsonl"
    rng = random.Random()  # a new moment at every run of the test: no order of writes is special
    command = [sys.executable, "-c", LAUNCHER, str(Path(__file__).parent), str(journal.parent)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as launcher:
        for _ in range(4):
            start_and_kill(launcher, journal, rng)
        assert launcher.stdin is not None
        launcher.stdin.close()
    assert 2 <= lines_in(journal) < 41
    train(resumed, data, settings=settings, run=journal.parent, resume=True)
    assert_same_bits(whole, resumed)
    assert_same_run(tmp_path / "whole", journal.parent)
    # No temporary file of a killed writer is left either.
    assert [each.name for each in (journal.parent / "checkpoint").iterdir()] == [
        "train.safetensors"
    ]
