"""Jobs one after another in this process, or side by side in worker processes.

Not concurrent.futures: an interrupted comparison has to end its workers at once, which its pool
offers no public way to do, and multiprocessing.Pool waits forever for a worker that was killed.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import pickle
import signal
import traceback
from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Generic, NoReturn, Protocol, TypeVar

from sharewise.baselines._job import Epoch, Notice, Terms
from sharewise.errors import InputError, RunError
from sharewise.runs import end_with_parent

_SAID, _DONE, _FAILED = "said", "done", "failed"


class Work(Protocol):
    """One training; it and what it results in can travel to another process."""

    @property
    def name(self) -> str: ...

    @property
    def seed(self) -> int: ...

    def epochs(self, terms: Terms) -> int: ...

    def perform(self, terms: Terms, *, notice: Notice) -> Any: ...


W = TypeVar("W", bound=Work)


def perform_all(
    jobs: Sequence[W], terms: Terms, *, workers: int, notice: Callable[[W, Epoch], None]
) -> Generator[tuple[W, Any], None, None]:
    """The jobs with their results, in the order in which they end.

    Close the generator to end the workers: nothing of theirs survives it, nor this process.

    Args:
        jobs: Begun in this order.
        terms: Sent to every worker once.
        workers: Processes at the same time; 1 (or a single job) needs none but this one.
        notice: Called here, after every epoch of every job.

    Raises:
        InputError: Terms that cannot travel to another process; names what.
        RunError: A worker ended by itself.
        Exception: What a job raised, as itself.
    """
    workers = min(workers, len(jobs))
    if workers > 1:
        yield from _side_by_side(deque(jobs), terms, workers=workers, notice=notice)
        return
    for job in jobs:
        try:
            result = job.perform(terms, notice=partial(notice, job))
        except Exception as error:
            error.add_note(_place(job))
            raise
        yield job, result


@dataclass
class _Worker(Generic[W]):
    """A process, this end of its pipe, and what it works on."""

    process: BaseProcess
    pipe: Connection
    job: W | None = None

    def give(self, waiting: deque[W]) -> None:
        self.job = waiting.popleft() if waiting else None
        if self.job is not None:
            self.send(pickle.dumps(self.job))

    def send(self, message: bytes) -> None:
        try:
            self.pipe.send_bytes(message)
        except OSError as error:
            self.fail(error)

    def receive(self, job: W) -> tuple[str, Any]:
        """What the worker says next, and which kind; raises the job's error if it says that."""
        try:
            kind, *content = self.pipe.recv()
        except (EOFError, OSError) as error:
            self.fail(error)
        if kind == _FAILED:
            failure, trace = content
            failure.add_note(f"{_place(job)}\n{trace}")
            raise failure
        return kind, content[0]

    def fail(self, error: Exception) -> NoReturn:
        self.process.join(timeout=5)  # it is ending; afterwards it has an exit code
        raise RunError(
            rule="A worker lives until its jobs are done.",
            found=f"one that ended with exit code {self.process.exitcode}"
            + ("" if self.job is None else f" {_place(self.job)}"),
            fix="Compare again with fewer workers if memory ran out (finished jobs are kept in a "
            "run); in a script call compare() below `if __name__ == '__main__':`.",
        ) from error

    def end(self) -> None:
        self.process.terminate()  # at any moment: every file is written whole or not at all
        self.process.join(timeout=5)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.pipe.close()


def _side_by_side(
    waiting: deque[W], terms: Terms, *, workers: int, notice: Callable[[W, Epoch], None]
) -> Generator[tuple[W, Any], None, None]:
    packed = _pack(terms)
    crew: list[_Worker[W]] = []
    try:
        for _ in range(workers):
            crew.append(_hire())
        # Only now, so that all of them import torch at the same time.
        for worker in crew:
            worker.send(packed)
            worker.give(waiting)
        while busy := [(worker, worker.job) for worker in crew if worker.job is not None]:
            ready = wait([worker.pipe for worker, _ in busy])
            for worker, job in busy:
                if worker.pipe not in ready:
                    continue
                kind, content = worker.receive(job)
                if kind == _DONE:
                    worker.give(waiting)
                    yield job, content
                else:
                    notice(job, content)
    finally:
        for worker in crew:
            worker.end()


def _place(job: Work) -> str:
    return f"while training {job.name!r} from seed {job.seed}"


def _hire() -> _Worker[Any]:
    # Spawned, not forked: a fork of a process whose torch has threads (or CUDA) may hang.
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there,), name="sharewise worker")
    process.start()
    there.close()  # or the end of the worker would not close the pipe
    return _Worker(process, here)


def _serve(pipe: Connection) -> None:
    """The life of a worker: the terms, then one job after another until it is ended."""
    # Ctrl-C goes to every process of the terminal; the one that waits for this one ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    with contextlib.suppress(EOFError):  # there is no one left to work for
        packed = pipe.recv_bytes()
        terms: Terms | None = None
        while True:
            job: Work = pickle.loads(pipe.recv_bytes())
            try:
                terms = _unpack(packed) if terms is None else terms
                result = job.perform(terms, notice=lambda epoch: pipe.send((_SAID, epoch)))
            except Exception as error:
                pipe.send((_FAILED, _portable(error), traceback.format_exc()))
            else:
                pipe.send((_DONE, result))


def _portable(error: Exception) -> Exception:
    """The error itself, or its words where it cannot travel."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _pack(terms: Terms) -> bytes:
    # Plain pickle: the one of multiprocessing would move the caller's tensors to shared memory.
    try:
        return pickle.dumps(terms)
    except Exception as error:
        raise _unsendable(_culprit(terms), error) from error


def _unpack(packed: bytes) -> Terms:
    try:
        terms: Terms = pickle.loads(packed)
    except Exception as error:
        raise _unsendable("something that a worker cannot import", error) from error
    return terms


def _unsendable(found: str, error: Exception) -> InputError:
    return InputError(
        rule="With several workers, the data and the backbone are sent to other processes.",
        found=f"{found} ({error})",
        fix="Use functions of an imported module or functools.partial instead of lambdas and local "
        "functions, or workers=1.",
    )


def _culprit(terms: Terms) -> str:
    """The first part of the terms that does not pickle, in words."""
    parts = [(f"stage '{stage.name}' of the backbone", stage) for stage in terms.backbone.stages]
    parts += [
        (f"the {word} of task '{task.name}'", getattr(task, word))
        for task in terms.data.tasks
        for word in ("head", "loss", "metrics", "present", "check")
    ]
    for words, part in parts:
        try:
            pickle.dumps(part)
        except Exception:
            return words
    return f"the data '{terms.data.name}'"
