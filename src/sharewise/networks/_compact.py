"""The network of an architecture: a plain module, inputs -> {task: output}."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from torch import Tensor, nn

from sharewise.architecture import Architecture
from sharewise.backbones import Backbone
from sharewise.errors import InputError
from sharewise.networks._partitioned import Form, PartitionedBranch, Place
from sharewise.networks._stages import check_agree, check_copies, make_head, make_stage
from sharewise.tasks import Task


class _Step(NamedTuple):
    """One branch to run, and the tasks whose heads read it (none but in the last stage).

    `task` is for whom a partitioned branch runs; None for a plain one.
    """

    branch: int
    stage: int
    tasks: tuple[str, ...]
    task: str | None


class Network(nn.Module):
    """A tree of branches with one head a task.

    `branches` holds the copies of stages in the architecture's preorder, `heads` the heads by task
    name. A branch without a partition is the stage's own module; one with a partition is a
    `PartitionedBranch`, called with (features, task).

    `extracted_from` is the architecture of the network that this one was cut out of by `extract`,
    whose layers are narrower than the backbone's; None for a network that was built.
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
        self.extracted_from: Architecture | None = None
        self._num_stages = architecture.num_stages
        self._plans = {self.tasks: _plan(architecture, self.tasks)}

    def forward(self, inputs: Tensor, tasks: Sequence[str] | None = None) -> dict[str, Tensor]:
        """The outputs of `tasks` (default: all), in their order, for inputs [batch, ...].

        Walks the forest depth first and runs every branch that these tasks need once; a partitioned
        branch, and all below it, once for each of these tasks.

        Raises:
            InputError: a task that the network does not have.
        """
        names = self.tasks if tasks is None else tuple(tasks)
        steps = self._plans.get(names)
        if steps is None:
            steps = self._plans[names] = _plan(self.architecture, names)
        # In this order a branch's parent is the last branch that ran one stage before it, so one
        # feature map a stage is enough: levels[l] is the input of stage l.
        levels = [inputs] * (self._num_stages + 1)
        outputs: dict[str, Tensor] = {}
        branches, heads = tuple(self.branches), self.heads
        for branch, stage, leaves, task in steps:
            run, x = branches[branch], levels[stage]
            features = levels[stage + 1] = run(x) if task is None else run(x, task)
            for leaf in leaves:
                outputs[leaf] = heads[leaf](features)
        return {task: outputs[task] for task in names}


def build(
    architecture: Architecture, backbone: Backbone, tasks: Sequence[Task], *, seed: int = 0
) -> Network:
    """The network of an architecture, on the CPU, with fresh weights.

    A branch's initial weights depend only on (seed, stage, the branch's tasks), a head's on (seed,
    task): the same branch in two architectures starts from the same weights. A partitioned branch
    starts from these weights, too, without those of the channels that nobody uses. Torch's own
    random state is left as it is.

    Raises:
        InputError: the architecture has other tasks than `tasks` or another number of stages than
            the backbone; two copies of a stage differ in a parameter's or the output's shape; a
            head does not accept the last stage's features; a task's name is a word of torch's
            modules; a partition does not fit its stage, or torch.fx cannot trace the stage.
    """
    return assemble(architecture, backbone, tasks, seed=seed, form="compact")


def assemble(
    architecture: Architecture,
    backbone: Backbone,
    tasks: Sequence[Task],
    *,
    seed: int,
    form: Form,
) -> Network:
    """As `build`, with partitioned branches in one of their forms."""
    check_agree(architecture, backbone, tasks)
    branches = tuple(architecture.branches())
    modules = [make_stage(backbone, s, seed=seed, key=branch.tasks) for s, branch in branches]
    stages = [stage for stage, _ in branches]
    shape = check_copies(backbone, zip(stages, modules, strict=True))
    for i, (stage, branch) in enumerate(branches):
        if branch.partition is not None:
            place = Place(f"stage '{backbone.stages[stage].name}'", backbone.layouts()[stage])
            modules[i] = PartitionedBranch(
                modules[i], branch.partition, branch.tasks, place=place, form=form
            )
    heads = {task.name: make_head(task, shape, seed=seed) for task in tasks}
    return Network(architecture, branches=modules, heads=heads)


def _plan(architecture: Architecture, tasks: tuple[str, ...]) -> tuple[_Step, ...]:
    """The steps that compute `tasks`, depth first."""
    unknown = [task for task in tasks if task not in architecture.tasks]
    if unknown:
        raise InputError(
            rule="A network runs the tasks that it was built for.",
            found=f"task {unknown[0]!r} and a network for {list(architecture.tasks)}",
            fix="Name some of these, as a list.",
        )
    index = {(s, branch.tasks): i for i, (s, branch) in enumerate(architecture.branches())}
    waiting = [(0, root, tasks) for root in reversed(architecture.roots)]
    steps: list[_Step] = []
    while waiting:
        stage, branch, wanted = waiting.pop()
        needed = tuple(task for task in branch.tasks if task in wanted)
        if not needed:
            continue
        if branch.partition is not None and len(needed) > 1:  # with all below it, for one task each
            waiting.extend((stage, branch, (task,)) for task in reversed(needed))
            continue
        leaves = () if branch.children else needed
        task = None if branch.partition is None else needed[0]
        steps.append(_Step(index[stage, branch.tasks], stage, leaves, task))
        waiting.extend((stage + 1, child, needed) for child in reversed(branch.children))
    return tuple(steps)
