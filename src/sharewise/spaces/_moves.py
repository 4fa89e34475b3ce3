"""Small changes of a chain of refining set partitions; each one gives another such chain.

A tree is handled as its levels (one set partition of the tasks per stage), because there every
change is local: replacing blocks of one level keeps the chain refining, and so gives a tree, as
long as the new blocks lie between the level above and the level below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

import numpy as np

from sharewise.spaces._counting import Block, Level, below

Levels = tuple[Level, ...]
Move = Callable[[Levels, np.random.Generator], "Levels | None"]


def merges(levels: Levels) -> Iterator[Levels]:
    """Every merge of two siblings at one stage; later stages stay split as they are."""
    for stage, siblings in _families(levels):
        for pair in combinations(siblings, 2):
            yield _replace(levels, stage, pair, [pair[0] + pair[1]])


def merge(levels: Levels, rng: np.random.Generator) -> Levels | None:
    """Merge two random siblings at one stage; None where nothing is split."""
    pairs = [
        (stage, pair) for stage, family in _families(levels) for pair in combinations(family, 2)
    ]
    if not pairs:
        return None
    stage, pair = pairs[below(len(pairs), rng)]
    return _replace(levels, stage, pair, [pair[0] + pair[1]])


def split(levels: Levels, rng: np.random.Generator) -> Levels | None:
    """Split a random branch in two; None where every branch runs for one task."""
    spots = [
        (stage, block) for stage, level in enumerate(levels) for block in level if len(block) > 1
    ]
    if not spots:
        return None
    stage, block = spots[below(len(spots), rng)]
    return split_at(levels, stage, block, rng)


def split_at(levels: Levels, stage: int, block: Block, rng: np.random.Generator) -> Levels:
    """Split `block` of `stage` in two, along the pieces into which it divides later on.

    With pieces that later stages hold anyway, these stay as they are, so a split undoes a merge.
    A branch that never divides is split anywhere between its tasks.
    """
    inside = set(block)
    pieces: list[Block] = [(task,) for task in block]
    for level in reversed(levels[stage + 1 :]):
        found = [other for other in level if other[0] in inside]
        pieces = found if len(found) > 1 else pieces
    chosen = 1 + below(2 ** (len(pieces) - 1) - 1, rng)  # the last piece stays: each split once
    out = {task for bit, piece in enumerate(pieces) if chosen >> bit & 1 for task in piece}
    return tuple(
        level if index < stage else tuple(_cut(level, inside, out))
        for index, level in enumerate(levels)
    )


def move_task(levels: Levels, rng: np.random.Generator) -> Levels | None:
    """Take a task out of its branch, with all below it, and put it into a sibling's."""
    spots = [
        (stage, block, siblings)
        for stage, siblings in _families(levels)
        if len(siblings) > 1
        for block in siblings
    ]
    if not spots:
        return None
    stage, block, siblings = spots[below(len(spots), rng)]
    task = block[below(len(block), rng)]
    others = [other for other in siblings if other != block]
    moved = list(levels[:stage])
    for level in levels[stage:]:
        target = others[below(len(others), rng)]
        moved.append(_put(level, task, target))
        # The task goes down one random path of its new branch: it follows the next target's tasks.
        deeper = levels[len(moved)] if len(moved) < len(levels) else ()
        inside = set(target)
        others = [other for other in deeper if other[0] in inside]
    return tuple(moved)


def split_earlier(levels: Levels, rng: np.random.Generator) -> Levels | None:
    """Move a split one stage up, towards the input: the parent itself is copied."""
    spots = [
        (stage, siblings)
        for stage, siblings in _families(levels)
        if stage > 0 and len(siblings) > 1
    ]
    if not spots:
        return None
    stage, siblings = spots[below(len(spots), rng)]
    parent = tuple(sorted(task for block in siblings for task in block))
    return _replace(levels, stage - 1, [parent], siblings)


def split_later(levels: Levels, rng: np.random.Generator) -> Levels | None:
    """Move a split one stage down, towards the heads: all siblings share this stage again."""
    spots = [(stage, siblings) for stage, siblings in _families(levels) if len(siblings) > 1]
    if not spots:
        return None
    stage, siblings = spots[below(len(spots), rng)]
    return _replace(levels, stage, siblings, [sum(siblings, ())])


MOVES: tuple[Move, ...] = (merge, split, move_task, split_earlier, split_later)


def _families(levels: Levels) -> Iterator[tuple[int, list[Block]]]:
    """The stage (from 0) and the blocks of every set of siblings; the roots are siblings."""
    yield 0, list(levels[0])
    for stage in range(1, len(levels)):
        owner = {task: i for i, block in enumerate(levels[stage - 1]) for task in block}
        families: list[list[Block]] = [[] for _ in levels[stage - 1]]
        for block in levels[stage]:
            families[owner[block[0]]].append(block)
        for family in families:
            yield stage, family


def _replace(levels: Levels, stage: int, old: Sequence[Block], new: Sequence[Block]) -> Levels:
    kept = [block for block in levels[stage] if block not in old]
    level = (*kept, *(tuple(sorted(block)) for block in new))
    return (*levels[:stage], level, *levels[stage + 1 :])


def _cut(level: Level, inside: set[str], out: set[str]) -> Iterator[Block]:
    """The blocks of a level, those inside the branch cut into the tasks that go out and stay."""
    for block in level:
        if block[0] not in inside:
            yield block
            continue
        yield from filter(
            None,
            (
                tuple(task for task in block if task in out),
                tuple(task for task in block if task not in out),
            ),
        )


def _put(level: Level, task: str, target: Block) -> Level:
    """The level with the task in the target block and nowhere else."""
    blocks = (
        tuple(sorted((*block, task)))
        if block == target
        else tuple(other for other in block if other != task)
        for block in level
    )
    return tuple(block for block in blocks if block)
