"""Values of a column as texts, and what a text may stand for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from sharewise.data._table_rows import Rows

CLASS, YES_NO, NUMBER, ID, SKIP = "class", "yes/no", "number", "id", "skip"
IMAGE_ENDS = frozenset(
    {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm"}
)
_YES = frozenset({"yes", "true", "y", "t"})
_NO = frozenset({"no", "false", "n", "f"})

Values = list[tuple[int, str]]
"""(row, text) of the values that are there."""


@dataclass(frozen=True)
class Kind:
    """A column's kind, its values in short, why it has the kind, and the names of its classes."""

    kind: str
    says: str
    why: str
    classes: tuple[str, ...] = ()


def there(rows: Rows, column: str) -> Values:
    """The values of a column, with their rows, without the missing ones."""
    return [(row, text) for row, text in enumerate(rows.columns[column]) if text is not None]


LARGEST = 3.4e38
"""Of the numbers that networks take: those of single precision."""


def number(text: str) -> float | None:
    """The number that a text is, or None; one that is not finite in single precision is none."""
    try:
        value = float(text)
    except ValueError:
        return None
    # Python reads 1_000 as a number, and no table means that.
    return value if abs(value) <= LARGEST and "_" not in text else None


def truth(text: str) -> bool | None:
    """Whether a text says yes (1) or no (0, -1), or neither."""
    value = number(text)
    if value is not None:
        return None if value not in (1.0, 0.0, -1.0) else value == 1.0
    word = text.lower()
    return True if word in _YES else False if word in _NO else None


def is_image(text: str) -> bool:
    """Whether a text ends as the names of image files do."""
    return PurePath(text).suffix.lower() in IMAGE_ENDS


def in_short(texts: Sequence[str]) -> str:
    """The first few of them."""
    return ", ".join(texts[:5]) + (", ..." if len(texts) > 5 else "") if texts else "no value"
