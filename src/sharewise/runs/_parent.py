"""Worker processes that end when the process that they work for is gone."""

from __future__ import annotations

import multiprocessing
import os
import threading
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess

_SECONDS = 1.0


def end_with_parent() -> None:
    """Let this worker end within seconds of its parent, however that ended.

    The first act of a worker: `ProcessPoolExecutor(..., initializer=end_with_parent)`. A parent
    that is killed ends no worker, and its run can only go on in a process that is alone in it. Work
    in hand is left as it is: every file of a run is written whole or not at all.

    In a process that multiprocessing has not started it does nothing.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        told = (parent, os.getppid())
        threading.Thread(target=_end_after, args=told, daemon=True).start()


def _end_after(parent: BaseProcess, number: int) -> None:
    # The sentinel is a pipe that the parent's end closes, unless another child of it holds a copy;
    # a process whose parent is gone has another one (not on Windows, where pipes are not copied).
    while not wait([parent.sentinel], timeout=_SECONDS) and os.getppid() == number:
        pass
    os._exit(1)
