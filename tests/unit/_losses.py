"""Losses that a worker process can import."""

from __future__ import annotations

import os

from torch import Tensor


def loss_or_die(output: Tensor, target: Tensor) -> Tensor:
    """Ends the process as a machine does that runs out of memory: without a word."""
    os._exit(3)
