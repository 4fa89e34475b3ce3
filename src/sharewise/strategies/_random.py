"""Random search: the baseline that every other strategy must beat at equal evaluations."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sharewise.settings import Settings, check_count
from sharewise.strategies._bound import Bound
from sharewise.strategies._rounds import (
    check_seed,
    generator,
    in_order,
    judging_seed,
    proposals,
)
from sharewise.strategies._strategy import Cube, Judged, Proposal


@dataclass(frozen=True, slots=True)
class RandomState:
    """How far a random search has come."""

    cube: Cube
    seed: int
    round_number: int = 0


@dataclass(frozen=True)
class RandomSearch(Settings):
    """Independent draws of the cube, as the published random search.

    All proposals have one seed: any two of them can be compared.

    Attributes:
        batch: Proposals a round; which ones they are depends on it.
        use: The most that tasks use, a mean; draws above are projected, as `Evolution` does.
            None: no bound.
        per_task_use: Whether `use` bounds each task rather than their mean.

    Raises:
        InputError: A batch below 1, or a use below .05 or above 1.
    """

    batch: int = 16
    use: float | None = None
    per_task_use: bool = False

    def __post_init__(self) -> None:
        check_count("batch", self.batch, least=1)
        Bound(self.use, self.per_task_use)

    def start(self, cube: Cube, *, seed: int) -> RandomState:
        """The state before the first draw."""
        return RandomState(cube, check_seed(seed))

    def ask(self, state: RandomState) -> tuple[Proposal, ...]:
        """The next draws."""
        rng = generator(state.seed, state.round_number)
        drawn = np.stack([state.cube.draw(rng) for _ in range(self.batch)])
        inside = Bound(self.use, self.per_task_use).nearest(state.cube, drawn)
        return proposals(state.cube, inside, seed=judging_seed(state.seed, 0))

    def tell(self, state: RandomState, judged: Sequence[Judged]) -> RandomState:
        """The state after these draws; what they were worth changes nothing.

        Raises:
            InputError: They are not those that were asked.
        """
        in_order(self.ask(state), judged, state.cube)
        return dataclasses.replace(state, round_number=state.round_number + 1)
