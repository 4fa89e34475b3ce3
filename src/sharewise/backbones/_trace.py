"""The graph of a stage, from torch.fx: which layer reads which."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

from torch import fx, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from sharewise.errors import InputError


@dataclasses.dataclass(frozen=True)
class Trace:
    """A stage's graph, and what each of its direct children gives.

    Convolutions, linear layers and batch norms, subclasses included, are single nodes; so is every
    module of torch's own that is no container. `children` holds {name: its output} for the direct
    children of the stage that ran, in running order (the last run of each).
    """

    graph: fx.Graph
    children: dict[str, fx.Node]


class _UntraceableError(Exception):
    """Why a stage has no graph; becomes part of an InputError's sentence."""


def trace_stage(module: nn.Module, *, subject: str) -> Trace:
    """The stage's graph of one input; the module's modes are left as they are.

    Raises:
        InputError: torch.fx cannot trace the stage, or traces other operations in training mode
            than in eval mode: one graph would not be the stage.
    """
    try:
        with _modes_kept(module):
            found = _trace(module.eval())
            in_training = _trace(module.train())
        if _operations(found.graph) != _operations(in_training.graph):
            raise _UntraceableError("it runs other operations in training mode than in eval mode")
    except _UntraceableError as error:
        raise InputError(
            rule="A stage is partitioned along its graph, which torch.fx traces.",
            found=f"{subject}, where {error}",
            fix="Leave the stage unpartitioned, or write it without branching on values; let"
            " nn.Dropout look at the mode, not the stage.",
        ) from error
    return found


class _Tracer(fx.Tracer):
    def __init__(self) -> None:
        super().__init__()
        self.children: dict[str, fx.Node] = {}

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        layer = isinstance(m, (_ConvNd, nn.Linear, _BatchNorm))
        return layer or super().is_leaf_module(m, module_qualified_name)

    def call_module(
        self,
        m: nn.Module,
        forward: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        value = super().call_module(m, forward, args, kwargs)
        name = self.path_of_module(m)
        if "." not in name and isinstance(value, fx.Proxy):
            self.children.pop(name, None)
            self.children[name] = value.node
        return value


def _trace(module: nn.Module) -> Trace:
    tracer = _Tracer()
    try:
        graph = tracer.trace(module)
    except Exception as error:  # a user's code may raise anything when its input has no numbers
        reason = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
        raise _UntraceableError(f"torch.fx says: {reason}") from error
    if len([node for node in graph.nodes if node.op == "placeholder"]) != 1:
        raise _UntraceableError("its forward takes more than the features")
    return Trace(graph, tracer.children)


def _operations(graph: fx.Graph) -> list[tuple[str, ...]]:
    return [
        (node.op, str(node.target), str(node.args), str(node.kwargs), node.name)
        for node in graph.nodes
    ]


@contextlib.contextmanager
def _modes_kept(module: nn.Module) -> Iterator[None]:
    modes = {part: part.training for part in module.modules()}
    try:
        yield
    finally:
        for part, training in modes.items():
            part.training = training
