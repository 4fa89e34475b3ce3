"""The five dense tasks, random labels with holes, and a network that learns them in a second."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from sharewise.backbones import Backbone, Stage
from sharewise.data import TensorData
from sharewise.tasks import Task, depth, edges, keypoints, normals, segmentation

NAN = float("nan")
CLASSES = 4
SIZE = 12  # height and width of images and labels
DENSE = (segmentation("segmentation", CLASSES), normals(), depth(), keypoints(), edges())
NAMES = tuple(task.name for task in DENSE)
OUTPUTS = {"segmentation": CLASSES, "normals": 3, "depth": 1, "keypoints": 1, "edges": 1}
METRICS = {
    "segmentation": {"miou", "pixel_accuracy"},
    "normals": {"mean_angle", "median_angle", "within_11", "within_22", "within_30"},
    "depth": {"abs_error", "rel_error", "within_1", "within_2", "within_3"},
    "keypoints": {"l1"},
    "edges": {"l1"},
}


def chance(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def draw_output(task: str, samples: int, seed: int, size: int = SIZE) -> Tensor:
    """[samples, outputs, size, size]."""
    return torch.randn(samples, OUTPUTS[task], size, size, generator=chance(seed))


def draw_labels(task: str, samples: int, seed: int, *, holes: float = 0.3) -> Tensor:
    """Labels of a task, of which a share of the pixels is missing, but never a whole sample."""
    random, shape = chance(seed), (samples, 1, SIZE, SIZE)
    hole = torch.rand(shape, generator=random) < holes
    hole[:, :, 0, 0] = False
    if task == "segmentation":
        label = torch.randint(0, CLASSES, shape, generator=random)
        return label.masked_fill(hole, 255)[:, 0].to(torch.uint8)
    if task == "normals":
        vector = torch.randn(samples, 3, SIZE, SIZE, generator=random)
        return nn.functional.normalize(vector, dim=1).masked_fill(hole, NAN)
    number = torch.rand(shape, generator=random)
    return (number + 0.1).masked_fill(hole, NAN)


def labelled(task: str, target: Tensor) -> Tensor:
    """Which pixels have a label, bool [samples, size, size]."""
    return target != 255 if task == "segmentation" else ~target.isnan().any(dim=1)


def without_label(task: str, target: Tensor) -> Tensor:
    """The same labels, all missing."""
    return torch.full_like(target, 255 if task == "segmentation" else NAN)


class Block(nn.Module):
    """A residual block [batch, 6, h, w] whose hidden layer has 8 channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(6, 8, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 6, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(6)

    def forward(self, x: Tensor) -> Tensor:
        return (x + self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))).relu()


def make_stem() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 6, 2, stride=2, bias=False), nn.BatchNorm2d(6), nn.ReLU())


def make_backbone() -> Backbone:
    """[batch, 3, 12, 12] -> [batch, 6, 6, 6], in two stages; the second has a hidden layer."""
    return Backbone("dense", (Stage("stem", make_stem), Stage("block", Block)), (3, SIZE, SIZE))


def make_images(samples: int, seed: int) -> Tensor:
    return torch.randn(samples, 3, SIZE, SIZE, generator=chance(seed))


def make_split(
    samples: int, seed: int, tasks: tuple[Task, ...] = DENSE
) -> tuple[Tensor, dict[str, Tensor]]:
    """Images with labels of all tasks; each task's labels are missing in one sample in four."""
    targets = {}
    for index, name in enumerate(task.name for task in tasks):
        targets[name] = draw_labels(name, samples, seed + index)
        rows = torch.arange(samples) % 4 == index % 4
        targets[name][rows] = without_label(name, targets[name][rows])
    return make_images(samples, seed), targets


def make_data(tasks: tuple[Task, ...] = DENSE) -> TensorData:
    draw = partial(make_split, tasks=tasks)
    return TensorData(tasks, train=draw(16, 0), val=draw(8, 100), test=draw(8, 200), name="dense")
