"""The solver of Newell et al. 2019 (arXiv 1908.04339), for comparison with ours.

Written after a description of their released code's behaviour; none of the code is used.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from sharewise.settings import check_count
from sharewise.spaces._runs import in_runs
from sharewise.spaces._targets import Bools, Counts, Floats, read_targets

_DRAWS = 100


def published_masks(
    forward: ArrayLike, channels: int, *, seed: int = 0, backward: ArrayLike | None = None
) -> tuple[Bools, Bools]:
    """Masks as the published solver draws them: one task after another, the best of 100 draws.

    Arguments, result and errors are those of `realise`. Deviations: the seed is given, where the
    released code reads a global random state; weights are kept away from 0, where it can stop for
    want of channels; the channels are put in order.
    """
    targets = read_targets(forward, channels, backward)
    check_count("seed", seed, least=0)
    rng = np.random.default_rng(seed)
    whole = np.ones((len(targets.forward), channels), dtype=np.bool_)
    use = _draw(targets.forward, targets.used, inside=whole, rng=rng)
    if targets.backward is None:
        return in_runs(use, use)
    return in_runs(use, _draw(targets.backward, targets.updated, inside=use, rng=rng))


def _draw(shares: Floats, counts: Counts, *, inside: Bools, rng: np.random.Generator) -> Bools:
    channels = inside.shape[1]
    masks = np.zeros(inside.shape, dtype=np.bool_)
    for task, count in enumerate(counts):
        before = masks[:task]
        wanted = shares[task, :task]
        # Channels without replacement in proportion to their weights: the largest of log weight
        # plus Gumbel noise (Efraimidis and Spirakis 2006).
        noise = rng.gumbel(size=(_DRAWS, channels))
        keys = np.where(inside[task], _log_weights(shares, before) + noise, -np.inf)
        chosen = np.argsort(-keys, axis=1)[:, :count]  # [draws, count]
        overlaps = before[:, chosen].sum(axis=2).T / channels  # [draws, tasks before]
        best = int(((overlaps - wanted) ** 2).sum(axis=1).argmin())
        masks[task, chosen[best]] = True
    return masks


def _log_weights(shares: Floats, before: Bools) -> Floats:
    """Log of prod_s {(P_st / d_t) / n_s inside s, (1 - P_st / d_t) / (n - n_s) outside}."""
    task, channels = len(before), before.shape[1]
    own = max(shares[task, task], 1e-9)
    part = np.clip(shares[task, :task] / own, 1e-9, 1.0 - 1e-9)[:, None]
    sizes = before.sum(axis=1, keepdims=True)
    inside = part / np.maximum(sizes, 1)
    outside = (1.0 - part) / np.maximum(channels - sizes, 1)
    log_weights: Floats = np.log(np.where(before, inside, outside)).sum(axis=0)
    return log_weights
