"""Targets for masks, read from what a caller gave, and the channels that they come to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sharewise.errors import InputError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Counts = NDArray[np.int64]

_SLACK = 1e-9  # what arithmetic may have added to a share


@dataclass(frozen=True)
class Targets:
    """Wanted shares of channels; on the diagonals what each task uses (updates) by itself.

    Attributes:
        forward: [tasks, tasks], in [0, 1].
        backward: [tasks, tasks], at most `forward`; None where tasks update all that they use.
        channels: What the shares are shares of.
    """

    forward: Floats
    backward: Floats | None
    channels: int

    @property
    def used(self) -> Counts:
        """How many channels each task uses: [tasks], at least one each."""
        return whole_channels(np.diagonal(self.forward), self.channels)

    @property
    def updated(self) -> Counts:
        """How many channels each task updates: [tasks]; none only where the target is 0."""
        if self.backward is None:
            return self.used
        wanted = np.diagonal(self.backward)
        found = np.minimum(whole_channels(wanted, self.channels), self.used)
        return np.where(wanted > 0.0, found, 0)


def whole_channels(shares: Floats, channels: int) -> Counts:
    """Max(1, round(channels * share)) for each share."""
    return np.maximum(1, np.rint(channels * shares)).astype(np.int64)


def read_targets(forward: ArrayLike, channels: int, backward: ArrayLike | None) -> Targets:
    """The targets, or InputError where they are not shares of channels for pairs of tasks."""
    if not isinstance(channels, int) or isinstance(channels, bool) or channels < 1:
        raise InputError(
            rule="Masks are for a whole number of channels, at least one.",
            found=repr(channels),
            fix="Count the output channels of the layer.",
        )
    wanted = _read_shares(forward, "forward")
    if backward is None:
        return Targets(wanted, None, channels)
    inner = _read_shares(backward, "backward")
    if inner.shape != wanted.shape:
        raise InputError(
            rule="Forward and backward targets are for the same tasks.",
            found=f"{len(wanted)} tasks forward and {len(inner)} backward",
            fix="Give two matrices of one size.",
        )
    _check(
        inner <= wanted + _SLACK,
        rule="Tasks update only channels that they use: backward targets are at most forward ones.",
        found="{1} backward where forward has {0}, at {2}",
        fix="Lower the backward target, or raise the forward one.",
        values=(wanted, inner),
    )
    return Targets(wanted, inner, channels)


def _read_shares(given: ArrayLike, name: str) -> Floats:
    try:
        shares = np.array(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise _not_square(f"{name} = {given!r}") from error
    if shares.ndim != 2 or shares.shape[0] != shares.shape[1] or not shares.size:
        raise _not_square(f"{name} of shape {shares.shape}")
    _check(
        (shares >= -_SLACK) & (shares <= 1.0 + _SLACK),  # false for NaN, too
        rule="Targets are shares of channels, numbers from 0 to 1.",
        found=f"{{0}} in {name} at {{1}}",
        fix="Divide numbers of channels by the number of all channels.",
        values=(shares,),
    )
    _check(
        np.abs(shares - shares.T) <= _SLACK,
        rule="Two tasks share as many channels in one order as in the other: targets are"
        " symmetric.",
        found=f"{{0}} and {{1}} in {name} at {{2}} and its mirror",
        fix="Give the target of a pair in both places.",
        values=(shares, shares.T),
    )
    return np.clip(shares, 0.0, 1.0)


def _not_square(found: str) -> InputError:
    return InputError(
        rule="Targets are a square matrix of numbers, [tasks, tasks], for at least one task.",
        found=found,
        fix="Give a row and a column for each task.",
    )


def _check(holds: Bools, *, rule: str, found: str, fix: str, values: tuple[Floats, ...]) -> None:
    """InputError at the first place where `holds` does not, with the values there and the place."""
    wrong = np.argwhere(~holds)
    if wrong.size:
        row, column = (int(index) for index in wrong[0])
        there = [f"{value[row, column]:g}" for value in values]
        raise InputError(rule=rule, found=found.format(*there, f"[{row}, {column}]"), fix=fix)
