"""Weights of a network that shares every channel, for one that shares fewer."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import torch
from torch import Tensor, nn

from sharewise.errors import InputError
from sharewise.networks._compact import Network
from sharewise.networks._partitioned import PartitionedBranch

State = Mapping[str, Tensor]


@torch.no_grad()
def inherit(network: Network, source: Network) -> None:
    """Copy the weights and statistics of `source` into `network`, in place.

    A source with one task gives its features, norms included, to every task of the network; heads
    of other tasks stay as they are.

    The source shares every channel: its branches are plain, or each of their tasks uses all
    channels. A branch of the network takes the rows and columns that it has from the source's
    branch that runs its tasks; a task's norms come from the task's own in the source, or else from
    the common ones; heads are copied. The network may be partitioned (compact or masked), or have
    plain branches, and may have fewer tasks than the source.

    Raises:
        InputError: the source lacks a task, or tells tasks apart that the network joins (in a
            branch, or in a plain branch by norms of their own); leaves a channel out; or was
            built with another backbone or other heads. Nothing is changed then.
    """
    branches = []
    for (stage, branch), module in zip(
        network.architecture.branches(), network.branches, strict=True
    ):
        givers = {task: _giver(source, task) for task in branch.tasks}
        found = _source_branch(source, stage, tuple(dict.fromkeys(givers.values())))
        states = {task: _whole_state(found, giver) for task, giver in givers.items()}
        if not isinstance(module, PartitionedBranch):
            _check_one_norm(found, set(givers.values()))
        subject = f"branch for {', '.join(branch.tasks)}"
        _check_shapes(_shapes(module), states[branch.tasks[0]], subject)
        branches.append((module, states))
    heads = [task for task in network.tasks if task == _giver(source, task)]
    for task in heads:
        state = source.heads[task].state_dict()
        _check_shapes(_shapes(network.heads[task]), state, f"head of task {task!r}")
    for module, states in branches:
        if isinstance(module, PartitionedBranch):
            module.assign(states)
        else:
            module.load_state_dict(next(iter(states.values())))
    for task in heads:
        network.heads[task].load_state_dict(source.heads[task].state_dict())


def _giver(source: Network, task: str) -> str:
    """The source's task whose features this task starts from."""
    return source.tasks[0] if len(source.tasks) == 1 else task


def _source_branch(source: Network, stage: int, tasks: Sequence[str]) -> nn.Module:
    """The source's branch at this stage that runs all of the tasks."""
    for (level, branch), module in zip(
        source.architecture.branches(), source.branches, strict=True
    ):
        if level == stage and set(tasks) <= set(branch.tasks):
            return module
    raise InputError(
        rule="A branch inherits from one branch of the source, which runs all of its tasks.",
        found=f"no such branch for {', '.join(tasks)} at stage {stage + 1} of the source",
        fix="Give a source for the same tasks that shares every stage.",
    )


def _whole_state(module: nn.Module, task: str) -> State:
    """The plain stage's state with all channels."""
    if not isinstance(module, PartitionedBranch):
        return module.state_dict()
    if module.partition.use(task) < 1.0:
        raise InputError(
            rule="Weights are inherited from a network in which every task uses every channel.",
            found=f"a source in which task {task!r} uses {module.partition.use(task):.0%} of a"
            " stage's hidden channels",
            fix="Train a source whose partitions have no groups, or share all.",
        )
    return module.plain_state(task)


def _check_one_norm(found: nn.Module, tasks: Collection[str]) -> None:
    if len(tasks) > 1 and isinstance(found, PartitionedBranch) and found.task_norms():
        raise InputError(
            rule="A plain branch has one set of norms for all its tasks.",
            found=f"a source with norms of their own for {', '.join(sorted(tasks))}",
            fix="Give the branch a Partition(), even without groups, or one task.",
        )


def _shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    if isinstance(module, PartitionedBranch):
        return module.whole_shapes()
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


def _check_shapes(expected: Mapping[str, tuple[int, ...]], state: State, subject: str) -> None:
    given = {name: tuple(tensor.shape) for name, tensor in state.items()}
    for name in sorted(expected.keys() | given.keys()):
        if expected.get(name) != given.get(name):
            raise InputError(
                rule="Weights are inherited from a network of the same backbone and tasks.",
                found=f"{name} of shape {expected.get(name)} in the network's {subject} and"
                f" {given.get(name)} in the source's",
                fix="Build both with the same backbone and heads.",
            )
