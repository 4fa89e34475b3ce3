"""A branch in which each task has norms of its own and uses some of the hidden channels."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor, fx, nn
from torch.nn.modules.batchnorm import _BatchNorm

from sharewise.architecture import Partition
from sharewise.backbones import Layout, Trace, check_partition, trace_stage
from sharewise.errors import InputError
from sharewise.networks._layer_kind import LayerKind
from sharewise.networks._owned import CompactLayer, MaskedLayer, Owned, OwnedLayer
from sharewise.networks._task_norms import TaskNorms

Form = Literal["compact", "after-norm", "published"]


class Place(NamedTuple):
    """Where a branch stands: its stage's name for errors, and what the stage is made of."""

    subject: str
    layout: Layout


class PartitionedBranch(nn.Module):
    """A stage along its graph, called with (features, task).

    Every batch norm is one a task, also behind layers that no group names; the hidden layers of the
    partition's groups, and those that read them, are kept by runs of owners. All other modules are
    the stage's own and serve all tasks.

    form "compact" computes a task's channels alone; "after-norm" and "published" are the masks of
    `build_masked`. Dropout that lies between a hidden layer and its reader draws other numbers in
    each form.
    """

    def __init__(
        self,
        stage: nn.Module,
        partition: Partition,
        tasks: Sequence[str],
        *,
        place: Place,
        form: Form = "compact",
    ) -> None:
        """Takes the stage's modules over; `tasks` are the branch's.

        Raises:
            InputError: the partition names a layer that is not hidden in the stage, or one with
                another number of channels; or torch.fx cannot trace the stage.
        """
        super().__init__()
        check_partition(partition, place.layout, subject=place.subject)
        self.tasks = tuple(tasks)
        self.partition = partition
        self.form = form
        self.blocks = tuple(dict.fromkeys(each.block for each in place.layout.hidden if each.block))
        """The stage's direct children whose outputs `forward_blocks` gives."""
        self.body, self._is_graph = _body(stage, dict(_replaced(stage, self, place)), place)

    def forward(self, x: Tensor, task: str) -> Tensor:
        """[batch, ...] -> [batch, ...] for one task of the branch."""
        output: Tensor = self._run(x, task)[0]
        return output

    def forward_blocks(self, x: Tensor, task: str) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The output, and what each block gives, in running order.

        Blocks are the stage's direct children that hold a hidden layer together with its reader,
        such as the residual blocks of a ResNet; a stage without any counts as one block.
        """
        output, blocks = self._run(x, task)
        return output, blocks

    def owned_layers(self) -> dict[str, OwnedLayer]:
        """The layers that the groups name and those that read them, by name in the stage."""
        return {n: part for n, part in self.body.named_modules() if isinstance(part, OwnedLayer)}

    def task_norms(self) -> dict[str, TaskNorms]:
        """The batch norms, by name in the stage."""
        return {n: part for n, part in self.body.named_modules() if isinstance(part, TaskNorms)}

    def plain_state(self, task: str) -> dict[str, Tensor]:
        """The weights and statistics of the plain stage that the task needs when it is alone.

        The names are the stage's own; hidden layers, their readers and norms have the channels that
        the task uses.
        """
        state = self.common_state()
        for name, layer in self.owned_layers().items():
            state |= {f"{name}.{key}": tensor for key, tensor in layer.plain(task).items()}
        for name, norms in self.task_norms().items():
            state |= {f"{name}.{key}": tensor for key, tensor in norms.plain(task).items()}
        return state

    def common_state(self) -> dict[str, Tensor]:
        """The weights and buffers of the modules that the partition leaves as they are."""
        replaced = tuple(f"{name}." for name in (*self.owned_layers(), *self.task_norms()))
        state = self.body.state_dict()
        return {n: tensor for n, tensor in state.items() if not n.startswith(replaced)}

    @torch.no_grad()
    def assign(self, states: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Takes over {task: the state of the plain stage, all channels} for each of its tasks.

        What the tasks have in common is taken from the first of them.
        """
        first = states[self.tasks[0]]
        for name, tensor in self.common_state().items():
            tensor.copy_(first[name])
        for name, layer in self.owned_layers().items():
            layer.assign(_below(first, name))
        for name, norms in self.task_norms().items():
            for task in self.tasks:
                norms.assign(task, _below(states[task], name))

    def whole_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the plain stage's weights and buffers before it was partitioned."""
        shapes = {name: tuple(tensor.shape) for name, tensor in self.common_state().items()}
        for name, layer in self.owned_layers().items():
            shapes |= {f"{name}.{key}": shape for key, shape in layer.whole_shapes().items()}
        for name, norms in self.task_norms().items():
            shapes |= {f"{name}.{key}": shape for key, shape in norms.whole_shapes().items()}
        return shapes

    def make_compact(self) -> None:
        """Leaves out, in place, what each task does not use; only exact for after-norm masks."""
        for name, layer in self.owned_layers().items():
            if isinstance(layer, MaskedLayer):
                set_module(self.body, name, layer.compacted())
        for name, norms in self.task_norms().items():
            set_module(self.body, name, norms.compacted())
        self.form = "compact"

    def _run(self, x: Tensor, task: str) -> tuple[Tensor, tuple[Tensor, ...]]:
        if task not in self.tasks:
            raise InputError(
                rule="A partitioned branch runs for one of its tasks.",
                found=f"task {task!r} and a branch for {list(self.tasks)}",
                fix="Name one of these.",
            )
        if not self._is_graph:
            output: Tensor = self.body(x)
            return output, (output,)
        result: tuple[Tensor, tuple[Tensor, ...]] = self.body(x, task)
        return result


def set_module(module: nn.Module, name: str, part: nn.Module) -> None:
    """Puts `part` in the place of the submodule `name`."""
    parent, _, last = name.rpartition(".")
    setattr(module.get_submodule(parent), last, part)


def _below(state: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """The entries of one submodule, by their names inside it."""
    prefix = f"{name}."
    return {n.removeprefix(prefix): each for n, each in state.items() if n.startswith(prefix)}


def _replaced(
    stage: nn.Module, branch: PartitionedBranch, place: Place
) -> Iterator[tuple[str, nn.Module]]:
    """The modules of the stage that need to know the task, in their new form."""
    groups = {name: group for group in branch.partition.groups for name in group.layers}
    hidden = [layer for layer in place.layout.hidden if layer.name in groups]
    columns = {layer.reader: groups[layer.name] for layer in hidden}
    behind = {norm: groups[layer.name] for layer in hidden for norm in layer.norms}
    for name, part in stage.named_modules():
        if name in groups or name in columns:
            owned = Owned(branch.tasks, groups.get(name), columns.get(name))
            yield name, _owned_layer(part, owned, branch.form)
        elif isinstance(part, _BatchNorm):
            group = behind.get(name)
            yield name, TaskNorms(part, branch.tasks, group=group, sliced=branch.form == "compact")


def _owned_layer(layer: nn.Module, owned: Owned, form: Form) -> OwnedLayer:
    kind, bias = LayerKind.of(layer), layer._parameters.get("bias")
    weight = layer.get_parameter("weight")
    if form == "compact":
        return CompactLayer(kind, owned, weight, bias)
    return MaskedLayer(kind, owned, weight, bias, order=form)


def _body(
    stage: nn.Module, replaced: Mapping[str, nn.Module], place: Place
) -> tuple[nn.Module, bool]:
    """The stage's graph with the new modules and one more input, the task; and whether it is one.

    A stage that cannot be traced stays as it is where no module of it needs to know the task.
    """
    try:
        trace = trace_stage(stage, subject=place.subject)
    except InputError:
        if replaced:
            raise
        return stage, False
    _give_task(trace, replaced.keys())
    with_blocks = {layer.block for layer in place.layout.hidden}
    blocks = [node for name, node in trace.children.items() if name in with_blocks]
    last = next(node for node in trace.graph.nodes if node.op == "output")
    output = last.args[0]
    last.args = ((output, tuple(blocks or [output])),)
    for name, module in replaced.items():
        set_module(stage, name, module)
    body = fx.GraphModule(stage, trace.graph, class_name="PartitionedStage")
    known = dict(body.named_modules())
    for name, part in stage.named_modules():  # the graph module drops what never runs
        if name not in known and any(True for _ in part.parameters(recurse=False)):
            body.add_submodule(name, part)
    return body, True


def _give_task(trace: Trace, names: Collection[str]) -> None:
    """Adds the input `task` to the graph and hands it to the modules of these names."""
    inputs = next(node for node in trace.graph.nodes if node.op == "placeholder")
    with trace.graph.inserting_after(inputs):
        task = trace.graph.placeholder("task")
    for node in trace.graph.nodes:
        node.type = None  # the stage's annotations: where they are strings, pickle refuses them
        if node.op == "call_module" and node.target in names:
            node.args, node.kwargs = (node.all_input_nodes[0], task), {}
