"""How near realised masks come to the targets that the published sampler draws, and how fast.

Errors are means over pairs of tasks of what two tasks have in common, minus the target, without
sign, in percent of 256 channels; diagonals are exact. `limit` of an error is the linear programme's
bound over all owner sets (for backward masks: inside the forward masks that were found), which no
solver can beat. Times are processor time of `realise`.

    OMP_NUM_THREADS=1 python benchmarks/realise.py [--json] [--share 1.0]
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from _figures import arguments, cpu_seconds, print_figure, spread
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import linprog

from sharewise.spaces import HiddenGroup, Partitioning, published_masks, realise, realise_exact

CHANNELS = 256
DRAWS = {3: 200, 5: 200, 9: 60, 10: 30, 20: 10, 40: 3}  # tasks -> draws
BOUNDED, BOUNDED_INSIDE, EXACT = 10, 9, 9  # the most tasks of each programme
EXACT_DRAWS = 5
GOALS = {20: 4.3}  # percent, where no bound can be computed
GOALS_MS = {20: 1000.0}

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Masks = tuple[Bools, Bools]


@dataclass
class Found:
    """What a solver came to on each draw: errors and bounds in percent, times in milliseconds."""

    forward: list[float] = field(default_factory=list)
    backward: list[float] = field(default_factory=list)
    ms: list[float] = field(default_factory=list)

    def add(self, solve: Callable[[], Masks], targets: tuple[Floats, Floats]) -> Masks:
        masks: list[Masks] = []
        self.ms.append(1000.0 * cpu_seconds(lambda: masks.append(solve())))
        self.forward.append(error(masks[0][0], targets[0]))
        self.backward.append(error(masks[0][1], targets[1]))
        return masks[0]


def draws(tasks: int, number: int) -> list[tuple[Floats, Floats]]:
    """Targets (F, B) of the published sampler; the same for every solver."""
    names = [f"task{index:02}" for index in range(tasks)]
    space = Partitioning(names, 1, [HiddenGroup(0, ("conv",), CHANNELS)])
    rng = np.random.default_rng(0)
    return [space.matrices_of(space.draw(rng))[0] for _ in range(number)]


def error(masks: Bools, shares: Floats) -> float:
    """Mean absolute error of the pairs, in percent of the channels."""
    counted = masks.astype(np.float64)
    off = np.abs(counted @ counted.T / CHANNELS - shares)[np.triu_indices(len(shares), 1)]
    return 100.0 * float(off.mean())


def bound(shares: Floats, found: Bools, inside: Bools) -> float:
    """The least error, in percent, of any masks inside given ones with the found diagonal."""
    pools, sizes = np.unique(inside.T, axis=0, return_counts=True)
    subsets = [np.arange(2 ** pool.sum())[:, None] >> np.arange(pool.sum()) & 1 for pool in pools]
    sets = np.zeros((sum(map(len, subsets)), len(shares)))
    pool_of = np.repeat(np.arange(len(pools)), [len(each) for each in subsets])
    for index, (pool, subset) in enumerate(zip(pools, subsets, strict=True)):
        sets[np.ix_(pool_of == index, pool)] = subset
    first, second = np.triu_indices(len(shares), 1)
    pairs = np.eye(len(first))
    nothing = np.zeros((len(pools) + len(shares), len(first)))
    sums = np.concatenate([pool_of == np.arange(len(pools))[:, None], sets.T])
    rows = np.block(
        [[sums, nothing, nothing], [(sets[:, first] * sets[:, second]).T, -pairs, pairs]]
    )
    wanted = np.concatenate([sizes, found.sum(axis=1), CHANNELS * shares[first, second]])
    prices = np.concatenate([np.zeros(len(sets)), np.ones(2 * len(first))])
    solved = linprog(prices, A_eq=sparse.csr_array(rows), b_eq=wanted, method="highs")
    return 100.0 * float(solved.fun) / CHANNELS / len(first)


def figures(
    name: str, values: Sequence[float], unit: str, limits: Sequence[float] = (), goal: float = 0.0
) -> None:
    print_figure(
        name,
        statistics.mean(values),
        unit=unit,
        spread=spread(list(values)),
        limit=round(statistics.mean(limits), 4) if limits else None,
        goal=round(goal, 4) or None,
    )


def measure(tasks: int, number: int) -> None:
    ours, alone, published, exact = Found(), Found(), Found(), Found()
    forward_bounds: list[float] = []
    backward_bounds: list[float] = []
    whole = np.ones((tasks, CHANNELS), dtype=np.bool_)
    for index, (forward, backward) in enumerate(draws(tasks, number)):
        both = (forward, backward)
        alone.add(partial(realise, forward, CHANNELS), both)
        use, update = ours.add(partial(realise, forward, CHANNELS, backward=backward), both)
        published.add(partial(published_masks, forward, CHANNELS, backward=backward), both)
        if tasks <= BOUNDED:
            forward_bounds.append(bound(forward, use, whole))
        if tasks <= BOUNDED_INSIDE:
            backward_bounds.append(bound(backward, update, use))
        if tasks <= EXACT and index < EXACT_DRAWS:
            exact.add(partial(realise_exact, forward, CHANNELS, backward=backward), both)
    goal = statistics.mean(forward_bounds) + 0.3 if forward_bounds else GOALS.get(tasks, 0.0)
    percent, title = "% of channels", f"{tasks} tasks"
    figures(f"{title}, forward error", ours.forward, percent, forward_bounds, goal)
    figures(f"{title}, backward error", ours.backward, percent, backward_bounds)
    figures(f"{title}, forward", alone.ms, "ms", goal=GOALS_MS.get(tasks, 50.0) if goal else 0.0)
    figures(f"{title}, forward and backward", ours.ms, "ms")
    figures(f"{title}, published solver, forward error", published.forward, percent, forward_bounds)
    figures(f"{title}, published solver, backward error", published.backward, percent)
    figures(f"{title}, published solver, both", published.ms, "ms")
    if exact.ms:
        first = f"{title}, first {EXACT_DRAWS} draws"
        figures(f"{first}, forward error", ours.forward[:EXACT_DRAWS], percent)
        figures(f"{first}, realise_exact, forward error", exact.forward, percent)
        figures(f"{first}, realise_exact, both", exact.ms, "ms")


def main() -> None:
    parser = arguments("How near realised masks come to their targets, and how fast")
    parser.add_argument("--share", type=float, default=1.0, help="of the draws to take")
    given = parser.parse_args()
    realise(np.ones((2, 2)), CHANNELS)  # the first call of numpy's products is slow
    for tasks, number in DRAWS.items():
        measure(tasks, max(1, round(number * given.share)))


if __name__ == "__main__":
    main()
