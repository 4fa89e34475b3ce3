"""A run: atomic writes, an append-only journal, its folder, and workers that end with it."""

from __future__ import annotations

from sharewise.runs._cores import cores
from sharewise.runs._files import as_json, read_json, write_atomic, write_json
from sharewise.runs._journal import Journal
from sharewise.runs._parent import end_with_parent
from sharewise.runs._run import Run

__all__ = [
    "Journal",
    "Run",
    "as_json",
    "cores",
    "end_with_parent",
    "read_json",
    "write_atomic",
    "write_json",
]
