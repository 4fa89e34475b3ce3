"""From how often tasks shared a node to the best tree inside a budget (ours; no torch).

Initialisations of one search disagree: on planted groups a single one is exact in well under half
of the runs. What they agree on is far more reliable. Here they vote: `sharing` counts how often two
tasks shared their branch of a stage, average linkage nests the tasks by it, for every number of
branches per stage that the budget affords, and a penalised likelihood chooses among these trees.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sharewise.architecture import Architecture
from sharewise.spaces import Branching

Matrix = NDArray[np.float64]
Blocks = tuple[tuple[int, ...], ...]  # a partition of the tasks, as indices

_MOST_SHAPES = 20_000  # numbers of branches per stage that are tried
_PENALTY = 0.55  # tuned on planted groups, seeds 0 to 4 of two toys
_FEW = 500  # trees of a space that are all judged
_STARTS = 4  # clusterings that are climbed from
_IDLE_MOVES = 200  # random moves without a better tree after which the climb ends


@dataclass(frozen=True)
class Candidate:
    """A tree that the consensus proposes, and how well it explains the votes (higher: better)."""

    architecture: Architecture
    score: float


def sharing(nodes: NDArray[np.int64]) -> Matrix:
    """How often tasks share: nodes [initialisations, stages, tasks] to [stages, tasks, tasks]."""
    same = nodes[:, :, :, None] == nodes[:, :, None, :]
    return np.asarray(same.mean(axis=0), dtype=np.float64)


def candidates(
    shared: Matrix,
    tasks: Sequence[str],
    *,
    votes: int,
    allows: Callable[[tuple[int, ...]], bool],
) -> list[Candidate]:
    """The trees inside the budget that may explain the votes, best first.

    All trees of a small space; of a large one every nested clustering, and what single moves make
    of the best of them.

    Args:
        shared: how often two tasks shared, in [0, 1], [stages, tasks, tasks].
        tasks: their names, in that order.
        votes: the number of initialisations behind `shared`.
        allows: whether a number of branches per stage is inside the budget.
    """
    judge = _Judge(shared, tasks, votes)
    space = Branching(tasks, len(shared))
    if space.size() <= _FEW:
        every = (tree for tree in space.enumerate() if allows(tree.num_branches))
        return sorted(map(judge.judge, every), key=_order)
    linkage = _Linkage(shared)
    trees = {linkage.nested(counts) for counts in _shapes(len(shared), len(tasks), allows)}
    clusterings = sorted(map(judge.candidate, trees), key=_order)
    found = {each.architecture: each for each in clusterings}
    for start in clusterings[:_STARTS]:
        found |= _climb(start, space, judge, allows)
    return sorted(found.values(), key=_order)


def _order(candidate: Candidate) -> tuple[float, int, str]:
    """Best first; of equal scores the tree with fewer branches, then a fixed order."""
    tree = candidate.architecture
    return -round(candidate.score, 6), sum(tree.num_branches), tree.digest


@dataclass(frozen=True)
class _Judge:
    """Scores trees by the votes."""

    shared: Matrix
    tasks: Sequence[str]
    votes: int

    def candidate(self, levels: tuple[Blocks, ...]) -> Candidate:
        names = [[[self.tasks[i] for i in block] for block in blocks] for blocks in levels]
        return self.judge(Architecture.from_levels(names))

    def judge(self, tree: Architecture) -> Candidate:
        index = {task: i for i, task in enumerate(self.tasks)}
        levels = [tuple(tuple(index[t] for t in block) for block in level) for level in tree.levels]
        scores = [
            log_evidence(stage, blocks, votes=self.votes)
            for stage, blocks in zip(self.shared, levels, strict=True)
        ]
        return Candidate(tree, float(sum(scores)))


def _climb(
    best: Candidate, space: Branching, judge: _Judge, allows: Callable[[tuple[int, ...]], bool]
) -> dict[Architecture, Candidate]:
    """All that random single moves, uphill, lead past; the same moves in every process."""
    rng = np.random.default_rng(0)
    seen = {best.architecture: best}
    idle = 0
    while idle < _IDLE_MOVES:
        tree = space.vary(best.architecture, rng)
        idle += 1
        if tree in seen or not allows(tree.num_branches):
            continue
        here = seen[tree] = judge.judge(tree)
        if _order(here) < _order(best):
            best, idle = here, 0
    return seen


def log_evidence(shared: Matrix, blocks: Blocks, *, votes: int) -> float:
    """How well a partition explains the votes: a stochastic block model with a penalty.

    Pairs inside a block share at one rate, the same for all blocks; pairs between two blocks share
    at a rate of those two. The score is the largest likelihood, less a little more than half
    the logarithm of the number of votes for each rate fitted (the Bayesian information criterion,
    Schwarz 1978, has half; votes on pairs with a task in common are not independent). One
    rate inside for all, since blocks differ little in it and small ones cannot tell theirs.

    Args:
        shared: how often tasks shared, [tasks, tasks].
        blocks: the partition, as indices of tasks.
        votes: how many initialisations voted.
    """
    inside = [shared[np.ix_(block, block)][np.triu_indices(len(block), 1)] for block in blocks]
    between = [shared[np.ix_(a, b)].ravel() for a, b in itertools.combinations(blocks, 2)]
    fitted = [rates for rates in (np.concatenate(inside), *between) if rates.size]
    likelihood = sum(rates.size * _log_likelihood(float(rates.mean())) for rates in fitted)
    pairs = len(shared) * (len(shared) - 1) // 2
    return votes * likelihood - _PENALTY * len(fitted) * float(np.log(max(pairs * votes, 2)))


def _log_likelihood(rate: float) -> float:
    """The mean log-likelihood of votes that say yes at this rate, under that same rate."""
    return sum(p * float(np.log(p)) for p in (rate, 1 - rate) if p > 0)


def _shapes(
    stages: int, tasks: int, allows: Callable[[tuple[int, ...]], bool]
) -> list[tuple[int, ...]]:
    """Numbers of branches per stage that never fall and are inside the budget."""
    most = tasks
    while most > 1 and _count_shapes(stages, most) > _MOST_SHAPES:
        most -= 1
    every = itertools.combinations_with_replacement(range(1, most + 1), stages)
    return [counts for counts in every if allows(counts)]


def _count_shapes(stages: int, most: int) -> int:
    count = 1
    for i in range(stages):
        count = count * (most + i) // (i + 1)
    return count


class _Linkage:
    """Average linkage (UPGMA), from the last stage towards the input, each stage nesting the next.

    The last stage is clustered from single tasks; every earlier stage goes on from the clusters
    of the stage after it, with its own votes.
    """

    def __init__(self, shared: Matrix) -> None:
        self._shared = shared
        singles: Blocks = tuple((task,) for task in range(shared.shape[1]))
        self._start = singles
        self._known: dict[tuple[int, Blocks, int], Blocks] = {}

    def nested(self, counts: tuple[int, ...]) -> tuple[Blocks, ...]:
        levels: list[Blocks] = []
        blocks = self._start
        for stage in range(len(counts) - 1, -1, -1):
            blocks = self._merge(stage, blocks, counts[stage])
            levels.append(blocks)
        return tuple(levels[::-1])

    def _merge(self, stage: int, blocks: Blocks, count: int) -> Blocks:
        key = (stage, blocks, count)
        if key not in self._known:
            merged = blocks
            if len(blocks) > count:
                merged = self._join_two(stage, self._merge(stage, blocks, count + 1))
            self._known[key] = merged
        return self._known[key]

    def _join_two(self, stage: int, blocks: Blocks) -> Blocks:
        """Joins the two blocks whose tasks share most often on average (ties: the first)."""
        shared = self._shared[stage]
        pairs = itertools.combinations(range(len(blocks)), 2)
        a, b = max(pairs, key=lambda p: float(shared[np.ix_(blocks[p[0]], blocks[p[1]])].mean()))
        rest = [block for i, block in enumerate(blocks) if i not in (a, b)]
        return tuple(sorted([*rest, tuple(sorted(blocks[a] + blocks[b]))]))
