"""A network of two stages with hidden channels, and data that it learns in a second."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from sharewise.backbones import Backbone, Stage
from sharewise.data import SeparateData, TensorData
from sharewise.spaces import HiddenGroup, Partitioning
from sharewise.tasks import Task, binary, classification
from sharewise.training import TrainSettings

CHANNELS = 8
LAYERS = ("0.conv1", "1.conv1")
TASKS = (classification("kind", 3), binary("sign"))
NAMES = tuple(task.name for task in TASKS)
SPLITS = ("train", "val", "test")
FAST = TrainSettings(epochs=2, batch_size=16, lr=0.01)


class Block(nn.Module):
    """A residual block [batch, 4, 4, 4] whose hidden layer has 8 channels."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(4, CHANNELS, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(CHANNELS)
        self.drop = nn.Dropout(dropout)
        self.conv2 = nn.Conv2d(CHANNELS, 4, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        y = self.drop(self.bn1(self.conv1(x)).relu())
        return (x + self.bn2(self.conv2(y))).relu()


def make_stem() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU())


def make_blocks(dropout: float) -> nn.Module:
    return nn.Sequential(Block(dropout), Block(dropout))


def make_backbone(dropout: float = 0.0) -> Backbone:
    stages = (Stage("stem", make_stem), Stage("blocks", partial(make_blocks, dropout)))
    return Backbone("small", stages, (1, 4, 4))


def make_space(names: tuple[str, ...] = NAMES) -> Partitioning:
    return Partitioning(names, 2, [HiddenGroup(1, LAYERS, CHANNELS)])


def images(samples: int, seed: int) -> Tensor:
    """[samples, 1, 4, 4]."""
    return torch.randn(samples, 1, 4, 4, generator=torch.Generator().manual_seed(seed))


def labels(inputs: Tensor, task: str) -> Tensor:
    """Which third of the image is brightest, how bright it is, or whether it is bright."""
    if task == "kind":
        return inputs.flatten(1)[:, :15].reshape(-1, 3, 5).mean(2).argmax(1)
    bright = inputs.mean((1, 2, 3))
    return bright[:, None] if task == "size" else (bright > 0).long()


def make_part(
    task: Task, *, train: int = 48, val: int = 24, seed: int = 0, flat: bool = False
) -> TensorData:
    """One task with inputs of its own, as images or as rows of 16 numbers."""
    splits = {}
    for number, (split, size) in enumerate({"train": train, "val": val, "test": 24}.items()):
        inputs = images(size, 100 * seed + 10 * len(task.name) + number)
        given = inputs.flatten(1) if flat else inputs
        splits[split] = (given, {task.name: labels(inputs, task.name)})
    return TensorData((task,), name=task.name, **splits)


def make_data(
    tasks: tuple[Task, ...] = TASKS, *, seed: int = 0, flat: bool = False
) -> SeparateData:
    return SeparateData([make_part(task, seed=seed, flat=flat) for task in tasks], name="small")


def make_shared() -> TensorData:
    """Both tasks on the same images."""
    splits = {}
    for seed, split in enumerate(SPLITS):
        inputs = images(20, seed)
        splits[split] = (inputs, {task.name: labels(inputs, task.name) for task in TASKS})
    return TensorData(TASKS, **splits)
