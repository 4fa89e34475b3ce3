"""The space of trees: tasks share a trunk and split, and never share again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass

import numpy as np

from sharewise.architecture import Architecture, check_names, check_stages
from sharewise.errors import InputError
from sharewise.spaces._counting import Level, chain_counts, draw_chain, refinements
from sharewise.spaces._moves import MOVES, Levels, merges, split_at

_TRIES = 4  # draws of one kind of move before the next kind is tried


@dataclass(frozen=True)
class Branching:
    """Every architecture without partitions, for some tasks and a number of stages.

    Attributes:
        tasks: The names of the tasks; kept sorted.
        num_stages: How many stages every path runs through.
        max_branches: Per stage, the most branches it may have; None for no bound.

    Raises:
        InputError: Names that are wrong or used twice, no stage, or a bound that is not one
            positive whole number per stage.
    """

    tasks: Sequence[str]
    num_stages: int
    _: KW_ONLY
    max_branches: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "tasks", check_names(self.tasks))
        check_stages(self.num_stages)
        if self.max_branches is None:
            return
        bounds = tuple(self.max_branches)
        if len(bounds) != self.num_stages or any(bound < 1 for bound in bounds):
            raise InputError(
                rule="max_branches is one positive whole number per stage.",
                found=f"{bounds} for {self.num_stages} stages",
                fix="Give one bound per stage, or None for no bound.",
            )
        object.__setattr__(self, "max_branches", bounds)

    def __contains__(self, architecture: object) -> bool:
        return (
            isinstance(architecture, Architecture)
            and architecture.tasks == self.tasks
            and architecture.num_stages == self.num_stages
            and not architecture.partitions
            and self._within(architecture.levels)
        )

    def size(self) -> int:
        """How many architectures the space holds, exactly, without listing them."""
        return chain_counts(len(self.tasks), self._limits)[-1][-1]

    def enumerate(self) -> Iterator[Architecture]:
        """Every architecture of the space once, from the fully shared one, in a fixed order."""
        for levels in self._chains((tuple(self.tasks),), 0):
            yield Architecture.from_levels(levels)

    def sample(self, rng: np.random.Generator) -> Architecture:
        """One architecture, each of the space equally likely."""
        return Architecture.from_levels(draw_chain(tuple(self.tasks), self._limits, rng))

    def vary(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """A random neighbour in the space; the same architecture only if there is no other.

        A move merges two siblings, splits a branch, moves a task to a sibling, or moves a split
        one stage up or down. Any two architectures are joined by merges and splits.

        Raises:
            InputError: The architecture is not in the space.
        """
        self._check(architecture)
        levels = architecture.levels
        for kind in rng.permutation(len(MOVES)):
            for _ in range(_TRIES):
                changed = MOVES[kind](levels, rng)
                if changed is None:
                    break
                if self._within(changed):
                    return Architecture.from_levels(changed)
        # A merge is always in the space, so nothing is split here. What then always fits, if
        # anything but this architecture does, is to split the last stage alone.
        if self.size() == 1:
            return architecture
        return Architecture.from_levels(split_at(levels, len(levels) - 1, levels[-1][0], rng))

    def coarser(self, architecture: Architecture) -> Iterator[Architecture]:
        """Every architecture with two siblings (or two roots) merged at one stage, each once.

        Their children stay apart. Repeated, this leads to the fully shared architecture.

        Raises:
            InputError: The architecture is not in the space.
        """
        self._check(architecture)
        for levels in merges(architecture.levels):
            yield Architecture.from_levels(levels)

    @property
    def _limits(self) -> tuple[int, ...]:
        """Per stage, the most branches that this stage and all later ones allow."""
        bounds = self.max_branches or (len(self.tasks),) * self.num_stages
        return tuple(min(bounds[stage:]) for stage in range(self.num_stages))

    def _within(self, levels: Levels) -> bool:
        return all(len(level) <= most for level, most in zip(levels, self._limits, strict=True))

    def _chains(self, above: Level, stage: int) -> Iterator[Levels]:
        if stage == self.num_stages:
            yield ()
            return
        for level in refinements(above, self._limits[stage]):
            for rest in self._chains(level, stage + 1):
                yield (level, *rest)

    def _check(self, architecture: Architecture) -> None:
        if architecture not in self:
            raise InputError(
                rule="An architecture is varied inside the space that holds it.",
                found=f"tasks {', '.join(architecture.tasks)} with branches"
                f" {architecture.num_branches}"
                f"{' and partitions' if architecture.partitions else ''}, where the space has tasks"
                f" {', '.join(self.tasks)} and {self.num_stages} stages,"
                f" max_branches {self.max_branches}",
                fix="Start from space.sample(rng), or make the space that fits.",
            )
