"""Networks: an architecture as a torch module."""

from __future__ import annotations

from sharewise.networks._compact import Network, build

__all__ = ["Network", "build"]
