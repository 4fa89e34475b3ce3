"""The rows of labels.csv or labels.jsonl, as texts by column."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sharewise.data._faults import refuse
from sharewise.errors import DataError

FILES = ("labels.csv", "labels.jsonl")
MISSING_WORDS = frozenset({"", "na", "n/a", "nan", "null"})
"""Texts, in small letters, that stand for no value."""
_RULE = "A table is a folder with labels.csv or labels.jsonl."
_AN_OBJECT = "Every line of labels.jsonl is one JSON object: {column: value}."
_EQUAL = "Every row of labels.csv has as many values as the header has columns."


@dataclass(frozen=True)
class Rows:
    """A table as it is written.

    columns: {name: its values}, texts without blanks around them; None where there is no value.
    lines: the line of the file that each row begins at, counted from 1.
    """

    file: Path
    columns: Mapping[str, tuple[str | None, ...]]
    lines: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.lines)

    def place(self, row: int) -> str:
        """Where a row is, for people."""
        return f"{self.file}, line {self.lines[row]}"


def is_table(folder: Path) -> bool:
    """Whether a folder has a table's file."""
    return any((folder / name).is_file() for name in FILES)


def read_rows(folder: Path) -> Rows:
    """The rows of the one table in a folder.

    Raises DataError for a folder or file that is missing, two files, a file that is empty, torn or
    not UTF-8, a header with a name twice or none, and rows that do not fit it; each names the file
    and the line, and counts further ones.
    """
    there = [folder / name for name in FILES if (folder / name).is_file()]
    if len(there) != 1:
        what = "both of them" if there else "neither of them" if folder.is_dir() else "no folder"
        raise DataError(
            rule=_RULE,
            found=f"{what} in {folder}" if folder.is_dir() else f"{what} {folder}",
            fix="Leave one of them there." if there else "Correct the path, or put one there.",
        )
    text = _text(there[0])
    rows = _read_csv(there[0], text) if there[0].suffix == ".csv" else _read_lines(there[0], text)
    if not len(rows):
        raise DataError(
            rule="A table has a row for each sample.",
            found=f"no row in {there[0]}",
            fix="Add some.",
        )
    return rows


def _text(path: Path) -> str:
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")  # Excel writes a byte order mark
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            rule="A table is written in UTF-8.",
            found=f"the byte {content[error.start]:#04x} in {path}, line {line}",
            fix="Save it again as UTF-8.",
        ) from error


def _read_csv(path: Path, text: str) -> Rows:
    records = _records(path, text)
    _, header = next(records, (1, []))
    names = [name.strip() for name in header]
    _check_header(names, path)
    lines, kept, wrong = [], [], []
    for line, record in records:
        if len(record) == len(names):
            lines.append(line)
            kept.append(record)
        else:
            wrong.append(f"{len(record)} values for {len(names)} columns in {path}, line {line}")
    refuse(wrong, rule=_EQUAL, fix="Put values with commas in quotes, and leave none out.")
    values = zip(*kept, strict=True) if kept else ((),) * len(names)
    columns = {name: tuple(map(_value, each)) for name, each in zip(names, values, strict=True)}
    return Rows(path, columns, tuple(lines))


def _records(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Each record that is not blank, with the line that it begins at."""
    first = text.partition("\n")[0]
    # A comma if there is any: a semicolon or a tab may stand in a name, and seldom without one.
    between = next((each for each in ",;\t" if each in first), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=between, strict=True)
    begins = 1
    try:
        for record in reader:
            if any(value.strip() for value in record):
                yield begins, record
            begins = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            rule="labels.csv is written as CSV: values between commas, in quotes where needed.",
            found=f"{error} in {path}, line {begins}",
            fix="Close the quotes, and write a quote inside quotes twice.",
        ) from error


def _check_header(names: Sequence[str], path: Path) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    bad = ["a column without a name"] * ("" in names)
    bad += [f"'{name}' twice" for name in twice if name]
    if not names:
        bad = ["an empty line"]
    refuse(
        bad,
        rule="The first line of labels.csv names each column once.",
        where=f" in {path}, line 1",
        fix="Correct the first line.",
    )


def _value(text: str) -> str | None:
    stripped = text.strip()
    return None if stripped.lower() in MISSING_WORDS else stripped


def _read_lines(path: Path, text: str) -> Rows:
    lines, objects, wrong = [], [], []
    for line, content in enumerate(text.split("\n"), start=1):
        if not content.strip():
            continue
        found = _object(content)
        if isinstance(found, str):
            wrong.append(f"{found} in {path}, line {line}")
        else:
            lines.append(line)
            objects.append(found)
    refuse(wrong, rule=_AN_OBJECT, fix="Correct the line.")
    names = list(dict.fromkeys(name for each in objects for name in each))
    columns = {name: tuple(each.get(name) for each in objects) for name in names}
    return Rows(path, columns, tuple(lines))


def _object(content: str) -> dict[str, str | None] | str:
    """The values of a line as texts, or what is wrong with it."""
    try:
        found = json.loads(content)
    except ValueError as error:
        return str(error)
    if not isinstance(found, dict) or not found:
        return "no object"
    nested = [name for name, value in found.items() if isinstance(value, list | dict)]
    if nested:
        return f"a list or an object for '{nested[0]}'"
    return {name.strip(): _from_json(value) for name, value in found.items()}


def _from_json(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return _value(value if isinstance(value, str) else repr(value))
