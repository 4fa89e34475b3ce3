"""An order of channels in which those with equal owners are neighbours."""

from __future__ import annotations

import numpy as np

from sharewise.spaces._targets import Bools


def in_runs(use: Bools, update: Bools) -> tuple[Bools, Bools]:
    """The same masks with their channels put in order.

    Channels with equal owners (use and update) come together, so that masks are a few runs. From
    run to run the order goes to the one that differs least, so that each task's channels are few
    ranges: slices of weights are then short lists. It starts with the run that most tasks use.

    Args:
        use: [tasks, channels].
        update: [tasks, channels].

    Returns:
        Both masks, their channels in the new order.
    """
    tasks = len(use)
    columns = np.concatenate([use, update]).T
    owners, member = np.unique(columns, axis=0, return_inverse=True)  # [runs, 2 tasks], [channels]
    # A task's use weighs twice: slices follow use, and where update differs nothing is sliced.
    weights = np.repeat([2.0, 1.0], tasks)
    near = (owners * weights) @ owners.T.astype(np.float64)
    size = np.diagonal(near)
    apart = size[:, None] + size - 2.0 * near  # weighted Hamming distance, [runs, runs]
    place = np.empty(len(owners), dtype=np.int64)
    taken = np.zeros(len(owners))
    run = int(size.argmax())
    for position in range(len(owners)):
        place[run] = position
        taken[run] = np.inf
        run = int((apart[run] + taken).argmin())
    order = place[member.ravel()].argsort(kind="stable")
    return use[:, order], update[:, order]
