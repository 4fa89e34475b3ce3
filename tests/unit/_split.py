"""A whole split of a data set as one batch."""

from __future__ import annotations

from torch import Tensor

from sharewise.data import TaskData


def all_of(data: TaskData, split: str = "train") -> tuple[Tensor, dict[str, Tensor]]:
    """(inputs, targets); training samples in the order of seed 0, epoch 0."""
    size = data.sizes()[split]
    if split == "train":
        (batch,) = data.train(batch_size=size, seed=0, epoch=0)
    else:
        (batch,) = getattr(data, split)(batch_size=size)
    return batch.inputs, batch.targets
