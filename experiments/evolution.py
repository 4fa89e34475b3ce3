"""Does evolution find better partitions than random search on real data, at equal evaluations?

Both search partitions of decathlon-mini at mean use .5, each candidate judged by a short
distillation. Each one's answer, the candidate that it judged best, is then judged again with seeds
that no search has seen: by distillations of the same length, which is what was searched for, and
by longer ones, which also asks whether the short ones stand for them. The higher mean wins. Seeds
of the search differ; the data, the common initialisation and the teachers are those of
experiments/proxy.py.

    python experiments/evolution.py [--folder runs/proxy] [--evaluations 80] [--seeds 5]
        [--workers 2] [--json]
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import multiprocessing
import statistics
from concurrent.futures import Executor, ProcessPoolExecutor
from pathlib import Path
from typing import Any

from proxy import world

from sharewise.architecture import Architecture
from sharewise.evaluators import Distilled, DistilSettings
from sharewise.runs import end_with_parent
from sharewise.spaces import Partitioning
from sharewise.strategies import Evolution, Judged, Proposal, RandomSearch, Strategy

USE = 0.5
STEPS, LONGER = 120, 320
AGAIN = (900_001, 900_002, 900_003)  # seeds of the last judgement

Scores = dict[str, float]


def search(
    strategy: Strategy[Any], judge: Distilled, space: Partitioning, *, seed: int, evaluations: int
) -> Architecture:
    """The candidate with the best score among so many."""
    state = strategy.start(space, seed=seed)
    best: tuple[float, Architecture] | None = None
    done = 0
    while done < evaluations:
        proposals = strategy.ask(state)
        found = [decode(space, each) for each in proposals]
        evaluations_ = judge.evaluate(found, seed=proposals[0].seed)
        judged = []
        for proposal, each, evaluation in zip(proposals, found, evaluations_, strict=True):
            judged.append(Judged(proposal, evaluation.score, each.mean_use, evaluation.per_task))
            if best is None or evaluation.score > best[0]:
                best = evaluation.score, each
        state = strategy.tell(state, judged)
        done += len(proposals)
    if best is None:
        raise ValueError("no evaluation")
    return best[1]


def decode(space: Partitioning, proposal: Proposal) -> Architecture:
    return space.decode(space.with_use(proposal.vector, USE), seed=proposal.seed)


def duel(judge: Distilled, space: Partitioning, seed: int, evaluations: int) -> dict[str, Scores]:
    """{"the same length" or "more steps": {strategy: the mean score of its answer}}."""
    short = with_steps(judge, STEPS)
    strategies: dict[str, Strategy[Any]] = {
        "evolution": Evolution(use=USE),
        "random": RandomSearch(use=USE),
    }
    answers = {
        name: search(each, short, space, seed=seed, evaluations=evaluations)
        for name, each in strategies.items()
    }
    return {
        "the same length": last_judgement(short, answers),
        "more steps": last_judgement(with_steps(judge, LONGER), answers),
    }


def last_judgement(judge: Distilled, answers: dict[str, Architecture]) -> Scores:
    """The mean score of each answer over seeds that no search has seen."""
    scores = [
        [each.score for each in judge.evaluate(list(answers.values()), seed=again)]
        for again in AGAIN
    ]
    return {name: statistics.fmean(row[i] for row in scores) for i, name in enumerate(answers)}


def with_steps(judge: Distilled, steps: int) -> Distilled:
    return dataclasses.replace(judge, settings=dataclasses.replace(judge.settings, steps=steps))


def duels(
    folder: Path, executor: Executor, seeds: int, evaluations: int
) -> list[dict[str, Scores]]:
    """One for each seed."""
    judge, _, space = world(folder, executor, DistilSettings())
    waiting = [executor.submit(duel, judge, space, seed, evaluations) for seed in range(seeds)]
    return [each.result() for each in waiting]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("runs/proxy"))
    parser.add_argument("--evaluations", type=int, default=80)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        given.workers, mp_context=context, initializer=end_with_parent
    ) as executor:
        found = duels(given.folder, executor, given.seeds, given.evaluations)
    for length in found[0]:
        pairs = [each[length] for each in found]
        wins = sum(each["evolution"] > each["random"] for each in pairs)
        name = f"evolution beats random search, judged by distillations of {length}"
        if given.json:
            goal = {"spread": None, "limit": given.seeds, "goal": round(0.8 * given.seeds)}
            print(json.dumps({"name": name, "value": wins, "unit": "seeds", **goal}))
            continue
        for seed, each in enumerate(pairs):
            print(f"seed {seed}: evolution {each['evolution']:.4f}, random {each['random']:.4f}")
        print(f"{name}: in {wins} of {given.seeds} seeds")


if __name__ == "__main__":
    main()
