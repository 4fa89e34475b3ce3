"""Evolution: draws to begin with, then rounds of offspring that learn from all before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from sharewise.errors import InputError
from sharewise.settings import Settings, check_count
from sharewise.strategies._bound import Bound
from sharewise.strategies._descent import Antithetic, Descent
from sharewise.strategies._guided import Guided, Modelled
from sharewise.strategies._rounds import (
    check_seed,
    generator,
    in_order,
    judging_seed,
    proposals,
)
from sharewise.strategies._strategy import Cube, Judged, Proposal

_OURS = Modelled()
_STEPS: dict[str, type[Modelled] | type[Antithetic]] = {
    "modelled": Modelled,
    "antithetic": Antithetic,
}


@dataclass(frozen=True, slots=True)
class EvolutionState:
    """What an evolution has learnt, and what it proposes next."""

    cube: Cube
    seed: int
    proposals: tuple[Proposal, ...]
    round_number: int = 0
    learnt: Guided | Descent | None = None


@dataclass(frozen=True)
class Evolution(Settings):
    """A search that begins with draws and goes on from what they were worth.

    The defaults are ours; `Evolution.published()` is the source's evolution strategy. What each
    finds at equal evaluations is in docs/results/strategies.md. All proposals of a round have one
    seed, and each round another one (ours): inside a round scores can be compared, and nothing is
    fitted to one order of the data.

    Attributes:
        draws: Random draws of the cube in the first round.
        use: The most that tasks use, a mean of what is asked for; every proposal keeps it (see
            `Bound`). None: no bound.
        per_task_use: Whether `use` bounds each task rather than their mean.
        step: How offspring are made: `Modelled` or `Antithetic`.

    Raises:
        InputError: No draws, or a use below .05 or above 1.
    """

    draws: int = 32
    use: float | None = None
    per_task_use: bool = False
    step: Modelled | Antithetic = _OURS

    def __post_init__(self) -> None:
        check_count("draws", self.draws, least=1)
        Bound(self.use, self.per_task_use)

    @classmethod
    def published(
        cls, *, use: float | None = None, per_task: bool = False, per_task_use: bool = False
    ) -> Evolution:
        """The strategy of Newell et al. (arXiv 1908.04339), as their released code has it.

        Without `use`, as published: a penalty alone holds down what tasks use. With it, the hard
        bound takes the penalty's place. `per_task` is their variant with one gradient a task.
        """
        return cls(use=use, per_task_use=per_task_use, step=Antithetic(per_task=per_task))

    def start(self, cube: Cube, *, seed: int) -> EvolutionState:
        """The state before anything was judged."""
        rng = generator(check_seed(seed), 0)
        drawn = np.stack([cube.draw(rng) for _ in range(self.draws)])
        inside = self._bound.nearest(cube, drawn)
        return EvolutionState(cube, seed, proposals(cube, inside, seed=judging_seed(seed, 0)))

    def ask(self, state: EvolutionState) -> tuple[Proposal, ...]:
        """The first draws, then one round of offspring."""
        return state.proposals

    def tell(self, state: EvolutionState, judged: Sequence[Judged]) -> EvolutionState:
        """The state after this round.

        Raises:
            InputError: They are not judgements of what was asked.
        """
        ordered = in_order(state.proposals, judged, state.cube)
        if state.learnt is None:
            learnt = self.step.begin(state.cube, self._bound, ordered)
        else:
            learnt = state.learnt.after(ordered)
        number = state.round_number + 1
        vectors = learnt.propose(generator(state.seed, number))
        asked = proposals(state.cube, vectors, seed=judging_seed(state.seed, number))
        return EvolutionState(state.cube, state.seed, asked, number, learnt)

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON values."""
        word = next(word for word, kind in _STEPS.items() if isinstance(self.step, kind))
        return super().to_dict() | {"step": {"kind": word, **self.step.to_dict()}}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The strategy with these settings; InputError at a word that it does not have."""
        given = dict(values)
        if "step" in given:
            given["step"] = _read_step(given["step"])
        return super().from_dict(given)

    @property
    def _bound(self) -> Bound:
        return Bound(self.use, self.per_task_use)


def _read_step(values: Mapping[str, Any]) -> Modelled | Antithetic:
    settings = dict(values)
    word = settings.pop("kind", None)
    if word not in _STEPS:
        raise InputError(
            rule=f"The kind of an evolution's step is {' or '.join(_STEPS)}.",
            found=repr(word),
            fix="Read it with the version that wrote it.",
        )
    return _STEPS[word].from_dict(settings)
