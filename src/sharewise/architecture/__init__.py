"""The one noun: `Architecture`, a tree of branches, as an immutable value without torch."""

from __future__ import annotations

from sharewise.architecture._architecture import Architecture
from sharewise.architecture._branch import Branch, check_names, check_stages
from sharewise.architecture._json import FORMAT

__all__ = ["FORMAT", "Architecture", "Branch", "check_names", "check_stages"]
