"""The checks that every value of settings makes of its fields, and its JSON."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable

import numpy as np
import pytest

from sharewise.errors import InputError
from sharewise.settings import Settings, check_count, check_fields, check_number, check_word


@dataclasses.dataclass(frozen=True)
class _Both(Settings):
    speed: float = 1.0
    luck: int = 0


_CALM = _Both(speed=0.5)


@dataclasses.dataclass(frozen=True)
class _Whole(Settings):
    names: tuple[str, ...] | None = None
    first: _Both = _CALM

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", None if self.names is None else tuple(self.names))


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


def test_settings_inside_settings_come_back_from_json() -> None:
    whole = _Whole(names=("a", "b"), first=_Both(luck=3))
    written = json.dumps(whole.to_dict())
    assert written == '{"names": ["a", "b"], "first": {"speed": 1.0, "luck": 3}}'
    assert _Whole.from_dict(json.loads(written)) == whole


def test_settings_that_are_left_out_have_their_defaults() -> None:
    assert _Whole.from_dict({}) == _Whole(first=_CALM)
    assert _Whole.from_dict({"first": {}}).first == _Both()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"third": {}}, "_Whole has the settings names, first. Found 'third'."),
        ({"first": {"wind": 1}}, "_Both has the settings speed, luck. Found 'wind'."),
    ],
)
def test_words_that_are_no_settings_are_refused_wherever_they_stand(
    values: dict[str, object], sentence: str
) -> None:
    with pytest.raises(InputError) as caught:
        _Whole.from_dict(values)
    assert str(caught.value).startswith(sentence)
