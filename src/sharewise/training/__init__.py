"""Train a network and score it; checkpoints that resume bit for bit."""

from __future__ import annotations

from sharewise.training._checkpoint import load_weights, save_weights
from sharewise.training._device import one_thread, pick_device, seeded
from sharewise.training._evaluate import check_split, evaluate
from sharewise.training._settings import TrainSettings
from sharewise.training._tensors import (
    adam_tensors,
    load_adam,
    part,
    read_checkpoint,
    remove_stale,
    write_checkpoint,
)
from sharewise.training._train import train
from sharewise.training._turns import can_have_curriculum

__all__ = [
    "TrainSettings",
    "adam_tensors",
    "can_have_curriculum",
    "check_split",
    "evaluate",
    "load_adam",
    "load_weights",
    "one_thread",
    "part",
    "pick_device",
    "read_checkpoint",
    "remove_stale",
    "save_weights",
    "seeded",
    "train",
    "write_checkpoint",
]
