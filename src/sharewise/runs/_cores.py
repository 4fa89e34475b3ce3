"""How many processors there are to compute with."""

from __future__ import annotations

import os


def cores() -> int:
    """How many processors this process may use: the usual number of workers."""
    usable = getattr(os, "sched_getaffinity", None)  # not on every system
    return len(usable(0)) if usable is not None else os.cpu_count() or 1
