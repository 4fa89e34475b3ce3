"""The user's own data: a folder with labels.csv or labels.jsonl, and no Python."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from sharewise.data._items import ItemData
from sharewise.data._table_columns import INPUT, SPLIT, Column, Said, understand
from sharewise.data._table_rows import Rows, read_rows
from sharewise.data._table_samples import NAME, TableSamples
from sharewise.data._tensors import TensorData
from sharewise.errors import InputError


def table(  # noqa: PLR0913 - what a table is, what may be said of it, and how images are read
    folder: str | os.PathLike[str],
    *,
    input: str | Sequence[str] | None = None,
    types: Mapping[str, str] | None = None,
    split: str | None = None,
    size: int = 64,
    flip: bool = False,
    memory_mb: int = 1024,
    workers: int | None = None,
) -> TensorData | ItemData:
    """The data in a folder with labels.csv or labels.jsonl: a row a sample, a column a task.

    labels.csv begins with the columns' names; between values are commas, semicolons or tabs.
    labels.jsonl has one JSON object a line. An empty value, NA, NaN or null is a missing label.

    One column names the input image, relative to the folder, or several columns of numbers are the
    input, each brought to mean 0 and deviation 1 over the training rows. The other columns are
    tasks, and what is not said of them is inferred; `table_columns` shows it.

    - class: texts or a few whole numbers; accuracy.
    - yes/no: yes and no, true and false, 1 and 0, 1 and -1; accuracy.
    - number: learnt in deviations from the training mean, answered and scored ("mae") in the
      label's own unit.
    - segmentation (or segmentation:CLASSES), mask (0 and 255), image (a number for each pixel),
      depth, normals: image files of the input's size; see `sharewise.tasks`.

    Splits come from a column that says train, val or test. Without one, a hash of the row's id puts
    it into train (70 %), val or test (15 % each): adding rows moves no other row. The id is the
    column "id", or the name of the input image, or the row's inputs.

    Args:
        folder: See above.
        input: A column's name, several of them, or patterns such as "x*".
        types: {column: kind}, of the kinds above; "id" for ids, "skip" to leave the column out.
        split: The column of splits.
        size: Pixels of a side: the shorter side of an image becomes this, and the middle of the
            longer one is kept; of targets, too.
        flip: Whether half of the training images are mirrored, with their targets.
        memory_mb: Images that are kept in memory, in MB, if all of them fit.
        workers: Processes that read images; see `ItemData`.

    Raises:
        InputError: A column or kind that is not there; no input or no task; size < 8.
        DataError: A folder, file or value that is missing or wrong; names the file and the line,
            and counts further ones.
    """
    if size < 8:
        raise InputError(
            rule="The images of a table are given 8 pixels a side or more.",
            found=f"size={size}",
            fix="Give a larger number.",
        )
    rows, columns = _read(folder, input, types, split)
    read = TableSamples(rows, columns)
    settings = {
        "name": NAME,
        "folder": str(folder),
        "input": [column.name for column in columns if column.use == INPUT],
        "types": {each.name: each.kind for each in columns if each.use not in (INPUT, SPLIT)},
        "split": next((column.name for column in columns if column.use == SPLIT), None),
        "size": size,
        "flip": flip,
    }
    if read.pictures is None:
        return read.in_memory(settings)
    return read.on_disk(settings, memory_mb=memory_mb, workers=workers)


def table_columns(
    folder: str | os.PathLike[str],
    *,
    input: str | Sequence[str] | None = None,
    types: Mapping[str, str] | None = None,
    split: str | None = None,
) -> tuple[Column, ...]:
    """How `table` understands the columns of a folder's table; arguments and errors are its."""
    return _read(folder, input, types, split)[1]


def _read(
    folder: str | os.PathLike[str],
    input: str | Sequence[str] | None,
    types: Mapping[str, str] | None,
    split: str | None,
) -> tuple[Rows, tuple[Column, ...]]:
    inputs = (input,) if isinstance(input, str) else tuple(input or ())
    rows = read_rows(Path(folder))
    return rows, understand(rows, Said(inputs, types or {}, split))
