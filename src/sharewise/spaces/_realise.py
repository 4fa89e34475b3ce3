"""From wanted shares to masks."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from sharewise.settings import check_count
from sharewise.spaces._runs import in_runs
from sharewise.spaces._swaps import nearest
from sharewise.spaces._targets import Bools, read_targets


def realise(
    forward: ArrayLike, channels: int, *, seed: int = 0, backward: ArrayLike | None = None
) -> tuple[Bools, Bools]:
    """Masks whose shares of channels come near the targets.

    Each diagonal is met exactly: task t uses max(1, round(channels * forward[t, t])) channels, and
    updates as many as backward[t, t] comes to in the same way, or none where that is 0. What pairs
    of tasks have in common comes near its target, in the sum of absolute distances. Targets that no
    masks meet (three tasks with half of the channels each, and none in common) are no error: they
    give near ones. Read what came out with `Group.shares`.

    Newell et al. 2019 (arXiv 1908.04339) draw masks at random and keep the best of many
    (`published_masks`). This is a search over swaps of channels instead, which comes nearer and
    takes less time; a seed gives the same masks on every machine.

    Args:
        forward: Target P of what tasks use, [tasks, tasks], shares from 0 to 1.
        channels: How many channels there are.
        seed: Which of several masks that are near is found.
        backward: Target P of what tasks update, at most `forward`; None: all that they use.

    Returns:
        The masks (use, update), each [tasks, channels]; update is inside use. Channels with equal
        owners are neighbours.

    Raises:
        InputError: Targets that are not square, not symmetric, not from 0 to 1, of two sizes, or
            backward above forward; no channels; a seed below 0.
    """
    check_count("seed", seed, least=0)
    targets = read_targets(forward, channels, backward)
    whole = np.ones((len(targets.forward), channels), dtype=np.bool_)
    use = nearest(targets.forward * channels, targets.used, inside=whole, seed=seed)
    if targets.backward is None:
        return in_runs(use, use)
    update = nearest(targets.backward * channels, targets.updated, inside=use, seed=seed)
    return in_runs(use, update)
