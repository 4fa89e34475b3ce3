"""What the journal of a partitioning search says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Shares = NDArray[np.float64]


@dataclass(frozen=True)
class Candidate:
    """A partition that the search judged.

    Attributes:
        number: Its place among all candidates, from 0.
        step: The strategy's step that proposed it.
        digest: Of the architecture.
        vector: What the strategy proposed.
        use: {task: share of the channels}.
        stopped: Whether it was given up before its last training step.
    """

    number: int
    step: int
    digest: str
    vector: tuple[float, ...]
    use: Mapping[str, float]
    params: float
    macs: float
    score: float
    stopped: bool

    @property
    def mean_use(self) -> float:
        """The mean share of the channels that a task uses."""
        return sum(self.use.values()) / len(self.use)


@dataclass(frozen=True)
class Matrices:
    """One P: pairs (asked, realised), each [tasks, tasks], the tasks sorted."""

    forward: tuple[Shares, Shares]
    backward: tuple[Shares, Shares]


@dataclass(frozen=True)
class Trail:
    """How a partitioning search came to its answer.

    Attributes:
        candidates: In the order in which they were judged.
        presets: Partitions that need no search, judged for comparison.
        again: {digest: scores of a finalist with other seeds}.
        choice: The journal's last line; empty before the end.
    """

    candidates: tuple[Candidate, ...]
    presets: tuple[Candidate, ...]
    again: Mapping[str, tuple[float, ...]]
    choice: Mapping[str, Any]

    @cached_property
    def chosen(self) -> str | None:
        """The digest of the answer."""
        return self.choice.get("chosen")

    @cached_property
    def finalists(self) -> dict[str, float]:
        """{digest: mean score over all its evaluations}; empty before the end."""
        return {
            str(digest): float(mean) for digest, mean in self.choice.get("finalists", {}).items()
        }

    @cached_property
    def judged(self) -> dict[str, tuple[float, ...]]:
        """{digest: all scores}; one that was proposed twice counts with its better score.

        Presets are among them, as candidates that nobody proposed.
        """
        found = {each.digest: each.score for each in self.presets}
        for each in self.candidates:
            found[each.digest] = max(each.score, found.get(each.digest, each.score))
        return {digest: (score, *self.again.get(digest, ())) for digest, score in found.items()}

    def candidate(self, digest: str | None) -> Candidate | None:
        """The first candidate of a digest, or else the preset."""
        known = (*self.candidates, *self.presets)
        return next((each for each in known if each.digest == digest), None)

    @cached_property
    def winner(self) -> Candidate | None:
        """The candidate that was chosen, also where its P was realised once more, exactly."""
        vector = tuple(self.choice.get("vector", ()))
        same = (each for each in self.candidates if vector and each.vector == vector)
        return self.candidate(self.chosen) or next(same, None)

    @cached_property
    def matrices(self) -> tuple[Matrices, ...]:
        """One for the network, or one for each group; empty before the end."""
        targets, realised = self.choice.get("targets", ()), self.choice.get("realised", ())
        return tuple(
            Matrices((_square(asked[0]), _square(found[0])), (_square(asked[1]), _square(found[1])))
            for asked, found in zip(targets, realised, strict=True)
        )


def read_trail(entries: Sequence[Mapping[str, Any]]) -> Trail:
    """The trail in a journal's lines; those of another kind are passed over."""
    again: dict[str, tuple[float, ...]] = defaultdict(tuple)
    for entry in entries:
        if "finalist" in entry:
            again[entry["architecture"]] += (float(entry["score"]),)
    return Trail(
        candidates=tuple(_candidate(entry) for entry in entries if "candidate" in entry),
        again=dict(again),
        presets=tuple(_candidate(entry) for entry in entries if "preset" in entry),
        choice=next((entry for entry in entries if "chosen" in entry), {}),
    )


def _candidate(entry: Mapping[str, Any]) -> Candidate:
    return Candidate(
        number=int(entry.get("candidate", -1)),
        step=int(entry.get("step", -1)),
        digest=str(entry["architecture"]),
        vector=tuple(entry.get("vector", ())),
        use={task: float(value) for task, value in entry["use"].items()},
        params=float(entry["params"]),
        macs=float(entry["macs"]),
        score=float(entry["score"]),
        stopped=bool(entry.get("stopped", False)),
    )


def _square(rows: Sequence[Sequence[float]]) -> Shares:
    found = np.array(rows, dtype=np.float64)
    if found.ndim != 2 or len(set(found.shape)) != 1:
        raise ValueError(f"a matrix of shape {found.shape}")
    return found
