"""Processes that compute for a search, and that end with it."""

from __future__ import annotations

import multiprocessing
import pickle
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from typing import Any, ParamSpec, TypeVar

from sharewise.errors import RunError
from sharewise.runs import end_with_parent

P = ParamSpec("P")
T = TypeVar("T")


@contextmanager
def workers(count: int) -> Iterator[Executor | None]:
    """An executor of so many processes with one torch thread each; None for one: computed here.

    However the block is left, Ctrl-C included, no worker survives it; nor does one survive this
    process when that is killed.

    Raises:
        RunError: A worker ended by itself, for want of memory, say.
    """
    if count == 1:
        yield None
        return
    before = set(multiprocessing.active_children())
    # Spawned, not forked: a fork of a process whose torch has threads (or CUDA) may hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, mp_context=context, initializer=_begin)
    try:
        yield _Plain(pool, count)
        pool.shutdown()
    except BrokenProcessPool as error:
        raise RunError(
            rule="A worker lives until its search is done.",
            found=f"one of {count} that ended by itself",
            fix="Go on with --resume, with fewer workers if memory ran out.",
        ) from error
    finally:
        left = set(multiprocessing.active_children()) - before
        for process in left:
            process.terminate()  # at any moment: every file is written whole or not at all
        # The pool's own thread sees them end and waits for each. Not here, too: of two that wait
        # for one process, only one is told that it has ended.
        pool.shutdown(cancel_futures=True)


def _start(pool: ProcessPoolExecutor, count: int) -> None:
    """Start all workers at once.

    Ctrl-C goes to every process of the terminal. Workers leave it to the one that waits for them,
    from their first moment on: they inherit that it is blocked.
    """
    mask = getattr(signal, "pthread_sigmask", None)  # not on every system
    before = mask(signal.SIG_BLOCK, {signal.SIGINT}) if mask is not None else None
    try:
        for _ in range(count):
            pool.submit(_nothing)
    finally:
        if mask is not None:
            mask(signal.SIG_SETMASK, before)


def _begin() -> None:
    """The first act of a worker."""
    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    torch.set_num_threads(1)


def _nothing() -> None:
    return None


class _Plain(Executor):
    """Sends plain pickles.

    Those of torch would move the caller's tensors to shared memory, and containers have little.
    """

    def __init__(self, pool: ProcessPoolExecutor, count: int) -> None:
        self._pool = pool
        self._waiting = count  # workers that are not started until there is work for one

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Begin fn(*args, **kwargs) in a worker."""
        if self._waiting:
            _start(self._pool, self._waiting)
            self._waiting = 0
        found: Future[T] = Future()
        sent = self._pool.submit(_perform, pickle.dumps((fn, args, kwargs)))
        sent.add_done_callback(partial(_hand_on, found))
        return found


def _perform(packed: bytes) -> bytes:
    fn, args, kwargs = pickle.loads(packed)
    return pickle.dumps(fn(*args, **kwargs))


def _hand_on(found: Future[Any], sent: Future[bytes]) -> None:
    """The worker's answer, or its error, to the one that waits for it."""
    if sent.cancelled():
        found.cancel()
        return
    error = sent.exception()
    if error is not None:
        found.set_exception(error)
    else:
        found.set_result(pickle.loads(sent.result()))
