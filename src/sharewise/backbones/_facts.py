"""What a run of a graph without numbers shows: shapes, multiply-adds, changes in place."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.utils.flop_counter import FlopCounterMode

from sharewise.backbones._dry_run import explained
from sharewise.backbones._pieces import on_meta

SAMPLES = 3  # more than one, so that a dimension of the batch's size is known to be the batch


@dataclasses.dataclass
class Facts:
    """What a run shows of a node: its output's shape with the batch, () where it is no tensor."""

    shape: tuple[int, ...]
    macs: float
    changed: bool


class _Watch(fx.Interpreter):
    """Runs a graph and keeps what each node gives."""

    def __init__(self, network: nn.Module, graph: fx.Graph) -> None:
        super().__init__(network, garbage_collect_values=False, graph=graph)
        self.flops = FlopCounterMode(display=False)
        self.seen: dict[fx.Node, tuple[Any, int, float]] = {}

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        version = value._version if isinstance(value, Tensor) else 0
        self.seen[n] = (value, version, self.flops.get_total_flops() / 2 / SAMPLES)
        return value


def facts(
    network: nn.Module, graph: fx.Graph, shape: tuple[int, ...], *, subject: str
) -> dict[fx.Node, Facts]:
    """A run in each mode without numbers; what it costs is counted in eval mode."""
    twin = on_meta(network, trained=True)  # no fused attention, whose multiply-adds have no formula
    found: dict[fx.Node, Facts] = {}
    for training in (False, True):
        watch = _Watch(twin.train(training), graph)
        counter = contextlib.nullcontext() if training else watch.flops
        with explained(subject, shape), torch.device("meta"), torch.enable_grad(), counter:
            watch.run(torch.empty((SAMPLES, *shape)))
        for node, (value, version, macs) in watch.seen.items():
            size = tuple(value.shape) if isinstance(value, Tensor) else ()
            here = found.setdefault(node, Facts(size, macs, False))
            here.changed |= isinstance(value, Tensor) and value._version != version
    return found
