"""Further rows of a comparison: architectures that the caller names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from sharewise.architecture import Architecture
from sharewise.costs import CostTable
from sharewise.errors import InputError

ROWS = ("found", "shared", "divided", "random", "independent")
"""The rows that a comparison makes itself, as those of partitions are shown."""
NO_OTHERS: Mapping[str, Architecture] = MappingProxyType({})
_NAME = re.compile(r"[A-Za-z0-9_-]+")


def check_others(others: Mapping[str, Architecture], table: CostTable) -> None:
    """Refuses (InputError) a name that a table cannot head, and an architecture that fits not."""
    for name, architecture in others.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name) or name in ROWS:
            raise InputError(
                rule="A further row of a comparison has a name of its own, of letters A-Z a-z,"
                f" digits, '_' and '-'; {', '.join(ROWS)} are taken.",
                found=repr(name),
                fix="Give it another name.",
            )
        try:
            table.of(architecture)
        except InputError as error:
            raise InputError(
                rule=error.rule, found=f"{error.found}, in the row {name!r}", fix=error.fix
            ) from error
