"""Data sets: what every one offers, tensors and image files, and those that are there by name."""

from __future__ import annotations

from sharewise.data._decathlon import decathlon, decathlon_classes
from sharewise.data._glyphs import GLYPH_CLASSES, glyphs
from sharewise.data._mini import MINI_CLASSES, MINI_DOMAINS, decathlon_mini
from sharewise.data._only import OnlyTask
from sharewise.data._planted import PlantedData, identity, planted
from sharewise.data._protocol import Batch, TaskData, generator
from sharewise.data._submission import StrippedImages, decathlon_stripped, write_submission
from sharewise.data._tensors import SeparateData, Split, TensorData

__all__ = [
    "GLYPH_CLASSES",
    "MINI_CLASSES",
    "MINI_DOMAINS",
    "Batch",
    "OnlyTask",
    "PlantedData",
    "SeparateData",
    "Split",
    "StrippedImages",
    "TaskData",
    "TensorData",
    "decathlon",
    "decathlon_classes",
    "decathlon_mini",
    "decathlon_stripped",
    "generator",
    "glyphs",
    "identity",
    "planted",
    "write_submission",
]
