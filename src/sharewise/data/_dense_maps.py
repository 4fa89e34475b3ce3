"""Maps of edges and of keypoints, out of what every pixel shows and of points in the image."""

from __future__ import annotations

import torch
from torch import Tensor

# Both so wide that few pixels are 0: where most are, the median is 0, and to answer 0 everywhere is
# then the best constant under L1, at which trainings stop (docs/results/scenes.md).
EDGE_REACH = 0.12
"""How far from an edge its map is above 0, as a share of the image's size."""
POINT_REACH = 0.24
"""How far from a keypoint its map is above 0, as a share of the image's size."""


def bump(distance: Tensor, reach: float) -> Tensor:
    """1 at a distance of 0, 0 from `reach` on, and between them nearly a Gaussian.

    (1 - (distance / reach)^2)^3: of products alone, so that it is the same bits on every machine.
    """
    share = distance / reach
    rest = (1 - share * share).clamp(min=0)
    return rest * rest * rest


def borders(surfaces: Tensor, known: Tensor | None = None) -> Tensor:
    """The pixels of which a neighbour (above, below, left, right) shows another surface.

    surfaces: whole numbers [images, height, width]. known: bool of that shape, False where it is
    not known what is shown, which makes no border. Gives bool of that shape.
    """
    border = torch.zeros_like(surfaces, dtype=torch.bool)
    for axis in (1, 2):
        length = surfaces.shape[axis]
        near, far = surfaces.narrow(axis, 0, length - 1), surfaces.narrow(axis, 1, length - 1)
        differs = near != far
        if known is not None:
            both = known.narrow(axis, 0, length - 1) & known.narrow(axis, 1, length - 1)
            differs = differs & both
        border.narrow(axis, 0, length - 1).logical_or_(differs)
        border.narrow(axis, 1, length - 1).logical_or_(differs)
    return border


def edge_map(surfaces: Tensor, known: Tensor | None = None) -> Tensor:
    """1 at the borders between surfaces, falling to 0 beside them.

    Gives float [images, 1, height, width].
    NaN where it is not known what is shown, and beside that, unless a known border is there.
    """
    sure = borders(surfaces, known).float()
    edges = _widened(sure)
    if known is not None:
        beside = (~known | (known & _touching(~known))).float()
        edges = torch.where(_widened(beside) > edges, torch.nan, edges)
    return edges[:, None]


def _touching(marked: Tensor) -> Tensor:
    return borders(marked.long()) & ~marked


def _widened(edges: Tensor) -> Tensor:
    """The most that any pixel of 1 in [images, height, width] gives by its bump."""
    reach = EDGE_REACH * edges.shape[-1]
    for axis in (1, 2):
        wide = edges
        for step in range(1, min(int(reach) + 1, edges.shape[axis])):
            fall = float(bump(torch.tensor(float(step)), reach))
            length = edges.shape[axis] - step
            ahead, behind = edges.narrow(axis, step, length), edges.narrow(axis, 0, length)
            wide = wide.clone()
            for start, beside in ((0, ahead), (step, behind)):
                part = wide.narrow(axis, start, length)
                part.copy_(torch.maximum(part, fall * beside))
        edges = wide
    return edges


def point_map(points: Tensor, shown: Tensor, size: int) -> Tensor:
    """A bump at every point: float [images, 1, size, size], 1 where a point is a pixel's middle.

    points: [images, points, 2], right and down from the upper left corner, in shares of the image.
    shown: bool [images, points]; the others are left out.
    """
    steps = torch.arange(size, dtype=torch.double, device=points.device)
    middles = ((2 * steps + 1) / (2 * size)).float()
    across, down = (
        bump(points[..., i, None] - middles, POINT_REACH) for i in range(2)
    )  # [images, points, size]
    across = across * shown[..., None]
    heat = torch.zeros(len(points), size, size, device=points.device)
    for i in range(points.shape[1]):
        heat = torch.maximum(heat, down[:, i, :, None] * across[:, i, None, :])
    return heat[:, None]
