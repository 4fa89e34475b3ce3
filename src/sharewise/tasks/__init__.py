"""Tasks: what a network is asked, how its answer is trained and how it is scored.

A task is a value: a name, a head, a loss, metrics, and what a label looks like. Losses and metrics
only ever see samples that have a label; `masked_loss` is where the others are left out. Of a task
whose labels are images, they see the whole of every sample that has a labelled pixel, and leave
the other pixels out themselves.
"""

from __future__ import annotations

from sharewise.tasks._angles import normals
from sharewise.tasks._dense import depth, edges, keypoints
from sharewise.tasks._heads import decoder, multi_dilation
from sharewise.tasks._labels import MISSING
from sharewise.tasks._pixels import resized
from sharewise.tasks._segmentation import segmentation
from sharewise.tasks._single import binary, classification, regression
from sharewise.tasks._task import Metric, Task, check_tasks, masked_loss, mean, metric_directions

__all__ = [
    "MISSING",
    "Metric",
    "Task",
    "binary",
    "check_tasks",
    "classification",
    "decoder",
    "depth",
    "edges",
    "keypoints",
    "masked_loss",
    "mean",
    "metric_directions",
    "multi_dilation",
    "normals",
    "regression",
    "resized",
    "segmentation",
]
