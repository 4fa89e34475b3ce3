"""The journal: an append-only log of a search or a training."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any

from sharewise.errors import FormatError, InputError, RunError
from sharewise.runs._files import as_json, differences, disk_error, read_bytes, write_atomic

Entry = dict[str, Any]


class Journal:
    """An append-only file of JSON lines: a header, then one entry a line.

    It holds no times, so that the same seed writes the same journal, byte for byte. Only whole
    lines count: a last line torn by a crash is dropped with a warning.

    Attributes:
        path: The file.
        header: The first line.
        entries: The other lines.
    """

    def __init__(self, path: Path, header: Entry, entries: list[Entry]) -> None:
        """For `open` and `read`."""
        self.path = path
        self.header = header
        self.entries = entries
        self._torn = False  # whether the file may end in more than the whole lines

    @classmethod
    def open(cls, path: Path, header: Entry) -> Journal:
        """Begin a journal, or go on with the one that is there.

        Raises:
            RunError: The journal there has another header; shows both sides of what differs.
            FormatError: A line in its middle is not JSON.
        """
        header = as_json(header, path)
        journal = cls._read(path) if path.exists() else None
        if journal is None:
            journal = cls(path, header, [])
            journal.truncate(0)
        elif differences(journal.header, header):
            raise RunError(
                rule="A journal goes on only with the header that it began with.",
                found=f"in {path}: {differences(journal.header, header)}",
                fix="Ask for what the journal holds, or begin in another folder.",
            )
        elif journal._torn:
            journal.truncate(len(journal.entries))
        return journal

    @classmethod
    def read(cls, path: Path) -> Journal:
        """Read a journal whatever its header; RunError where there is none."""
        journal = cls._read(path)
        if journal is None:
            raise RunError(
                rule="A journal begins with its header line.",
                found=f"no whole line in {path}",
                fix="Begin the search again.",
            )
        return journal

    def append(self, entry: Entry) -> None:
        """Add an entry and wait until the disk has it; RunError if it refuses."""
        entry = as_json(entry, self.path)
        if self._torn:
            self.truncate(len(self.entries))
        self._torn = True  # until the whole line is written, whatever interrupts it
        try:
            with open(self.path, "ab") as file:
                file.write(_line(entry))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise disk_error(self.path, error) from error
        self._torn = False
        self.entries.append(entry)

    def truncate(self, n: int) -> None:
        """Keep the header and the first n entries, atomically."""
        if n < 0:
            raise InputError(
                rule="A journal keeps a number of entries, at least 0.",
                found=str(n),
                fix="Give the number of entries to keep.",
            )
        kept = Journal(self.path, self.header, self.entries[:n])
        write_atomic(self.path, kept._text())
        self.entries = kept.entries
        self._torn = False

    def _text(self) -> bytes:
        return b"".join(map(_line, (self.header, *self.entries)))

    @classmethod
    def _read(cls, path: Path) -> Journal | None:
        """The whole lines of a file, or None if there is none."""
        *lines, torn = read_bytes(path).split(b"\n")
        values = [_parse(line) for line in lines]
        if values and values[-1] is None:
            torn = lines.pop() + torn
            values.pop()
        if torn:
            warnings.warn(
                f"The last line of {path} is torn and was dropped ({len(torn)} bytes).",
                stacklevel=3,
            )
        whole = [value for value in values if value is not None]
        if len(whole) < len(values):
            raise FormatError(
                rule="Every line of a journal is one JSON object.",
                found=f"another thing in line {values.index(None) + 1} of {path}",
                fix="Remove the lines from there on to resume from what comes before.",
            )
        if not whole:
            return None
        journal = cls(path, whole[0], whole[1:])
        journal._torn = bool(torn)
        return journal


def _line(entry: Entry) -> bytes:
    return json.dumps(entry).encode() + b"\n"


def _parse(line: bytes) -> Entry | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
