"""Masks that need no search."""

from __future__ import annotations

import numpy as np

from sharewise.errors import InputError
from sharewise.spaces._targets import Bools


def fixed(tasks: int, channels: int, *, share: float) -> tuple[Bools, Bools]:
    """A share of the channels for all tasks, the rest divided evenly; (use, update).

    Raises:
        InputError: The share is not from 0 to 1, or a task gets no channel.
    """
    if not 0.0 <= share <= 1.0:
        raise InputError(
            rule="The share of channels that all tasks have in common is a number from 0 to 1.",
            found=repr(share),
            fix="Use 0 for independent tasks and 1 to share everything.",
        )
    shared = round(share * channels)
    if not shared and channels < tasks:
        raise InputError(
            rule="Every task uses at least one channel of each group.",
            found=f"{channels} channels to divide between {tasks} tasks",
            fix="Let the tasks share some, or leave out the group.",
        )
    common = np.ones((tasks, shared), dtype=np.bool_)
    use = np.concatenate([common, _divided(tasks, channels - shared)], axis=1)
    return use, use


def forward_only(tasks: int, channels: int) -> tuple[Bools, Bools]:
    """All channels used by all tasks, each updated by one; (use, update)."""
    return np.ones((tasks, channels), dtype=np.bool_), _divided(tasks, channels)


def _divided(tasks: int, channels: int) -> Bools:
    """Each channel for one task, the numbers as even as they can be."""
    owner = np.arange(channels) * tasks // max(channels, 1)
    owned: Bools = np.arange(tasks)[:, None] == owner
    return owned
