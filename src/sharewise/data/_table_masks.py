"""Columns of a table that name images: which of them are targets, and of which kind."""

from __future__ import annotations

import numpy as np

from sharewise.data._dense_files import IGNORE, ONE_CHANNEL, DenseFile, Directions, Labels, Numbers
from sharewise.data._faults import refuse
from sharewise.data._images import opened
from sharewise.data._table_rows import Rows
from sharewise.data._table_values import SKIP, Kind, Values
from sharewise.errors import DataError
from sharewise.tasks import Task, depth, edges, normals, segmentation

SEGMENTATION, MASK, IMAGE, DEPTH, NORMALS = "segmentation", "mask", "image", "depth", "normals"
DENSE = (IMAGE, SEGMENTATION, MASK, DEPTH, NORMALS)
_LOOKED_AT = 200
_MOST_CLASSES = 64


def check_files(rows: Rows, column: str, values: Values) -> None:
    """Raises DataError where a file that a column names is not there."""
    folder = rows.file.parent
    refuse(
        [
            f"no {folder / text}, of {rows.place(row)}"
            for row, text in values
            if not (folder / text).is_file()
        ],
        rule=f"The images that '{column}' names lie below the table's folder.",
        fix="Copy them there, or correct the names.",
    )


def infer_dense(rows: Rows, column: str, values: Values) -> Kind:
    """The kind of a column of images, from some two hundred of them.

    One channel of 8 bits with few values is a segmentation, of 0 and 255 a mask; any other single
    channel a number for each pixel. Colour images are no target unless they are said to be normals.
    """
    modes, found = _look(rows, values)
    says = f"{len(values)} images"
    if not modes <= ONE_CHANNEL:
        return Kind(SKIP, says, "colour images: no target, unless you say normals")
    if not modes <= {"1", "L", "P"}:
        return Kind(IMAGE, says, "one channel of more than 8 bits: a number for each pixel")
    if found <= {0, IGNORE} or modes == {"1"}:
        return Kind(MASK, says, "only 0 and 255: no or yes for each pixel", ("no", "yes"))
    classes = max(found - {IGNORE}) + 1
    if classes <= _MOST_CLASSES:
        return _segmentation(classes, f"8 bits, {len(found)} values: classes")
    return Kind(IMAGE, says, f"8 bits, {len(found)} values: a number for each pixel")


def said_dense(rows: Rows, column: str, values: Values, kind: str) -> Kind:
    """The same for a kind that was said; a segmentation without a count has its classes counted."""
    name, _, count = kind.partition(":")
    if name != SEGMENTATION:
        return Kind(kind, f"{len(values)} images", "as said", ("no", "yes") * (kind == MASK))
    if count:
        return _segmentation(int(count), "as said")
    modes, found = _look(rows, values)
    if not modes <= {"1", "L", "P"} or max(found - {IGNORE}, default=0) < 1:
        raise DataError(
            rule="A segmentation is images of 8 bits and one channel, with two classes or more.",
            found=f"Pillow's modes {', '.join(sorted(modes))} in '{column}' of {rows.file}",
            fix=f"Say another kind, or how many classes there are: {column}=segmentation:21.",
        )
    return _segmentation(max(found - {IGNORE}) + 1, "as said; classes counted")


def dense_file(kind: str, size: int) -> DenseFile:
    """What reads the targets of a kind."""
    name, _, count = kind.partition(":")
    if name == SEGMENTATION:
        return Labels(int(count), size)
    if name == MASK:
        return Labels(2, size, mask=True)
    return Directions(size) if name == NORMALS else Numbers(size, positive=name == DEPTH)


def dense_task(name: str, kind: str) -> Task:
    """The task of a kind; see `sharewise.tasks`."""
    of, _, count = kind.partition(":")
    if of in (SEGMENTATION, MASK):
        return segmentation(name, int(count or 2), ignore=IGNORE)
    return {IMAGE: edges, DEPTH: depth, NORMALS: normals}[of](name)


def _segmentation(classes: int, why: str) -> Kind:
    names = tuple(map(str, range(classes)))
    return Kind(f"{SEGMENTATION}:{classes}", f"{classes} classes", why, names)


def _look(rows: Rows, values: Values) -> tuple[set[str], set[int]]:
    """The modes of some of the images, and the values of those of 8 bits and one channel."""
    modes: set[str] = set()
    found: set[int] = set()
    step = -(-len(values) // _LOOKED_AT)
    for _, text in values[::step]:
        with opened(rows.file.parent / text) as image:
            modes.add(image.mode)
            if image.mode in {"1", "L", "P"}:
                found |= set(map(int, np.unique(np.array(image).astype(np.uint8))))
    return modes, found
