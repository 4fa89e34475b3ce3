"""The compact network of an architecture: a plain module, inputs -> {task: output}."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from torch import Tensor, nn

from sharewise.architecture import Architecture
from sharewise.backbones import Backbone
from sharewise.errors import InputError
from sharewise.networks._stages import check_agree, check_copies, make_head, make_stage
from sharewise.tasks import Task


class _Step(NamedTuple):
    """One branch to run, and the tasks whose heads read it (none but in the last stage)."""

    branch: int
    stage: int
    tasks: tuple[str, ...]


class Network(nn.Module):
    """A tree of branches with one head a task.

    `branches` holds the copies of stages in the architecture's preorder, `heads` the heads by task
    name.
    """

    def __init__(
        self,
        architecture: Architecture,
        *,
        branches: Sequence[nn.Module],
        heads: Mapping[str, nn.Module],
    ) -> None:
        super().__init__()
        self.architecture = architecture
        self.branches = nn.ModuleList(branches)
        self.heads = nn.ModuleDict(heads)
        self.tasks = tuple(heads)
        self._num_stages = architecture.num_stages
        self._plans = {self.tasks: _plan(architecture, self.tasks)}

    def forward(self, inputs: Tensor, tasks: Sequence[str] | None = None) -> dict[str, Tensor]:
        """The outputs of `tasks` (default: all), in their order, for inputs [batch, ...].

        Walks the forest depth first and runs every branch that these tasks need once.

        Raises:
            InputError: a task that the network does not have.
        """
        names = self.tasks if tasks is None else tuple(tasks)
        steps = self._plans.get(names)
        if steps is None:
            steps = self._plans[names] = _plan(self.architecture, names)
        # In preorder a branch's parent is the last branch that ran one stage before it, so one
        # feature map a stage is enough: levels[l] is the input of stage l.
        levels = [inputs] * (self._num_stages + 1)
        outputs: dict[str, Tensor] = {}
        branches, heads = tuple(self.branches), self.heads
        for branch, stage, leaves in steps:
            features = levels[stage + 1] = branches[branch](levels[stage])
            for task in leaves:
                outputs[task] = heads[task](features)
        return {task: outputs[task] for task in names}


def build(
    architecture: Architecture, backbone: Backbone, tasks: Sequence[Task], *, seed: int = 0
) -> Network:
    """The network of an architecture, on the CPU, with fresh weights.

    A branch's initial weights depend only on (seed, stage, the branch's tasks), a head's on (seed,
    task): the same branch in two architectures starts from the same weights. Torch's own random
    state is left as it is.

    Raises:
        InputError: the architecture has other tasks than `tasks` or another number of stages than
            the backbone; two copies of a stage differ in a parameter's or the output's shape; a
            head does not accept the last stage's features; a task's name is a word of torch's
            modules.
    """
    check_agree(architecture, backbone, tasks)
    copies = [
        (stage, make_stage(backbone, stage, seed=seed, key=branch.tasks))
        for stage, branch in architecture.branches()
    ]
    shape = check_copies(backbone, copies)
    heads = {task.name: make_head(task, shape, seed=seed) for task in tasks}
    return Network(architecture, branches=[module for _, module in copies], heads=heads)


def _plan(architecture: Architecture, tasks: tuple[str, ...]) -> tuple[_Step, ...]:
    """The steps that compute `tasks`, in preorder."""
    unknown = [task for task in tasks if task not in architecture.tasks]
    if unknown:
        raise InputError(
            rule="A network runs the tasks that it was built for.",
            found=f"task {unknown[0]!r} and a network for {list(architecture.tasks)}",
            fix="Name some of these, as a list.",
        )
    steps = []
    for index, (stage, branch) in enumerate(architecture.branches()):
        needed = tuple(task for task in branch.tasks if task in tasks)
        if needed:
            steps.append(_Step(index, stage, () if branch.children else needed))
    return tuple(steps)
