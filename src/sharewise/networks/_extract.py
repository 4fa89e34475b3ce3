"""One task's own network, cut out of one that several tasks share."""

from __future__ import annotations

import copy

from torch import Tensor, nn

from sharewise.architecture import Architecture
from sharewise.backbones import Backbone
from sharewise.errors import InputError
from sharewise.networks._compact import Network
from sharewise.networks._masked import check_exact
from sharewise.networks._partitioned import PartitionedBranch, set_module
from sharewise.networks._stages import make_stage


def extract(network: Network, task: str, *, backbone: Backbone) -> Network:
    """The network of one task, made of the backbone's own modules, with weights of its own.

    Hidden layers, their readers and norms have the channels that the task uses; its outputs are the
    network's. It has the architecture of one task without partitions, although its layers are
    narrower than the backbone's: `build` does not make such a network again, `extract` does. The
    joint network's architecture stays with it as `extracted_from`.

    Args:
        network: from `build`, `build_masked` (after-norm) or `compact`; it stays as it is.
        task: one of the network's.
        backbone: what the network was built with.

    Raises:
        InputError: the network has no such task, masks in the published order, or another backbone.
    """
    if task not in network.tasks:
        raise InputError(
            rule="A task is extracted from a network that was built for it.",
            found=f"task {task!r} and a network for {list(network.tasks)}",
            fix="Name one of these.",
        )
    backbone.check(network.architecture)
    check_exact(network)
    branches: list[nn.Module] = []
    for (stage, branch), module in zip(
        network.architecture.branches(), network.branches, strict=True
    ):
        if task not in branch.tasks:
            continue
        if isinstance(module, PartitionedBranch):
            plain = make_stage(backbone, stage, seed=0, key=branch.tasks)
            branches.append(_cut(plain, module, task))
        else:
            branches.append(copy.deepcopy(module))
    found = Network(
        Architecture.shared((task,), backbone.num_stages),
        branches=branches,
        heads={task: copy.deepcopy(network.heads[task])},
    )
    found.extracted_from = network.extracted_from or network.architecture
    return found.train(network.training)


def _cut(stage: nn.Module, branch: PartitionedBranch, task: str) -> nn.Module:
    """The stage with the channels that the task uses, and the branch's weights."""
    state = branch.plain_state(task)
    try:
        for name in branch.owned_layers():
            _resize(stage.get_submodule(name), state[f"{name}.weight"])
        for name, norms in branch.task_norms().items():
            stage.get_submodule(name)
            set_module(stage, name, norms.alone(task))
        # assign: the branch may have been moved to another device or kind of number
        stage.load_state_dict({n: each.clone() for n, each in state.items()}, assign=True)
    except (AttributeError, RuntimeError) as error:
        raise InputError(
            rule="A task is extracted with the backbone that its network was built with.",
            found=f"other modules than the network has ({error})",
            fix="Give that backbone, with the same settings.",
        ) from error
    return stage


def _resize(layer: nn.Module, weight: Tensor) -> None:
    """Gives a layer room for another weight [out, in, ...], with the numbers left open."""
    outputs, inputs = weight.shape[:2]
    if isinstance(layer, nn.Linear):
        layer.out_features, layer.in_features = outputs, inputs
    elif isinstance(layer, (nn.Conv1d, nn.Conv2d, nn.Conv3d)):
        layer.out_channels, layer.in_channels = outputs, inputs
    for name, shape in (("weight", weight.shape), ("bias", weight.shape[:1])):
        old = layer._parameters.get(name)
        if old is not None:
            layer.register_parameter(name, nn.Parameter(old.new_empty(shape), old.requires_grad))
