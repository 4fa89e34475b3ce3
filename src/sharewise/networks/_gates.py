"""The gates of a supernet: who runs on whose output, as probabilities.

Source: Guo, Lee and Ulbricht, "Learning to branch for multi-task learning" (ICML 2020), section 3.
Layer l of gates has logits theta^l [initialisations, children, nodes]: the nodes are the copies of
stage l, the children those of stage l + 1, and after the last stage the tasks. The initialisations
are independent supernets that are trained side by side.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

Gates = Sequence[Tensor]
"""One tensor [initialisations, children, nodes] per stage; each row sums to 1."""


def gumbel(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Gumbel noise -log(-log u) of this shape, on the CPU, from the given generator."""
    uniform = torch.rand(tuple(shape), generator=generator).clamp_(1e-9, 1 - 1e-7)
    return -torch.log(-torch.log(uniform))


def relaxed_gates(
    logits: Tensor,
    *,
    temperature: float,
    noise: Tensor | None = None,
    running: Tensor | None = None,
    hard: bool = False,
) -> Tensor:
    """The gumbel-softmax relaxation of one layer of gates (section 3, the sampling of d_j).

    d_ij = softmax_i((log p_ij + g_ij) / temperature) with p = softmax(theta).

    Args:
        logits: theta [initialisations, children, nodes].
        temperature: above 0; towards 0 the gates become one-hot at the largest log p + g.
        noise: g, of the shape of `logits`; None: no noise, so the gates are those of deterministic
            annealing (ours, see `SearchSettings.noise`).
        running: bool [initialisations, nodes]; the gates of the other nodes are exactly 0 and the
            softmax is over these alone (ours: only these nodes have to be computed).
        hard: one-hot forward, the gradient of the soft gates backward (straight-through).
    """
    scores = torch.log_softmax(logits, dim=-1)
    if noise is not None:
        scores = scores + noise
    if running is not None:
        scores = scores.masked_fill(~running.unsqueeze(1), float("-inf"))
    soft = torch.softmax(scores / temperature, dim=-1)
    return straight_through(soft) if hard else soft


def straight_through(soft: Tensor) -> Tensor:
    """One-hot at the largest entry of each row, with the gradient of `soft`."""
    return one_hot(soft.detach().argmax(dim=-1), soft.shape[-1]) + (soft - soft.detach())


def one_hot(chosen: Tensor, nodes: int) -> Tensor:
    """Gates [..., nodes] that are 1 at the chosen node [...] and 0 elsewhere."""
    return torch.nn.functional.one_hot(chosen, nodes).to(torch.get_default_dtype())


def reachable(gates: Gates, tasks: Sequence[int]) -> list[Tensor]:
    """Which nodes lie on a path from one of these tasks (by index) to the input.

    Returns:
        Per stage a bool [initialisations, nodes]. A node that no task reaches is not computed.
    """
    wanted = torch.zeros(gates[-1].shape[:2], dtype=torch.bool, device=gates[-1].device)
    wanted[:, list(tasks)] = True
    nodes: list[Tensor] = []
    for layer in reversed(gates):
        used = (layer.detach() != 0) & wanted.unsqueeze(-1)  # [initialisations, children, nodes]
        wanted = used.any(dim=1)
        nodes.append(wanted)
    return nodes[::-1]


def use_probability(logits: Gates) -> list[Tensor]:
    """P_use: the probability that a node is run, per stage [initialisations, nodes].

    P_use(L, task) = 1;  P_use(l, i) = 1 - prod_k (1 - P_use(l + 1, k) p_k^l(i)). It treats the
    children as independent, so it is at most the exact value, and it can be differentiated.
    """
    above = logits[-1].new_ones(logits[-1].shape[:2])
    uses: list[Tensor] = []
    for layer in reversed(logits):
        chosen = above.unsqueeze(-1) * torch.softmax(layer, dim=-1)
        # The logarithm is bounded, because a product of factors that are exactly 0 has no gradient.
        above = 1 - torch.exp(torch.log1p(-chosen.clamp(max=1 - 1e-6)).sum(dim=1))
        uses.append(above)
    return uses[::-1]


def sharing_probability(logits: Gates) -> Tensor:
    """The probability that two tasks run through the same node of each stage.

    Exact for gates that are drawn independently: two tasks share a node of stage l if they share
    one of stage l + 1, or if the nodes that they have there choose the same parent.

    Returns:
        [initialisations, stages, tasks, tasks]; 1 on the diagonal.
    """
    tasks = logits[-1].shape[1]
    last = torch.softmax(logits[-1], dim=-1)
    apart = torch.einsum("rik,rjl->rijkl", last, last)  # where tasks i and j are, while apart
    diagonal = torch.eye(tasks, dtype=torch.bool, device=last.device)
    together = torch.zeros(apart.shape[:3], device=last.device)
    stages: list[Tensor] = []
    for layer in [*reversed(logits[:-1]), None]:
        met = apart.diagonal(dim1=3, dim2=4).sum(-1)
        together = (together + met).masked_fill(diagonal, 1.0)
        stages.append(together)
        if layer is not None:
            parents = torch.softmax(layer, dim=-1)
            apart = apart - torch.diag_embed(apart.diagonal(dim1=3, dim2=4))
            apart = torch.einsum("rijkl,rka,rlb->rijab", apart, parents, parents)
    return torch.stack(stages[::-1], dim=1)


def chosen_nodes(logits: Gates) -> Tensor:
    """Each task's node at each stage, by the largest gates: [initialisations, stages, tasks]."""
    chosen = logits[-1].argmax(dim=-1)
    stages = [chosen]
    for layer in reversed(logits[:-1]):
        chosen = layer.argmax(dim=-1).gather(1, chosen)
        stages.append(chosen)
    return torch.stack(stages[::-1], dim=1)
