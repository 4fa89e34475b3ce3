"""All trainings of a comparison: the networks that others start from, then the others."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from sharewise.architecture import Architecture
from sharewise.baselines._job import Epoch, Job, Result, Start, Terms, finished
from sharewise.baselines._workers import W, Work, perform_all
from sharewise.training import check_split

Progress = Callable[[dict[str, Any]], None]
Results = dict[tuple[Architecture, int], Result]


def train_all(
    jobs: Sequence[Job],
    terms: Terms,
    *,
    workers: int,
    folder: Path | None,
    progress: Progress | None,
) -> Results:
    """The results of all jobs; those that are complete on disk are read."""
    results = {job.key: result for job in jobs if (result := finished(job)) is not None}
    rest = [job for job in jobs if job.key not in results]
    if rest:  # what could not be scored in the end is not trained
        check_split(terms.data, "test", batch_size=terms.train.batch_size)
    starts = []
    if terms.shared is not None:
        for seed in dict.fromkeys(job.seed for job in rest):
            path = None if folder is None else folder / f"shared-seed{seed}"
            starts.append(Start(seed, terms.shared, path))
    tally = _Tally(progress, terms, count=len(starts) + len(jobs))
    for job in jobs:
        if job.key in results:
            tally.end(job)
    networks = {start.seed: network for start, network in _perform(starts, terms, workers, tally)}
    terms = dataclasses.replace(terms, starts=networks)
    return results | {job.key: result for job, result in _perform(rest, terms, workers, tally)}


def _perform(works: Sequence[W], terms: Terms, workers: int, tally: _Tally) -> list[tuple[W, Any]]:
    found = []
    # closing: whatever is raised here, an interruption included, ends the workers first.
    with closing(perform_all(works, terms, workers=workers, notice=tally.notice)) as ended:
        for work, result in ended:
            found.append((work, result))
            tally.end(work)
    return found


class _Tally:
    """Tells the caller how far the trainings are."""

    def __init__(self, progress: Progress | None, terms: Terms, *, count: int) -> None:
        self._progress, self._terms = progress, terms
        self._done, self._count = 0, count

    def notice(self, work: Work, epoch: Epoch) -> None:
        if self._progress is not None:
            event = {"done": self._done, "jobs": self._count, "job": work.name, "seed": work.seed}
            self._progress(event | {"epoch": epoch["epoch"], "epochs": epoch["epochs"]})

    def end(self, work: Work) -> None:
        self._done += 1
        epochs = work.epochs(self._terms)
        self.notice(work, {"epoch": epochs, "epochs": epochs})
