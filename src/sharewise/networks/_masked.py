"""The masked network, which computes every channel, and the compact one with its weights."""

from __future__ import annotations

import copy
from collections.abc import Sequence

from sharewise.architecture import Architecture
from sharewise.backbones import Backbone
from sharewise.errors import InputError
from sharewise.networks._compact import Network, assemble
from sharewise.networks._owned import Order
from sharewise.networks._partitioned import PartitionedBranch
from sharewise.tasks import Task


def build_masked(
    architecture: Architecture,
    backbone: Backbone,
    tasks: Sequence[Task],
    *,
    seed: int = 0,
    order: Order = "after-norm",
) -> Network:
    """The network of an architecture as a dense network with masks, for comparisons.

    It starts from the same numbers as `build(...)` with the same seed. Channels that nobody uses
    are zero and have no weights; every other channel is computed for every task, and a row that a
    task may not update gets no gradient from it.

    Deviation from Newell et al. 2019 (arXiv 1908.04339): their mask comes between a layer and its
    norm, so an unused channel leaves the norm as a constant, its bias. By default ours comes behind
    norm and activation, at the input of the layer that reads the channels: leaving them out is then
    exact. order="published" is theirs.

    Raises:
        InputError: as `build`; also another order.
    """
    if order not in ("after-norm", "published"):
        raise InputError(
            rule="Masks come 'after-norm' or, between layer and norm, in the 'published' order.",
            found=f"order={order!r}",
            fix="Leave it at 'after-norm', unless the published network is to be compared with.",
        )
    return assemble(architecture, backbone, tasks, seed=seed, form=order)


def compact(masked: Network) -> Network:
    """The compact network with the weights and statistics of a masked one, which stays as it is.

    Its outputs, and its gradients, are those of the masked network. A network that is compact
    already is copied.

    Raises:
        InputError: the masks come in the published order and leave a channel out.
    """
    check_exact(masked)
    network = copy.deepcopy(masked)
    for branch in network.branches:
        if isinstance(branch, PartitionedBranch):
            branch.make_compact()
    return network


def check_exact(network: Network) -> None:
    """Raises InputError where channels cannot be left out of a network without changing it."""
    for branch in network.branches:
        if not isinstance(branch, PartitionedBranch) or branch.form != "published":
            continue
        for task in branch.tasks:
            if branch.partition.use(task) < 1.0:
                raise InputError(
                    rule="Channels are left out where they are zero to the layer that reads them.",
                    found=f"masks in the published order, before the norms: what task {task!r} does"
                    " not use leaves its norms as constants, which are read",
                    fix="Use build_masked(..., order='after-norm') and train that.",
                )
