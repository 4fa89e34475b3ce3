"""Does feature distillation rank partitions as full training does?

Partitions from the published sampler, with uses from next to nothing to every channel, are judged
by distillation and trained in full, and the two orders are compared: Spearman's and Kendall's rank
correlation, with a bootstrap interval over partitions, and whether the best of the proxy's top five
is as good as the best of all. Because larger partitions tend to be better by both, the correlation
is also given for what the mean use does not explain. Every judgement is kept in the folder, so that
an interrupted experiment goes on where it was, and the proxy can be measured again with other
settings against the same trainings.

    python experiments/proxy.py [--folder runs/proxy] [--partitions 40] [--seeds 2] [--workers 2]
        [--set steps=400,lr=0.5] [--json]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

import sharewise as sw
from sharewise.architecture import Architecture
from sharewise.evaluators import (
    Distilled,
    DistilSettings,
    Evaluator,
    Features,
    Trained,
    train_initial,
    train_teachers,
)
from sharewise.runs import end_with_parent, read_json, write_json
from sharewise.search import PartitionSettings, hidden_groups
from sharewise.spaces import LEAST_SHARE, Partitioning
from sharewise.training import TrainSettings

TRAIN = TrainSettings(epochs=16, batch_size=32, lr=3e-3)
WIDTH = 0.5  # half of the default: quicker, and channels are scarce, so that partitions differ
RESAMPLES = 2000
TOP = 5

World = tuple[Distilled, Evaluator, Partitioning]


def world(folder: Path, executor: Executor | None, distil: DistilSettings) -> World:
    """The proxy, full training, and the space, for decathlon-mini on a narrow convnet."""
    data = sw.data.decathlon_mini()
    backbone = sw.backbones.convnet(WIDTH).at(data.input_shape)
    settings = PartitionSettings()
    tasks = [task.name for task in data.tasks]
    space = Partitioning(tasks, backbone.num_stages, hidden_groups(backbone))
    first = min(group.stage for group in space.groups)
    initial = train_initial(
        backbone, data, settings=settings.initial, run=folder / "initial", device="cpu"
    )
    teachers = train_teachers(
        initial,
        backbone,
        data,
        first=first,
        settings=settings.teachers,
        run=folder / "teachers",
        executor=executor,
    )
    features = Features.compute(teachers, data, distil, folder=folder / "features")
    proxy = Distilled.of(
        teachers, tasks=data.tasks, initial=initial, features=features, settings=distil
    )
    return proxy, Trained(backbone, data, TRAIN, initial), space


def partitions(folder: Path, space: Partitioning, count: int) -> list[Architecture]:
    """The first of the folder's partitions; drawn once, so that all settings meet the same."""
    found = []
    for index in range(count):
        path = folder / "partitions" / f"{index}.json"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(path, draw(space, np.random.default_rng([7, index])).to_dict())
        found.append(Architecture.from_dict(read_json(path)))
    return found


def draw(space: Partitioning, rng: np.random.Generator) -> Architecture:
    """As the published sampler, which draws uses of about a half; here they are of any size."""
    vector = space.draw(rng)
    own = space.forward_diagonal
    vector[own] = np.clip(rng.uniform() + rng.normal(0, 0.2, len(own)), LEAST_SHARE, 1.0)
    return space.decode(vector, seed=int(rng.integers(2**32)))


def judged(
    folder: Path,
    evaluator: Evaluator,
    architectures: Sequence[Architecture],
    *,
    seeds: range,
    executor: Executor,
) -> list[list[dict[str, Any]]]:
    """The evaluations, [seeds][architectures]; those in the folder are read."""
    folder.mkdir(parents=True, exist_ok=True)
    waiting: list[tuple[Path, Callable[[], Any] | None]] = []
    for seed in seeds:
        for each in architectures:
            path = folder / f"{each.digest}-seed{seed}.json"
            work = None if path.exists() else executor.submit(evaluator.evaluate, [each], seed=seed)
            waiting.append((path, None if work is None else work.result))
    for path, result in waiting:
        if result is not None:
            write_json(path, result()[0].to_dict())
    values = [read_json(path) for path, _ in waiting]
    size = len(architectures)
    return [values[start : start + size] for start in range(0, len(values), size)]


def figures(
    proxy: np.ndarray[Any, Any], full: np.ndarray[Any, Any], use: np.ndarray[Any, Any]
) -> Iterator[dict[str, Any]]:
    """What the comparison says; proxy and mean use [partitions], full [seeds, partitions]."""
    truth = full.mean(0)
    rng = np.random.default_rng(0)
    draws = [rng.integers(len(truth), size=len(truth)) for _ in range(RESAMPLES)]
    for name, measure, goal in (
        ("Spearman", stats.spearmanr, 0.8),
        ("Kendall", stats.kendalltau, None),
    ):
        drawn = [float(measure(proxy[ids], truth[ids])[0]) for ids in draws]
        low, high = np.nanquantile(drawn, [0.025, 0.975])
        value = float(measure(proxy, truth)[0])
        yield _figure(f"{name}, proxy against full training", value, spread=[low, high], goal=goal)
    yield _figure("Spearman, of what the mean use does not explain", beyond(proxy, truth, use))
    yield _figure("Spearman, mean use against full training", float(stats.spearmanr(use, truth)[0]))
    if len(full) > 1:
        ceiling = float(stats.spearmanr(full[0], full[1:].mean(0))[0])
        yield _figure("Spearman, one seed of full training against the others", ceiling)
    noise = float(np.sqrt(full.var(0, ddof=1).mean())) if len(full) > 1 else float("nan")
    top = np.argsort(-proxy)[:TOP]
    missed = float(truth.max() - truth[top].max())
    yield _figure("accuracy missed by the best of the proxy's top 5", missed, goal=noise)
    yield _figure("spread of full training over seeds", noise)
    yield _figure("spread over partitions", float(truth.std(ddof=1)))


def beyond(
    one: np.ndarray[Any, Any], other: np.ndarray[Any, Any], known: np.ndarray[Any, Any]
) -> float:
    """The partial rank correlation of two series, given a third."""
    table = stats.spearmanr(np.stack([one, other, known]), axis=1)[0]
    both, first, second = table[0, 1], table[0, 2], table[1, 2]
    return float((both - first * second) / np.sqrt((1 - first**2) * (1 - second**2)))


def _figure(
    name: str, value: float, *, spread: list[float] | None = None, goal: float | None = None
) -> dict[str, Any]:
    return {
        "name": name,
        "value": value,
        "unit": "",
        "spread": None if spread is None else [float(each) for each in spread],
        "limit": None,
        "goal": goal,
    }


def points(
    drawn: Sequence[Architecture],
    scores: Sequence[float],
    truth: np.ndarray[Any, Any],
    found: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    """What a report of the folder draws: every partition with both judgements."""
    several = len(truth) > 1
    return {
        "points": [
            {
                "architecture": each.digest,
                "proxy": scores[i],
                "trained": float(truth[:, i].mean()),
                "spread": float(truth[:, i].std(ddof=1)) if several else None,
            }
            for i, each in enumerate(drawn)
        ],
        "spearman": found[0]["value"],
        "interval": found[0]["spread"],
        "kendall": found[1]["value"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("runs/proxy"))
    parser.add_argument("--partitions", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=2, help="of full training")
    parser.add_argument("--proxy-seeds", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--set", default="", help="distil settings: name=value,name=value")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    changes = dict(part.split("=") for part in given.set.split(",") if part)
    distil = DistilSettings.from_dict(
        {name: value if value.isalpha() else json.loads(value) for name, value in changes.items()}
    )
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        given.workers, mp_context=context, initializer=end_with_parent
    ) as executor:
        proxy, trained, space = world(given.folder, executor, distil)
        drawn = partitions(given.folder, space, given.partitions)
        name = "-".join(f"{word}{value}" for word, value in sorted(changes.items())) or "default"
        cheap = judged(
            given.folder / "distilled" / name,
            proxy,
            drawn,
            seeds=range(given.proxy_seeds),
            executor=executor,
        )
        full = judged(
            given.folder / "trained", trained, drawn, seeds=range(given.seeds), executor=executor
        )
    truth = np.array([[each["score"] for each in row] for row in full])
    scores = [statistics.fmean(row[i]["score"] for row in cheap) for i in range(len(drawn))]
    use = np.array([each.mean_use for each in drawn])
    found = list(figures(np.array(scores), truth, use))
    write_json(given.folder / "proxy.json", points(drawn, scores, truth, found))
    for figure in found:
        if given.json:
            print(json.dumps(figure))
        else:
            interval = figure["spread"] and " [{:.2f}, {:.2f}]".format(*figure["spread"])
            goal = "" if figure["goal"] is None else f" (goal {figure['goal']:.3g})"
            print(f"{figure['name']}: {figure['value']:.3f}{interval or ''}{goal}")


if __name__ == "__main__":
    main()
