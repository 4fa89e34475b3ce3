"""The cost of a branching search's step, of train() and of a compact network, in references.

The reference is one training step of a hand-written, fully shared ResNet-18 with three linear
heads: batch 4 at 128 x 128, Adam, one thread, process CPU time, taken in turn with the measured
step in this process. A search trains three tasks on ResNet-18 with 3 nodes at each of its five
stages; its figure is the mean over all steps of a search with default settings (one
initialisation; several cost a multiple).

    python benchmarks/search_step.py [--json] [--steps 60]
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from functools import partial

import torch
from _figures import (
    BATCH,
    CLASSES,
    SIZE,
    Reference,
    activation_bytes,
    arguments,
    batch,
    cpu_seconds,
    head,
    print_figure,
    ratios,
    spread,
    stage,
    step_of,
)
from torch import Tensor, nn

import sharewise as sw
from sharewise.costs import CostTable
from sharewise.data import Batch, TensorData
from sharewise.search._gradient import _step
from sharewise.search._member import Member, Moment, Prices
from sharewise.search._state import State, make_state

TASKS = [sw.tasks.classification(name, count) for name, count in CLASSES.items()]
TREE = sw.Architecture.from_levels(
    [[list(CLASSES)]] * 3 + [[["character"], ["slant", "weight"]]] * 2
)


def searches(settings: sw.SearchSettings, steps: int) -> tuple[Iterator[Callable[[], None]], State]:
    """The steps of one whole search, in order, on the benchmark's batch."""
    backbone = sw.backbones.resnet18(input_size=SIZE)
    prices = Prices.of(CostTable.measure(backbone, TASKS), sw.Budget(params=1.5))
    device = torch.device("cpu")
    state = make_state(backbone, TASKS, settings=settings, seed=0, device=device, prices=prices)
    tasks = {task.name: task for task in TASKS}
    per_epoch = max(1, steps // settings.epochs)

    def each() -> Iterator[Callable[[], None]]:
        for index in range(steps):
            inputs, labels = batch(index)
            share = index / steps
            moment = Moment(share, 1 + index // per_epoch, 1, trains_gates=share >= settings.warmup)
            given = Batch(tuple(CLASSES), inputs, labels)
            pair = (state.members[0], state.optimisers[0])
            yield partial(_step, pair, batch=given, moment=moment, tasks=tasks)

    return each(), state


def search_figures(steps: int, reference: Callable[[], None], kept: int) -> None:
    settings = sw.SearchSettings(initialisations=1, nodes=3)
    every, state = searches(settings, steps)
    member: Member = state.members[0]
    active: list[float] = []

    def counted() -> Iterator[Callable[[], None]]:
        for step in every:
            yield step
            active.append(member.active)

    found = ratios(counted(), reference)
    again, state = searches(settings, max(steps // 3, settings.epochs))
    memory = [activation_bytes(step, state.members[0]) / kept for step in again]
    phases = {"warm-up": (0.0, settings.warmup), "search": (settings.warmup, 1.0)}
    for name, (start, end) in phases.items():
        part = found[round(start * steps) : round(end * steps)]
        ran = active[round(start * steps) : round(end * steps)]
        print_figure(
            f"search step, {name}",
            statistics.mean(part),
            unit="references",
            spread=spread(part),
            limit=statistics.mean(ran),
        )
    print_figure(
        "search step, whole search",
        statistics.mean(found),
        unit="references",
        spread=spread(found),
        limit=statistics.mean(active),
        goal=2.0,
    )
    print_figure("search activations, largest step", max(memory), unit="references", goal=3.2)
    print_figure("search activations, mean", statistics.mean(memory), unit="references")


class HandTree(nn.Module):
    """The tree of TREE, written by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(stage(0), stage(1), stage(2))
        self.left = nn.Sequential(stage(3), stage(4))
        self.right = nn.Sequential(stage(3), stage(4))
        self.heads = nn.ModuleDict({name: head(count) for name, count in CLASSES.items()})

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        trunk = self.trunk(x)
        left, right = self.left(trunk), self.right(trunk)
        outputs = {"character": left, "slant": right, "weight": right}
        return {name: self.heads[name](y) for name, y in outputs.items()}


def compact_figure(repeats: int) -> None:
    built = sw.build(TREE, sw.backbones.resnet18(input_size=SIZE), TASKS)
    by_hand, ours = step_of(HandTree()), step_of(built)
    found = ratios([ours] * (repeats + 1), by_hand)[1:]
    print_figure(
        "compact network's step / the same tree by hand",
        statistics.median(found),
        unit="ratio",
        spread=spread(found),
        limit=1.0,
        goal=1.05,
    )


def train_figure(repeats: int, reference: Callable[[], None]) -> None:
    """train() on the reference network: its time per step, validation taken out by measuring it."""
    inputs, labels = batch()
    many = inputs.repeat(5, 1, 1, 1), {name: label.repeat(5) for name, label in labels.items()}
    data = TensorData(TASKS, train=many, val=(inputs, labels), test=(inputs, labels))
    backbone = sw.backbones.resnet18(input_size=SIZE)
    shared = sw.Architecture.shared(CLASSES, backbone.num_stages)
    network = sw.build(shared, backbone, TASKS)
    settings = sw.TrainSettings(epochs=1, batch_size=BATCH, select="last")
    found = []
    for _ in range(repeats):
        spent = cpu_seconds(lambda: sw.train(network, data, settings=settings))
        spent -= cpu_seconds(lambda: sw.evaluate(network, data, "val", batch_size=BATCH))
        found.append(spent / sum(cpu_seconds(reference) for _ in range(5)))
    print_figure(
        "train() on the reference network",
        statistics.median(found),
        unit="references",
        spread=spread(found),
        limit=1.0,
        goal=1.05,
    )


def main() -> None:
    parser = arguments("Costs of search and training steps, in reference steps")
    parser.add_argument("--steps", type=int, default=60, help="steps of the search")
    parser.add_argument("--repeats", type=int, default=8, help="of the other figures")
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = Reference()
    reference, fused = step_of(network), step_of(Reference(), fused=True)
    for _ in range(2):
        reference()
        fused()
    kept = activation_bytes(reference, network)
    search_figures(given.steps, reference, kept)
    train_figure(given.repeats, reference)
    compact_figure(given.repeats)
    found = ratios([fused] * given.repeats, reference)
    print_figure("the reference with fused Adam", statistics.median(found), unit="references")


if __name__ == "__main__":
    main()
