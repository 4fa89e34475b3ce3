"""Masks that are proven to be nearest, for few tasks: an integer programme."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from sharewise.errors import InputError
from sharewise.spaces._runs import in_runs
from sharewise.spaces._targets import Bools, Counts, Floats, read_targets

_MOST_TASKS = 12


def realise_exact(
    forward: ArrayLike,
    channels: int,
    *,
    backward: ArrayLike | None = None,
    time_limit_s: float = 60.0,
) -> tuple[Bools, Bools]:
    """Masks as `realise` gives them, proven to have the least sum of absolute distances.

    The programme counts the channels of each owner set: forward first, over 2^tasks sets; then
    backward, over the subsets of those forward sets that are there. So backward masks are nearest
    inside these forward masks; others that are as near may hold nearer ones. With 256 channels
    nine tasks take seconds, twelve may take an hour.

    Args:
        forward: Target P of what tasks use, [tasks, tasks], shares from 0 to 1; up to 12 tasks.
        channels: How many channels there are.
        backward: Target P of what tasks update, at most `forward`; None: all that they use.
        time_limit_s: Seconds for each of the two programmes.

    Returns:
        The masks (use, update), each [tasks, channels], channels with equal owners together.
        The sum of distances is the least to within 0.01 %.

    Raises:
        InputError: As `realise`; more than 12 tasks; no proof within the time limit.
    """
    targets = read_targets(forward, channels, backward)
    tasks = len(targets.forward)
    if tasks > _MOST_TASKS:
        raise InputError(
            rule=f"Exact masks are for at most {_MOST_TASKS} tasks: owner sets double with each.",
            found=f"{tasks} tasks",
            fix="Use realise(), which takes any number of tasks.",
        )
    whole = np.ones((tasks, channels), dtype=np.bool_)
    use, _ = _nearest(targets.forward, targets.used, inside=whole, time_limit_s=time_limit_s)
    if targets.backward is None:
        return in_runs(use, use)
    update, use = _nearest(targets.backward, targets.updated, inside=use, time_limit_s=time_limit_s)
    return in_runs(use, update)


def _nearest(
    shares: Floats, counts: Counts, *, inside: Bools, time_limit_s: float
) -> tuple[Bools, Bools]:
    """Nearest masks inside given ones, and these with their channels in the same order."""
    tasks, channels = inside.shape
    pools, sizes = np.unique(inside.T, axis=0, return_counts=True)  # [pools, tasks], [pools]
    subsets = [_subsets(pool) for pool in pools]
    sets = np.concatenate(subsets)  # [sets, tasks]: every subset of every pool
    pool_of = np.repeat(np.arange(len(pools)), [len(each) for each in subsets])
    first, second = np.triu_indices(tasks, 1)
    # Variables: the channels of each set; then, for each pair, what it is above and below.
    amounts_of = [np.arange(len(pools))[:, None] == pool_of, sets.T, sets.T[first] & sets.T[second]]
    distance = np.eye(len(pools) + tasks + len(first), len(first), -len(pools) - tasks)
    rows = np.hstack([np.concatenate(amounts_of), -distance, distance])
    wanted = np.concatenate([sizes, counts, shares[first, second] * channels])
    amounts = _solve(rows, wanted, sets=len(sets), time_limit_s=time_limit_s)
    return np.repeat(sets.T, amounts, axis=1), np.repeat(pools[pool_of].T, amounts, axis=1)


def _solve(rows: Floats, wanted: Floats, *, sets: int, time_limit_s: float) -> Sequence[int]:
    """The channels of each set that make the pairs' distances least."""
    # Here, not above: scipy.optimize takes longer to import than all of this room.
    from scipy.optimize import Bounds, LinearConstraint, milp

    is_distance = np.arange(rows.shape[1]) >= sets
    found = milp(
        is_distance.astype(np.float64),
        integrality=~is_distance,
        bounds=Bounds(0.0, np.inf),
        constraints=LinearConstraint(rows, wanted, wanted),
        options={"time_limit": time_limit_s},
    )
    if found.status != 0:
        raise InputError(
            rule="Exact masks are handed back with a proof that none are nearer.",
            found=f"no proof after {time_limit_s:g} seconds",
            fix="Raise time_limit_s, or use realise(), which comes near without a proof.",
        )
    amounts: list[int] = np.rint(found.x[:sets]).astype(np.int64).tolist()
    return amounts


def _subsets(pool: Bools) -> Bools:
    """Every subset of a set of tasks, [subsets, tasks]."""
    members = np.flatnonzero(pool)
    subsets = np.zeros((2 ** len(members), len(pool)), dtype=np.bool_)
    subsets[:, members] = np.arange(len(subsets))[:, None] >> np.arange(len(members)) & 1
    return subsets
