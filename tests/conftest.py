"""Settings for every test."""

from __future__ import annotations

import pytest
from hypothesis import settings

# derandomize: the same code gives the same result on every machine; deadline: machines are shared.
settings.register_profile("sharewise", deadline=None, derandomize=True, max_examples=40)
settings.load_profile("sharewise")


@pytest.fixture(autouse=True)
def _plain_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No terminal's width, and no processes but in tests that ask: each imports torch anew."""
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr("sharewise.runs.cores", lambda: 1)
