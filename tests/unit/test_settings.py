"""The checks that every value of settings makes of its fields."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest

from sharewise.errors import InputError
from sharewise.settings import check_count, check_fields, check_number, check_word


@dataclasses.dataclass(frozen=True)
class _Both:
    speed: float = 1.0
    luck: int = 0


@pytest.mark.parametrize(
    ("check", "sentence"),
    [
        (
            lambda: check_count("steps", 0),
            "steps is a whole number of at least 1. Found steps=0. Give steps=1 or more, or leave"
            " it out for its default.",
        ),
        (
            lambda: check_count("halvings", True, least=0),
            "halvings is a whole number of at least 0. Found halvings=True. Give halvings=1 or"
            " more, or leave it out for its default.",
        ),
        (
            lambda: check_number("lr", 0.0, above=True),
            "lr is a finite number above 0. Found lr=0.0. Give such a number, or leave lr out for"
            " its default.",
        ),
        (
            lambda: check_number("decay", math.inf),
            "decay is a finite number of at least 0. Found decay=inf. Give such a number, or leave"
            " decay out for its default.",
        ),
        (
            lambda: check_number("share", "much", most=1),
            "share is a number from 0 to 1. Found share='much'. Give such a number, or leave share"
            " out for its default.",
        ),
        (
            lambda: check_word("select", "worst", ("best", "last")),
            "select is one of 'best', 'last'. Found select='worst'. Give select='best', or leave"
            " it out.",
        ),
        (
            lambda: check_fields(_Both, {"wind": 1, "speed": 2, "rain": 3}),
            "_Both has the settings speed, luck. Found 'rain', 'wind'. Leave them out, or read"
            " them with the version that wrote them.",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(
    check: Callable[[], None], sentence: str
) -> None:
    with pytest.raises(InputError) as caught:
        check()
    assert str(caught.value) == sentence


@pytest.mark.parametrize("value", [math.nan, -math.inf, True, None, -1e-9, 1.1])
def test_no_other_value_passes_for_a_share(value: object) -> None:
    with pytest.raises(InputError):
        check_number("share", value, most=1)


def test_bounds_themselves_pass() -> None:
    check_count("steps", 1)
    check_count("levels", 2, least=2)
    for value in (0, 1, 0.5, np.float64(1.0)):
        check_number("share", value, most=1)
    check_number("lr", 1e-12, above=True)
    check_word("select", "last", ("best", "last"))
    check_fields(_Both, {"luck": 3})
