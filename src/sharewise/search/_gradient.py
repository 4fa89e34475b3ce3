"""Branching search: train supernets with gates, read the architecture off, keep a journal.

Source: Guo, Lee and Ulbricht, "Learning to branch for multi-task learning" (ICML 2020).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sharewise.architecture import Architecture
from sharewise.backbones import Backbone
from sharewise.costs import CostTable
from sharewise.data import Batch, TaskData
from sharewise.errors import BudgetError, DataError
from sharewise.evaluation import Budget
from sharewise.evaluators import Trained, check_executor
from sharewise.search._consensus import Candidate
from sharewise.search._contest import Terms
from sharewise.search._crew import Crew, crew
from sharewise.search._finalists import Finalist, best, judge, seeds_of, shortlist
from sharewise.search._header import header_of
from sharewise.search._member import Member, Moment, Prices, check_finite
from sharewise.search._read_off import (
    Bound,
    inherit,
    read_argmax,
    read_consensus,
    read_off_entry,
    votes_of,
)
from sharewise.search._result import SearchResult
from sharewise.search._settings import SearchSettings
from sharewise.search._state import State, gates_entry, make_state
from sharewise.search._store import SearchStore
from sharewise.spaces import Branching
from sharewise.tasks import Task, check_tasks, metric_directions
from sharewise.training import pick_device, seeded

Progress = Callable[[dict[str, Any]], None]
DEFAULTS = SearchSettings()
_TRIES = 200  # random moves among which changed trees are looked for


def search_branching(  # noqa: PLR0913 - the public face: each is one decision of the caller's
    backbone: Backbone,
    data: TaskData,
    *,
    budget: Budget,
    settings: SearchSettings = DEFAULTS,
    seed: int = 0,
    executor: Executor | None = None,
    run: str | Path | None = None,
    resume: bool = False,
    device: str | torch.device = "auto",
    progress: Progress | None = None,
) -> SearchResult:
    """Learn where tasks should branch, and return the best tree inside the budget.

    Several supernets (`settings.initialisations`) are trained from different weights on the train
    split; the architecture is read off their gates. It is to be built with fresh weights and
    trained from scratch, as the paper does. With `settings.finalists` several trees are trained on
    from a network that shares all, and the cheapest is returned of those that gain most over it on
    the validation split, give or take a standard error. That split is read for this and with
    update="held-out" only, the test split never.

    The same seed, settings and data give the same journal, byte for byte, on one machine's CPU,
    interrupted or not. The caller's random state is left as it was.

    Args:
        backbone: its spatial size follows the data's inputs.
        data: all tasks, in batches that may hold some of them only.
        budget: a hard bound on what comes out. With latency_ms, each stage and head is timed once
            on the device, and a tree's latency is the sum over its branches.
        settings: see `SearchSettings`.
        seed: of the weights, the batch order and the gates.
        executor: trains finalists, in processes and to the same result; None: they are trained
            here, one after another.
        run: a folder for settings.json, journal.jsonl, checkpoint/, architecture.json, and with
            finalists shared/, the networks that they start from.
        resume: go on with what the folder holds.
        device: see `sharewise.training.pick_device`.
        progress: called after each epoch with its journal entry and "epochs", and with finalists
            by {"part": "finalists", "done": trainings, "jobs": trainings in all}.

    Raises:
        BudgetError: even the fully shared network is over budget, or the budget bounds `use`.
        InputError: the backbone does not take the data's inputs, a setting does not fit, the
            executor has threads, or finalists have a metric of one name and two directions.
        TrainingError: a loss is NaN or infinite; says which task and step. The run resumes.
        RunError: the folder belongs to another search, or cannot be written.
    """
    check_tasks(data.tasks)
    check_executor(executor)
    if settings.finalists > 1:
        metric_directions(data.tasks)  # refused now, and not after the supernets
    job = _Job(backbone.at(data.input_shape), data, settings, seed, pick_device(device))
    bound = _bound(job, budget)
    words = {"budget": budget.to_dict(), "search": settings.to_dict(), "seed": seed}
    header = header_of(bound.table, data, method="branching", words=words)
    prices = Prices.of(bound.table, budget)
    state = make_state(
        job.backbone, data.tasks, settings=settings, seed=seed, device=job.device, prices=prices
    )
    store = SearchStore.open(None if run is None else Path(run), header, resume=resume)
    store.restore(state)
    tell = progress or _quiet
    with crew(len(state.members), job.device) as workers:
        for epoch in range(len(state.entries) + 1, settings.epochs + 1):
            with seeded(job.device, seed=seed, epoch=epoch):
                state.entries.append(_advance(job, state, workers, epoch=epoch))
            store.keep(state)
            tell({**state.entries[-1], "epochs": settings.epochs})
    found = _read(job, state, bound)
    finalists = _finalists(job, found, bound, store, executor, tell)
    architecture = best(finalists, prices.of_tree) if finalists else found[0].architecture
    last = read_off_entry(found, votes_of(state.members), bound, finalists, architecture)
    store.finish(last, architecture)
    return SearchResult(
        architecture=architecture,
        backbone=job.backbone,
        budget=budget,
        cost=bound.table.of(architecture),
        shared_cost=bound.shared,
        table=bound.table,
        votes=votes_of(state.members),
        journal=(*state.entries, *store.trained, last),
        header=header,
        inherited=inherit(state.members, architecture),
    )


@dataclass(frozen=True)
class _Job:
    """What stays the same during a search."""

    backbone: Backbone
    data: TaskData
    settings: SearchSettings
    seed: int
    device: torch.device

    @property
    def tasks(self) -> dict[str, Task]:
        return {task.name: task for task in sorted(self.data.tasks, key=lambda task: task.name)}


def _bound(job: _Job, budget: Budget) -> Bound:
    """The budget with the prices of this backbone; refuses one that nothing can keep."""
    if {"use", "task_use"} & {*budget.to_dict()}:
        raise BudgetError(
            rule="A bound on use is for partitions; branching bounds params, macs or latency_ms.",
            found=f"{budget}",
            fix="Give params=1.5, for example.",
        )
    table = CostTable.measure(job.backbone, job.data.tasks)
    if budget.latency_ms is not None:
        table = table.with_latency(job.backbone, job.data.tasks, device=job.device)
    shared = table.of(Architecture.shared(job.tasks, job.backbone.num_stages))
    budget.check(shared)
    return Bound(budget, table, shared)


def _advance(job: _Job, state: State, workers: Crew, *, epoch: int) -> dict[str, Any]:
    """One pass over the training split; gives the epoch's journal entry."""
    settings = job.settings
    sums: dict[str, float] = {}
    counts: dict[str, int] = {}
    active: list[float] = []
    steps = 0
    for moment, batch in _moments(job, epoch):
        steps += 1
        step = partial(_step, batch=batch, moment=moment, tasks=job.tasks)
        pairs = list(zip(state.members, state.optimisers, strict=True))
        for losses in workers.map(step, pairs):
            for name, loss in losses.items():
                sums[name] = sums.get(name, 0.0) + loss
                counts[name] = counts.get(name, 0) + 1
        active += [member.active for member in state.members]
    if steps == 0:
        raise DataError(
            rule="A search trains on at least one sample.",
            found="an empty train split",
            fix="Give data with training samples.",
        )
    share = (epoch - 1) / settings.epochs
    return {
        "epoch": epoch,
        "phase": "warmup" if share < settings.warmup else "search",
        "temperature": settings.temperature_at(share, epoch),
        "losses": {name: sums[name] / counts[name] for name in sorted(sums)},
        "active": sum(active) / len(active),
        **gates_entry(state),
    }


def _moments(job: _Job, epoch: int) -> Iterator[tuple[Moment, Batch]]:
    """The steps of an epoch, each with its batch."""
    settings, data = job.settings, job.data
    train = data.train(batch_size=settings.batch_size, seed=job.seed, epoch=epoch)
    samples, seen = max(1, data.sizes()["train"]), 0
    held_out = itertools.chain.from_iterable(
        data.val(batch_size=settings.batch_size) for _ in itertools.count()
    )
    for step, batch in enumerate(train, start=1):
        share = (epoch - 1 + min(seen / samples, 1.0)) / settings.epochs
        seen += len(batch.inputs)
        search = share >= settings.warmup
        match settings.update:
            case "joint":
                yield Moment(share, epoch, step, trains_gates=search), batch
            case "alternate":
                gates = search and step % 2 == 0
                yield Moment(share, epoch, step, not gates, gates), batch
            case "held-out":
                yield Moment(share, epoch, step, trains_gates=False), batch
                if search:
                    yield Moment(share, epoch, step, trains_weights=False), next(held_out)


def _step(
    pair: tuple[Member, tuple[torch.optim.Adam, torch.optim.Adam]],
    *,
    batch: Batch,
    moment: Moment,
    tasks: dict[str, Task],
) -> dict[str, float]:
    """One step of one member with its optimisers; gives each task's loss."""
    member, adams = pair
    for adam in adams:
        # None, not zeros: so Adam leaves the nodes alone that this step did not run.
        adam.zero_grad(set_to_none=True)
    losses = member.losses(batch, moment, tasks)
    numbers = check_finite(losses, moment)
    objective = member.objective(losses, tasks)
    if moment.trains_gates:
        scale = sum(tasks[name].weight * abs(loss) for name, loss in numbers.items())
        extra = member.regulariser(moment, scale)
        objective = objective if extra is None else objective + extra
    objective.backward()
    weights, gates = adams
    if moment.trains_weights:
        weights.step()
    if moment.trains_gates:
        gates.step()
    return numbers


def _read(job: _Job, state: State, bound: Bound) -> list[Candidate]:
    """The candidates, best first."""
    names = list(job.tasks)
    if job.settings.read_off == "argmax":
        return [read_argmax(state.members[0], names, bound)]
    return read_consensus(votes_of(state.members), names, bound)


def _finalists(
    job: _Job,
    found: Sequence[Candidate],
    bound: Bound,
    store: SearchStore,
    executor: Executor | None,
    tell: Progress,
) -> tuple[Finalist, ...]:
    """The trained finalists; none where the settings ask for none, or there is but one tree."""
    trees = shortlist([each.architecture for each in found], job.settings.finalists)
    if len(trees) == 1:
        return ()
    settings = job.settings
    trained = Trained(job.backbone, job.data, settings.tuning, device=str(job.device))
    return judge(
        trees,
        Terms(trained, settings.training, store, executor, tell),
        seeds=seeds_of(job.seed, 1 + settings.rejudged),
        moves=settings.moves,
        neighbours=partial(_neighbours, job, bound, np.random.default_rng(job.seed)),
    )


def _neighbours(
    job: _Job, bound: Bound, rng: np.random.Generator, tree: Architecture
) -> Iterator[Architecture]:
    """Random single moves of the tree that the budget allows; some come more than once."""
    space = Branching(tree.tasks, tree.num_stages)
    for _ in range(_TRIES):
        other = space.vary(tree, rng)
        if bound.allows(other):
            yield other


def _quiet(step: dict[str, Any]) -> None:
    return None
