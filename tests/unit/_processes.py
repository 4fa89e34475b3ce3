"""Python processes that tests start, kill, and look for afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import sharewise

HAS_PROC = pytest.mark.skipif(
    not Path("/proc/self").exists(), reason="no /proc to look for processes in"
)


def start(code: str) -> tuple[subprocess.Popen[str], list[int]]:
    """A process that runs the code, and the numbers of processes in the first line it prints."""
    source = str(Path(sharewise.__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # where a killed process's semaphores are counted
        text=True,
        env={**os.environ, "PYTHONPATH": source},
    )
    assert process.stdout is not None
    return process, [int(word) for word in process.stdout.readline().split()]


def alive(number: int) -> bool:
    """Whether a process still runs; one that has ended and waits to be noticed has no words."""
    try:
        return bool(Path(f"/proc/{number}/cmdline").read_bytes())
    except OSError:
        return False


def ends(number: int, *, seconds: float = 30.0) -> bool:
    """Whether a process ends in this time."""
    until = time.monotonic() + seconds
    while alive(number) and time.monotonic() < until:
        time.sleep(0.05)
    return not alive(number)
