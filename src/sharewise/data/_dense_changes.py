"""Images and targets for each pixel, changed alike in training: mirrored and cut."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sharewise.data._augment import Normalise
from sharewise.data._items import Sample, Targets


@dataclass(frozen=True)
class DenseChanges:
    """Bytes [batch, 3, height, width] to what the network is given, and targets that follow it.

    dense: the tasks whose targets have the images' height and width, [batch, ..., height, width].
    directions: those of them whose first channel points along the width, and changes its sign in
        the mirror.
    flip: whether half of the training images are mirrored.
    crop: the side of the square that is cut out: anywhere in training, and else in the middle; None
        for the whole image.
    """

    prepare: Normalise
    dense: tuple[str, ...] = ()
    directions: tuple[str, ...] = ()
    flip: bool = False
    crop: int | None = None
    numbers: int = 3

    def __call__(self, inputs: Tensor, targets: Targets, chances: Tensor | None) -> Sample:
        images = {"": inputs, **{name: targets[name] for name in self.dense}}
        if self.crop is not None:
            middle = torch.full((len(inputs), 2), 0.5)
            where = middle if chances is None else chances[:, 1:]
            images = {name: _cut(each, where, self.crop) for name, each in images.items()}
        if self.flip and chances is not None:
            mirrored = chances[:, 0] < 0.5
            images = {name: _mirrored(each, mirrored) for name, each in images.items()}
            for name in self.directions:
                signs = torch.where(mirrored, -1.0, 1.0)[:, None, None, None]
                images[name] = torch.cat([images[name][:, :1] * signs, images[name][:, 1:]], dim=1)
        return self.prepare(images.pop("")), {**targets, **images}


def _mirrored(images: Tensor, which: Tensor) -> Tensor:
    """Left to right, those of a batch [batch, ..., width] that are to be: bool [batch]."""
    return torch.where(which.reshape(-1, *[1] * (images.ndim - 1)), images.flip(-1), images)


def _cut(images: Tensor, where: Tensor, side: int) -> Tensor:
    """Squares out of images [batch, ..., height, width]; where: from 0, top and left, to 1."""
    height, width = images.shape[-2:]
    room = torch.tensor([height - side + 1, width - side + 1])
    corners = (where * room).long().minimum(room - 1)
    return torch.stack(
        [
            image[..., top : top + side, left : left + side]
            for image, (top, left) in zip(images, corners.tolist(), strict=True)
        ]
    )
