"""Where a network computes, and randomness that belongs to one epoch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import nn

from sharewise.errors import InputError


def pick_device(device: str | torch.device = "auto") -> torch.device:
    """The device that a name means: "auto" is the current CUDA device, or else the CPU.

    Args:
        device: "auto", "cpu", "cuda", "cuda:1", "mps" or a torch.device.

    Raises:
        InputError: a name that torch does not know, or a device that this machine lacks.
    """
    if str(device) == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        place = torch.device(device)
        if str(place) == "cuda" and torch.cuda.is_available():
            place = torch.device("cuda", torch.cuda.current_device())
        torch.empty(1, device=place).cpu()  # the only question that every kind of device answers
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # by the kind of device
        raise InputError(
            rule="A device is 'auto', 'cpu' or one that this machine has.",
            found=f"device={str(device)!r}",
            fix="Give device='auto' or device='cpu'.",
        ) from error
    return place


@contextmanager
def seeded(device: torch.device, *, seed: int, epoch: int) -> Iterator[None]:
    """Draw randomness (dropout) from (seed, epoch) alone; give the caller's global state back.

    The epoch is hashed in, not added, so that epoch 1 of seed 0 is not epoch 0 of seed 1.
    """
    digest = hashlib.sha256(f"sharewise train {seed} {epoch}".encode()).digest()
    number = int.from_bytes(digest[:8], "big") >> 1  # 63 bits: manual_seed refuses more
    if device.type == "cpu":
        with torch.random.fork_rng(devices=[]):
            # Not torch.manual_seed: it also seeds the accelerators, and those would stay seeded.
            torch.default_generator.manual_seed(number)
            yield
        return
    with torch.random.fork_rng(devices=[device], device_type=device.type):
        torch.default_generator.manual_seed(number)
        with torch.cuda.device(device) if device.type == "cuda" else nullcontext():
            torch.get_device_module(device).manual_seed(number)
        yield


@contextmanager
def modes(network: nn.Module, *, training: bool) -> Iterator[None]:
    """Put the network in train or eval mode; give every module its own mode back afterwards."""
    before = [(module, module.training) for module in network.modules()]
    network.train(training)
    try:
        yield
    finally:
        for module, was in before:
            module.training = was


@contextmanager
def one_thread() -> Iterator[None]:
    """One torch thread inside: sums that are split over threads are rounded otherwise."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
