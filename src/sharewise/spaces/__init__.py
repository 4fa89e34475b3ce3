"""Spaces: the sets of architectures that a search looks through."""

from __future__ import annotations

from sharewise.spaces.branching import Branching

__all__ = ["Branching"]
