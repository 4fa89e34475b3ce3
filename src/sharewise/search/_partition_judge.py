"""Candidates of a partitioning search, judged in groups and recorded in order."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Any

from sharewise.architecture import Architecture
from sharewise.evaluators import Evaluator
from sharewise.search._partition_plan import Plan
from sharewise.search._partition_store import PartitionStore
from sharewise.strategies import Judged, Proposal


@dataclasses.dataclass(frozen=True)
class Asked:
    """A proposal and its architecture; `entry` is what the journal says of it beforehand."""

    proposal: Proposal
    architecture: Architecture
    entry: Mapping[str, Any]

    @classmethod
    def of(cls, plan: Plan, proposal: Proposal, *, words: Mapping[str, Any]) -> Asked:
        """Decode a proposal; candidates with one seed are realised with one seed, too."""
        return cls.known(plan, proposal, plan.decode(proposal.vector, seed=proposal.seed), words)

    @classmethod
    def known(
        cls, plan: Plan, proposal: Proposal, architecture: Architecture, words: Mapping[str, Any]
    ) -> Asked:
        """An architecture of the space, inside the budget or not."""
        cost = plan.table.of(architecture)
        entry = {
            **words,
            "seed": proposal.seed,
            "vector": list(proposal.vector),
            "architecture": architecture.digest,
            "use": architecture.use,
            "params": cost.params,
            "macs": cost.macs,
        }
        return cls(proposal, architecture, entry)

    def with_seed(self, seed: int, *, words: Mapping[str, Any]) -> Asked:
        """The same architecture, to be judged with another seed."""
        entry = {**words, "seed": seed, "architecture": self.architecture.digest}
        return Asked(Proposal(self.proposal.vector, seed), self.architecture, entry)


@dataclasses.dataclass(frozen=True)
class Judgement:
    """What was asked, and how it was judged; `stopped`: before the last step, as hopeless."""

    asked: Asked
    judged: Judged
    stopped: bool


class Judge:
    """Evaluates what is asked in groups, through the executor where there is one.

    Groups do not depend on the executor, and results are recorded in the order of asking: so the
    journal is the same, whatever computes.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        store: PartitionStore,
        executor: Executor | None,
        tell: Callable[[dict[str, Any]], None],
        *,
        group: int,
    ) -> None:
        self._evaluator = evaluator
        self._store = store
        self._executor = executor
        self._tell = tell
        self._group = group
        self._place = 0  # the next entry of the journal

    def evaluate(
        self, asked: Sequence[Asked], *, part: str, before: int, jobs: int
    ) -> list[Judgement]:
        """The judgements of all that is asked; those in the journal are taken from there.

        `before` of the part's `jobs` are done already.

        Raises:
            RunError: the journal holds something else in their place.
        """
        waiting = []
        for group in _groups(asked, self._group):
            known = [self._store.found(self._place + i, asked[i].entry) for i in group]
            work = None if all(known) else self._begin([asked[i] for i in group])
            waiting.append((group, work))
        self._tell({"part": part, "done": before, "jobs": jobs})
        judgements = []
        for group, work in waiting:
            evaluations = None if work is None else work()
            for number, i in enumerate(group):
                entry = self._store.found(self._place, asked[i].entry)
                if entry is None and evaluations is not None:
                    entry = {**asked[i].entry, **evaluations[number].to_dict()}
                    self._store.append(entry)
                self._place += 1
                judgements.append(_judgement(asked[i], entry or {}))
            self._tell({"part": part, "done": before + len(judgements), "jobs": jobs})
        return judgements

    def stop_none(self, evaluator: Evaluator) -> None:
        """Judge all that follows by this evaluator, which runs every candidate to the end."""
        self._evaluator = evaluator

    def record(self, entry: Mapping[str, Any]) -> None:
        """Add an entry that is no judgement, unless it is there."""
        if self._store.found(self._place, entry) is None:
            self._store.append(entry)
        self._place += 1

    def _begin(self, group: Sequence[Asked]) -> Callable[[], Any]:
        """Start to evaluate a group; call what comes back for the evaluations."""
        architectures = [each.architecture for each in group]
        work = partial(self._evaluator.evaluate, architectures, seed=group[0].proposal.seed)
        return work if self._executor is None else self._executor.submit(work).result


def _groups(asked: Sequence[Asked], most: int) -> Iterator[range]:
    """Neighbours with one seed, at most so many."""
    start = 0
    for end in range(1, len(asked) + 1):
        if (
            end == len(asked)
            or end - start == most
            or asked[end].proposal.seed != asked[start].proposal.seed
        ):
            yield range(start, end)
            start = end


def _judgement(asked: Asked, entry: Mapping[str, Any]) -> Judgement:
    judged = Judged(
        proposal=asked.proposal,
        score=entry["score"],
        use=asked.architecture.mean_use,
        per_task=entry["per_task"],
    )
    return Judgement(asked, judged, entry["stopped"])
