"""Does a branching search find planted groups? The table of docs/results/planted.md.

Three toys: the one of the synthetic study (16 outputs, tanh), one with ReLU and noise, and a linear
one with other widths and more difference between tasks. Of each, 8 tasks in 2 groups of 4 and in 4
groups of 2, 20 data seeds each; and the two-level tree 3 | (2 | 3), 10 seeds. Default settings. An
answer is exact when its groups at the last stage are the planted ones ("groups"), and when the
whole tree is ("tree"). "1x" is the true tree's cost; at "1.5x" the data must say how many groups
there are. The gates do not look at the budget, so both are read off one search.

    python experiments/planted.py [--json] [--seeds 20] [--workers 2] [--only tanh] [--published]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch
from rich.progress import Progress

import sharewise as sw
from sharewise.runs import end_with_parent

TOYS: dict[str, dict[str, Any]] = {
    "tanh": {},
    "relu": {"inputs": 48, "outputs": 12, "nonlinearity": torch.relu, "noise": 0.2},
    "linear": {"inputs": 24, "outputs": 24, "nonlinearity": sw.data.identity, "spread": 0.45},
}
GROUPS: dict[str, Any] = {"2 groups of 4": (4, 4), "4 groups of 2": (2, 2, 2, 2)}
TWO_LEVEL: dict[str, Any] = {"3 | (2 | 3)": (3, (2, 3))}
FACTORS = (1.0, 1.5)
GOALS = {("2 groups of 4", 1.0): 0.95, ("4 groups of 2", 1.0): 0.9, ("3 | (2 | 3)", 1.0): 0.8}


@dataclass(frozen=True)
class Job:
    """One search."""

    toy: str
    groups: str
    seed: int
    published: bool = False


def run(job: Job) -> dict[str, Any]:
    """Searches once; reads the gates off under both budgets."""
    torch.set_num_threads(1)
    toy = TOYS[job.toy]
    data = sw.data.planted((GROUPS | TWO_LEVEL)[job.groups], seed=job.seed, **toy)
    width = toy.get("outputs", 16)
    backbone = sw.backbones.mlp(data.input_shape[0], (width,) * 3)
    names = [task.name for task in data.tasks]
    shared = sw.cost(sw.Architecture.shared(names, 3), backbone, data.tasks)
    truth = sw.cost(data.truth, backbone, data.tasks)
    budgets = [sw.Budget(params=factor * truth.params / shared.params) for factor in FACTORS]
    settings = sw.SearchSettings.published() if job.published else sw.SearchSettings()
    start = time.process_time()
    result = sw.search_branching(
        backbone, data, budget=budgets[-1], settings=settings, seed=job.seed, device="cpu"
    )
    seconds = time.process_time() - start
    found = {
        factor: result.architecture if job.published else result.under(budget)
        for factor, budget in zip(FACTORS, budgets, strict=True)
    }
    return {
        "job": job,
        "seconds": seconds,
        "groups": {f: tree.levels[-1] == data.truth.levels[-1] for f, tree in found.items()},
        "tree": {f: tree == data.truth for f, tree in found.items()},
        "branches": {f: tree.num_branches for f, tree in found.items()},
    }


def figures(answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Shares of exact answers, one figure for each toy, planted tree, budget and kind."""
    table = []
    cases = dict.fromkeys((a["job"].toy, a["job"].groups) for a in answers)
    for toy, groups in cases:
        here = [a for a in answers if (a["job"].toy, a["job"].groups) == (toy, groups)]
        for factor in FACTORS:
            for kind in ("groups", "tree"):
                exact = sum(a[kind][factor] for a in here)
                table.append(
                    {
                        "name": f"{toy}, {groups}, {factor:g}x, exact {kind}",
                        "value": exact,
                        "unit": f"of {len(here)}",
                        "spread": None,
                        "limit": len(here),
                        "goal": _goal(groups, factor, len(here)),
                        "failed_seeds": [a["job"].seed for a in here if not a[kind][factor]],
                    }
                )
    return table


def _goal(groups: str, factor: float, seeds: int) -> float | None:
    if groups in TWO_LEVEL and factor != 1.0:
        return None
    return round(GOALS.get((groups, factor), 0.8) * seeds, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description="Recovery of planted groups")
    parser.add_argument("--json", action="store_true", help="one JSON object a figure")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", choices=list(TOYS), help="one toy")
    parser.add_argument("--published", action="store_true", help="the published recipe instead")
    given = parser.parse_args()
    toys = [given.only] if given.only else list(TOYS)
    jobs = [
        Job(toy, groups, seed, given.published)
        for toy in toys
        for groups in (TWO_LEVEL | GROUPS if toy == "tanh" else GROUPS)
        for seed in range(given.seeds if groups in GROUPS else (given.seeds + 1) // 2)
    ]
    answers = []
    context = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(given.workers, mp_context=context, initializer=end_with_parent) as pool,
        Progress(disable=not sys.stderr.isatty()) as bar,
    ):
        task = bar.add_task("Searching", total=len(jobs))
        for answer in pool.map(run, jobs):
            answers.append(answer)
            bar.advance(task)
    for figure in figures(answers):
        if given.json:
            print(json.dumps(figure))
        else:
            goal = "" if figure["goal"] is None else f"  (goal {figure['goal']:g})"
            missed = f"  not: {figure['failed_seeds']}" if figure["failed_seeds"] else ""
            print(f"{figure['name']:44} {figure['value']:3} {figure['unit']}{goal}{missed}")
    seconds = sum(answer["seconds"] for answer in answers)
    print(f"{len(answers)} searches, {seconds:.0f} s of processor time", file=sys.stderr)


if __name__ == "__main__":
    main()
