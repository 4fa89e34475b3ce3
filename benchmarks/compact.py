"""Do the per-task networks of a partition cost what their multiply-adds say?

Each task's compact network (`networks.extract`) is timed in turn with the network that uses every
channel, in this process, one thread, processor time; both as they are deployed, with norms folded
into convolutions (`networks.fold`), and several times in a row. A figure is the ratio of the two
times over the ratio of their multiply-adds: 1.0 means that the multiply-adds tell the truth.

    python benchmarks/compact.py [--json] [--run RUN] [--batch 16] [--repeats 20]

Without a run it takes partitions of the published sampler in the last stage, and in the last two
stages, of a ResNet-26 at 72 x 72.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from _figures import arguments, print_figure, ratios, spread
from torch import Tensor

import sharewise as sw
from sharewise.architecture import Architecture
from sharewise.cli._rebuild import rebuild
from sharewise.costs import CostTable
from sharewise.networks import Network, build, extract, fold
from sharewise.search import hidden_groups
from sharewise.spaces import Partitioning
from sharewise.tasks import Task

World = tuple[Architecture, sw.Backbone, tuple[Task, ...]]
GOAL = 0.15
IN_A_ROW = 5  # as it is used: its weights are in the cache, not those of the other network


def sampled() -> Iterator[tuple[str, World]]:
    """Partitions of six tasks, of mean use .5."""
    backbone = sw.backbones.resnet26(input_size=72)
    tasks = tuple(sw.tasks.classification(f"task{i}", 10) for i in range(6))
    for stages in (("stage3",), ("stage2", "stage3")):
        groups = hidden_groups(backbone, stages, num_tasks=len(tasks))
        space = Partitioning([task.name for task in tasks], backbone.num_stages, groups)
        vector = space.with_use(space.draw(np.random.default_rng(0)), 0.5)
        yield " and ".join(stages), (space.decode(vector), backbone, tasks)


def measure(name: str, world: World, *, batch: int, repeats: int) -> None:
    architecture, backbone, tasks = world
    table = CostTable.measure(backbone, tasks)
    network = build(architecture, backbone, tasks).eval()
    inputs = torch.randn(batch, *backbone.input_shape)
    costs = table.of(architecture).per_task
    found = []
    for task in tasks:
        alone = fold(extract(network, task.name, backbone=backbone))
        every = Architecture.shared([task.name], backbone.num_stages)
        dense = fold(build(every, backbone, [task]))
        steps = [partial(forward, alone, inputs)] * repeats
        times = statistics.median(ratios(steps, partial(forward, dense, inputs)))
        macs = costs[task.name].macs / CostTable.measure(backbone, [task]).of(every).macs
        found.append(times / macs)
        print_figure(
            f"{name}: {task.name}, time", times, unit=f"of dense, multiply-adds {macs:.3f}"
        )
    worst = max(found, key=lambda ratio: abs(ratio - 1))
    print_figure(
        f"{name}: time over multiply-adds, worst task",
        worst,
        unit="",
        spread=spread(found),
        goal=1 + GOAL,
    )


@torch.no_grad()
def forward(network: Network, inputs: Tensor) -> None:
    for _ in range(IN_A_ROW):
        network(inputs)


def main() -> None:
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, help="a partitioning run, in place of sampled ones")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=20)
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.run is None:
        worlds = sampled()
    else:
        searched = rebuild(given.run, lambda step: None)
        worlds = iter(
            [(str(given.run), (searched.architecture, searched.backbone, searched.data.tasks))]
        )
    for name, world in worlds:
        measure(name, world, batch=given.batch, repeats=given.repeats)


if __name__ == "__main__":
    main()
