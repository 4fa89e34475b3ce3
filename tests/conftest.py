"""Settings for every test."""

from __future__ import annotations

from hypothesis import settings

# derandomize: the same code gives the same result on every machine; deadline: machines are shared.
settings.register_profile("sharewise", deadline=None, derandomize=True, max_examples=40)
settings.load_profile("sharewise")
