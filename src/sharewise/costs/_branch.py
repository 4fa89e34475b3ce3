"""What one branch costs: a whole copy of a stage, or one whose hidden channels have owners."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sharewise.architecture import Branch, Group, Partition
from sharewise.backbones import LayerSize, Layout, check_partition
from sharewise.evaluation import TaskCost

_Widths = Mapping[str, int]  # {hidden layer: how many of its channels there are}


class BranchCost(NamedTuple):
    """The parameters of a branch, and what each of its tasks touches when it alone runs."""

    params: int
    alone: Mapping[str, TaskCost]


def plain_cost(branch: Branch, whole: TaskCost) -> BranchCost:
    """The cost of a branch without a partition: that of the whole stage."""
    return BranchCost(whole.params, dict.fromkeys(branch.tasks, whole))


def partitioned_cost(
    branch: Branch, partition: Partition, *, whole: TaskCost, layout: Layout, subject: str
) -> BranchCost:
    """The cost of a branch with a partition, from the whole stage's and its layers' sizes.

    Built are the channels that some task uses (rows of the layer, columns of the layer that reads
    it), and batch norms for each task on the channels that it uses. A task alone touches only what
    it uses itself. Everything else is the whole stage's.

    Raises:
        InputError: a layer that cannot be partitioned, or has another number of channels. The
            sentence names the `subject`.
    """
    check_partition(partition, layout, subject=subject)
    groups = partition.groups
    built = {layer: _built(group) for group in groups for layer in group.layers}
    layers = [size for size in layout.layers if size.writes in built or size.reads in built]
    norms = tuple(layout.norms.values())
    fixed = whole.params - _norm_params(norms, {})
    params = fixed + _change(layers, built).params
    alone = {}
    for task, widths in _used(groups, branch.tasks).items():
        own_norms = _norm_params(norms, widths)
        change = _change(layers, widths)
        alone[task] = TaskCost(fixed + own_norms + change.params, whole.macs + change.macs)
        params += own_norms
    return BranchCost(params, alone)


def _built(group: Group) -> int:
    return sum(owners.channels for owners in group.owners if owners.use)


def _used(groups: Iterable[Group], tasks: Sequence[str]) -> dict[str, dict[str, int]]:
    """For each task, how many channels of each grouped layer it uses."""
    widths: dict[str, dict[str, int]] = {task: {} for task in tasks}
    for group in groups:
        for task, width in group.widths(tasks).items():
            widths[task].update(dict.fromkeys(group.layers, width))
    return widths


def _change(layers: Iterable[LayerSize], widths: _Widths) -> TaskCost:
    """What layers of these widths cost beyond whole ones: a number below zero, or zero."""
    params = macs = 0
    for layer in layers:
        rows = layer.outputs if layer.writes is None else widths.get(layer.writes, layer.outputs)
        columns = layer.inputs if layer.reads is None else widths.get(layer.reads, layer.inputs)
        weights = layer.weights_per_pair * (rows * columns - layer.outputs * layer.inputs)
        params += weights + layer.bias * (rows - layer.outputs)
        macs += layer.positions * weights
    return TaskCost(params, macs)


def _norm_params(norms: Iterable[tuple[int, str | None]], widths: _Widths) -> int:
    """A weight and a bias for each channel that is left behind each batch norm's layer."""
    return 2 * sum(
        channels if layer is None else widths.get(layer, channels) for channels, layer in norms
    )
