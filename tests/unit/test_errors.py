from __future__ import annotations

import pickle

import pytest

from sharewise import errors
from sharewise.errors import InputError, SharewiseError

KINDS = [
    errors.InputError,
    errors.BudgetError,
    errors.FormatError,
    errors.DataError,
    errors.RunError,
    errors.TrainingError,
    errors.UnknownLayerError,
]
PARTS = {
    "rule": "A task has a name of its own.",
    "found": "'case' twice",
    "fix": "Rename one of them.",
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_says_the_rule_what_was_found_and_the_fix(kind: type[SharewiseError]) -> None:
    error = kind(**PARTS)
    assert str(error) == "A task has a name of its own. Found 'case' twice. Rename one of them."
    assert {"rule": error.rule, "found": error.found, "fix": error.fix} == PARTS


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_is_a_sharewise_error(kind: type[SharewiseError]) -> None:
    with pytest.raises(SharewiseError):
        raise kind(**PARTS)


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_travels_between_processes(kind: type[SharewiseError]) -> None:
    error = pickle.loads(pickle.dumps(kind(**PARTS)))
    assert type(error) is kind
    assert (str(error), error.fix) == (str(kind(**PARTS)), PARTS["fix"])


def test_the_parts_are_named() -> None:
    with pytest.raises(TypeError):
        InputError("a rule", "found", "fix")  # type: ignore[call-arg]
