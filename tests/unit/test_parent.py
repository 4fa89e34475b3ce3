"""Workers whose parent is gone end, however busy they are."""

from __future__ import annotations

import os
import signal
import threading

from _processes import HAS_PROC, alive, ends, start

from sharewise.runs import end_with_parent

POOL = """
import multiprocessing, os, time
from concurrent.futures import ProcessPoolExecutor
from sharewise.runs import end_with_parent

context = multiprocessing.get_context("spawn")
with ProcessPoolExecutor(1, mp_context=context, initializer=end_with_parent) as pool:
    worker = pool.submit(os.getpid).result()
    pool.submit(exec, "while True: pass")
    {more}
    time.sleep(600)
"""
# A child that is forked holds a copy of the pipe by which workers see that their parent is gone.
FORK = "other = os.fork(); print(worker, other, flush=True) if other else None"


@HAS_PROC
def test_a_busy_worker_ends_when_its_parent_is_killed() -> None:
    parent, (worker,) = start(POOL.format(more="print(worker, flush=True)"))
    assert alive(worker)
    parent.kill()
    parent.wait()
    assert ends(worker)


@HAS_PROC
def test_a_worker_ends_though_another_child_of_its_parent_lives_on() -> None:
    parent, (worker, other) = start(POOL.format(more=FORK))
    try:
        assert alive(worker)
        parent.kill()
        parent.wait()
        assert ends(worker)
        assert alive(other)
    finally:
        os.kill(other, signal.SIGKILL)


def test_a_process_that_nobody_works_with_goes_on() -> None:
    before = threading.enumerate()
    end_with_parent()
    assert threading.enumerate() == before
