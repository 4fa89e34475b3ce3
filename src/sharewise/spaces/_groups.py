"""The layers that a space of partitions divides."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from sharewise.errors import InputError

MOST_UNIT = 16
"""Channels: the floats of an AVX-512 register, and the columns of a tile on a GPU."""
LEAST_UNITS = 6
"""Of a group, so that tasks can still have shares of very different size."""


@dataclass(frozen=True)
class HiddenGroup:
    """Hidden layers of a stage that share one assignment of channels.

    Attributes:
        stage: Counted from 0.
        layers: Their names inside the stage; kept sorted.
        channels: How many each of them has.
        unit: How many neighbouring channels always have the same owners. The source has 1; whole
            units of 16 are what processors compute at once, so that slices are as quick as they
            are small.

    Raises:
        InputError: A stage below 0, no layer, no channel, or channels that are no whole units.
    """

    stage: int
    layers: tuple[str, ...]
    channels: int
    unit: int = 1

    def __post_init__(self) -> None:
        layers = tuple(sorted(self.layers))
        object.__setattr__(self, "layers", layers)
        if self.stage < 0 or not layers or self.channels < 1:
            raise InputError(
                rule="A hidden group is for one or more layers of a stage (counted from 0), each"
                " with one or more channels.",
                found=f"stage {self.stage}, layers {layers}, {self.channels} channels",
                fix="Write HiddenGroup(2, ('0.conv1', '1.conv1'), 256), for example.",
            )
        if self.unit < 1 or self.channels % self.unit:
            raise InputError(
                rule="The channels of a hidden group are a whole number of its units.",
                found=f"{self.channels} channels in units of {self.unit}",
                fix="Give a unit that divides the channels, such as 1.",
            )

    @property
    def units(self) -> int:
        """How many units its channels are dealt in."""
        return self.channels // self.unit

    @property
    def weight(self) -> int:
        """Its channels, counted once for each layer."""
        return self.channels * len(self.layers)


def unit_for(channels: int, num_tasks: int, *, runs: Iterable[int] = ()) -> int:
    """The unit in which channels are dealt: `MOST_UNIT`, or a smaller power of two.

    It divides the channels (and the lengths of these runs), and leaves `LEAST_UNITS` units and one
    for every task; 1 where nothing larger does.
    """
    whole, least = math.gcd(channels, *runs), max(LEAST_UNITS, num_tasks)
    powers = (MOST_UNIT >> i for i in range(MOST_UNIT.bit_length()))
    return next((u for u in powers if whole % u == 0 and channels // u >= least), 1)


def check_groups(groups: Iterable[HiddenGroup], num_stages: int) -> tuple[HiddenGroup, ...]:
    """The groups sorted by stage and layers, or InputError where they do not fit the stages."""
    ordered = tuple(sorted(groups, key=lambda group: (group.stage, group.layers)))
    layers = Counter((group.stage, layer) for group in ordered for layer in group.layers)
    (stage, layer), times = max(layers.items(), key=lambda item: item[1], default=((0, ""), 0))
    if not times:
        raise InputError(
            rule="A space of partitions has at least one group of layers.",
            found="none",
            fix="Give HiddenGroup(stage, layers, channels) for each group.",
        )
    if ordered[-1].stage >= num_stages:
        raise InputError(
            rule="A group is in one of the space's stages, which are counted from 0.",
            found=f"stage {ordered[-1].stage} of {num_stages}",
            fix="Lower the stage, or raise num_stages.",
        )
    if times > 1:
        raise InputError(
            rule="A layer is in one group.",
            found=f"{layer!r} of stage {stage} {times} times",
            fix="Leave it out of the others.",
        )
    return ordered
