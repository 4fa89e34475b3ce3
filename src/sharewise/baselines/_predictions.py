"""What the found network answers to a few test images, kept so that a report can show it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from sharewise.backbones import Backbone, make_on_meta, output_shape
from sharewise.baselines._job import Job, Terms
from sharewise.data import DOOM_CLASSES, SCENE_CLASSES, Batch
from sharewise.networks import Network, build
from sharewise.runs import Run, write_atomic
from sharewise.tasks import Task, resized
from sharewise.training import load_weights, one_thread

FILE = "predictions.safetensors"
IMAGES = 4
_FORMAT = 1
_MOST_PIXELS = 128  # of a side: a page shows them no larger
_LARGEST = 6e4  # below float16's largest number
_NAMES: Mapping[str, Sequence[str]] = {"scenes": SCENE_CLASSES, "doom": DOOM_CLASSES}
"""Data of our own, whose depth is in metres and whose normals are right, down and forward."""
Kind = dict[str, Any]
"""{"picture": what is drawn, "classes": names of a segmentation's classes, else empty}."""


def keep_predictions(job: Job, terms: Terms, folder: Path) -> None:
    """Keep what a trained network answers to some test images, beside their targets.

    Four images at even distances in the test split, so that nobody chose them. Nothing is kept
    where no task's answers are images, or where the job's weights are gone; a file that already
    holds the same is left alone, and the test split unread.

    The file has, for image i, "i.input" (uint8 [1 or 3, h, w], each image from its darkest to its
    brightest value; left out for inputs of other channels), and of each labelled task "i.T.target"
    and "i.T.output": int16 [h, w] classes, -1 without a label; or float16 [3, h, w] unit vectors or
    [h, w] numbers, NaN without a label. Sides above 128 pixels are thinned out. "in_metres"
    says that depth is in metres and normals are the camera's right, down and forward.

    Args:
        job: A training that is complete.
        terms: Of its comparison.
        folder: Where the file is written.

    Raises:
        RunError: The disk refuses, or the weights are broken.
    """
    kinds = picture_kinds(terms.data.tasks, terms.backbone, terms.data.name)
    if not kinds or job.folder is None or not Run(job.folder).network.is_file():
        return
    places = even_places(terms.data.sizes()["test"], IMAGES)
    content = {
        "format": _FORMAT,
        "kind": "predictions",
        "architecture": job.architecture.digest,
        "seed": job.seed,
        "data": terms.data.fingerprint,
        "places": places,
        "in_metres": terms.data.name in _NAMES,
        "tasks": kinds,
    }
    if _content(folder / FILE) == content:
        return
    network = build(job.architecture, terms.backbone, terms.data.tasks)
    load_weights(network, Run(job.folder).network)
    with one_thread(), torch.no_grad():
        arrays = _answers(network.to(terms.device).eval(), terms, kinds, places)
    write_atomic(folder / FILE, save(arrays, {"sharewise": json.dumps(content)}))


def picture_kinds(tasks: Sequence[Task], backbone: Backbone, data: str) -> dict[str, Kind]:
    """{task: how its answers are drawn}, of the tasks whose answers are images.

    The picture is "classes", "normals", "depth" or "numbers", by the task's metrics: that is where
    a task says what its numbers mean.
    """
    shape, kinds = backbone.shapes()[-1], {}
    for task in tasks:
        subject = f"head of task '{task.name}'"
        head = make_on_meta(partial(task.head, shape), subject=subject)
        output = output_shape(head, shape, subject=subject)
        picture = _picture({metric.name for metric in task.metrics}, output[0])
        if len(output) == 3 and picture:
            classes = _class_names(data, output[0]) if picture == "classes" else []
            kinds[task.name] = {"picture": picture, "classes": classes}
    return kinds


def _picture(metrics: set[str], channels: int) -> str:
    if "miou" in metrics:
        return "classes"
    if "mean_angle" in metrics and channels == 3:
        return "normals"
    if channels != 1:
        return ""
    return "depth" if "rel_error" in metrics else "numbers"


def _class_names(data: str, classes: int) -> list[str]:
    """The names of a data set that has some, else the numbers."""
    names = list(_NAMES.get(data, ()))
    return names if len(names) == classes else [str(number) for number in range(classes)]


def even_places(samples: int, count: int) -> list[int]:
    """At most `count` places in 0..samples-1, in the middle of parts of equal length."""
    count = min(count, samples)
    return [(2 * number + 1) * samples // (2 * count) for number in range(count)]


def _content(path: Path) -> Any:
    """What a file says that it holds; None where there is none that can be read."""
    try:
        with safe_open(path, framework="pt") as file:
            return json.loads((file.metadata() or {})["sharewise"])
    except (OSError, SafetensorError, KeyError, ValueError):
        return None


def _answers(
    network: Network, terms: Terms, kinds: Mapping[str, Kind], places: Sequence[int]
) -> dict[str, Tensor]:
    arrays: dict[str, Tensor] = {}
    start = 0
    for batch in terms.data.test(batch_size=terms.train.batch_size):
        end = start + len(batch.inputs)
        for number, place in enumerate(places):
            if start <= place < end:
                found = _image(network, batch, place - start, kinds, terms.device)
                arrays |= {f"{number}.{name}": each.contiguous() for name, each in found.items()}
        start = end
        if start > places[-1]:
            break
    return arrays


def _image(
    network: Network, batch: Batch, row: int, kinds: Mapping[str, Kind], device: str
) -> dict[str, Tensor]:
    """One image's input, targets and answers, as they are kept."""
    shown = [name for name in batch.tasks if name in kinds]
    image = batch.inputs[row : row + 1]  # [1, channels, height, width]
    outputs = network(image.to(device), tasks=shown) if shown else {}
    kept = {} if image.shape[1] not in (1, 3) else {"input": _bytes(image)}
    for name in shown:
        target = batch.targets[name][row : row + 1]
        output = resized(outputs[name].cpu(), (target.shape[-2], target.shape[-1]))
        pair = _pair(kinds[name], output, target)
        kept |= {f"{name}.{side}": _thin(each) for side, each in pair.items()}
    return kept


def _pair(kind: Kind, output: Tensor, target: Tensor) -> dict[str, Tensor]:
    if kind["picture"] == "classes":
        label, count = target[0].long(), len(kind["classes"])
        known = (label >= 0) & (label < count)
        found = output[0].max(dim=0).indices
        return {"target": torch.where(known, label, -1).short(), "output": found.short()}
    if kind["picture"] == "normals":
        return {"target": target[0].half(), "output": F.normalize(output, dim=1)[0].half()}
    return {"target": target[0, 0].half(), "output": output[0, 0].clamp(-_LARGEST, _LARGEST).half()}


def _bytes(image: Tensor) -> Tensor:
    """[1, channels, h, w] floats to bytes [channels, h', w'], darkest to brightest."""
    step = _step(image)
    height, width = (-(-side // step) for side in image.shape[-2:])
    small = F.adaptive_avg_pool2d(image.float(), (height, width))[0]
    low, high = small.min(), small.max()
    return ((small - low) * (255 / (high - low).clamp(min=1e-12))).round().to(torch.uint8)


def _thin(image: Tensor) -> Tensor:
    """Every n-th pixel, and not their mean: that of two classes or of two walls is neither."""
    step = _step(image)
    return image[..., ::step, ::step]


def _step(image: Tensor) -> int:
    return -(-max(image.shape[-2:]) // _MOST_PIXELS)
