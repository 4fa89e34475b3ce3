"""The common initialisation: a trained network from which all others start."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from sharewise.architecture import Architecture, Partition
from sharewise.backbones import Backbone
from sharewise.data import OnlyTask, TaskData
from sharewise.networks import Network, build, inherit
from sharewise.tasks import Task
from sharewise.training import TrainSettings, load_weights, one_thread, train

Progress = Callable[[dict[str, Any]], None]


@dataclasses.dataclass(frozen=True)
class Initial:
    """A trained network; its features are where other networks start.

    In the source (Newell et al. 2019) it is trained on ImageNet, one of the ten tasks. Trees start
    from a network of all tasks, which shares every stage (`train_shared`).
    """

    network: Network

    @property
    def source(self) -> str:
        """The task that it was trained on; of a network of all tasks the first."""
        return self.network.tasks[0]

    @property
    def digest(self) -> str:
        """A short name of the weights."""
        return weights_digest(self.network)

    @classmethod
    def load(cls, path: Path, backbone: Backbone, data: TaskData, *, source: str) -> Initial:
        """The common initialisation whose weights a search left in a file.

        Raises:
            InputError: a source that is not one of the tasks, or a file of another network.
            RunError, FormatError: the file is missing or broken.
        """
        tasks = OnlyTask(data, source).tasks
        network = build(single_task(source, backbone), backbone, tasks)
        load_weights(network, path)
        return cls(network)

    def start(
        self,
        architecture: Architecture,
        backbone: Backbone,
        tasks: Sequence[Task],
        *,
        seed: int = 0,
    ) -> Network:
        """The architecture's network with these features in each of its branches.

        Every task's norms start as the source's; the heads of tasks that it was not trained on are
        fresh, by the seed.
        """
        network = build(architecture, backbone, tasks, seed=seed)
        inherit(network, self.network)
        return network


def begin(
    architecture: Architecture,
    backbone: Backbone,
    tasks: Sequence[Task],
    *,
    initial: Initial | None,
    seed: int = 0,
) -> Network:
    """The network that is to be trained: from another's weights, or where there is none, fresh."""
    start = build if initial is None else initial.start
    return start(architecture, backbone, tasks, seed=seed)


def weights_digest(network: Network) -> str:
    """The first 16 hex digits of a network's weights and statistics."""
    digest = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def single_task(task: str, backbone: Backbone) -> Architecture:
    """One task alone, in the form whose blocks can be read (`PartitionedBranch.forward_blocks`)."""
    return Architecture.partitioned((task,), [Partition()] * backbone.num_stages)


def choose_source(data: TaskData, backbone: Backbone) -> str:
    """The task to train the common initialisation on: the richest one.

    That is the one with the most training samples, weighed by the numbers that its head puts out
    (its classes): the part that ImageNet has in the decathlon. Of equals, the first by name.
    """
    shape = backbone.shapes()[-1]

    def richness(task: Task) -> tuple[float, str]:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            outputs = task.head(shape).eval()(torch.zeros(1, *shape)).numel()
        return -outputs * OnlyTask(data, task.name).sizes()["train"], task.name

    return min(data.tasks, key=richness).name


def train_initial(  # noqa: PLR0913 - what train() takes, and the source
    backbone: Backbone,
    data: TaskData,
    *,
    source: str | None = None,
    settings: TrainSettings,
    seed: int = 0,
    run: Path | None = None,
    device: str | torch.device = "auto",
    progress: Progress | None = None,
) -> Initial:
    """Train the common initialisation on one of the data's tasks (default: `choose_source`).

    With a run it goes on where it was, and is read when it is finished.

    Raises:
        InputError: a source that is not one of the tasks.
        DataError, TrainingError, RunError: as `train`.
    """
    only = OnlyTask(data, choose_source(data, backbone) if source is None else source)
    name = only.tasks[0].name
    network = build(single_task(name, backbone), backbone, only.tasks, seed=seed)
    how = {"settings": settings, "seed": seed, "run": run, "device": device, "progress": progress}
    return _trained(network, only, **how)


def train_shared(
    backbone: Backbone,
    data: TaskData,
    *,
    settings: TrainSettings,
    seed: int = 0,
    run: Path | None = None,
    device: str | torch.device = "auto",
    progress: Progress | None = None,
) -> Initial:
    """Train the fully shared network on all tasks: where trees start that divide it.

    With a run it goes on where it was, and is read when it is finished. On the CPU it is trained
    with one torch thread, so that it is the same wherever it is trained.

    Raises:
        DataError, TrainingError, RunError: as `train`.
    """
    names = [task.name for task in data.tasks]
    architecture = Architecture.shared(names, backbone.num_stages)
    network = build(architecture, backbone, data.tasks, seed=seed)
    how = {"settings": settings, "seed": seed, "run": run, "device": device, "progress": progress}
    return _trained(network, data, **how)


def _trained(network: Network, data: TaskData, **how: Any) -> Initial:
    with one_thread():
        train(network, data, resume=True, **how)
    return Initial(network.cpu())
