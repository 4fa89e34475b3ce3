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
    """settings.json, journal.jsonl, checkpoint/search.safetensors, architecture.json; or nothing.

    Order of writing: journal line, then checkpoint; after the epochs, where there are finalists,
    the networks in shared/ that they start from, and a line for each training of a finalist; at the
    end the read-off's line, then the architecture: a run with an architecture is complete.

    Attributes:
        trained: the lines of finalists, in order.
    """

    def __init__(self, run: Run | None, journal: Journal | None) -> None:
        self._run = run
        self._journal = journal
        self._known: list[Mapping[str, Any]] = []
        self.trained: list[dict[str, Any]] = []

    @classmethod
    def open(cls, folder: Path | None, header: Mapping[str, Any], *, resume: bool) -> SearchStore:
        """Begin a run or go on with it; no folder, nothing kept. RunError as `Run.start`."""
        if folder is None:
            return cls(None, None)
        run = Run.start(folder, dict(header), resume=resume)
        remove_stale(_checkpoint(run))
        return cls(run, Journal.open(run.journal, {"kind": "search", **header}))

    def restore(self, state: State) -> None:
        """Put the last checkpoint into the state, and cut the journal back to it."""
        if self._run is None or self._journal is None:
            return
        self._known = [entry for entry in self._journal.entries if "trained" in entry]
        tensors = read_checkpoint(_checkpoint(self._run), self._journal)
        if tensors is not None:
            state.load(tensors)
            state.entries[:] = self._journal.entries

    def keep(self, state: State) -> None:
        """Write the newest entry, then the checkpoint."""
        if self._run is not None and self._journal is not None:
            self._journal.append(state.entries[-1])
            write_checkpoint(_checkpoint(self._run), state.tensors(), epoch=len(state.entries))

    def shared(self, seed: int) -> Path | None:
        """The folder of the fully shared network's training with this seed; None keeps nothing."""
        return None if self._run is None else self._run.shared / f"seed-{seed}"

    def known(self, asked: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The training of a finalist that an earlier attempt has made, or None."""
        found = (entry for entry in self._known if asked.items() <= entry.items())
        return next(found, None)

    def append(self, entry: dict[str, Any]) -> None:
        """Write the training of a finalist."""
        self.trained.append(entry)
        if self._journal is not None:
            self._journal.append(entry)

    def finish(self, entry: dict[str, Any], architecture: Architecture) -> None:
        """Write the read-off, then the architecture."""
        if self._run is not None and self._journal is not None:
            self._journal.append(entry)
            write_atomic(self._run.architecture, architecture.to_json() + "\n")


def _checkpoint(run: Run) -> Path:
    return run.checkpoint / "search.safetensors"
