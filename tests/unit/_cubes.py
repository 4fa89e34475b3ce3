"""A small cube to search in."""

from __future__ import annotations

from sharewise.spaces import HiddenGroup, Partitioning


def make_cube(tasks: str) -> Partitioning:
    """T(T+1) numbers for T tasks, each named by a letter."""
    return Partitioning(tuple(tasks), 1, [HiddenGroup(0, ("layer",), 8)])
