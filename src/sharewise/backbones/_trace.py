"""The graph of a stage, from torch.fx: which layer reads which."""

from __future__ import annotations

import contextlib
import dataclasses
from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping
from typing import Any

from torch import fx, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from sharewise.errors import InputError

_Runs = dict[tuple[str, int], list[tuple[Any, ...]]]  # {(submodule, which of its runs): operations}

CONSTANT = "_tensor_constant"
"""How torch.fx's names for tensors that a forward computes without its input begin."""
_OTHER_IN_TRAINING = "it runs other operations in training mode than in eval mode"


@dataclasses.dataclass(frozen=True)
class Call:
    """One run of a submodule: the nodes [first, last) of the graph are its own.

    `value` is the node of its output; None where that is no single tensor.
    """

    path: str
    first: int
    last: int
    value: fx.Node | None


@dataclasses.dataclass(frozen=True)
class Trace:
    """A stage's graph, and what each of its submodules gives.

    Convolutions, linear layers and batch norms, subclasses included, are single nodes; so is every
    module of torch's own that is no container. `calls` are the runs of submodules, each behind
    those inside it. `whole` are the submodules that are single nodes because they have no one
    graph: {name: why}.
    """

    graph: fx.Graph
    calls: tuple[Call, ...]
    whole: Mapping[str, str]

    @property
    def children(self) -> dict[str, fx.Node]:
        """{name: its output} for the direct children that ran, in order of their last runs."""
        found: dict[str, fx.Node] = {}
        for call in self.calls:
            if call.path and "." not in call.path and call.value is not None:
                found.pop(call.path, None)
                found[call.path] = call.value
        return found


class UntraceableError(Exception):
    """Why a module has no graph; becomes part of an InputError's sentence.

    `path` is the submodule that is to blame; "" for the module itself.
    """

    def __init__(self, reason: str, path: str = "") -> None:
        super().__init__(reason)
        self.path = path


def trace_stage(module: nn.Module, *, subject: str) -> Trace:
    """The stage's graph of one input; the module's modes are left as they are.

    A submodule without batch norms that torch.fx cannot look into (attention that branches on
    values, stochastic depth) is one node. One with batch norms is not: a partition gives every task
    norms of its own, so it has to reach them.

    Raises:
        InputError: torch.fx cannot trace the stage, or traces other operations in training mode
            than in eval mode: one graph would not be the stage.
    """
    try:
        found = trace_both_modes(module, Tracer, stays_whole=_has_no_norms)
        if len([node for node in found.graph.nodes if node.op == "placeholder"]) != 1:
            raise UntraceableError("its forward takes more than the features")
    except UntraceableError as error:
        raise InputError(
            rule="A stage is partitioned along its graph, which torch.fx traces.",
            found=f"{subject}, where {error}",
            fix="Leave the stage unpartitioned, or write it without branching on values; let"
            " nn.Dropout look at the mode, not the stage.",
        ) from error
    return found


class Tracer(fx.Tracer):
    """Traces into all submodules but layers, norms, torch's own and those named as `whole`."""

    def __init__(self, whole: Container[str] = ()) -> None:
        super().__init__()  # torch makes a tracer without arguments where it unpickles a graph
        self.whole = whole
        self.calls: list[Call] = []
        self.failed = ""
        """The innermost submodule in which an exception was raised."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        layer = isinstance(m, (_ConvNd, nn.Linear, _BatchNorm))
        named = module_qualified_name in self.whole
        return layer or named or super().is_leaf_module(m, module_qualified_name)

    def call_module(
        self,
        m: nn.Module,
        forward: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        first, path = len(self.graph.nodes), self.path_of_module(m)
        try:
            value = super().call_module(m, forward, args, kwargs)
        except Exception:
            if not self.failed and not self.is_leaf_module(m, path):
                self.failed = path
            raise
        node = value.node if isinstance(value, fx.Proxy) else None
        self.calls.append(Call(path, first, len(self.graph.nodes), node))
        return value


def trace_both_modes(
    module: nn.Module,
    make_tracer: Callable[[Container[str]], Tracer],
    *,
    stays_whole: Callable[[nn.Module], bool],
) -> Trace:
    """The one graph that the module has in eval and in training mode.

    A submodule that has no such graph becomes one node, where `stays_whole` allows it.

    Raises:
        UntraceableError: the module itself has none, or a submodule that may not be one node.
    """
    whole: dict[str, str] = {}
    while True:
        try:
            with modes_kept(module):
                found = _trace(module.eval(), make_tracer(whole))
                in_training = _trace(module.train(), make_tracer(whole))
            differing = _differing(_operations(module, found), _operations(module, in_training))
            blamed = dict.fromkeys(differing, _OTHER_IN_TRAINING)
        except UntraceableError as error:
            # One class fails in one way, mostly; and each trace of a large network takes a while.
            blamed = dict.fromkeys(_alike(module, error.path), str(error))
        if not blamed:
            return Trace(found.graph, found.calls, whole)
        new = {
            path: reason
            for path, reason in blamed.items()
            if path and path not in whole and stays_whole(module.get_submodule(path))
        }
        if not new:
            path, reason = next(iter(blamed.items()))
            raise UntraceableError(reason, path)
        whole.update(new)


def _trace(module: nn.Module, tracer: Tracer) -> Trace:
    try:
        graph = tracer.trace(module)
    except Exception as error:  # a user's code may raise anything when its input has no numbers
        reason = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
        raise UntraceableError(f"torch.fx says: {reason}", tracer.failed) from error
    root = Call("", 0, len(graph.nodes), None)
    return Trace(graph, (*tracer.calls, root), {})


def _differing(here: _Runs, there: _Runs) -> list[str]:
    """The innermost submodules whose operations differ between two traces of a module."""
    paths = [run for run in here if here[run] != there.get(run)]
    return [
        path
        for path, _ in paths
        if not any(path != inner and _holds(path, inner) for inner, _ in paths)
    ]


def _holds(path: str, inner: str) -> bool:
    return not path or inner.startswith(f"{path}.")


def _operations(module: nn.Module, trace: Trace) -> _Runs:
    """What each run of a submodule does, in words that do not depend on what ran before it."""
    index = {node: i for i, node in enumerate(trace.graph.nodes)}
    nodes = list(index)
    times: Counter[str] = Counter()
    found = {}
    for call in trace.calls:

        def place(node: fx.Node, first: int = call.first) -> Any:
            return f"input {max(index[node] - first, -1)}"

        found[call.path, times[call.path]] = [
            (node.op, _target(module, node), str(fx.map_arg((node.args, node.kwargs), place)))
            for node in nodes[call.first : call.last]
        ]
        times[call.path] += 1
    return found


def _target(module: nn.Module, node: fx.Node) -> str:
    name = str(node.target)
    if node.op != "get_attr" or not name.startswith(CONSTANT):
        return name
    value = getattr(module, name)  # another trace gives the same constant another number
    return f"{CONSTANT} {value.shape} {value.dtype} {value.sum()}"


def _alike(module: nn.Module, path: str) -> list[str]:
    """The submodule of this name, and the others of its class unless it is a mere container."""
    blamed = module.get_submodule(path)
    if not path or isinstance(blamed, (nn.Sequential, nn.ModuleList)):
        return [path]
    others = [name for name, part in module.named_modules() if type(part) is type(blamed) and name]
    return [path, *(name for name in others if name != path)]


def _has_no_norms(module: nn.Module) -> bool:
    return not any(isinstance(part, _BatchNorm) for part in module.modules())


@contextlib.contextmanager
def modes_kept(module: nn.Module) -> Iterator[None]:
    """Whatever is done to them in between, the module and its parts keep their modes."""
    modes = {part: part.training for part in module.modules()}
    try:
        yield
    finally:
        for part, training in modes.items():
            part.training = training
