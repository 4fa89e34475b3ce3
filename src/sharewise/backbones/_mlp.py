"""A multi-layer perceptron for rows of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from torch import nn

from sharewise.backbones._backbone import Backbone, Stage
from sharewise.backbones._checks import check_count
from sharewise.errors import InputError


def mlp(in_features: int, widths: Sequence[int] = (16, 16, 16)) -> Backbone:
    """Stages layer1, layer2, ...: a linear layer and a ReLU each, [batch, in] -> [batch, width].

    Raises:
        InputError: no widths, or numbers that are not positive and whole.
    """
    check_count("in_features", in_features)
    if not widths:
        raise InputError(
            rule="An mlp has at least one layer.",
            found="no widths",
            fix="Give one width a layer, such as widths=(16, 16, 16).",
        )
    stages: list[Stage] = []
    previous = in_features
    for i, width in enumerate(widths, start=1):
        check_count("widths", width)
        stages.append(Stage(f"layer{i}", partial(_make_layer, previous, width)))
        previous = width
    return Backbone(
        "mlp",
        tuple(stages),
        (in_features,),
        {"name": "mlp", "in_features": in_features, "widths": list(widths)},
    )


def _make_layer(in_features: int, width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(in_features, width), nn.ReLU(inplace=True))
