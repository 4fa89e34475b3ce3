"""A multi-layer perceptron for rows of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from torch import nn

from sharewise.backbones._backbone import Backbone, Json, Stage
from sharewise.backbones._checks import check_count
from sharewise.errors import InputError


def mlp(
    in_features: int, widths: Sequence[int] = (16, 16, 16), hidden: int | None = None
) -> Backbone:
    """Stages layer1, layer2, ...: a linear layer and a ReLU each, [batch, in] -> [batch, width].

    With `hidden` another linear layer and ReLU come first in each stage, [batch, in] -> [batch,
    hidden]: channels that tasks can partition, because only one layer reads them.

    Raises:
        InputError: no widths, or numbers that are not positive and whole.
    """
    check_count("in_features", in_features)
    if hidden is not None:
        check_count("hidden", hidden)
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
        stages.append(Stage(f"layer{i}", partial(_make_layer, previous, width, hidden)))
        previous = width
    settings: dict[str, Json] = {
        "name": "mlp",
        "in_features": in_features,
        "widths": list(widths),
    }
    if hidden is not None:
        settings["hidden"] = hidden
    return Backbone("mlp", tuple(stages), (in_features,), settings)


def _make_layer(in_features: int, width: int, hidden: int | None) -> nn.Module:
    if hidden is None:
        return nn.Sequential(nn.Linear(in_features, width), nn.ReLU(inplace=True))
    first = nn.Sequential(nn.Linear(in_features, hidden), nn.ReLU(inplace=True))
    return nn.Sequential(*first, nn.Linear(hidden, width), nn.ReLU(inplace=True))
