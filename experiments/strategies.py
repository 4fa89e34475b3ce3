"""Is evolution better than random search? The table of docs/results/strategies.md.

Synthetic objectives over the vectors of a partition space (see `_objectives.py`), judged with noise
and under a hard bound on mean use: "sums" (6 tasks, 42 numbers), "borrowed" and "peaks" (9 tasks,
90 numbers).

The optimum is known: of the first two as a linear program with cutting planes, of "peaks" by
construction. A strategy's answer is what it judged best inside the bound, and is scored without
noise. Regret: how much of the way from a mean draw to the optimum is missing.

    python experiments/strategies.py [--json] [--seeds 10] [--first-seed 0] [--only sums]
"""

from __future__ import annotations

import argparse
import functools
import json
import statistics
import sys
import time
import zlib
from typing import Any

import numpy as np
from _objectives import SHAPES, USE, Floats

from sharewise.spaces import HiddenGroup, Partitioning
from sharewise.strategies import Archive, Evolution, Judged, Proposal, RandomSearch, Strategy

NOISE = 0.3  # standard deviation of the score's noise, in those of the scores of random draws
COMMON = 0.5  # part of its variance that judgements with equal seeds have in common
UNIT = "% of mean draw to optimum"
EVALUATIONS = (160, 320, 640)
STRATEGIES: dict[str, tuple[Strategy[Any], bool]] = {  # and whether it is told the tasks' scores
    "evolution": (Evolution(use=USE), True),
    "evolution, score only": (Evolution(use=USE), False),
    "published": (Evolution.published(), True),
    "published, hard bound": (Evolution.published(use=USE), True),
    "published, hard bound, per task": (Evolution.published(use=USE, per_task=True), True),
    "random": (RandomSearch(use=USE), True),
}


@functools.lru_cache(maxsize=64)
def _normal(count: int, *words: int) -> Floats:
    """Standard normal numbers of some seeds."""
    return np.random.default_rng(words).standard_normal(count)


class Toy:
    """An objective with noise, and what its scores are compared with."""

    def __init__(self, name: str, seed: int) -> None:
        tasks, make = SHAPES[name]
        self.space = Partitioning(
            [f"t{i}" for i in range(tasks)], 1, [HiddenGroup(0, ("layer",), 64)]
        )
        self._own = self.space.forward_diagonal.tolist()
        rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
        self._shape = make(rng, self.space)
        draws = RandomSearch(batch=400, use=USE)
        drawn = draws.ask(draws.start(self.space, seed=int(rng.integers(2**31))))
        seen = np.array([self.scores(each.vector) for each in drawn])  # [400, T]
        self.optimum, self.mean_draw = self._shape.optimum(), float(seen.mean())
        # Each task's noise is in proportion to how much draws differ for it.
        spread = seen.std(axis=0)
        self._noise = NOISE * seen.mean(axis=1).std() * tasks * spread / np.linalg.norm(spread)

    def scores(self, vector: tuple[float, ...]) -> Floats:
        """The tasks' scores without noise, [T]."""
        (matrices,) = self.space.matrices_of(vector)
        return self._shape.scores(*matrices)

    def judge(self, proposal: Proposal, *, seed: int, per_task: bool) -> Judged:
        """What a strategy sees; a pure function of the proposal and the seed."""
        own = zlib.crc32(np.array(proposal.vector).tobytes())
        tasks = len(self.space.tasks)
        common, alone = (
            _normal(tasks, seed, proposal.seed),
            _normal(tasks, seed, proposal.seed, own),
        )
        noise = COMMON**0.5 * common + (1 - COMMON) ** 0.5 * alone
        scores = self.scores(proposal.vector) + self._noise * noise
        use = float(np.mean([proposal.vector[i] for i in self._own]))
        named = dict(zip(self.space.tasks, scores.tolist(), strict=True))
        return Judged(proposal, float(scores.mean()), use, named if per_task else {})

    def regret(self, seen: list[Judged]) -> float:
        """Of the best that was seen inside the bound, in % of the way from a mean draw."""
        best = functools.reduce(Archive.add, seen, Archive()).best(use=USE + 1e-9)
        reached = self.mean_draw if best is None else self.scores(best.proposal.vector).mean()
        return float(100 * (self.optimum - reached) / (self.optimum - self.mean_draw))


def search(toy: Toy, strategy: Strategy[Any], *, per_task: bool, seed: int) -> list[float]:
    """Regrets after each number of evaluations."""
    state = strategy.start(toy.space, seed=seed)
    seen: list[Judged] = []
    while len(seen) < max(EVALUATIONS):
        judged = [toy.judge(each, seed=seed, per_task=per_task) for each in strategy.ask(state)]
        seen += judged
        state = strategy.tell(state, judged)
    return [toy.regret(seen[:evaluations]) for evaluations in EVALUATIONS]


def figures(shape: str, regrets: dict[str, list[list[float]]]) -> list[dict[str, Any]]:
    """Regret of each strategy, [seeds][evaluations] as given, and how often evolution wins."""
    table = []
    for place, evaluations in enumerate(EVALUATIONS):
        of = {name: [each[place] for each in found] for name, found in regrets.items()}
        seeds = len(of["random"])
        words = f"{shape}, {evaluations} evaluations"
        for rival in ("random", "published, hard bound"):
            wins = sum(a < b for a, b in zip(of["evolution"], of[rival], strict=True))
            goal = round(0.9 * seeds, 1) if rival == "random" else None
            name = f"{words}, evolution beats {rival}"
            table.append(_figure(name, wins, f"of {seeds}", seeds, goal))
        for name, values in of.items():
            mean = round(statistics.fmean(values), 1)
            figure = _figure(f"{words}, regret of {name}", mean, UNIT, 0, None)
            spread = round(statistics.stdev(values), 1) if seeds > 1 else None
            table.append(figure | {"spread": spread})
    return table


def _figure(name: str, value: float, unit: str, limit: float, goal: float | None) -> dict[str, Any]:
    return {
        "name": name, "value": value, "unit": unit, "spread": None, "limit": limit, "goal": goal,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description="Evolution against random search")
    parser.add_argument("--json", action="store_true", help="one JSON object a figure")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--only", choices=list(SHAPES), help="one objective")
    given = parser.parse_args()
    start = time.process_time()
    for shape in [given.only] if given.only else SHAPES:
        regrets: dict[str, list[list[float]]] = {name: [] for name in STRATEGIES}
        for seed in range(given.first_seed, given.first_seed + given.seeds):
            toy = Toy(shape, seed)
            for name, (strategy, per_task) in STRATEGIES.items():
                regrets[name].append(search(toy, strategy, per_task=per_task, seed=seed))
        for figure in figures(shape, regrets):
            if given.json:
                print(json.dumps(figure))
            else:
                spread = "" if figure["spread"] is None else f" ± {figure['spread']:.1f}"
                goal = "" if figure["goal"] is None else f"  (goal {figure['goal']:g})"
                print(f"{figure['name']:72} {figure['value']:6}{spread} {figure['unit']}{goal}")
    print(f"{time.process_time() - start:.0f} s of processor time", file=sys.stderr)


if __name__ == "__main__":
    main()
