"""The run folder of a partitioning search."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sharewise.architecture import Architecture
from sharewise.errors import RunError
from sharewise.runs import Journal, Run, as_json, write_atomic


class PartitionStore:
    """settings.json, journal.jsonl and architecture.json; or a list of entries without a run.

    Entries are recorded in order. On resume those that are there already are handed back instead,
    and an entry that differs from what this search would do is an error.
    """

    def __init__(self, run: Run | None, journal: Journal | None) -> None:
        self._run = run
        self._journal = journal
        self._entries: list[dict[str, Any]] = [] if journal is None else list(journal.entries)

    @classmethod
    def open(
        cls, folder: Path | None, header: Mapping[str, Any], *, resume: bool
    ) -> PartitionStore:
        """Begin a run or go on with it; RunError as `Run.start`."""
        if folder is None:
            return cls(None, None)
        run = Run.start(folder, dict(header), resume=resume)
        return cls(run, Journal.open(run.journal, {"kind": "search", **header}))

    @property
    def entries(self) -> tuple[Mapping[str, Any], ...]:
        """All that is recorded."""
        return tuple(self._entries)

    def found(self, place: int, asked: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The entry at a place, if it is there.

        Raises:
            RunError: It was made for something else than what is asked; shows both.
        """
        if place >= len(self._entries):
            return None
        entry = self._entries[place]
        wanted = as_json(dict(asked), Path("journal"))
        if differing := [word for word in wanted if entry.get(word) != wanted[word]]:
            word = differing[0]
            raise RunError(
                rule="A search that is resumed comes by what its journal holds.",
                found=f"{word} {entry.get(word)!r} in line {place + 2} of the journal, and"
                f" {wanted[word]!r} now",
                fix="Resume with the version that began the run, or begin in another folder.",
            )
        return entry

    def append(self, entry: Mapping[str, Any]) -> None:
        """Record an entry, on disk where there is a run."""
        value = as_json(dict(entry), Path("journal"))
        if self._journal is not None:
            self._journal.append(value)
        self._entries.append(value)

    def finish(self, architecture: Architecture) -> None:
        """Write the architecture: its presence says that the search has ended."""
        if self._run is not None:
            write_atomic(self._run.architecture, architecture.to_json() + "\n")
