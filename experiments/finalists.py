"""Does training on from one shared network tell trees apart, and as training from scratch does?

Trees of the five tasks of rooms (one task apart in the last two stages, the tree published for
Taskonomy, and nothing shared) are trained in both ways with several seeds, as `sharewise search
scenes` and `sharewise compare` do. Gains are over sharing all with the same seed, in percent, on
the validation split. Every training is kept in the folder, so that an interrupted experiment goes
on where it was.

    python experiments/finalists.py [--folder runs/finalists] [--seeds 3] [--workers 2] [--json]
        [--backbone resnet18]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from pathlib import Path

import torch
from scipy import stats

import sharewise as sw
from sharewise.architecture import Architecture
from sharewise.evaluators import Trained, train_shared
from sharewise.runs import end_with_parent, read_json, write_json
from sharewise.scores import Scores, relative_gain
from sharewise.spaces import taskonomy_tree
from sharewise.tasks import metric_directions
from sharewise.training import TrainSettings

SCRATCH = TrainSettings(epochs=8, batch_size=32, lr=3e-3)
TUNING = TrainSettings(epochs=4, batch_size=32, lr=2e-3)
FIRST_APART = 3  # counted from 0: the last two of five stages
FIRST_SEED = 50  # neither a comparison's nor a search's

Gains = dict[str, list[float]]


def trees(tasks: Sequence[str], stages: int) -> dict[str, Architecture]:
    """The trees by name, the fully shared one first."""
    found = {"shared": Architecture.shared(tasks, stages)}
    for task in tasks:
        apart = [[task], [other for other in tasks if other != task]]
        levels = [[list(tasks)]] * FIRST_APART + [apart] * (stages - FIRST_APART)
        found[f"{task} apart"] = Architecture.from_levels(levels)
    published = taskonomy_tree(tasks)
    assert published is not None
    return {**found, "published": published, "independent": Architecture.independent(tasks, stages)}


def scores(trained: Trained, tree: Architecture, *, start: str, seed: int, path: Path) -> Scores:
    """The validation scores of one training, which the folder may have already."""
    if not path.exists():
        torch.set_num_threads(1)
        if start == "shared network":
            initial = train_shared(
                trained.backbone,
                trained.data,
                settings=SCRATCH,
                seed=seed,
                run=path.parent / f"shared-{seed}",
                device="cpu",
            )
            trained = Trained(trained.backbone, trained.data, TUNING, initial)
        (found,) = trained.evaluate([tree], seed=seed)
        write_json(path, found.scores)
    result: Scores = read_json(path)
    return result


def gains(
    trained: Trained,
    start: str,
    *,
    seeds: Sequence[int],
    folder: Path,
    executor: Executor,
) -> Gains:
    """{tree: its gains, one a seed}; the fully shared tree first, so that its network is there."""
    directions = metric_directions(trained.data.tasks)
    names = sorted(task.name for task in trained.data.tasks)
    asked = trees(names, trained.backbone.num_stages)
    found: Gains = {}
    references: list[Scores] = []
    for group in (["shared"], [name for name in asked if name != "shared"]):
        jobs = {}
        for name in group:
            for seed in seeds:
                path = folder / f"{start}-{asked[name].digest}-{seed}.json"
                words = {"start": start, "seed": seed, "path": path}
                jobs[name, seed] = executor.submit(scores, trained, asked[name], **words)
        references = references or [jobs["shared", seed].result() for seed in seeds]
        for name in group:
            found[name] = [
                relative_gain(jobs[name, seed].result(), reference, directions)
                for seed, reference in zip(seeds, references, strict=True)
            ]
    return found


def figures(scratch: Gains, tuned: Gains) -> Iterator[dict[str, object]]:
    """A line for each tree, then how much each way scatters, and whether they agree."""
    for name in scratch:
        for way, each in (
            ("from scratch", scratch[name]),
            ("from the shared network", tuned[name]),
        ):
            yield {
                "name": f"{name}, {way}",
                "value": statistics.fmean(each),
                "spread": statistics.stdev(each) if len(each) > 1 else None,
                "gains": each,
            }
    others = [name for name in scratch if name != "shared"]
    for way, found in (("from scratch", scratch), ("from the shared network", tuned)):
        spread = [statistics.variance(found[name]) for name in others]
        means = [statistics.fmean(found[name]) for name in others]
        yield {"name": f"spread over seeds, {way}", "value": statistics.fmean(spread) ** 0.5}
        yield {"name": f"spread over trees, {way}", "value": statistics.stdev(means)}
    first, second = ([statistics.fmean(each[name]) for name in others] for each in (scratch, tuned))
    yield {"name": "Spearman of the two", "value": float(stats.spearmanr(first, second)[0])}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("runs/finalists"))
    parser.add_argument("--seeds", type=int, default=3, help="at least 2")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--backbone", choices=["resnet18", "resnet34"], default="resnet18")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    data = sw.data.scenes()
    make = getattr(sw.backbones, given.backbone)
    backbone = make(width=0.125, stem="imagenet", output_stride=8).at(data.input_shape)
    trained = Trained(backbone, data, SCRATCH)
    folder = given.folder / given.backbone
    folder.mkdir(parents=True, exist_ok=True)
    seeds = range(FIRST_SEED, FIRST_SEED + given.seeds)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        given.workers, mp_context=context, initializer=end_with_parent
    ) as executor:
        scratch, tuned = (
            gains(trained, start, seeds=seeds, folder=folder, executor=executor)
            for start in ("scratch", "shared network")
        )
    for line in figures(scratch, tuned):
        if given.json:
            print(json.dumps(line))
        else:
            spread = line.get("spread")
            print(f"{line['name']:<44}{line['value']:+8.2f}", f"± {spread:.2f}" if spread else "")


if __name__ == "__main__":
    main()
