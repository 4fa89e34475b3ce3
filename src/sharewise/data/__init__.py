"""Data sets: what every one offers, tensors and image files, and those that are there by name."""

from __future__ import annotations

from sharewise.data._celeba import celeba
from sharewise.data._cityscapes import cityscapes
from sharewise.data._decathlon import decathlon, decathlon_classes
from sharewise.data._doom import doom
from sharewise.data._doom_frames import DOOM_CLASSES
from sharewise.data._faces import faces
from sharewise.data._faces_attributes import FACE_ATTRIBUTES
from sharewise.data._glyphs import GLYPH_CLASSES, glyphs
from sharewise.data._items import ItemData, Items
from sharewise.data._mini import MINI_CLASSES, MINI_DOMAINS, decathlon_mini
from sharewise.data._nyuv2 import nyuv2
from sharewise.data._only import OnlyTask
from sharewise.data._planted import PlantedData, identity, planted
from sharewise.data._protocol import Batch, TaskData, generator
from sharewise.data._qm9 import qm9
from sharewise.data._qm9_rows import UNITS as QM9_UNITS
from sharewise.data._scenes import scenes
from sharewise.data._scenes_draw import SCENE_CLASSES
from sharewise.data._submission import StrippedImages, decathlon_stripped, write_submission
from sharewise.data._table import table, table_columns
from sharewise.data._table_columns import Column
from sharewise.data._taskonomy import taskonomy
from sharewise.data._tensors import SeparateData, Split, TensorData

__all__ = [
    "DOOM_CLASSES",
    "FACE_ATTRIBUTES",
    "GLYPH_CLASSES",
    "MINI_CLASSES",
    "MINI_DOMAINS",
    "QM9_UNITS",
    "SCENE_CLASSES",
    "Batch",
    "Column",
    "ItemData",
    "Items",
    "OnlyTask",
    "PlantedData",
    "SeparateData",
    "Split",
    "StrippedImages",
    "TaskData",
    "TensorData",
    "celeba",
    "cityscapes",
    "decathlon",
    "decathlon_classes",
    "decathlon_mini",
    "decathlon_stripped",
    "doom",
    "faces",
    "generator",
    "glyphs",
    "identity",
    "nyuv2",
    "planted",
    "qm9",
    "scenes",
    "table",
    "table_columns",
    "taskonomy",
    "write_submission",
]
