"""A partitioning search of half a second: rows of numbers, and stages of two linear layers."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

from _small import FAST, NAMES, make_data

from sharewise.backbones import mlp
from sharewise.evaluation import Budget
from sharewise.evaluators import DistilSettings
from sharewise.search import PartitioningResult, PartitionSettings, search_partitioning
from sharewise.spaces import HiddenGroup, Partitioning
from sharewise.strategies import Evolution, Modelled
from sharewise.training import TrainSettings

BACKBONE = mlp(16, widths=(6, 6), hidden=8)
SPACE = Partitioning(NAMES, 2, [HiddenGroup(1, ("0",), 8)])
ONCE = TrainSettings(epochs=1, batch_size=24, lr=0.02)
DISTIL = DistilSettings(
    steps=4,
    batch_size=8,
    optimiser="sgd",
    lr=0.05,
    train_samples=16,
    val_samples=12,
    score="features",
    group=2,
)
SETTINGS = PartitionSettings(
    evaluations=5, initial=FAST, teachers=ONCE, distil=DISTIL, finalists=2, rejudged=2
)
STRATEGY = Evolution(draws=3, use=0.6, step=Modelled(offspring=2, mutants=1))
FILES = ("settings.json", "journal.jsonl", "architecture.json")


def search(run: Path | None, **changes: Any) -> PartitioningResult:
    given: dict[str, Any] = {
        "budget": Budget(use=0.6),
        "settings": SETTINGS,
        "strategy": STRATEGY,
        "seed": 3,
        "resume": True,
    } | changes
    backbone, data = given.pop("backbone", BACKBONE), given.pop("data", make_data(flat=True))
    return search_partitioning(backbone, data, run=run, **given)


def files(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES}


class Backwards(Executor):
    """Computes what it was given when the first result is asked for, the last first."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []
        self.done = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: _Asked = _Asked(self)

        def work() -> None:
            self.done += 1
            future.set_result(fn(*args, **kwargs))

        self.waiting.append(work)
        return future

    def work(self) -> None:
        while self.waiting:
            self.waiting.pop()()


class _Asked(Future[Any]):
    def __init__(self, executor: Backwards) -> None:
        super().__init__()
        self.executor = executor

    def result(self, timeout: float | None = None) -> Any:
        self.executor.work()
        return super().result(timeout)
