"""A network for inference: norms in the layers before them, weights laid out as they are read."""

from __future__ import annotations

import copy
from collections import Counter

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from sharewise.backbones import trace_stage
from sharewise.errors import InputError
from sharewise.networks._compact import Network
from sharewise.networks._partitioned import PartitionedBranch, set_module


def fold(network: Network) -> Network:
    """A copy in eval mode whose batch norms are folded into the layers before them.

    It answers as the network does in eval mode (up to rounding) and moves less memory: a norm
    reads and writes every feature once more. Weights of 2-d convolutions are laid out with their
    channels last: where features lie so, torch would turn them at each call. It is not for
    training.

    A norm stays where something else reads its layer too, where it keeps no statistics, in branches
    that torch.fx cannot trace, and in partitioned branches, whose norms differ between tasks:
    `extract` a task first.
    """
    folded = copy.deepcopy(network).eval()
    for branch in folded.branches:
        if not isinstance(branch, PartitionedBranch):
            _fold(branch)
    for module in folded.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.data = module.weight.contiguous(memory_format=torch.channels_last)
    return folded


def _fold(branch: nn.Module) -> None:
    try:
        graph = trace_stage(branch, subject="a branch").graph
    except InputError:
        return  # nothing says which norm follows which layer
    modules = [node for node in graph.nodes if node.op == "call_module"]
    runs = Counter(node.target for node in modules)
    for node in modules:
        before = node.args[0]
        if before not in modules or len(before.users) > 1:
            continue
        names = str(before.target), str(node.target)
        if any(runs[name] > 1 for name in names):
            continue  # one module at two places, where it is followed by other things
        fused = _fused(*map(branch.get_submodule, names))
        if fused is not None:
            set_module(branch, names[0], fused)
            set_module(branch, names[1], nn.Identity())


def _fused(layer: nn.Module, norm: nn.Module) -> nn.Module | None:
    """Both as one layer, where they are a layer and a batch norm with statistics."""
    if not isinstance(norm, _BatchNorm) or norm.running_mean is None:
        return None
    if isinstance(layer, _ConvNd):
        return None if layer.transposed else fuse_conv_bn_eval(layer, norm)
    return fuse_linear_bn_eval(layer, norm) if isinstance(layer, nn.Linear) else None
