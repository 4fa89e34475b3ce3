"""Files on disk: written whole or not at all, and errors that say what the disk said."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sharewise.errors import FormatError, InputError, RunError

_NUMBER = itertools.count()
_MOST_SHOWN = 80  # characters of a value in an error


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write a whole file or nothing: under a temporary name in the same folder, then renamed.

    Raises:
        RunError: The disk refuses; says why. An older file at `path` is then still whole.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{next(_NUMBER)}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise disk_error(path, error) from error
    finally:
        # After the rename there is nothing left to remove; after an interruption there is.
        with contextlib.suppress(OSError):
            temporary.unlink()


def read_json(path: Path) -> Any:
    """The JSON value in a file.

    Raises:
        RunError: The file is missing or cannot be read.
        FormatError: It is not JSON, or it is truncated.
    """
    text = read_bytes(path)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormatError(
            rule=f"{path.name} is one JSON value.",
            found=f"{len(text)} bytes in {path} that stop being JSON ({error})",
            fix="The file may be truncated: copy or make it again.",
        ) from error


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON, atomically; RunError if the disk refuses."""
    write_atomic(path, json.dumps(as_json(value, path), indent=2) + "\n")


def as_json(value: Any, path: Path) -> Any:
    """The value as it will be read back: tuples become lists, numbers as keys become text."""
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError) as error:
        raise InputError(
            rule=f"{path.name} holds JSON values: texts, numbers, lists and objects.",
            found=f"{value!r} ({error})",
            fix="Turn tensors and other objects into numbers or texts first.",
        ) from error


def read_bytes(path: Path) -> bytes:
    """The content of a file; RunError where it is missing or cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise RunError(
            rule="A file that is asked for is there and can be read.",
            found=f"{error.strerror} at {path}",
            fix="Check the path and its permissions.",
        ) from error


def disk_error(path: Path, error: OSError) -> RunError:
    """The error for a disk that refuses to write, with its reason."""
    return RunError(
        rule="A run is written to a folder with room and permission.",
        found=f"{error.strerror} at {path}",
        fix="Free some space, or give another folder.",
    )


def differences(there: dict[str, Any], here: dict[str, Any]) -> str:
    """Both sides of each key that differs, as one phrase; of a long dictionary its own keys."""
    return "; ".join(
        f"{key} is {_brief(first, second)} there and {_brief(second, first)} here"
        for key, first, second in _differing(there, here)
    )


def _differing(
    there: dict[str, Any], here: dict[str, Any], above: str = ""
) -> Iterator[tuple[str, str, str]]:
    for key in dict.fromkeys((*there, *here)):
        sides = _show(there, key), _show(here, key)
        if sides[0] == sides[1]:
            continue
        first, second = there.get(key), here.get(key)
        long = max(map(len, sides)) > _MOST_SHOWN
        if long and isinstance(first, dict) and isinstance(second, dict):
            yield from _differing(first, second, f"{above}{key}.")
        else:
            yield f"{above}{key}", *sides


def _show(side: dict[str, Any], key: str) -> str:
    return json.dumps(side[key], sort_keys=True) if key in side else "missing"


def _brief(text: str, other: str) -> str:
    """A line of it at most, from a little before where it leaves the other."""
    if len(text) <= _MOST_SHOWN:
        return text
    pairs = zip(text, other, strict=False)
    same = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
    start = max(0, same - _MOST_SHOWN // 4)
    end = start + _MOST_SHOWN
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"
