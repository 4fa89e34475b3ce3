"""Do the per-task networks of a partition cost what their multiply-adds say?

Each task's compact network (`networks.extract`) is timed in turn with the network that uses every
channel, in this process, one thread, processor time, several times in a row; both as they are
deployed: in PyTorch with norms folded into convolutions (`networks.fold`), and exported to ONNX
(`networks.export`) in ONNX Runtime. A figure is the ratio of the two times over the ratio of their
multiply-adds: 1.0 means that the multiply-adds tell the truth.

    python benchmarks/compact.py [--json] [--run RUN] [--engine pytorch onnx] [--batch 1 16 64]
                                 [--repeats 20] [--tasks]

Without a run it takes partitions of the published sampler in the last stage, and in the last two
stages, of a ResNet-26 at 72 x 72.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from _figures import arguments, print_figure, ratios, spread
from torch import Tensor

import sharewise as sw
from sharewise.architecture import Architecture
from sharewise.cli._rebuild import rebuild
from sharewise.costs import CostTable
from sharewise.networks import Network, build, export, extract, fold
from sharewise.search import hidden_groups
from sharewise.spaces import Partitioning
from sharewise.tasks import Task

World = tuple[Architecture, sw.Backbone, tuple[Task, ...]]
Forward = Callable[[Tensor], object]
GOAL = 0.15
# Calls, or images where that is more calls: as a network is used, with its own weights in the
# cache. Of five single images the first, which finds the other network's there, weighed too much.
IN_A_ROW = 5
IMAGES_IN_A_ROW = 64


def sampled() -> Iterator[tuple[str, World]]:
    """Partitions of six tasks, of mean use .5."""
    backbone = sw.backbones.resnet26(input_size=72)
    tasks = tuple(sw.tasks.classification(f"task{i}", 10) for i in range(6))
    for stages in (("stage3",), ("stage2", "stage3")):
        groups = hidden_groups(backbone, stages, num_tasks=len(tasks))
        space = Partitioning([task.name for task in tasks], backbone.num_stages, groups)
        vector = space.with_use(space.draw(np.random.default_rng(0)), 0.5)
        yield " and ".join(stages), (space.decode(vector), backbone, tasks)


def measure(
    name: str, world: World, *, engine: str, batches: Sequence[int], repeats: int, each: bool
) -> None:
    """Print the worst task of each batch size, and each task before it where that is asked for."""
    architecture, backbone, tasks = world
    table = CostTable.measure(backbone, tasks)
    network = build(architecture, backbone, tasks).eval()
    costs = table.of(architecture).per_task
    found: dict[int, list[float]] = {batch: [] for batch in batches}
    for task in tasks:
        every = Architecture.shared([task.name], backbone.num_stages)
        macs = costs[task.name].macs / CostTable.measure(backbone, [task]).of(every).macs
        alone = ENGINES[engine](extract(network, task.name, backbone=backbone), backbone)
        dense = ENGINES[engine](build(every, backbone, [task]), backbone)
        for batch in batches:
            inputs = torch.randn(batch, *backbone.input_shape)
            steps = [partial(several, alone, inputs)] * repeats
            times = statistics.median(ratios(steps, partial(several, dense, inputs)))
            found[batch].append(times / macs)
            if each:
                words = f"{name}, {engine}, batches of {batch}: {task.name}, time"
                print_figure(words, times, unit=f"of dense, multiply-adds {macs:.3f}")
    for batch, values in found.items():
        print_figure(
            f"{name}, {engine}, batches of {batch}: time over multiply-adds, worst task",
            max(values, key=lambda ratio: abs(ratio - 1)),
            unit="",
            spread=spread(values),
            goal=1 + GOAL,
        )


def in_pytorch(network: Network, backbone: sw.Backbone) -> Forward:
    return fold(network)


def in_onnx(network: Network, backbone: sw.Backbone) -> Forward:
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    with tempfile.TemporaryDirectory() as folder:
        file = export(network, Path(folder) / "network.onnx", to="onnx", backbone=backbone).path
        session = onnxruntime.InferenceSession(file, settings, providers=["CPUExecutionProvider"])
    return lambda inputs: session.run(None, {"inputs": inputs.numpy()})


ENGINES = {"pytorch": in_pytorch, "onnx": in_onnx}


@torch.no_grad()
def several(forward: Forward, inputs: Tensor) -> None:
    for _ in range(max(IN_A_ROW, IMAGES_IN_A_ROW // len(inputs))):
        forward(inputs)


def main() -> None:
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, help="a partitioning run, in place of sampled ones")
    parser.add_argument("--engine", nargs="+", choices=list(ENGINES), default=list(ENGINES))
    parser.add_argument("--batch", nargs="+", type=int, default=[1, 16, 64])
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--tasks", action="store_true", help="a line for each task, too")
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
        for engine in given.engine:
            measure(
                name,
                world,
                engine=engine,
                batches=given.batch,
                repeats=given.repeats,
                each=given.tasks,
            )


if __name__ == "__main__":
    main()
