"""What each column of a table is for: input, task, split, id, or nothing."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sharewise.data._faults import refuse
from sharewise.data._table_kinds import KINDS, infer, is_kind, said
from sharewise.data._table_masks import check_files
from sharewise.data._table_rows import Rows
from sharewise.data._table_values import ID, SKIP, Kind, is_image, number, there
from sharewise.errors import DataError, InputError

INPUT, TASK, SPLIT, LEFT_OUT = "input", "task", "split", "left out"
SPLIT_NAME, ID_NAME = "split", "id"
_INPUT_NAMES = ("input", "image", "img", "file", "filename", "file_name", "path", "photo", "x")


@dataclass(frozen=True)
class Column:
    """A column as it is understood.

    use: "input", "task", "split", "id" or "left out". kind: of its values. says: its values or
    range in short. missing: rows without a value. task: the task's name, "" where it is none.
    classes: their names, in the order of labels.
    """

    name: str
    use: str
    kind: str
    says: str
    missing: int
    why: str
    task: str = ""
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Said:
    """What was said of the columns: inputs, {column: kind}, and the column of splits."""

    input: tuple[str, ...] = ()
    types: Mapping[str, str] = field(default_factory=dict)
    split: str | None = None


def understand(rows: Rows, said_of: Said) -> tuple[Column, ...]:
    """Every column of a table, in its order.

    What is not said is inferred: a column called "split" with train, val and test is the split, one
    called "id" the id; the input is the column of images with a telling name, or else the first, or
    all columns whose names begin with "input".

    Raises InputError for columns or kinds that are not there, and where no input is found or no
    task is left; DataError for values that do not fit.
    """
    _check_said(rows, said_of)
    split = said_of.split or _split_of(rows, said_of)
    inputs = _inputs(rows, said_of, split)
    columns = tuple(_column(rows, name, said_of, split, inputs) for name in rows.columns)
    if not any(column.use == TASK for column in columns):
        left = "; ".join(f"{each.name}: {each.why}" for each in columns if each.use == LEFT_OUT)
        raise InputError(
            rule="A table has a column for at least one task.",
            found=f"none in {rows.file}{f' ({left})' if left else ''}",
            fix="Add one, or say what a column is: score=number, for example.",
        )
    return _with_names(rows, columns)


def _check_said(rows: Rows, said_of: Said) -> None:
    named = [*said_of.types, *([said_of.split] if said_of.split else [])]
    unknown = [name for name in named if name not in rows.columns]
    if unknown:
        raise unknown_column(rows, unknown[0])
    inputs = _named_inputs(rows, said_of.input)
    twice = [name for name in named if name in inputs or named.count(name) > 1]
    if twice:
        raise InputError(
            rule="A column is an input, the column of splits, or of a kind.",
            found=f"two of these said of '{twice[0]}'",
            fix="Say one of them.",
        )
    wrong = [(name, kind) for name, kind in said_of.types.items() if not is_kind(kind)]
    if wrong:
        raise InputError(
            rule=f"A column is one of {', '.join(KINDS)}.",
            found=f"'{wrong[0][1]}' for '{wrong[0][0]}'",
            fix="Say one of these, or nothing and look at what is inferred.",
        )


def unknown_column(rows: Rows, name: str) -> InputError:
    """A name that no column has."""
    return InputError(
        rule=f"The columns of {rows.file} are {', '.join(rows.columns)}.",
        found=f"'{name}'",
        fix="Name one of these.",
    )


def _split_of(rows: Rows, said_of: Said) -> str | None:
    free = (name for name in rows.columns if name not in said_of.types)
    name = next((each for each in free if each.lower() == SPLIT_NAME), None)
    if name is None or not any(split_word(text) for _, text in there(rows, name)):
        return None
    return name


_SPLIT_WORDS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
}


def split_word(text: str) -> str | None:
    """The split that a word names, or None."""
    return next((name for name, words in _SPLIT_WORDS.items() if text.lower() in words), None)


def _inputs(rows: Rows, said_of: Said, split: str | None) -> tuple[str, ...]:
    free = [name for name in rows.columns if name != split and name not in said_of.types]
    if said_of.input:
        return _named_inputs(rows, said_of.input)
    images = [name for name in free if _all_images(rows, name)]
    telling = [name for name in images if name.lower() in _INPUT_NAMES]
    numeric = [name for name in free if name.lower().startswith("input") and name not in images]
    found = telling[:1] or images[:1] or numeric
    if not found:
        raise InputError(
            rule="The input of a table is a column of image files or columns of numbers.",
            found=f"no image files in {rows.file}, whose columns are {', '.join(rows.columns)}",
            fix="Say which columns are inputs: --input 'width,height' or --input 'x*', for example;"
            " or begin their names with input.",
        )
    return tuple(found)


def _named_inputs(rows: Rows, asked: Sequence[str]) -> tuple[str, ...]:
    """The columns that names or patterns such as x* stand for, in the table's order."""
    chosen = set()
    for name in asked:
        fitting = {name} & {*rows.columns} or set(fnmatch.filter(rows.columns, name))
        if not fitting:
            raise unknown_column(rows, name)
        chosen |= fitting
    return tuple(name for name in rows.columns if name in chosen)


def _all_images(rows: Rows, name: str) -> bool:
    values = there(rows, name)
    return bool(values) and all(is_image(text) for _, text in values)


def _column(
    rows: Rows, name: str, said_of: Said, split: str | None, inputs: tuple[str, ...]
) -> Column:
    missing = rows.columns[name].count(None)
    if name in inputs:
        what = check_input(rows, name, alone=len(inputs) == 1)
        why = "as said" if said_of.input else "the images" if what == "image" else "its name"
        return Column(name, INPUT, what, f"{len(rows) - missing} values", missing, why)
    if name == split:
        why = "as said" if said_of.split else "its name and values"
        return Column(name, SPLIT, "words", _split_counts(rows, name), missing, why)
    kind = _kind(rows, name, said_of)
    facts = (kind.kind, kind.says, missing, kind.why)
    if kind.kind in (ID, SKIP):
        return Column(name, ID if kind.kind == ID else LEFT_OUT, *facts)
    return Column(name, TASK, *facts, task=name, classes=kind.classes)


def _kind(rows: Rows, name: str, said_of: Said) -> Kind:
    if name in said_of.types:
        return said(rows, name, said_of.types[name])
    if name.lower() == ID_NAME:
        return Kind(ID, f"{len({*rows.columns[name]})} values", "its name")
    return infer(rows, name)


def check_input(rows: Rows, name: str, *, alone: bool) -> str:
    """Whether an input is "image" or "number".

    Raises DataError for a value that is missing, no number, or a file that is not there.
    """
    values = rows.columns[name]
    refuse(
        [f"none in {rows.place(row)}" for row, text in enumerate(values) if text is None],
        rule=f"Every row has a value for the input '{name}'.",
        fix="Fill it in, or leave out the row or the column.",
    )
    if alone and _all_images(rows, name):
        check_files(rows, name, there(rows, name))
        return "image"
    what = "the name of an image file or a number" if alone else "a number"
    refuse(
        [f"'{t}' in {rows.place(row)}" for row, t in there(rows, name) if number(t) is None],
        rule=f"Every value of the input '{name}' is {what}.",
        fix="Correct it; an input is one column of images or any number of columns of numbers.",
    )
    return "number"


def _split_counts(rows: Rows, name: str) -> str:
    refuse(
        [
            f"{'nothing' if text is None else repr(text)} in {rows.place(row)}"
            for row, text in enumerate(rows.columns[name])
            if text is None or split_word(text) is None
        ],
        rule=f"The column '{name}' says train, val or test in every row.",
        fix="Correct it, or say that the column is of another kind.",
    )
    found = [split_word(text) for _, text in there(rows, name)]
    return ", ".join(f"{each} {found.count(each)}" for each in _SPLIT_WORDS)


def _with_names(rows: Rows, columns: tuple[Column, ...]) -> tuple[Column, ...]:
    """With names of tasks: the columns' own, with _ for what a task's name may not hold."""
    named: list[Column] = []
    taken: dict[str, str] = {}
    for column in columns:
        task = re.sub(r"[^A-Za-z0-9_-]+", "_", column.task).strip("_")
        if column.use == TASK and (not task or task in taken):
            raise DataError(
                rule="The columns of tasks have names of letters A-Z a-z and digits that stay"
                " different where other signs become _.",
                found=f"'{column.name}'"
                + (f" beside '{taken[task]}'" if task else "")
                + f" in {rows.file}, line 1",
                fix="Rename the column.",
            )
        taken |= {task: column.name} if task else {}
        facts: dict[str, Any] = {**column.__dict__, "task": task}
        named.append(Column(**facts))
    return tuple(named)
