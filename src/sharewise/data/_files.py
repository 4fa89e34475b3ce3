"""Files of a data set in the user's folder: there or not, read as lines or as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from os import listdir
from pathlib import Path
from typing import Any

from sharewise.data._faults import refuse
from sharewise.errors import DataError, FormatError, RunError
from sharewise.runs import read_json


def find_file(folder: Path, name: str, *, below: Sequence[str] = ()) -> Path:
    """A file in a folder or one of those below it; DataError where it or the folder is missing."""
    if not folder.is_dir():
        raise DataError(
            rule="Data on disk are read from a folder of yours.",
            found=f"no folder {folder}",
            fix="Correct the path.",
        )
    for place in (folder, *(folder / each for each in below)):
        if (place / name).exists():
            return place / name
    also = f" or in its {', '.join(below)}" if below else ""
    raise DataError(
        rule=f"These data have {name} in their folder{also}.",
        found=f"no {folder / name}",
        fix="Copy it there, or correct the path of the folder.",
    )


def read_text_lines(path: Path) -> list[str]:
    """The lines of a text file; DataError where it is no text."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(
            rule=f"{path.name} is a text.",
            found=f"bytes that are none in {path}",
            fix="Download it again.",
        ) from error


def read_json_file(path: Path) -> Any:
    """What a JSON file holds; DataError where it is torn or no JSON."""
    try:
        return read_json(path)
    except (RunError, FormatError) as error:
        raise DataError(rule=error.rule, found=error.found, fix=error.fix) from error


def missing_of(paths: Iterable[Path]) -> list[Path]:
    """Those that are not there, in order."""
    # Folders are listed once, for there may be a million files.
    listings: dict[Path, set[str]] = {}
    missing = []
    for path in paths:
        parent = path.parent
        if parent not in listings:
            listings[parent] = set(listdir(parent)) if parent.is_dir() else set()
        if path.name not in listings[parent]:
            missing.append(path)
    return missing


def check_there(paths: Iterable[Path], listed_in: Path) -> None:
    """Raises DataError where a file that is listed is missing."""
    refuse(
        [f"no {path}" for path in missing_of(paths)],
        rule=f"The files that {listed_in.name} lists are there.",
        fix="Copy or unpack them there.",
    )
