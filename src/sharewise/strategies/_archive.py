"""The best that was judged, for every use."""

from __future__ import annotations

from dataclasses import dataclass

from sharewise.strategies._strategy import Judged


@dataclass(frozen=True, slots=True)
class Archive:
    """The Pareto front of what was judged: score up, use down.

    Attributes:
        front: Those that no other equals or beats in both, least use first. Of equals, the first
            one that was added.
    """

    front: tuple[Judged, ...] = ()

    def add(self, judged: Judged) -> Archive:
        """The archive with one more; the same one if another is as good at no more use."""
        if any(each.score >= judged.score and each.use <= judged.use for each in self.front):
            return self
        kept = [each for each in self.front if each.score > judged.score or each.use < judged.use]
        return Archive(tuple(sorted([*kept, judged], key=lambda each: each.use)))

    def best(self, use: float | None = None) -> Judged | None:
        """The highest score at no more than this use (None: at any); None if there is none."""
        inside = [each for each in self.front if use is None or each.use <= use]
        return inside[-1] if inside else None
