"""Pieces of a network's graph as modules of their own, and the copies that branches start from."""

from __future__ import annotations

import copy
import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn

from sharewise.backbones._trace import CONSTANT


@dataclasses.dataclass(frozen=True)
class Piece:
    """A part of a network, [batch, ...] to [batch, ...].

    `paths` says where its submodules and parameters come from: {name in `module`: name in the
    network}; the name "" where the module is a submodule of the network itself.
    """

    module: nn.Module
    paths: Mapping[str, str]


def cut(
    network: nn.Module, graph: fx.Graph, ends: Sequence[fx.Node], *, guarded: Sequence[bool]
) -> tuple[Piece, ...]:
    """The parts of a graph between the nodes `ends`, which are in running order.

    A part whose entry of `guarded` is true copies its input first, because it would change it in
    place. The submodules are the network's own, not copies.
    """
    nodes = list(graph.nodes)
    before = next(node for node in nodes if node.op == "placeholder")
    pieces, start = [], 0
    for end, guard in zip(ends, guarded, strict=True):
        stop = nodes.index(end) + 1
        inside = [n for n in nodes[start:stop] if n.op not in ("placeholder", "get_attr")]
        pieces.append(_piece(network, inside, (before, end), guard=guard))
        before, start = end, stop
    return tuple(pieces)


def copied(template: nn.Module) -> nn.Module:
    """A copy of a module with its weights; without numbers where tensors are made on meta."""
    return on_meta(template) if _makes_on_meta() else copy.deepcopy(template)


def reset(template: nn.Module) -> nn.Module:
    """A copy of a module with fresh weights, drawn from torch's generator.

    Submodules draw theirs in their own `reset_parameters()`. A parameter of a submodule without it
    (class tokens, layer scales) is drawn from the normal distribution that has the mean and the
    spread of its numbers, so one whose numbers are all alike stays; so does one that is frozen.
    """
    module = copied(template)
    if not _makes_on_meta():
        with torch.no_grad():
            for part in reversed(list(module.modules())):  # what holds others has the last word
                _draw(part)
    return module


def made_anew(
    make: Callable[[], nn.Module], piece: Piece, constants: Mapping[str, Tensor]
) -> nn.Module:
    """The piece with the weights of a network that `make` gives."""
    if _makes_on_meta():
        return on_meta(piece.module)
    network = make()
    if "" in piece.paths:
        return network.get_submodule(piece.paths[""])
    assert isinstance(piece.module, fx.GraphModule)
    parts = {
        name: constants[name] if name in constants else attribute(network, path)
        for name, path in piece.paths.items()
    }
    return fx.GraphModule(parts, copy.deepcopy(piece.module.graph), class_name="Piece")


def constants(piece: Piece) -> dict[str, Tensor]:
    """What the forward computes without its input, by name in the piece."""
    names = [name for name, path in piece.paths.items() if path.startswith(CONSTANT)]
    return {name: attribute(piece.module, name) for name in names}


def on_meta(module: nn.Module, *, trained: bool = False) -> nn.Module:
    """A copy without numbers; where `trained`, all its parameters have gradients."""
    memo: dict[int, Any] = {}
    for part in module.modules():
        for tensor in part.parameters(recurse=False):
            gradient = tensor.requires_grad or (trained and tensor.is_floating_point())
            memo[id(tensor)] = nn.Parameter(tensor.detach().to("meta"), requires_grad=gradient)
        for value in (*part._buffers.values(), *vars(part).values()):
            if isinstance(value, Tensor):
                memo[id(value)] = value.detach().to("meta")
    return copy.deepcopy(module, memo)


def attribute(network: nn.Module, path: str) -> Any:
    """What is found under a dotted name: a submodule, a parameter or another tensor."""
    parent, _, name = path.rpartition(".")
    return getattr(network.get_submodule(parent), name)


def _makes_on_meta() -> bool:
    return torch.empty(0).device.type == "meta"


def _draw(part: nn.Module) -> None:
    for name in ("reset_parameters", "_reset_parameters"):  # nn.MultiheadAttention has the second
        if callable(draw := getattr(part, name, None)):
            draw()
            return
    for tensor in part.parameters(recurse=False):
        if tensor.requires_grad and tensor.numel() > 1 and tensor.min() < tensor.max():
            tensor.normal_(tensor.mean().item(), tensor.std().item())


def _piece(
    network: nn.Module, inside: Sequence[fx.Node], ends: tuple[fx.Node, fx.Node], *, guard: bool
) -> Piece:
    before, end = ends
    if [node.op for node in inside] == ["call_module"] and not guard:
        only = inside[0]
        whole = network.get_submodule(str(only.target))
        # A block of the author's keeps its names; one that takes more gets a forward that does not.
        if only.args == (before,) and len(inspect.signature(whole.forward).parameters) == 1:
            return Piece(whole, {"": str(only.target)})
    reads = [n for node in inside for n in node.all_input_nodes if n.op == "get_attr"]
    own = [str(n.target) for n in (*inside, *reads) if n.op in ("call_module", "get_attr")]
    names = _short_names(dict.fromkeys(own))
    graph = fx.Graph()
    given = graph.placeholder("x")
    known = {before: graph.call_method("clone", (given,)) if guard else given}

    def find(node: fx.Node) -> fx.Node:
        if node not in known and node.op == "get_attr":
            put(node)
        return known[node]

    def put(node: fx.Node) -> None:
        known[node] = graph.node_copy(node, find)
        known[node].type = None  # annotations: where they are strings, pickle refuses them
        if node.op in ("call_module", "get_attr"):
            known[node].target = names[str(node.target)]

    for node in inside:
        put(node)
    graph.output(known[end])
    parts = {short: attribute(network, path) for path, short in names.items()}
    module = fx.GraphModule(parts, graph, class_name="Piece")
    return Piece(module, {short: path for path, short in names.items()})


def common_parts(names: Sequence[Sequence[str]]) -> int:
    """With how many equal parts all the names begin."""
    parts = list(zip(*names, strict=False))
    return next((i for i, part in enumerate(parts) if len(set(part)) > 1), len(parts))


def _short_names(paths: Mapping[str, None]) -> dict[str, str]:
    """{path in the network: name in the piece}: direct children, without what all have in common.

    Direct children are what a partitioned branch takes for its blocks.
    """
    shared = common_parts([path.split(".")[:-1] for path in paths])
    names: dict[str, str] = {}
    for path in paths:
        name = "_".join(path.split(".")[shared:])
        while name in names.values() or hasattr(fx.GraphModule, name) or name == "training":
            name += "_"
        names[path] = name
    return names
