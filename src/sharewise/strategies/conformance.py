"""What every strategy must keep, to be run against one's own.

from sharewise.strategies.conformance import check_strategy
check_strategy(MyStrategy())

Each check runs a few rounds on a small cube with made-up scores, and raises AssertionError with the
rule that is broken.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from sharewise.spaces import HiddenGroup, Partitioning
from sharewise.strategies._strategy import Cube, Judged, Proposal, Strategy

ROUNDS = 4
SEED = 7
SMALL = Partitioning(("a", "b"), 1, (HiddenGroup(0, ("layer",), 8),))

Rounds = list[tuple[Judged, ...]]


def check_strategy(strategy: Strategy[Any], cube: Cube = SMALL) -> None:
    """All checks of this file.

    Args:
        strategy: What is checked.
        cube: Where; the default has two tasks and six numbers.

    Raises:
        AssertionError: A rule is broken; says which one.
    """
    for check in (
        check_inside,
        check_same_seed,
        check_resume,
        check_state_is_a_value,
        check_any_order,
        check_settings,
    ):
        check(strategy, cube)


def check_inside(strategy: Strategy[Any], cube: Cube = SMALL) -> None:
    """Proposals are points of the cube, with seeds in 0..999999."""
    asked = [each.proposal for one in _run(strategy, cube) for each in one]
    _require(len(asked) > 0, "a strategy proposes something at first")
    for proposal in asked:
        _require(len(proposal.vector) == cube.size, f"a proposal has {cube.size} numbers")
        _require(all(0 <= x <= 1 for x in proposal.vector), "a proposal lies in the unit cube")
        _require(
            type(proposal.seed) is int and 0 <= proposal.seed < 10**6,
            "a proposal's seed is a whole number in 0..999999",
        )


def check_same_seed(strategy: Strategy[Any], cube: Cube = SMALL) -> None:
    """The same seed and scores make the same proposals, and nothing else counts."""
    first = _run(strategy, cube)
    np.random.default_rng().random()  # a generator of somebody else's
    _require(first == _run(strategy, cube), "the same seed gives the same proposals")


def check_resume(strategy: Strategy[Any], cube: Cube = SMALL) -> None:
    """Telling again what was told rebuilds the state, after any round and from JSON."""
    rounds = _run(strategy, cube)
    for told in range(len(rounds) + 1):
        state = strategy.start(cube, seed=SEED)
        for one in rounds[:told]:
            state = strategy.tell(state, [_from_json(each) for each in one])
        wanted = rounds[told:]
        _require(
            _go_on(strategy, cube, state, len(wanted)) == wanted,
            f"a search that is rebuilt after round {told} goes on as one that was not interrupted",
        )


def check_state_is_a_value(strategy: Strategy[Any], cube: Cube = SMALL) -> None:
    """Asking changes nothing, and an old state stays as it was."""
    states = [strategy.start(cube, seed=SEED)]
    asked = [strategy.ask(states[0])]
    for _ in range(ROUNDS):
        _require(strategy.ask(states[-1]) == asked[-1], "asking twice gives the same proposals")
        told = [judge(proposal, cube) for proposal in asked[-1]]
        states.append(strategy.tell(states[-1], told))
        asked.append(strategy.ask(states[-1]))
    for old, before, after in zip(states, asked, asked[1:], strict=False):
        _require(strategy.ask(old) == before, "an old state gives what it gave before")
        again = strategy.tell(old, [judge(proposal, cube) for proposal in before])
        _require(strategy.ask(again) == after, "an old state can be told again")


def check_any_order(strategy: Strategy[Any], cube: Cube = SMALL) -> None:
    """The order in which proposals of one ask are told does not count."""
    state = turned = strategy.start(cube, seed=SEED)
    rng = np.random.default_rng(SEED)
    for _ in range(ROUNDS):
        told = [judge(proposal, cube) for proposal in strategy.ask(state)]
        state = strategy.tell(state, told)
        turned = strategy.tell(turned, [told[i] for i in rng.permutation(len(told))])
        _require(
            strategy.ask(state) == strategy.ask(turned),
            "judgements of one ask can be told in any order",
        )


def check_settings(strategy: Strategy[Any], cube: Cube = SMALL) -> None:
    """The settings are JSON values, and make the same strategy again."""
    words = strategy.to_dict()
    _require(json.loads(json.dumps(words)) == words, "settings are JSON values")
    again = type(strategy).from_dict(words)  # type: ignore[attr-defined]  # checked by this call
    _require(again == strategy, "from_dict(to_dict()) gives the same strategy")
    _require(_run(again, cube) == _run(strategy, cube), "equal settings propose the same")


def judge(proposal: Proposal, cube: Cube) -> Judged:
    """Made-up scores, one bell for each task and a little noise; always the same for a proposal."""
    vector = np.array(proposal.vector)
    rng = np.random.default_rng([proposal.seed, *np.rint(vector * 1e6).astype(int)])
    far = ((vector - 0.7) ** 2)[:, None] * cube.involves  # [D, tasks]
    scores = np.exp(-far.mean(axis=0)) + 0.01 * rng.standard_normal(far.shape[1])
    return Judged(
        proposal=proposal,
        score=float(scores.mean()),
        use=float(vector[cube.forward_diagonal].mean()),
        per_task={f"task {i:03}": score for i, score in enumerate(scores.tolist())},
    )


def _run(strategy: Strategy[Any], cube: Cube) -> Rounds:
    return _go_on(strategy, cube, strategy.start(cube, seed=SEED), ROUNDS)


def _go_on(strategy: Strategy[Any], cube: Cube, state: Any, count: int) -> Rounds:
    """What is judged in so many rounds from a state."""
    rounds: Rounds = []
    for _ in range(count):
        rounds.append(tuple(judge(proposal, cube) for proposal in strategy.ask(state)))
        state = strategy.tell(state, rounds[-1])
    return rounds


def _from_json(judged: Judged) -> Judged:
    """What comes back from a journal."""
    vector, seed = judged.proposal.vector, judged.proposal.seed
    words = json.loads(json.dumps([vector, seed, judged.score, judged.use, judged.per_task]))
    return Judged(Proposal(tuple(words[0]), words[1]), *words[2:])


def _require(holds: bool, rule: str) -> None:
    """`assert` would be gone under python -O."""
    if not holds:
        raise AssertionError(f"Broken: {rule}.")
