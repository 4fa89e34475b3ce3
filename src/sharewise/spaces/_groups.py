"""The layers that a space of partitions divides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from sharewise.errors import InputError


@dataclass(frozen=True)
class HiddenGroup:
    """Hidden layers of a stage that share one assignment of channels.

    Attributes:
        stage: Counted from 0.
        layers: Their names inside the stage; kept sorted.
        channels: How many each of them has.

    Raises:
        InputError: A stage below 0, no layer, or no channel.
    """

    stage: int
    layers: tuple[str, ...]
    channels: int

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

    @property
    def weight(self) -> int:
        """Its channels, counted once for each layer."""
        return self.channels * len(self.layers)


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
