"""The way from a layer's output to the one layer that reads it, or why there is none."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional
from torch.nn.modules.conv import _ConvNd

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
_ACTIVATIONS = """
    CELU ELU GELU Hardshrink Hardsigmoid Hardswish Hardtanh LeakyReLU LogSigmoid Mish ReLU ReLU6
    SELU SiLU Sigmoid Softplus Softshrink Softsign Tanh Tanhshrink Threshold
"""
_POOLS = """
    AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d
    AdaptiveMaxPool3d AvgPool1d AvgPool2d AvgPool3d LPPool1d LPPool2d LPPool3d MaxPool1d MaxPool2d
    MaxPool3d
"""
_ELEMENTWISE_MODULES = frozenset(
    getattr(nn, name) for name in f"{_ACTIVATIONS} Dropout AlphaDropout Identity".split()
)
# these treat dimension 1 apart; behind a linear layer they take it for something else
_CHANNEL_MODULES = frozenset(
    getattr(nn, name)
    for name in f"{_POOLS} Dropout1d Dropout2d Dropout3d FeatureAlphaDropout".split()
    if hasattr(nn, name)  # some are newer than the oldest torch that the package allows
)
_METHODS = frozenset(["relu", "relu_", "sigmoid", "sigmoid_", "tanh", "tanh_", "contiguous"])


def _functions(names: str) -> frozenset[Callable[..., Any]]:
    places = (functional, torch)
    return frozenset(
        getattr(place, name) for place in places for name in names.split() if hasattr(place, name)
    )


_ELEMENTWISE_FUNCTIONS = _functions(
    "celu elu gelu hardshrink hardsigmoid hardswish hardtanh leaky_relu logsigmoid mish relu relu_"
    " relu6 selu silu sigmoid softplus softshrink softsign tanh tanhshrink threshold dropout"
    " alpha_dropout"
)
_CHANNEL_FUNCTIONS = _functions(
    "adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d"
    " adaptive_max_pool2d adaptive_max_pool3d avg_pool1d avg_pool2d avg_pool3d lp_pool1d lp_pool2d"
    " lp_pool3d max_pool1d max_pool2d max_pool3d dropout1d dropout2d dropout3d"
    " feature_alpha_dropout"
)
_SUMS = frozenset([operator.add, operator.iadd, torch.add, "add", "add_"])


class RefusedError(Exception):
    """Why a layer cannot be partitioned; part of a sentence."""


def is_plain(layer: nn.Module) -> bool:
    """Whether the layer is one of torch's own, without groups, whose weights are just numbers."""
    if type(layer) not in (*CONVOLUTIONS, nn.Linear) or getattr(layer, "groups", 1) != 1:
        return False
    # weights that other tensors are computed into (weight norm, pruning) are no parameter "weight"
    return isinstance(layer._parameters.get("weight"), nn.Parameter)


def find_reader(
    module: nn.Module, graph: fx.Graph, name: str, *, dims: int
) -> tuple[tuple[str, ...], str]:
    """The norms behind the layer `name`, and the layer that reads it.

    `dims` is the number of its output's dimensions, without the batch.

    Raises:
        RefusedError: why the layer cannot be partitioned.
    """
    layer = module.get_submodule(name)
    node = _only_run(module, graph, name)
    channels_at_1 = isinstance(layer, _ConvNd) or dims == 1
    norms: list[str] = []
    while True:
        node = _only_user(node)
        part = module.get_submodule(str(node.target)) if node.op == "call_module" else None
        if isinstance(part, (_ConvNd, nn.Linear)):
            _check_reader(module, graph, str(node.target), like=layer)
            return tuple(norms), str(node.target)
        if part is not None and _has_hooks(part):
            raise RefusedError(f"'{node.target}', between it and its reader, has hooks")
        if channels_at_1 and type(part) in NORMS:
            _check_once(graph, str(node.target))
            norms.append(str(node.target))
        else:
            _check_between(node, part, pools=isinstance(layer, _ConvNd))


def _only_run(module: nn.Module, graph: fx.Graph, name: str) -> fx.Node:
    """The node that runs a plain layer with weights of its own."""
    layer = module.get_submodule(name)
    if getattr(layer, "groups", 1) != 1:
        raise RefusedError(f"its channels are in {layer.groups} groups")
    if not is_plain(layer):
        raise RefusedError(f"it is a {type(layer).__name__} or computes its weights")
    weights = {id(each) for each in layer.parameters()}
    names = [
        n for n, each in module.named_parameters(remove_duplicate=False) if id(each) in weights
    ]
    if len(names) != len(weights):
        raise RefusedError("it shares its weights with another layer")
    if any(node.op == "get_attr" and str(node.target) in names for node in graph.nodes):
        raise RefusedError("its weights are used outside it")
    if _has_hooks(layer):
        raise RefusedError("it has hooks")
    return _check_once(graph, name)


def _has_hooks(part: nn.Module) -> bool:
    return bool(part._forward_hooks or part._forward_pre_hooks)


def _check_once(graph: fx.Graph, name: str) -> fx.Node:
    runs = [node for node in graph.nodes if node.op == "call_module" and node.target == name]
    if len(runs) != 1:
        raise RefusedError(
            f"'{name}' runs {len(runs)} times" if runs else f"the stage's graph has no '{name}'"
        )
    return runs[0]


def _only_user(node: fx.Node) -> fx.Node:
    users = list(node.users)
    if any(user.op == "output" for user in users):
        raise RefusedError("its output leaves the stage")
    if len(users) != 1:
        raise RefusedError(
            f"its output is read by {len(users)} layers" if users else "nothing reads it"
        )
    return users[0]


def _check_reader(module: nn.Module, graph: fx.Graph, name: str, *, like: nn.Module) -> None:
    reader = module.get_submodule(name)
    if getattr(reader, "groups", 1) != 1:
        raise RefusedError(f"it is read by '{name}', whose channels are in {reader.groups} groups")
    if isinstance(reader, nn.Linear) != isinstance(like, nn.Linear):
        raise RefusedError(
            f"it is read by '{name}', a {type(reader).__name__}, along another dimension"
        )
    try:
        _only_run(module, graph, name)
    except RefusedError as refusal:
        raise RefusedError(f"its reader '{name}' cannot be cut, because {refusal}") from None


def _check_between(node: fx.Node, part: nn.Module | None, *, pools: bool) -> None:
    if part is not None:
        kinds = _ELEMENTWISE_MODULES | (_CHANNEL_MODULES if pools else frozenset())
        if type(part) in kinds:
            return
        raise RefusedError(f"op {type(part).__name__} lies between it and its reader")
    if node.target in _SUMS and len(node.all_input_nodes) > 1:
        raise RefusedError("its output is added to another")
    functions = _ELEMENTWISE_FUNCTIONS | (_CHANNEL_FUNCTIONS if pools else frozenset())
    allowed = _METHODS if node.op == "call_method" else functions
    if node.target in allowed and len(node.all_input_nodes) == 1:
        return
    name = getattr(node.target, "__name__", str(node.target))
    raise RefusedError(f"op {name} lies between it and its reader")
