"""Whether the groups of a partition fit the layers of a stage."""

from __future__ import annotations

from sharewise.architecture import Partition
from sharewise.backbones._hidden import Layout
from sharewise.errors import InputError


def check_partition(partition: Partition, layout: Layout, *, subject: str) -> None:
    """Raises InputError unless the groups hold hidden layers of the stage, with their channels.

    The sentence names the `subject`.
    """
    channels = {layer.name: layer.channels for layer in layout.hidden}
    for group in partition.groups:
        for layer in group.layers:
            if layer not in channels:
                reason = layout.refused.get(layer, "it has no such layer")
                raise InputError(
                    rule="A partition is for hidden layers, whose channels one other layer reads.",
                    found=f"layer '{layer}' of {subject}: {reason}",
                    fix=f"Name some of {', '.join(channels)}."
                    if channels
                    else "Leave this stage without groups.",
                )
            if channels[layer] != group.channels:
                raise InputError(
                    rule="A group of a partition has as many channels as each of its layers.",
                    found=f"{group.channels} channels for layer '{layer}' of {subject}, which has"
                    f" {channels[layer]}",
                    fix="Make the partition for this backbone and its width, or put layers of"
                    " another size into a group of their own.",
                )
