"""Finalists: trees of the consensus, trained and compared on validation (ours).

The source takes one tree from the gates. On tasks whose gates hardly move, what many supernets
agree on is little more than which trees are worth a look; a short training of each says more.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sharewise.architecture import Architecture
from sharewise.search._contest import Contest, Terms

# The seeds of comparisons start at 0: what is chosen must not be chosen for its luck with these.
_FIRST_SEED = 1_000_000
_ROUND = 4  # changed trees that are trained before the best one is looked for again


@dataclass(frozen=True)
class Finalist:
    """A tree with its gains over sharing all on the validation split, in percent.

    One gain for each seed that it was trained with: fewer where better trees left it behind.
    """

    architecture: Architecture
    gains: tuple[float, ...]

    @property
    def gain(self) -> float:
        """The mean over seeds."""
        return statistics.fmean(self.gains)

    @property
    def error(self) -> float:
        """The standard error of that mean; 0 of one seed, which does not tell."""
        count = len(self.gains)
        return statistics.stdev(self.gains) / math.sqrt(count) if count > 1 else 0.0


def best(finalists: Sequence[Finalist], price: Callable[[Architecture], float]) -> Architecture:
    """The cheapest tree that gains as much as the best one within the best one's standard error.

    Of those that were trained most often; of equals the first. A tree that costs more than another
    has to show what for: the one-standard-error rule (Breiman, Friedman, Olshen and Stone,
    Classification and regression trees, 1984).
    """
    most = max(len(each.gains) for each in finalists)
    judged = [each for each in finalists if len(each.gains) == most]
    top = max(judged, key=lambda each: each.gain)
    near = [each.architecture for each in judged if each.gain >= top.gain - top.error]
    return min(near, key=price)


def shortlist(found: Sequence[Architecture], count: int) -> tuple[Architecture, ...]:
    """So many of the trees, the fully shared one among them: gains are over it.

    The first tree of each shape (branches per stage) and then the others, each in their order.
    Where gates say little, the best explanations of the votes are small trees of one shape: they
    leave much of a budget unused, and trainings hardly tell them apart (docs/results/scenes.md).
    """
    if count == 1:
        return (found[0],)
    shared = Architecture.shared(found[0].tasks, found[0].num_stages)
    shapes: dict[tuple[int, ...], Architecture] = {}
    for tree in found:
        shapes.setdefault(tree.num_branches, tree)
    chosen = list(dict.fromkeys([*shapes.values(), *found]))[:count]
    if shared not in chosen:
        chosen[count - 1 :] = [shared]
    return tuple(chosen)


def judge(
    trees: Sequence[Architecture],
    terms: Terms,
    *,
    seeds: Sequence[int],
    moves: int,
    neighbours: Callable[[Architecture], Iterable[Architecture]],
) -> tuple[Finalist, ...]:
    """Train the trees, then small changes of the best, then the better ones with other seeds.

    A round of changes begins from the best tree so far, by its gain with the first seed. With each
    further seed half as many as with the one before are trained again, at first half of `trees`:
    successive halving (Jamieson and Talwalkar, AISTATS 2016) by the mean gain so far.

    Args:
        trees: the fully shared one among them.
        terms: how they are trained.
        seeds: of the trainings; all trees see the first.
        moves: how many changed trees are trained.
        neighbours: small changes of a tree, inside the budget, the first ones first.

    Returns:
        The trees in the order in which they were trained, with their gains.
    """
    first, *others = seeds
    again = _halved(len(trees) - 1, len(others))
    contest = Contest(terms, seeds=seeds, jobs=len(trees) + moves + sum(again) + len(again))
    contest.judge(trees, seed=first)
    left = moves
    while left:
        (best_yet, *_) = contest.ranked(list(contest.gains))
        fresh = (tree for tree in neighbours(best_yet) if tree not in contest.gains)
        tried = list(itertools.islice(dict.fromkeys(fresh), min(left, _ROUND)))
        if not tried:
            contest.leave_out(left)
            break
        contest.judge(tried, seed=first)
        left -= len(tried)
    ranked = [tree for tree in contest.gains if tree != contest.shared]
    for seed, count in zip(others, again, strict=True):
        ranked = contest.ranked(ranked)[:count]
        contest.judge(ranked, seed=seed)
    return tuple(Finalist(tree, tuple(gains)) for tree, gains in contest.gains.items())


def seeds_of(seed: int, count: int) -> tuple[int, ...]:
    """The seeds of the trainings of a search with this seed."""
    return tuple(_FIRST_SEED * (i + 1) + seed for i in range(count))


def _halved(count: int, rounds: int) -> list[int]:
    """How many are trained again in each round: half, a quarter, and so on; one at least."""
    return [-(-count // 2**number) for number in range(1, rounds + 1)]
