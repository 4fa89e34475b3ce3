"""Samples of a split that stay in memory."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

Targets = dict[str, Tensor]
Sample = tuple[Tensor, Targets]
"""A stored input [*shape], and {task: its target}; or several, all tensors [samples, ...]."""


class Held:
    """Places for the samples of a split, in one tensor for inputs and one for each task.

    So a batch is gathered at once, whatever the number of tasks, and memory holds no more than the
    numbers themselves. A place takes memory once it is filled.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._filled = torch.zeros(places, dtype=torch.bool)
        self._inputs: Tensor | None = None
        self._targets: Targets = {}

    def missing(self, ids: Sequence[int]) -> list[int]:
        """Those of the places that are empty, in the order given."""
        filled = self._filled[list(ids)].tolist()
        return [number for number, there in zip(ids, filled, strict=True) if not there]

    def put(self, ids: Sequence[int], samples: Sample) -> None:
        """Fill these places: inputs [len(ids), ...], and targets alike."""
        inputs, targets = samples
        if self._inputs is None:
            self._inputs = self._empty(inputs)
            self._targets = {name: self._empty(each) for name, each in targets.items()}
        where = torch.tensor(ids)
        self._inputs[where] = inputs
        for name, each in targets.items():
            self._targets[name][where] = each
        self._filled[where] = True

    def take(self, ids: Sequence[int]) -> Sample:
        """Copies of what is in these places, all of them filled."""
        if self._inputs is None:
            raise LookupError("nothing is held yet")
        where = torch.tensor(ids)
        return self._inputs[where], {name: each[where] for name, each in self._targets.items()}

    def _empty(self, like: Tensor) -> Tensor:
        return torch.empty((self._places, *like.shape[1:]), dtype=like.dtype)
