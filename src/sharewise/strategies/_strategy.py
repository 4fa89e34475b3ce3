"""Ask and tell: what a strategy is given, what it proposes, and what it is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
StateT = TypeVar("StateT")


class Cube(Protocol):
    """A unit cube to search in; a space of partitions is one.

    Attributes:
        size: D, how many numbers a vector has.
        forward_diagonal: Positions of the numbers that say how much each task uses, whole numbers.
        involves: Which numbers involve which task, bool [D, tasks]. Tasks are in the sorted order
            of their names. A number may involve several tasks.
    """

    @property
    def size(self) -> int: ...

    @property
    def forward_diagonal(self) -> NDArray[np.int64]: ...

    @property
    def involves(self) -> NDArray[np.bool_]: ...

    def draw(self, rng: np.random.Generator) -> Floats:
        """A random vector [D], as the search should begin with."""
        ...


@dataclass(frozen=True, slots=True)
class Proposal:
    """A point to be judged.

    Attributes:
        vector: D numbers in [0, 1].
        seed: Of everything random in the judgement, a whole number in 0..999999. Proposals with
            equal seeds are to be judged with equal random numbers, so that they can be compared.
    """

    vector: tuple[float, ...]
    seed: int


@dataclass(frozen=True, slots=True)
class Judged:
    """A proposal and how good it was.

    Attributes:
        proposal: What was judged.
        score: More is better.
        use: Mean share of the channels that a task uses, as it was realised.
        per_task: {task: score}, or empty where tasks have no scores of their own. The search is
            quicker with it, and best where the score is the mean of these.
    """

    proposal: Proposal
    score: float
    use: float
    per_task: Mapping[str, float] = field(default_factory=dict)


class Strategy(Protocol[StateT]):
    """Proposes points and learns from their judgements; holds settings only, never a state.

    A state is a frozen value: an old one can be asked again and gives the same. Whoever keeps all
    that was told rebuilds the state by telling it again. Users' own strategies can be tested with
    `sharewise.strategies.conformance`.
    """

    def start(self, cube: Cube, *, seed: int) -> StateT:
        """The state before anything was judged."""
        ...

    def ask(self, state: StateT) -> tuple[Proposal, ...]:
        """What to judge next; empty when the strategy has nothing more to propose."""
        ...

    def tell(self, state: StateT, judged: Sequence[Judged]) -> StateT:
        """The state after all proposals of `ask(state)` were judged, in any order."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON values."""
        ...
