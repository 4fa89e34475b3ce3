"""Train a found architecture and its baselines alike, and compare them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from sharewise.architecture import Architecture
from sharewise.backbones import Backbone
from sharewise.baselines._comparison import Comparison, Row, gains, mean_scores
from sharewise.baselines._job import Job, Terms, open_folder
from sharewise.baselines._others import NO_OTHERS, check_others
from sharewise.baselines._partitions import partition_rows
from sharewise.baselines._predictions import keep_predictions
from sharewise.baselines._random import draw_trees
from sharewise.baselines._settings import CompareSettings
from sharewise.baselines._trainings import Progress, Results, train_all
from sharewise.costs import CostTable, measure_latencies
from sharewise.data import TaskData
from sharewise.errors import InputError
from sharewise.evaluation import Budget, Cost
from sharewise.evaluators import Initial
from sharewise.networks import build
from sharewise.runs import Run, write_json
from sharewise.scores import Scores
from sharewise.spaces import Branching
from sharewise.tasks import metric_directions
from sharewise.training import pick_device

DEFAULTS = CompareSettings()
Plan = dict[str, dict[int, tuple[Architecture, ...]]]
"""{row: {seed: architectures}}."""


def compare(  # noqa: PLR0913 - the public face: each is one decision of the caller's
    architecture: Architecture,
    backbone: Backbone,
    data: TaskData,
    *,
    budget: Budget,
    settings: CompareSettings = DEFAULTS,
    initial: Initial | None = None,
    others: Mapping[str, Architecture] = NO_OTHERS,
    run: str | Path | None = None,
    device: str | torch.device = "auto",
    progress: Progress | None = None,
) -> Comparison:
    """Compare an architecture with sharing all, sharing nothing, and random ones in the budget.

    For a partition, "shared" lets every task use every channel, "divided" gives each an equal part
    of its own, "random" are partitions of the same mean use inside the budget, and "independent"
    are single-task networks. Rows of the caller's own, `others`, come last. Every network is
    trained with the same settings and seeds: from the fully shared network of its seed
    (`settings.shared`), from the common initialisation, or else from scratch, where a branch that
    occurs in several networks starts from the same weights in each. The validation split selects
    the epoch, and the test split is evaluated once, at the end of a training. Equal architectures
    are trained once, whatever rows they belong to. Latency is measured at the end, all networks in
    turn, once no worker runs any more.

    With a run, each training has a folder run/comparison/<architecture digest>-seed<k>/ with
    scores.json (validation) and test.json, the fully shared network that those of a seed start from
    has run/comparison/shared-seed<k>/, and a comparison that was killed goes on from there to
    the same scores. Where answers are images, those of the found network of the first seed to a few
    test images are kept for the report (`_predictions.keep_predictions`). run/comparison.json is
    written at the end. Jobs compute with one torch thread each, so the scores are the same for
    every number of workers (on one machine's CPU).

    Args:
        architecture: The one found, of exactly the data's tasks.
        backbone: Bound to the data's input shape here.
        data: Samples for all splits.
        budget: For the random trees or partitions; the found architecture is taken as it is.
        settings: See `CompareSettings`.
        initial: The common initialisation from which every network starts, where `settings.shared`
            leaves that open; None: from scratch.
        others: {row: architecture}, further ones, trained like the rest; the budget does not bound
            them. A name is not that of another row.
        run: The folder of the search (or any other); None keeps nothing.
        device: See `pick_device`.
        progress: Called after each epoch and each training with {"done": trainings that are
            complete, "jobs": int, "job": its rows, "seed": int, "epoch": int, "epochs": int}.

    Raises:
        InputError: Both an initial and `settings.shared`; an architecture does not fit the backbone
            or the data, or the one found is a tree with partitions; one of the others has the name
            of another row; two tasks have a metric of one name and opposite directions; or, with
            workers, something does not pickle.
        DataError: A task without a label in the validation or the test split.
        BudgetError: Not even the fully shared network is within the budget, or no partition of the
            found one's use.
        TrainingError: A loss is NaN or infinite; trainings that are finished are kept.
        RunError: A folder holds a training of other settings, the disk refuses, or a worker died.
    """
    place = pick_device(device)
    _check_one_start(settings, initial)
    bound = backbone.at(data.input_shape)
    terms = Terms(bound, data, settings.train, str(place), initial, settings.shared)
    directions = metric_directions(data.tasks)
    table = CostTable.measure(terms.backbone, data.tasks)
    table.of(architecture)  # refuses one that does not fit before anything is trained
    check_others(others, table)
    folder = None if run is None else Path(run) / "comparison"

    def judge() -> CostTable:
        if budget.latency_ms is None:
            return table
        return table.with_latency(terms.backbone, data.tasks, device=place)

    plan = _plan(architecture, settings, budget=budget, table=judge, folder=folder)
    plan |= _constant(others, settings)
    jobs = _jobs(plan, table, folder)
    for job in jobs:
        open_folder(job, terms, table)
    results = train_all(jobs, terms, workers=settings.workers, folder=folder, progress=progress)
    if folder is not None:
        first = (architecture, settings.seeds[0])
        keep_predictions(next(job for job in jobs if job.key == first), terms, folder)
    rows = _rows(plan, results, _costs(plan, terms, table), directions)
    comparison = Comparison(
        rows,
        settings.seeds,
        budget,
        settings.train,
        directions,
        shared=settings.shared,
        initial=None if initial is None else initial.source,
    )
    if run is not None:
        write_json(Run(Path(run)).comparison, comparison.to_dict())
    return comparison


def _check_one_start(settings: CompareSettings, initial: Initial | None) -> None:
    if settings.shared is not None and initial is not None:
        raise InputError(
            rule="Networks of a comparison start from one kind of network: the common"
            " initialisation, or the fully shared one of their seed.",
            found="an initial and settings.shared",
            fix="Leave one of them out.",
        )


def _plan(
    architecture: Architecture,
    settings: CompareSettings,
    *,
    budget: Budget,
    table: Callable[[], CostTable],
    folder: Path | None,
) -> Plan:
    tasks, stages = architecture.tasks, architecture.num_stages
    rows = {
        "found": architecture,
        "shared": Architecture.shared(tasks, stages),
        "independent": Architecture.independent(tasks, stages),
    }
    if architecture.partitions:
        more, drawn = partition_rows(architecture, budget, settings, table=table)
        plan = _constant({**rows, **more}, settings)
        return {**plan, "random": drawn} if settings.random_trees else plan
    plan = _constant(rows, settings)
    if settings.random_trees:
        plan["random"] = draw_trees(
            Branching(tasks, stages),
            budget,
            table=table,
            wanted={seed: settings.random_trees for seed in settings.seeds},
            path=None if folder is None else folder / "random.json",
        )
    return plan


def _constant(rows: Mapping[str, Architecture], settings: CompareSettings) -> Plan:
    """The plan of rows that have one architecture for all seeds."""
    return {name: {seed: (each,) for seed in settings.seeds} for name, each in rows.items()}


def _jobs(plan: Plan, table: CostTable, folder: Path | None) -> list[Job]:
    """A job for each architecture and seed, those that take longest first.

    So no worker begins on the largest network when the others are about to end.
    """
    rows: dict[tuple[Architecture, int], dict[str, None]] = {}
    for row, by_seed in plan.items():
        for seed, trees in by_seed.items():
            for tree in trees:
                rows.setdefault((tree, seed), {})[row] = None
    jobs = [
        Job(
            name=" + ".join(names),
            architecture=tree,
            seed=seed,
            folder=None if folder is None else folder / f"{tree.digest}-seed{seed}",
        )
        for (tree, seed), names in rows.items()
    ]
    return sorted(jobs, key=lambda job: -table.of(job.architecture).macs)


def _costs(plan: Plan, terms: Terms, table: CostTable) -> dict[Architecture, Cost]:
    """What every architecture costs, with the latency of one sample on an idle machine."""
    trees = dict.fromkeys(tree for row in plan.values() for each in row.values() for tree in each)
    shape = terms.backbone.input_shape
    networks = [(build(tree, terms.backbone, terms.data.tasks), shape) for tree in trees]
    times = measure_latencies(networks, device=terms.device)
    return {
        tree: dataclasses.replace(table.of(tree), latency_ms=latency_ms)
        for tree, latency_ms in zip(trees, times, strict=True)
    }


def _rows(
    plan: Plan,
    results: Results,
    costs: dict[Architecture, Cost],
    lower_is_better: dict[str, bool],
) -> tuple[Row, ...]:
    def scores(row: str, split: str) -> dict[int, Scores]:
        return {
            seed: mean_scores([getattr(results[tree, seed], split) for tree in trees])
            for seed, trees in plan[row].items()
        }

    test = {row: scores(row, "test") for row in plan}
    rows = []
    for row, by_seed in plan.items():
        # Seed after seed for random trees; the other rows have one architecture for all seeds.
        drawn = tuple(tree for trees in by_seed.values() for tree in trees)
        trees = drawn if row == "random" else drawn[:1]
        rows.append(
            Row(
                name=row,
                architectures=trees,
                costs=tuple(costs[tree] for tree in trees),
                val=scores(row, "val"),
                test=test[row],
                gain=gains(test[row], test["shared"], lower_is_better),
                gain_independent=gains(test[row], test["independent"], lower_is_better),
            )
        )
    return tuple(rows)
