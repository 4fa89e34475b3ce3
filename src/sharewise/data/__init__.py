"""Data sets: what every one offers, tensors in memory, and two that any machine can make."""

from __future__ import annotations

from sharewise.data._glyphs import GLYPH_CLASSES, glyphs
from sharewise.data._planted import PlantedData, identity, planted
from sharewise.data._protocol import Batch, TaskData
from sharewise.data._tensors import SeparateData, Split, TensorData

__all__ = [
    "GLYPH_CLASSES",
    "Batch",
    "PlantedData",
    "SeparateData",
    "Split",
    "TaskData",
    "TensorData",
    "glyphs",
    "identity",
    "planted",
]
