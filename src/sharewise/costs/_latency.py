"""Measured latency. Unlike parameters and multiply-adds it depends on the machine and varies."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn

from sharewise.errors import InputError

_WARM_UP = 3
_TURNS = 3


def measure_latency(
    network: nn.Module,
    input_shape: tuple[int, ...],
    *,
    batch_size: int = 1,
    device: str | torch.device = "cpu",
    repeats: int = 30,
    threads: int = 1,
) -> float:
    """Median milliseconds of a forward pass in eval mode, for inputs [batch_size, *input_shape].

    The network is moved to `device` for the measurement and back; its modes and torch's number of
    CPU threads are put back, too.

    Raises:
        InputError: batch_size, repeats or threads below 1.
    """
    _check(batch_size=batch_size, repeats=repeats, threads=threads)
    place = torch.device(device)
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn((batch_size, *input_shape), generator=generator).to(place)
    with _placed(network, place), _threads(threads), torch.inference_mode():
        for _ in range(_WARM_UP):
            network(inputs)
        times = [_seconds(network, inputs) for _ in range(repeats)]
    return 1000 * statistics.median(times)


def measure_latencies(
    parts: Sequence[tuple[nn.Module, tuple[int, ...]]], *, repeats: int = 30, **settings: Any
) -> list[float]:
    """`measure_latency` of each (network, input shape), to be compared with one another.

    All are timed several times in turn, `repeats` times in all, and each has its best turn: a slow
    second of the machine would otherwise make the networks of that second look slow.
    """
    _check(repeats=repeats)
    each = -(-repeats // _TURNS)
    turns = [
        [measure_latency(part, shape, repeats=each, **settings) for part, shape in parts]
        for _ in range(_TURNS)
    ]
    return [min(times) for times in zip(*turns, strict=True)]


def _seconds(network: nn.Module, inputs: torch.Tensor) -> float:
    _synchronise(inputs.device)
    start = time.perf_counter()
    network(inputs)
    _synchronise(inputs.device)
    return time.perf_counter() - start


def _synchronise(place: torch.device) -> None:
    if place.type == "cuda":  # its calls return before the work is done
        torch.cuda.synchronize(place)


@contextlib.contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def _placed(network: nn.Module, place: torch.device) -> Iterator[None]:
    """The network on `place` in eval mode, and afterwards where and as it was."""
    before = next((tensor.device for tensor in network.parameters()), place)
    modes = {part: part.training for part in network.modules()}
    network.to(place).eval()
    try:
        yield
    finally:
        network.to(before)
        for part, training in modes.items():
            part.training = training


def _check(**counts: int) -> None:
    for name, count in counts.items():
        if type(count) is not int or count < 1:
            raise InputError(
                rule=f"{name} is a positive whole number.",
                found=f"{name}={count!r}",
                fix="Give 1 or more.",
            )
