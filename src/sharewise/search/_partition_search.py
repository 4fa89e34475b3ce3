"""Partitioning search: a strategy asks, an evaluator distils, the journal records.

Source: Newell et al., "Feature partitioning for efficient multi-task architectures" (2019).
"""

from __future__ import annotations

import functools
import itertools
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sharewise.architecture import Architecture
from sharewise.backbones import Backbone
from sharewise.data import OnlyTask, TaskData
from sharewise.errors import InputError
from sharewise.evaluation import Budget
from sharewise.evaluators import (
    Distilled,
    Features,
    Initial,
    check_executor,
    train_initial,
    train_teachers,
)
from sharewise.networks import Network
from sharewise.runs import Run
from sharewise.search._header import header_of
from sharewise.search._partition_given import Given
from sharewise.search._partition_judge import Asked, Judge, Judgement
from sharewise.search._partition_plan import Plan, proposed_use
from sharewise.search._partition_result import PartitioningResult
from sharewise.search._partition_settings import PartitionSettings
from sharewise.search._partition_store import PartitionStore
from sharewise.strategies import Archive, Evolution, Proposal, Strategy
from sharewise.tasks import check_tasks
from sharewise.training import save_weights

Progress = Callable[[dict[str, Any]], None]
DEFAULTS = PartitionSettings()
REJUDGED = 1_000_000  # seeds from here on: none that a strategy hands out


def search_partitioning(  # noqa: PLR0913 - the public face: each is one decision of the caller's
    backbone: Backbone,
    data: TaskData,
    *,
    budget: Budget,
    strategy: Strategy | None = None,
    settings: PartitionSettings = DEFAULTS,
    seed: int = 0,
    executor: Executor | None = None,
    initial: Initial | None = None,
    teachers: Mapping[str, Network] | None = None,
    run: str | Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> PartitioningResult:
    """Search which channels each task should use and update, inside a budget.

    First the common initialisation is trained on one task, and a teacher for each task from it.
    Then candidates are asked from the strategy, judged by feature distillation on the validation
    split, and told back; the best are judged again with other seeds. The test split is never read.

    The same seed, settings and data give the same journal on one machine's CPU, whatever the
    executor and whether interrupted or not.

    Args:
        backbone: its spatial size follows the data's inputs.
        data: all tasks; separate data sets or shared inputs.
        budget: a hard bound on what comes out: the mean `use`, each task's (`task_use`),
            parameters or multiply-adds.
            Relative ones refer to the network in which every task uses every channel.
        strategy: what proposes candidates; None: `Evolution()`, kept inside the budget's use.
        settings: see `PartitionSettings`.
        seed: of weights, batch orders and the strategy.
        executor: where teachers and groups of candidates are computed, such as a
            `ProcessPoolExecutor` that spawns; None: here, one after another.
        initial: the common initialisation, where you have one (pretrained weights); None: trained
            on one of the tasks.
        teachers: a trained network of one task for each task, where you have them; None: trained
            from the common initialisation.
        run: a folder for settings.json, journal.jsonl, initial/, teachers/, features/ and
            architecture.json.
        resume: go on with what the folder holds.
        progress: called with {"part": "initial", "teachers", "features", "candidates", "presets" or
            "finalists", "done": int, "jobs": int, ..}.

    Raises:
        BudgetError: no partition is inside the budget.
        InputError: the backbone does not take the data's inputs, or has nothing to partition; the
            source is none of the tasks; the executor has threads; the strategy proposes nothing.
        TrainingError: a loss is NaN or infinite; the run resumes.
        RunError: the folder belongs to another search, or cannot be written.
    """
    check_tasks(data.tasks)
    check_executor(executor)
    bound = backbone.at(data.input_shape)
    plan = Plan.of(bound, data, budget, settings)
    if settings.source is not None:
        OnlyTask(data, settings.source)  # refuses an unknown one before the run is begun
    bound_use, each_task = proposed_use(budget)
    usual = Evolution(use=bound_use, per_task_use=each_task)
    proposer = usual if strategy is None else strategy
    proposer.start(plan.space, seed=seed)  # refuses what it must before anything is trained
    given = Given.of(plan, data.tasks, initial, teachers)
    header = _header(plan, data, proposer, settings=settings, seed=seed) | given.to_dict()
    folder = None if run is None else Path(run)
    store = PartitionStore.open(folder, header, resume=resume)
    tell = progress or (lambda event: None)
    with _workplace(folder) as place:
        terms = _Terms(plan, settings, seed, executor, place, tell)
        start, evaluator = _prepare(terms, given, data)
        judge = Judge(evaluator, store, executor, tell, group=settings.distil.group)
        found = _candidates(terms, proposer, judge)
        judge.stop_none(evaluator.unstopped())
        _judge_presets(terms, judge)
        architecture = _choose(terms, found, judge)
    store.finish(architecture)
    return PartitioningResult(
        architecture=architecture,
        backbone=bound,
        initial=start,
        budget=budget,
        cost=plan.table.of(architecture),
        shared_cost=plan.shared,
        table=plan.table,
        archive=functools.reduce(Archive.add, (each.judged for each in found), Archive()),
        journal=store.entries,
        header=header,
    )


@dataclass(frozen=True)
class _Terms:
    """What stays the same during a search."""

    plan: Plan
    settings: PartitionSettings
    seed: int
    executor: Executor | None
    folder: Path
    tell: Progress


def _header(
    plan: Plan, data: TaskData, strategy: Strategy, *, settings: PartitionSettings, seed: int
) -> dict[str, Any]:
    """What makes two searches the same one, as JSON values."""
    words = {
        "groups": [
            {
                "stage": each.stage,
                "layers": list(each.layers),
                "channels": each.channels,
                "unit": each.unit,
            }
            for each in plan.space.groups
        ],
        "budget": plan.budget.to_dict(),
        "strategy": {"name": type(strategy).__name__, **strategy.to_dict()},
        "search": settings.to_dict(),
        "seed": seed,
    }
    return header_of(plan.table, data, method="partitioning", words=words)


@contextmanager
def _workplace(folder: Path | None) -> Iterator[Path]:
    """The run's folder, or one that is gone afterwards."""
    if folder is not None:
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="sharewise-") as name:
        yield Path(name)


def _prepare(terms: _Terms, given: Given, data: TaskData) -> tuple[Initial, Distilled]:
    """The common initialisation, the teachers, and what the teachers say of every sample."""
    settings, place, backbone = terms.settings, terms.folder, terms.plan.table.backbone
    if given.initial is not None:
        # Kept, for trainings and comparisons go on from it.
        kept = Run.start(place / "initial", {"kind": "given", **given.to_dict()}, resume=True)
        save_weights(given.initial.network, kept.network)
    initial = given.initial or train_initial(
        backbone,
        data,
        source=settings.source,
        settings=settings.initial,
        seed=terms.seed,
        run=place / "initial",
        device="cpu",
        progress=lambda event: terms.tell({"part": "initial", **event}),
    )
    teachers = given.teachers or train_teachers(
        initial,
        backbone,
        data,
        first=terms.plan.first,
        freeze_below=settings.freeze_below,
        settings=settings.teachers,
        seed=terms.seed,
        run=place / "teachers",
        executor=terms.executor,
        progress=terms.tell,
    )
    features = Features.compute(
        teachers, data, settings.distil, folder=place / "features", progress=terms.tell
    )
    evaluator = Distilled.of(
        teachers, tasks=data.tasks, initial=initial, features=features, settings=settings.distil
    )
    return initial, evaluator


def _candidates(terms: _Terms, strategy: Strategy, judge: Judge) -> list[Judgement]:
    """Ask, judge and tell until the evaluations are used up; all candidates, in order."""
    wanted = terms.settings.evaluations
    state = strategy.start(terms.plan.space, seed=terms.seed)
    found: list[Judgement] = []
    for step in itertools.count():
        proposals = strategy.ask(state)
        if not proposals or (found and len(found) + len(proposals) > wanted):
            break
        asked = [
            Asked.of(terms.plan, each, words={"candidate": len(found) + i, "step": step})
            for i, each in enumerate(proposals)
        ]
        jobs = max(wanted, len(proposals))
        new = judge.evaluate(asked, part="candidates", before=len(found), jobs=jobs)
        found += new
        state = strategy.tell(state, [each.judged for each in new])
    if not found:
        raise InputError(
            rule="A strategy proposes a candidate to begin with.",
            found=f"none from {type(strategy).__name__}",
            fix="Use another strategy, such as RandomSearch().",
        )
    return found


def _judge_presets(terms: _Terms, judge: Judge) -> None:
    """Judge what needs no search, for the reader of the journal; the strategy is not told."""
    plan = terms.plan
    asked = [
        Asked.known(
            plan,
            Proposal(tuple(plan.space.vector_of(each).tolist()), REJUDGED),
            each,
            {"preset": name},
        )
        for name, each in plan.presets().items()
    ]
    judge.evaluate(asked, part="presets", before=0, jobs=len(asked))


def _choose(terms: _Terms, found: Sequence[Judgement], judge: Judge) -> Architecture:
    """The finalist with the best mean over all its evaluations."""
    settings = terms.settings
    best: dict[str, Judgement] = {}
    scores: dict[str, list[float]] = {}
    # What was stopped has the score of fewer steps, and is as hopeless as it was found to be.
    whole = [each for each in found if not each.stopped]
    for each in sorted(whole, key=lambda each: -each.judged.score):
        best.setdefault(each.asked.architecture.digest, each)
        scores.setdefault(each.asked.architecture.digest, []).append(each.judged.score)
    finalists = dict(itertools.islice(best.items(), settings.finalists))
    rounds = settings.rejudged if len(finalists) > 1 else 0
    for again in range(1, rounds + 1):
        asked = [
            each.asked.with_seed(REJUDGED + again, words={"finalist": rank, "again": again})
            for rank, each in enumerate(finalists.values())
        ]
        before, jobs = (again - 1) * len(asked), rounds * len(asked)
        for new in judge.evaluate(asked, part="finalists", before=before, jobs=jobs):
            scores[new.asked.architecture.digest].append(new.judged.score)
    means = {digest: statistics.fmean(scores[digest]) for digest in finalists}
    chosen = max(finalists.items(), key=lambda item: means[item[0]])[1].asked
    vector, seed = chosen.proposal.vector, chosen.proposal.seed
    exact = settings.exact
    architecture = terms.plan.exact(vector, seed=seed) if exact else chosen.architecture
    targets = terms.plan.targets_of(vector, seed=seed)
    realised = terms.plan.space.realised(architecture)
    judge.record(
        {
            "chosen": architecture.digest,
            "vector": list(vector),
            "finalists": means,
            "targets": [[f.tolist(), b.tolist()] for f, b in targets],
            "realised": [[f.tolist(), b.tolist()] for f, b in realised],
        }
    )
    return architecture
