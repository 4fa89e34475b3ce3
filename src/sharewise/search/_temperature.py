"""How the temperature of the gates falls over a search."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from sharewise.errors import InputError


class Temperature(Protocol):
    """A schedule: the temperature of the gates at a moment of the search, above 0."""

    def __call__(self, share: float, epoch: int) -> float:
        """`share` in [0, 1) is how much of the search after the warm-up is done; epoch from 1."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """The schedule as JSON values."""
        ...


@dataclass(frozen=True)
class _Schedule:
    def to_dict(self) -> dict[str, Any]:
        return {"schedule": type(self).__name__.lower(), **asdict(self)}

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not (math.isfinite(value) and value > 0):
                raise InputError(
                    rule="The numbers of a temperature schedule are above 0.",
                    found=f"{name}={value}",
                    fix="Give 0.1, for example.",
                )


@dataclass(frozen=True)
class Exponential(_Schedule):
    """start * (end / start)^share: the default, 5 to 0.1 over the search."""

    start: float = 5.0
    end: float = 0.1

    def __call__(self, share: float, epoch: int) -> float:
        return self.start * (self.end / self.start) ** share


@dataclass(frozen=True)
class Linear(_Schedule):
    """From start to end along a line (Bruggemann et al., BMVC 2020: 5 to 0.1)."""

    start: float = 5.0
    end: float = 0.1

    def __call__(self, share: float, epoch: int) -> float:
        return self.start + (self.end - self.start) * share


@dataclass(frozen=True)
class PerEpoch(_Schedule):
    """start / epoch, as two public re-implementations have it (10 / epoch)."""

    start: float = 10.0

    def __call__(self, share: float, epoch: int) -> float:
        return self.start / epoch


@dataclass(frozen=True)
class InverseRoot(_Schedule):
    """start / sqrt(epoch), as another public re-implementation has it."""

    start: float = 1.0

    def __call__(self, share: float, epoch: int) -> float:
        return self.start / math.sqrt(epoch)


@dataclass(frozen=True)
class Constant(_Schedule):
    """Always the same."""

    value: float = 1.0

    def __call__(self, share: float, epoch: int) -> float:
        return self.value
