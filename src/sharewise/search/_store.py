"""The run folder of a search."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sharewise.architecture import Architecture
from sharewise.runs import Journal, Run, write_atomic
from sharewise.search._state import State
from sharewise.training import read_checkpoint, remove_stale, write_checkpoint


class SearchStore:
    """settings.json, journal.jsonl, checkpoint/search.safetensors, architecture.json.

    Order of writing: journal line, then checkpoint; at the end the read-off's line, then the
    architecture: a run with an architecture is complete.
    """

    def __init__(self, run: Run, journal: Journal) -> None:
        self._run = run
        self._journal = journal
        self._path = run.checkpoint / "search.safetensors"

    @classmethod
    def open(cls, folder: Path, header: Mapping[str, Any], *, resume: bool) -> SearchStore:
        """Begin a run or go on with it; RunError as `Run.start`."""
        run = Run.start(folder, dict(header), resume=resume)
        store = cls(run, Journal.open(run.journal, {"kind": "search", **header}))
        remove_stale(store._path)
        return store

    def restore(self, state: State) -> None:
        """Put the last checkpoint into the state, and cut the journal back to it."""
        tensors = read_checkpoint(self._path, self._journal)
        if tensors is not None:
            state.load(tensors)
            state.entries[:] = self._journal.entries

    def keep(self, state: State) -> None:
        """Write the newest entry, then the checkpoint."""
        self._journal.append(state.entries[-1])
        write_checkpoint(self._path, state.tensors(), epoch=len(state.entries))

    def finish(self, entry: dict[str, Any], architecture: Architecture) -> None:
        """Write the read-off, then the architecture."""
        self._journal.append(entry)
        write_atomic(self._run.architecture, architecture.to_json() + "\n")
