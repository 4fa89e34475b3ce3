"""Settings for every test."""

from __future__ import annotations

import pytest
from hypothesis import settings

# derandomize: the same code gives the same result on every machine; deadline: machines are shared.
settings.register_profile("sharewise", deadline=None, derandomize=True, max_examples=40)
settings.load_profile("sharewise")


@pytest.fixture(autouse=True)
def _one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands start processes only in the tests that ask for them: each imports torch anew."""
    monkeypatch.setattr("sharewise.cli._workers.cores", lambda: 1)
