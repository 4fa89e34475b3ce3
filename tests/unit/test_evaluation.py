from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from sharewise.errors import BudgetError, FormatError
from sharewise.evaluation import Budget, Cost, TaskCost

SHARED = Cost(params=10_000_000, macs=2_000_000_000)
WORDS = "params, macs, params_m, macs_g, latency_ms, use, task_use"


def message(call: Callable[[], object], kind: type[Exception] = BudgetError) -> str:
    with pytest.raises(kind) as caught:
        call()
    return str(caught.value)


# --- cost


def test_a_cost_survives_json() -> None:
    cost = Cost(params=3, macs=4, per_task={"a": TaskCost(params=1, macs=2)}, latency_ms=0.5)
    assert Cost.from_dict(json.loads(json.dumps(cost.to_dict()))) == cost
    assert Cost.from_dict(SHARED.to_dict()) == SHARED
    partitioned = Cost(params=3, macs=4, use=0.25)
    assert Cost.from_dict(json.loads(json.dumps(partitioned.to_dict()))) == partitioned


def test_a_cost_of_the_first_version_is_read() -> None:
    stored = {"params": 3, "macs": 4, "per_task": {}, "latency_ms": None}
    assert Cost.from_dict(stored) == Cost(params=3, macs=4)
    assert Cost.from_dict(stored).use is None


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"params": 1, "macs": 2, "per_task": {}}, "KeyError: 'latency_ms'"),
        (
            {"params": None, "macs": 2, "per_task": {}, "latency_ms": None},
            "TypeError: int() argument must be",
        ),
        ({"params": 1, "macs": 2, "per_task": [], "latency_ms": None}, "AttributeError: 'list'"),
    ],
)
def test_another_thing_is_not_a_cost(value: Any, found: str) -> None:
    text = message(lambda: Cost.from_dict(value), FormatError)
    assert text.startswith(
        "A cost has params, macs, per_task (with params and macs) and latency_ms. Found " + found
    )
    assert text.endswith("Write it with Cost.to_dict().")


# --- what a budget allows


@pytest.mark.parametrize(
    ("budget", "cost", "allowed"),
    [
        (Budget(params=1.5), Cost(params=15_000_000, macs=10**12), True),
        (Budget(params=1.5), Cost(params=15_000_001, macs=0), False),
        (Budget(macs=1.1), Cost(params=10**12, macs=2_200_000_000), True),
        (Budget(macs=1.1), Cost(params=0, macs=2_200_000_100), False),
        (Budget(params_m=12), Cost(params=12_000_000, macs=0), True),
        (Budget(params_m=12), Cost(params=12_000_001, macs=0), False),
        (Budget(macs_g=1.8), Cost(params=0, macs=1_800_000_000), True),
        (Budget(macs_g=1.8), Cost(params=0, macs=1_800_000_100), False),
        (Budget(latency_ms=5), Cost(params=0, macs=0, latency_ms=5.0), True),
        (Budget(latency_ms=5), Cost(params=0, macs=0, latency_ms=5.1), False),
        (Budget(params=2, macs=1), Cost(params=20_000_000, macs=2_000_000_001), True),
        (Budget(params=2, macs=1), Cost(params=20_000_000, macs=2_000_001_000), False),
        (Budget(use=0.5), Cost(params=10**12, macs=10**12, use=0.5), True),
        (Budget(use=0.5), Cost(params=0, macs=0, use=0.501), False),
        (Budget(use=0.5), Cost(params=0, macs=0), False),
        (Budget(use=1), Cost(params=0, macs=0), True),
        (Budget(use=0.5, macs=1), Cost(params=0, macs=2_000_001_000, use=0.1), False),
    ],
)
def test_a_budget_allows_what_is_within_every_bound(
    budget: Budget, cost: Cost, allowed: bool
) -> None:
    assert budget.allows(cost, SHARED) is allowed


def test_a_latency_must_be_measured() -> None:
    assert message(lambda: Budget(latency_ms=5).allows(SHARED, SHARED)) == (
        "A bound on latency needs a measured latency. Found a cost without latency_ms. "
        "Measure it with measure_latency, or bound params or macs instead."
    )


def test_the_shared_network_fits_any_sensible_budget() -> None:
    Budget(params=1, macs=1, params_m=10, macs_g=2).check(SHARED)


@pytest.mark.parametrize(
    ("budget", "found"),
    [
        (Budget(params=0.8), "params=0.8, where the fully shared network needs 1. Raise params"),
        (Budget(params_m=5), "params_m=5, where the fully shared network needs 10. Raise params_m"),
        (Budget(macs_g=0.5), "macs_g=0.5, where the fully shared network needs 2. Raise macs_g"),
    ],
)
def test_a_budget_below_the_shared_network_says_needed_and_given(
    budget: Budget, found: str
) -> None:
    assert message(lambda: budget.check(SHARED)) == (
        "A budget leaves room for the fully shared network, the cheapest one. "
        f"Found {found}, or take a smaller backbone."
    )


def test_a_bound_on_use_leaves_no_room_for_trees() -> None:
    assert message(lambda: Budget(use=0.5).check(SHARED)) == (
        "A budget leaves room for the fully shared network, the cheapest one. "
        "Found use=0.5, where the fully shared network needs 1. "
        "Leave it out: it is for partitions."
    )


def test_below_the_partition_that_shares_all_there_is_room() -> None:
    shared = dataclasses.replace(SHARED, use=1.0)
    budget = Budget(use=0.5, params=0.8, macs=0.5)
    budget.check(shared)
    assert not budget.allows(shared, shared)
    assert budget.allows(Cost(params=8_000_000, macs=1_000_000_000, use=0.4), shared)


# --- what a budget is


def test_an_empty_budget_is_refused() -> None:
    assert message(Budget) == (
        f"A budget bounds at least one cost. Found no bound. Set one of {WORDS}."
    )


@pytest.mark.parametrize("bound", [0, -1, math.nan, math.inf, "1.5", True])
def test_a_bound_is_a_positive_number(bound: Any) -> None:
    assert message(lambda: Budget(params=bound)) == (
        f"A bound is a positive number, and one on use is at most 1. Found params={bound!r}. "
        "Write params=0.5, for example."
    )


def test_use_is_a_share() -> None:
    assert Budget(use=1).use == 1
    assert "Found use=1.5." in message(lambda: Budget(use=1.5))


def test_numbers_of_numpy_are_numbers() -> None:
    budget = Budget(params=np.int64(2), macs=np.float64(1.5))  # type: ignore[arg-type]
    assert json.dumps(budget.to_dict()) == '{"params": 2.0, "macs": 1.5}'


# --- words


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("params=1.5x", Budget(params=1.5)),
        ("params=1.5", Budget(params=1.5)),
        (" params = 1.5x , macs_g = 2 ", Budget(params=1.5, macs_g=2)),
        ("params_m=12,latency_ms=5", Budget(params_m=12, latency_ms=5)),
        ("use=0.5", Budget(use=0.5)),
        ("macs=2e0x", Budget(macs=2)),
    ],
)
def test_words_are_read(text: str, budget: Budget) -> None:
    assert Budget.parse(text) == budget
    assert Budget.parse(str(budget)) == budget
    assert Budget.from_dict(json.loads(json.dumps(budget.to_dict()))) == budget


def test_a_budget_is_written_as_its_words() -> None:
    assert str(Budget(params=1.5, macs_g=2)) == "params=1.5x,macs_g=2"


def test_only_what_is_set_is_stored() -> None:
    assert Budget(params=1.5).to_dict() == {"params": 1.5}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "flops=2",
            f"A budget is written with the words {WORDS}. Found 'flops' in 'flops=2'. "
            "Write params=1.5x, for example.",
        ),
        (
            "",
            f"A budget is written with the words {WORDS}. Found '' in ''. "
            "Write params=1.5x, for example.",
        ),
        (
            "params=1,params=2",
            "A budget bounds each cost once. Found 'params' twice in 'params=1,params=2'. "
            "Leave one of them out.",
        ),
        (
            "params",
            "A bound is a number; params and macs may end in x, for 'times as shared'. "
            "Found params=. Write params=1.5, for example.",
        ),
        (
            "macs_g=2x",
            "A bound is a number; params and macs may end in x, for 'times as shared'. "
            "Found macs_g=2x. Write macs_g=1.5, for example.",
        ),
        (
            "params=-1x",
            "A bound is a positive number, and one on use is at most 1. Found params=-1.0. "
            "Write params=0.5, for example.",
        ),
    ],
)
def test_other_words_are_refused(text: str, sentence: str) -> None:
    assert message(lambda: Budget.parse(text)) == sentence


def test_an_unknown_stored_word_is_refused() -> None:
    assert message(lambda: Budget.from_dict({"flops": 2})) == (
        f"A budget is written with the words {WORDS}. Found 'flops'. "
        "Leave it out, or write it with Budget.to_dict()."
    )
