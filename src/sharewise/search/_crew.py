"""Steps of independent members at the same time, where that cannot change the result."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

from sharewise.runs import cores

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Crew:
    """Threads for the members of a search: each runs its own operations on one core.

    Members share no weights and draw from generators of their own, so their order cannot matter,
    unless their stages draw from torch's global generator (dropout). Whether they do is seen at the
    first step, which runs one member after another; then so do all others.
    """

    def __init__(self, pool: ThreadPoolExecutor | None) -> None:
        self._pool = pool
        self._seen = False

    def map(self, function: Callable[[Item], Answer], items: Sequence[Item]) -> list[Answer]:
        """The answers in the order of the items."""
        if self._pool is not None and self._seen:
            return list(self._pool.map(function, items))
        before = torch.get_rng_state()
        answers = [function(item) for item in items]
        if not torch.equal(before, torch.get_rng_state()):
            self._pool = None
        self._seen = True
        return answers


@contextmanager
def crew(members: int, device: torch.device) -> Iterator[Crew]:
    """A crew for this many members; on a CPU each gets one thread of torch's own meanwhile."""
    workers = min(members, cores())
    if members == 1 or device.type != "cpu":
        yield Crew(None)
        return
    threads = torch.get_num_threads()
    # The same on every machine: sums over several threads would be rounded by their number.
    torch.set_num_threads(1)
    try:
        if workers == 1:
            yield Crew(None)
        else:
            with ThreadPoolExecutor(workers) as pool:
                yield Crew(pool)
    finally:
        torch.set_num_threads(threads)
