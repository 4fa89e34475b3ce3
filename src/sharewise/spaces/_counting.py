"""Counting, listing and drawing chains of refining set partitions, exactly for any size.

Read from its last stage to its first, a branching architecture is a chain of coarser and coarser
set partitions: the last stage splits T tasks into k_S blocks, the stage before it puts these
k_S blocks into k_(S-1) blocks, and so on. So the number of architectures with k_1 <= ... <= k_S
branches is the product of Stirling numbers S2(k_2, k_1) ... S2(T, k_S): a closed form that also
holds under a bound on every k, and that can be drawn from uniformly. Without bounds it agrees with
a_S(n) = sum_k C(n-1, k-1) a_(S-1)(k) a_S(n-k), a_S(0) = 1, a_0(n) = 1 (tested).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate

import numpy as np

Block = tuple[str, ...]
Level = tuple[Block, ...]


@lru_cache(maxsize=16)
def stirling(most: int) -> tuple[tuple[int, ...], ...]:
    """S2[n][k], the set partitions of n items into k blocks, for n and k from 0 to `most`."""
    rows = [(1,) + (0,) * most]
    for _ in range(most):
        above = rows[-1]
        rows.append((0, *(above[k - 1] + k * above[k] for k in range(1, most + 1))))
    return tuple(rows)


@lru_cache(maxsize=64)
def chain_counts(num_tasks: int, limits: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """ways[s][m]: the chains for the first s stages when stage s + 1 has m branches.

    `limits` bounds the branches of every stage. ways[len(limits)][num_tasks] is the size of the
    whole space.
    """
    s2 = stirling(num_tasks)
    ways = [(1,) * (num_tasks + 1)]
    for limit in limits:
        below = ways[-1]
        ways.append(
            tuple(
                sum(s2[m][k] * below[k] for k in range(1, min(m, limit) + 1))
                for m in range(num_tasks + 1)
            )
        )
    return tuple(ways)


def draw_chain(
    tasks: Block, limits: tuple[int, ...], rng: np.random.Generator
) -> tuple[Level, ...]:
    """One level per stage, every chain within `limits` equally likely."""
    ways = chain_counts(len(tasks), limits)
    s2 = stirling(len(tasks))
    level: Level = tuple((task,) for task in tasks)
    levels: list[Level] = []
    for stage in range(len(limits) - 1, -1, -1):
        m = len(level)
        sizes = range(1, min(m, limits[stage]) + 1)
        k = 1 + _weighted([s2[m][size] * ways[stage][size] for size in sizes], rng)
        level = _draw_partition(level, k, rng)
        levels.append(level)
    return tuple(reversed(levels))


def set_partitions(items: Sequence[Block], most: int) -> Iterator[Level]:
    """Every way to join `items` into at most `most` blocks, each once."""
    if not items:
        yield ()
        return
    *rest, last = items
    for blocks in set_partitions(rest, most):
        for index, block in enumerate(blocks):
            yield (*blocks[:index], block + last, *blocks[index + 1 :])
        if len(blocks) < most:
            yield (*blocks, last)


def refinements(level: Level, most: int) -> Iterator[Level]:
    """Every partition with at most `most` blocks that refines `level`, each once."""
    if not level:
        yield ()
        return
    first, *others = level
    for pieces in set_partitions([(task,) for task in first], most - len(others)):
        for rest in refinements(tuple(others), most - len(pieces)):
            yield (*pieces, *rest)


def below(limit: int, rng: np.random.Generator) -> int:
    """A uniform whole number from 0 to `limit` - 1, of any size (numpy's own stop at 64 bits)."""
    bits = (limit - 1).bit_length()
    num_bytes = (bits + 7) // 8
    while True:
        drawn = int.from_bytes(rng.bytes(num_bytes), "little") >> (8 * num_bytes - bits)
        if drawn < limit:
            return drawn


def _weighted(weights: Sequence[int], rng: np.random.Generator) -> int:
    """An index, drawn in proportion to exact integer weights."""
    sums = list(accumulate(weights))
    drawn = below(sums[-1], rng)
    return next(index for index, total in enumerate(sums) if drawn < total)


def _draw_partition(items: Level, k: int, rng: np.random.Generator) -> Level:
    """A uniform join of `items` into exactly k blocks: S2(n, k) = S2(n-1, k-1) + k S2(n-1, k)."""
    s2 = stirling(len(items))
    # From the last item to the first: does it open a block of its own, or join one of the k that
    # the items before it fill?
    joins: list[int | None] = []
    for n in range(len(items), 0, -1):
        opens = below(s2[n][k], rng) < s2[n - 1][k - 1]
        joins.append(None if opens else below(k, rng))
        k -= opens
    blocks: list[Block] = []
    for item, join in zip(items, reversed(joins), strict=True):
        if join is None:
            blocks.append(item)
        else:
            blocks[join] += item
    return tuple(blocks)
