"""Molecules: which of QM9's twelve properties should share the layers of a network?

pip install 'sharewise[molecules]', then: molecules.py. Or with its CSV files in a folder:
molecules.py FOLDER. A small search: docs/results/molecules.md has what came of a larger one.
"""

import statistics
import sys
from collections.abc import Iterable

import sharewise as sw


def spread(values: Iterable[float]) -> str:
    """The mean, and the sample standard deviation, over seeds."""
    known = list(values)
    return f"{statistics.fmean(known):.4g} ±{statistics.stdev(known):.2g}"


def main(folder: str | None = None) -> None:
    data = sw.data.qm9(samples=5000, folder=folder)
    tasks = [task.name for task in data.tasks]
    mlp = sw.backbones.mlp(in_features=34, widths=(64, 64, 64))
    # Twice what sharing all costs: room for two branches from the start, or for more at the end.
    # (Of an MLP parameters and multiply-adds are nearly the same number.)
    budget, few = sw.Budget(macs=2), sw.SearchSettings(initialisations=8)
    found = sw.search_branching(mlp, data, budget=budget, settings=few)
    print(found.architecture.draw())
    print("At four times:", found.under(sw.Budget(macs=4)).draw(), sep="\n")

    last = found.journal[-1]["read_off"]["sharing"][-1]  # of the last stage, [tasks][tasks]
    for task, votes in zip(tasks, last, strict=True):
        share, other = max(pair for pair in zip(votes, tasks, strict=True) if pair[1] != task)
        print(f"{task} shares most often with {other}: in {share:.0%} of the initialisations")

    train = sw.TrainSettings(epochs=15, lr=2e-3)
    settings = sw.CompareSettings(seeds=(0, 1, 2), train=train)
    rows = sw.compare(found.architecture, mlp, data, budget=budget, settings=settings).rows
    print(f"{'test mae':8}", *(f"{row.name:>16}" for row in rows))
    for task in tasks:
        errors = [[scores[task]["mae"] for scores in row.test.values()] for row in rows]
        print(f"{task:8}", *(f"{spread(each):>16}" for each in errors), sw.data.QM9_UNITS[task])


if __name__ == "__main__":
    main(*sys.argv[1:2])
