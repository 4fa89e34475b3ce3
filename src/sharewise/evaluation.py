"""What an architecture costs, and the budget that bounds it."""

from __future__ import annotations

import numbers
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from sharewise.errors import BudgetError, FormatError

_MILLION = 1e6
_GIGA = 1e9
# Sums of floats such as 1.1 * params may miss a bound that they meet by one unit in the last place.
_SLACK = 1 + 1e-9
_SHARES = ("use", "task_use")


@dataclass(frozen=True)
class TaskCost:
    """What one task alone touches: parameters, and multiply-adds per sample."""

    params: int
    macs: int


@dataclass(frozen=True)
class Cost:
    """What a network costs.

    Attributes:
        params: The number of parameters.
        macs: Multiply-adds per sample, all tasks together.
        per_task: What each task touches when it alone runs.
        latency_ms: Milliseconds per batch, where they were measured.
        use: The mean over tasks of the share of hidden channels that a task uses; None where the
            architecture has no partition.
        task_use: The same of the task that uses most.
    """

    params: int
    macs: int
    per_task: Mapping[str, TaskCost] = field(default_factory=dict)
    latency_ms: float | None = None
    use: float | None = None
    task_use: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """The cost as JSON values."""
        return {
            "params": self.params,
            "macs": self.macs,
            "per_task": {
                task: {"params": cost.params, "macs": cost.macs}
                for task, cost in self.per_task.items()
            },
            "latency_ms": self.latency_ms,
            "use": self.use,
            "task_use": self.task_use,
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Cost:
        """Read what `to_dict` wrote; FormatError where a number is missing or of a wrong type."""
        try:
            latency_ms = value["latency_ms"]
            use, task_use = value.get("use"), value.get("task_use")  # version 0.1 has neither
            return cls(
                params=int(value["params"]),
                macs=int(value["macs"]),
                per_task={
                    task: TaskCost(params=int(cost["params"]), macs=int(cost["macs"]))
                    for task, cost in value["per_task"].items()
                },
                latency_ms=None if latency_ms is None else float(latency_ms),
                use=None if use is None else float(use),
                task_use=None if task_use is None else float(task_use),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise FormatError(
                rule="A cost has params, macs, per_task (with params and macs) and latency_ms.",
                found=f"{type(error).__name__}: {error}",
                fix="Write it with Cost.to_dict().",
            ) from error


@dataclass(frozen=True)
class Budget:
    """Upper bounds on a cost; None bounds nothing.

    Attributes:
        params: Parameters, relative to the fully shared network (1.5: at most 1.5 times).
        macs: Multiply-adds per sample, relative to the fully shared network.
        params_m: Parameters in millions.
        macs_g: Multiply-adds per sample in giga.
        latency_ms: Milliseconds per batch; needs a measured latency.
        use: The mean share of hidden channels that a task uses, in (0, 1]. Without a partition
            every task uses all of them.
        task_use: The same of each task, not of their mean.

    Raises:
        BudgetError: Nothing is bounded, or a bound is not a positive number.
    """

    params: float | None = None
    macs: float | None = None
    params_m: float | None = None
    macs_g: float | None = None
    latency_ms: float | None = None
    use: float | None = None
    task_use: float | None = None

    def __post_init__(self) -> None:
        for word, bound in self._set():
            if not _is_bound(word, bound):
                raise BudgetError(
                    rule="A bound is a positive number, and one on use is at most 1.",
                    found=f"{word}={bound!r}",
                    fix=f"Write {word}=0.5, for example.",
                )
            object.__setattr__(self, word, float(bound))
        if not any(True for _ in self._set()):
            raise BudgetError(
                rule="A budget bounds at least one cost.",
                found="no bound",
                fix=f"Set one of {', '.join(_words())}.",
            )

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Read a budget such as "params=1.5x,macs_g=2"; the x marks relative bounds, if you like.

        Raises:
            BudgetError: An unknown word, a word given twice, or something that is not a number.
        """
        bounds: dict[str, float] = {}
        for part in text.split(","):
            word, _, number = (piece.strip() for piece in part.partition("="))
            if word not in _words():
                raise BudgetError(
                    rule=f"A budget is written with the words {', '.join(_words())}.",
                    found=f"{word!r} in {text!r}",
                    fix="Write params=1.5x, for example.",
                )
            if word in bounds:
                raise BudgetError(
                    rule="A budget bounds each cost once.",
                    found=f"{word!r} twice in {text!r}",
                    fix="Leave one of them out.",
                )
            bounds[word] = _read_number(word, number)
        return cls(**bounds)

    def __str__(self) -> str:
        """The words that `parse` reads."""
        return ",".join(
            f"{word}={repr(bound).removesuffix('.0')}{'x' if word in ('params', 'macs') else ''}"
            for word, bound in self._set()
        )

    def allows(self, cost: Cost, shared: Cost) -> bool:
        """Whether a cost is within every bound.

        Args:
            cost: What is judged.
            shared: The cost of the fully shared network, which relative bounds refer to; for
                partitions that of the one where all tasks use all channels.

        Raises:
            BudgetError: A latency is bounded and the cost has none.
        """
        return all(needed <= given * _SLACK for _, needed, given in self._compare(cost, shared))

    def check(self, shared: Cost) -> None:
        """Raise BudgetError if even the fully shared network, the cheapest tree, is over budget.

        Where `shared` is the cost of a partition nothing is checked: one that uses fewer channels
        is cheaper.
        """
        if shared.use is not None:
            return
        for word, needed, given in self._compare(shared, shared):
            if needed > given * _SLACK:
                raise BudgetError(
                    rule="A budget leaves room for the fully shared network, the cheapest one.",
                    found=f"{word}={given:g}, where the fully shared network needs {needed:.4g}",
                    fix="Leave it out: it is for partitions."
                    if word in _SHARES
                    else f"Raise {word}, or take a smaller backbone.",
                )

    def to_dict(self) -> dict[str, float]:
        """The bounds that are set, as JSON values."""
        return dict(self._set())

    @classmethod
    def from_dict(cls, value: Mapping[str, float]) -> Budget:
        """Read what `to_dict` wrote; BudgetError at an unknown word."""
        unknown = [word for word in value if word not in _words()]
        if unknown:
            raise BudgetError(
                rule=f"A budget is written with the words {', '.join(_words())}.",
                found=", ".join(map(repr, unknown)),
                fix="Leave it out, or write it with Budget.to_dict().",
            )
        return cls(**value)

    def _set(self) -> Iterator[tuple[str, float]]:
        for word in _words():
            bound = getattr(self, word)
            if bound is not None:
                yield word, bound

    def _compare(self, cost: Cost, shared: Cost) -> Iterator[tuple[str, float, float]]:
        """(word, what the cost needs, what is given), each in the word's own unit."""
        for word, bound in self._set():
            yield word, _NEEDS[word](cost, shared), bound


def _words() -> tuple[str, ...]:
    return tuple(bound.name for bound in fields(Budget))


def _is_bound(word: str, bound: object) -> bool:
    most = 1.0 if word in _SHARES else sys.float_info.max
    if isinstance(bound, bool) or not isinstance(bound, numbers.Real):
        return False
    return 0 < float(bound) <= most  # false for nan and infinity


def _read_number(word: str, number: str) -> float:
    digits = number.removesuffix("x") if word in ("params", "macs") else number
    try:
        return float(digits)
    except ValueError as error:
        raise BudgetError(
            rule="A bound is a number; params and macs may end in x, for 'times as shared'.",
            found=f"{word}={number}",
            fix=f"Write {word}={0.5 if word in _SHARES else 1.5}, for example.",
        ) from error


def _latency_ms(cost: Cost) -> float:
    if cost.latency_ms is None:
        raise BudgetError(
            rule="A bound on latency needs a measured latency.",
            found="a cost without latency_ms",
            fix="Measure it with measure_latency, or bound params or macs instead.",
        )
    return cost.latency_ms


_NEEDS: Mapping[str, Callable[[Cost, Cost], float]] = {
    "params": lambda cost, shared: cost.params / max(shared.params, 1),
    "macs": lambda cost, shared: cost.macs / max(shared.macs, 1),
    "params_m": lambda cost, shared: cost.params / _MILLION,
    "macs_g": lambda cost, shared: cost.macs / _GIGA,
    "latency_ms": lambda cost, shared: _latency_ms(cost),
    "use": lambda cost, shared: 1.0 if cost.use is None else cost.use,
    "task_use": lambda cost, shared: 1.0 if cost.task_use is None else cost.task_use,
}
"""What a cost needs of what each word of a budget bounds, beside that of sharing all."""
