"""The user's own folder on the command line: a table, and what flags say of its columns."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sharewise.cli._data_word import Answers, DataWord
from sharewise.cli._dense_words import DENSE_BACKBONE, DENSE_BUDGET
from sharewise.cli._progress import Show
from sharewise.cli._words import NAMES, PATH, WHOLE, YES_NO, Kind
from sharewise.errors import DataError, InputError

if TYPE_CHECKING:
    from sharewise.data import Column, TaskData

TABLE = "table"
_FLAGS = "--input, --type and --split"


def _read_types(text: str) -> dict[str, str]:
    pairs = [part.rpartition("=") for part in text.split("+")]
    if not all(column and kind for column, _, kind in pairs):
        raise ValueError(text)
    return {column: kind for column, _, kind in pairs}


TYPES = Kind("columns and their kinds joined by +", "age=number+mood=class", _read_types)
TEXT = Kind("a name", "split", str)


def said_columns(
    inputs: str | None, types: Sequence[str] | None, split: str | None
) -> dict[str, Any]:
    """Options of a table from flags; empty where none was given.

    Raises:
        InputError: A --type that is not COLUMN=KIND.
    """
    said: dict[str, Any] = {}
    if inputs is not None:
        said["input"] = tuple(name.strip() for name in inputs.split(","))
    if types:
        pairs = [each.rpartition("=") for each in types]
        wrong = [each for each, (column, _, kind) in zip(types, pairs, strict=True) if not column]
        if wrong:
            raise InputError(
                rule="--type says what a column is: COLUMN=KIND.",
                found=repr(wrong[0]),
                fix="Write --type age=number, for example.",
            )
        said["types"] = {column: kind for column, _, kind in pairs}
    return said | ({} if split is None else {"split": split})


def search_words(options: Mapping[str, Any]) -> str:
    """The command that searches a table with these options, as a shell reads it."""
    rest = [f"{name}={options[name]}" for name in ("size",) if name in options]
    rest += ["flip=yes"] if options.get("flip") else []
    words = [":".join([options["folder"], *([",".join(rest)] if rest else [])])]
    words += ["--input", ",".join(options["input"])] if "input" in options else []
    for column, kind in options.get("types", {}).items():
        words += ["--type", f"{column}={kind}"]
    words += ["--split", options["split"]] if "split" in options else []
    return f"sharewise search {shlex.join(words)}"


def check_said(word: DataWord | None, said: Mapping[str, Any]) -> None:
    """Raises InputError where columns are said of data that are no table, or of none."""
    if {*said} - {"folder"} and (word is None or word.name != TABLE):
        raise InputError(
            rule=f"{_FLAGS} say what the columns of a table are.",
            found=f"one of them with {'no data' if word is None else word.name}",
            fix="Leave it out, or give a folder with labels.csv.",
        )


def split_folder(text: str) -> tuple[str, str] | None:
    """The folder in `FOLDER` or `FOLDER:option=value`, and its options; None where there is none.

    Raises:
        DataError: A path that is no folder.
    """
    ends = [len(text), *(i for i in range(len(text) - 1, 0, -1) if text[i] == ":")]
    for end in ends:
        if Path(text[:end]).is_dir():
            return text[:end], text[end + 1 :]
    if os.sep in text.partition("=")[0]:
        raise DataError(
            rule="Data are one of the names that `sharewise data` lists, or a folder.",
            found=f"no folder {text}",
            fix="Correct the path.",
        )
    return None


def folder_of(options: Mapping[str, Any], name: str) -> str:
    """The folder among the options of data that are read from one; InputError without it."""
    if "folder" not in options:
        raise InputError(
            rule=f"The data '{name}' are read from a folder of yours.",
            found="no option 'folder'",
            fix=f"Write {name}:folder=PATH.",
        )
    return str(options["folder"])


def columns_of(settings: Mapping[str, Any]) -> tuple[Column, ...]:
    """The columns of a table with these settings or options."""
    from sharewise.data import table_columns

    said = {name: settings[name] for name in ("input", "types", "split") if name in settings}
    return table_columns(folder_of(settings, TABLE), **said)


def run_name(data: TaskData) -> str:
    """What a run with these data is called by default: a table as its folder."""
    if data.name != TABLE:
        return data.name
    return Path(data.settings["folder"]).resolve().name or TABLE


def _make_table(options: Mapping[str, Any], show: Show) -> TaskData:
    from sharewise.data import table

    folder_of(options, TABLE)
    return table(**options)


def _table_answers(data: TaskData) -> Answers:
    named = {each.task: each for each in columns_of(data.settings) if each.task}
    return {task.name: _answer(named[task.name]) for task in data.tasks}


def _answer(column: Column) -> list[str] | str:
    if column.kind == "class":
        return list(column.classes)
    if column.kind == "yes/no":
        return ["no", "yes"]
    if column.kind == "number":
        return f"a number, {column.says}"
    return f"{column.kind.partition(':')[0]} for each pixel"


def _table_backbone(settings: Mapping[str, Any]) -> str:
    columns = columns_of(settings)
    if next(each for each in columns if each.use == "input").kind != "image":
        return "mlp:widths=64+64+64"
    if _is_dense(columns):
        return DENSE_BACKBONE
    stem = "small" if settings["size"] < 48 else "imagenet"
    return f"resnet18:width=0.25,stem={stem}"


def _is_dense(columns: Sequence[Column]) -> bool:
    return any(each.task and each.kind not in ("class", "yes/no", "number") for each in columns)


def _table_divided(settings: Mapping[str, Any]) -> str:
    word = _table_backbone(settings)
    return f"{word},hidden=128" if word.startswith("mlp") else word


TABLE_WORD = DataWord(
    TABLE,
    {
        "folder": PATH,
        "input": NAMES,
        "types": TYPES,
        "split": TEXT,
        "size": WHOLE,
        "flip": YES_NO,
    },
    what="Your own data: labels.csv or labels.jsonl, with columns of inputs (images, or numbers)"
    " and of tasks: class, yes/no, number or image. Wherever data are asked for, the folder will"
    " do.",
    needs="A folder with labels.csv or labels.jsonl, and the images that it names.",
    get="Yours. `sharewise data table FOLDER` shows how its columns are understood, and --input,"
    " --type and --split correct it.",
    licence="Yours.",
    make=_make_table,
    answers=_table_answers,
    backbone=_table_backbone,
    divided=_table_divided,
    folder="photos",
    budget=lambda options: DENSE_BUDGET if _is_dense(columns_of(options)) else None,
)
