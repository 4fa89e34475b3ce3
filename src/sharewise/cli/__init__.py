"""The command line: the one place where names become values."""

from __future__ import annotations

from sharewise.cli._app import app, main

__all__ = ["app", "main"]
