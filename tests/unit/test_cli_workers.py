"""Workers of a search: they compute alike, leave Ctrl-C alone, and never outlive the search."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time

import pytest
import torch
from _processes import HAS_PROC, alive, ends, start

from sharewise.cli._workers import workers
from sharewise.errors import BudgetError, RunError
from sharewise.evaluation import Budget
from sharewise.runs._cores import cores


def test_one_worker_is_this_process() -> None:
    with workers(1) as executor:
        assert executor is None


def test_workers_compute_with_one_thread_and_leave_ctrl_c_alone_until_one_ends_by_itself() -> None:
    before = multiprocessing.active_children()
    tensor = torch.arange(4.0)
    with pytest.raises(RunError) as error, workers(2) as executor:
        assert executor is not None
        pids = {executor.submit(os.getpid).result() for _ in range(20)}
        assert os.getpid() not in pids
        for pid in pids:
            os.kill(pid, signal.SIGINT)
        assert executor.submit(torch.get_num_threads).result() == 1
        assert torch.equal(executor.submit(torch.add, tensor, 1).result(), tensor + 1)
        assert not tensor.is_shared()  # it was copied, not moved to shared memory
        with pytest.raises(BudgetError, match="A budget is written with the words params"):
            executor.submit(Budget.parse, "luck=1").result()
        executor.submit(os._exit, 9).result()
    assert str(error.value) == (
        "A worker lives until its search is done. Found one of 2 that ended by itself. "
        "Go on with --resume, with fewer workers if memory ran out."
    )
    assert multiprocessing.active_children() == before


def test_an_interruption_ends_workers_in_the_middle_of_their_work() -> None:
    before = multiprocessing.active_children()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt), workers(2) as executor:
        assert executor is not None
        executor.submit(time.sleep, 600)
        raise KeyboardInterrupt
    assert time.monotonic() - start < 60
    assert multiprocessing.active_children() == before


@HAS_PROC
def test_no_worker_survives_a_process_that_is_killed() -> None:
    code = (
        "import os, time\n"
        "from sharewise.cli._workers import workers\n"
        "if __name__ == '__main__':\n"
        "    with workers(2) as executor:\n"
        "        print(executor.submit(os.getpid).result(), flush=True)\n"
        "        time.sleep(600)\n"
    )
    process, (worker,) = start(code)
    assert alive(worker)
    process.kill()
    process.wait()
    assert ends(worker)


def test_the_usual_number_of_workers_is_that_of_the_processors_that_may_be_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 3, 5}, raising=False)
    assert cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert cores() == 7
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert cores() == 1
