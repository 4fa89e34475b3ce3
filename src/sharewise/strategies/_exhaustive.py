"""Every point of a grid, for cubes small enough."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sharewise.errors import InputError
from sharewise.settings import Settings, check_count
from sharewise.strategies._rounds import check_seed, in_order, judging_seed, proposals
from sharewise.strategies._strategy import Cube, Judged, Proposal


@dataclass(frozen=True, slots=True)
class ExhaustiveState:
    """How many points of the grid are judged."""

    cube: Cube
    seed: int
    judged: int = 0


@dataclass(frozen=True)
class Exhaustive(Settings):
    """A grid of equal steps in every number, each point once; then there is nothing more to ask.

    Attributes:
        levels: Values of each number, from 0 to 1, at least 2.
        batch: Proposals a round.
        limit: The most points that a grid may have.

    Raises:
        InputError: Numbers below these.
    """

    levels: int = 3
    batch: int = 64
    limit: int = 100_000

    def __post_init__(self) -> None:
        check_count("levels", self.levels, least=2)
        check_count("batch", self.batch, least=1)
        check_count("limit", self.limit, least=1)

    def start(self, cube: Cube, *, seed: int) -> ExhaustiveState:
        """The state before the first point.

        Raises:
            InputError: The grid has more points than the limit.
        """
        points = self.levels**cube.size
        if points > self.limit:
            raise InputError(
                rule=f"An exhaustive search judges at most {self.limit} points.",
                found=f"{self.levels} levels in each of {cube.size} numbers, {points:.3g} points",
                fix="Search with Evolution() or RandomSearch(), or take fewer levels.",
            )
        return ExhaustiveState(cube, check_seed(seed))

    def ask(self, state: ExhaustiveState) -> tuple[Proposal, ...]:
        """The next points, in the order of counting; none when all are judged."""
        size = state.cube.size
        end = min(state.judged + self.batch, self.levels**size)
        digits = np.unravel_index(np.arange(state.judged, end), (self.levels,) * size)
        vectors = np.stack(digits, axis=1) / (self.levels - 1)
        return proposals(state.cube, vectors, seed=judging_seed(state.seed, 0))

    def tell(self, state: ExhaustiveState, judged: Sequence[Judged]) -> ExhaustiveState:
        """The state after these points.

        Raises:
            InputError: They are not those that were asked.
        """
        asked = self.ask(state)
        in_order(asked, judged, state.cube)
        return dataclasses.replace(state, judged=state.judged + len(asked))
