"""What all benchmarks share: the reference step, its clock, and how a figure is printed."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

BATCH, SIZE = 4, 128
CLASSES = {"character": 62, "slant": 2, "weight": 2}


class _Block(nn.Module):
    """A basic residual block, as textbooks write it."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or before != after:
            self.shortcut = nn.Sequential(
                nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu_(self.bn1(self.conv1(x)))
        return torch.relu_(self.bn2(self.conv2(y)) + self.shortcut(x))


def stage(number: int) -> nn.Module:
    """Stage 0 (the stem) to 4 of a hand-written ResNet-18."""
    if number == 0:
        conv = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        return nn.Sequential(conv, nn.BatchNorm2d(64), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1))
    width = 64 * 2 ** (number - 1)
    first = _Block(width if number == 1 else width // 2, width, 1 if number == 1 else 2)
    return nn.Sequential(first, _Block(width, width, 1))


def head(classes: int) -> nn.Module:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, classes))


class Reference(nn.Module):
    """The fully shared ResNet-18 with three linear heads, written by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.Sequential(*(stage(number) for number in range(5)))
        self.heads = nn.ModuleDict({name: head(count) for name, count in CLASSES.items()})

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        y = self.stages(x)
        return {name: head(y) for name, head in self.heads.items()}


def batch(seed: int = 0) -> tuple[Tensor, dict[str, Tensor]]:
    """Random images [4, 3, 128, 128] with labels; what is in them does not change the time."""
    draw = torch.Generator().manual_seed(seed)
    inputs = torch.randn(BATCH, 3, SIZE, SIZE, generator=draw)
    labels = {
        name: torch.randint(0, 2, (BATCH,), generator=draw).long() * (count - 1)
        for name, count in CLASSES.items()
    }
    return inputs, labels


def step_of(network: nn.Module, *, fused: bool = False) -> Callable[[], None]:
    """A plain training step of a network: forward, three cross entropies, backward, Adam."""
    adam = torch.optim.Adam(network.parameters(), fused=fused)
    inputs, labels = batch()

    def step() -> None:
        adam.zero_grad(set_to_none=True)
        outputs = network(inputs)
        losses = [nn.functional.cross_entropy(outputs[name], labels[name]) for name in labels]
        torch.stack(losses).sum().backward()
        adam.step()

    return step


def cpu_seconds(step: Callable[[], object]) -> float:
    """Processor time of one call, all threads of this process."""
    start = time.process_time()
    step()
    return time.process_time() - start


def ratios(
    measured: Iterable[Callable[[], object]], reference: Callable[[], object]
) -> list[float]:
    """Each measured step over the mean of the reference steps just before and after it."""
    found = []
    before = cpu_seconds(reference)
    for step in measured:
        here = cpu_seconds(step)
        after = cpu_seconds(reference)
        found.append(2 * here / (before + after))
        before = after
    return found


def activation_bytes(step: Callable[[], object], network: nn.Module) -> int:
    """Bytes that autograd keeps between forward and backward in one step, weights left out."""
    weights = {each.untyped_storage().data_ptr() for each in network.parameters()}
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        step()
    return sum(kept.values())


def print_figure(
    name: str,
    value: float,
    *,
    unit: str,
    spread: float = 0.0,
    limit: float | None = None,
    goal: float | None = None,
) -> None:
    """One figure: a JSON object a line with --json, else a line to read."""
    if "--json" in sys.argv:
        figure = {"name": name, "value": round(value, 4), "unit": unit, "spread": round(spread, 4)}
        print(json.dumps({**figure, "limit": limit, "goal": goal}), flush=True)
        return
    ends = [f"{word} {each:.2f}" for word, each in (("limit", limit), ("goal", goal)) if each]
    print(f"{name:44} {value:8.3f} ± {spread:.3f} {unit}  {', '.join(ends)}", flush=True)


def spread(values: list[float]) -> float:
    return statistics.stdev(values) if len(values) > 1 else 0.0


def arguments(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="one JSON object a figure")
    return parser
