"""What is wrong in a file: the first fault named, the further ones counted."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NoReturn

from sharewise.errors import DataError


def more(found: Collection[object]) -> str:
    """How many there are besides the first: " and 2 more", or nothing."""
    return f" and {len(found) - 1} more" if len(found) > 1 else ""


def refuse(faults: Sequence[str], *, rule: str, fix: str, where: str = "") -> None:
    """Raises DataError for the first fault, with the count of the others; nothing if none.

    where: what follows the count, such as " in labels.csv".
    """
    if faults:
        raise DataError(rule=rule, found=f"{faults[0]}{more(faults)}{where}", fix=fix)


def refuse_batch(errors: Sequence[DataError]) -> NoReturn:
    """Raises the first error, saying how many further ones its batch has."""
    first = errors[0]
    count = f", and {len(errors) - 1} more in this batch" if len(errors) > 1 else ""
    raise DataError(rule=first.rule, found=first.found + count, fix=first.fix)
