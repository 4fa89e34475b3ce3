"""One round of ask and tell: its random numbers, its proposals, and their judgements in order."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from sharewise.errors import InputError
from sharewise.strategies._strategy import Cube, Floats, Judged, Proposal

_SEEDS = 1_000_000  # seeds of proposals are below
_GRAIN = 1e6  # proposals are whole millionths: finer than any layer has channels


def generator(seed: int, round_number: int) -> np.random.Generator:
    """The random numbers of a round."""
    return np.random.default_rng([seed, round_number])


def judging_seed(seed: int, round_number: int) -> int:
    """The seed of all proposals of a round: another one each round, and for each seed."""
    first = int(np.random.default_rng([seed]).integers(_SEEDS))
    return (first + round_number) % _SEEDS


def check_seed(seed: int) -> int:
    """The seed itself; InputError when it is none."""
    if type(seed) is not int or seed < 0:
        raise InputError(
            rule="A strategy's seed is a whole number from 0.",
            found=f"seed={seed!r}",
            fix="Give seed=0, for example.",
        )
    return seed


def proposals(cube: Cube, vectors: Floats, *, seed: int) -> tuple[Proposal, ...]:
    """Proposals of vectors [n, D] in the cube.

    Numbers are rounded to millionths, so that the last bits of another machine's arithmetic make
    no other proposals; those that say what tasks use are rounded down, which keeps a bound.
    """
    whole = np.rint(vectors * _GRAIN)
    own = cube.forward_diagonal
    whole[:, own] = np.floor(vectors[:, own] * _GRAIN)
    return tuple(Proposal(tuple(row), seed) for row in (whole / _GRAIN).tolist())


def in_order(asked: Sequence[Proposal], judged: Sequence[Judged], cube: Cube) -> tuple[Judged, ...]:
    """The judgements in the order of what was asked.

    Raises:
        InputError: They are of other proposals than those asked, a number is not finite, or tasks
            are other ones than the cube's.
    """
    found: dict[Proposal, list[Judged]] = {}
    for each in sorted(judged, key=_rank):  # equal proposals: their order is made the same, too
        found.setdefault(each.proposal, []).append(each)
    wanted = {proposal: asked.count(proposal) for proposal in asked}
    if {proposal: len(all_of) for proposal, all_of in found.items()} != wanted:
        missing = sum(proposal not in found for proposal in wanted)
        unknown = sum(proposal not in wanted for proposal in found)
        raise InputError(
            rule="A strategy is told how each proposal of its last ask was judged, each once.",
            found=f"{len(judged)} judgements for {len(asked)} proposals: {missing} proposals were"
            f" not judged, {unknown} were never asked",
            fix="Judge all of ask(state), and tell that state.",
        )
    for each in judged:
        _check_numbers(each)
    _check_tasks({tuple(sorted(each.per_task)) for each in judged}, cube.involves.shape[1])
    return tuple(found[proposal].pop(0) for proposal in asked)


def _rank(judged: Judged) -> tuple[float, float, tuple[tuple[str, float], ...]]:
    return judged.score, judged.use, tuple(sorted(judged.per_task.items()))


def _check_numbers(judged: Judged) -> None:
    values: Mapping[str, float] = {"score": judged.score, "use": judged.use, **judged.per_task}
    for name, value in values.items():
        if not math.isfinite(value):
            raise InputError(
                rule="Scores and use are finite numbers.",
                found=f"{name}={value}",
                fix="Give a candidate that failed the worst score that there is, such as 0.",
            )


def _check_tasks(found: set[tuple[str, ...]], num_tasks: int) -> None:
    if len(found) > 1 or any(tasks and len(tasks) != num_tasks for tasks in found):
        raise InputError(
            rule="All judgements have scores for the same tasks, for every task of the cube or"
            " for none.",
            found=f"{' and '.join(map(str, sorted(found)))} where the cube has {num_tasks} tasks",
            fix="Give per_task one score for each task, or leave it out.",
        )
