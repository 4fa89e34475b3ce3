"""What the values of a column are: classes, yes or no, numbers or images; inferred or said."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from sharewise.data._faults import refuse
from sharewise.data._table_masks import DENSE, SEGMENTATION, check_files, infer_dense, said_dense
from sharewise.data._table_rows import Rows
from sharewise.data._table_values import (
    CLASS,
    ID,
    LARGEST,
    NUMBER,
    SKIP,
    YES_NO,
    Kind,
    Values,
    in_short,
    is_image,
    number,
    there,
    truth,
)

KINDS = (CLASS, YES_NO, NUMBER, *DENSE, ID, SKIP)
"""Kinds that a column may be said to be; `segmentation:21` also gives the number of classes."""
_FEW = 20  # distinct whole numbers that may be classes
_OFTEN = 5  # how often each of them comes in the mean, to be one


def is_kind(word: str) -> bool:
    """Whether a word is a kind that may be said."""
    name, colon, count = word.partition(":")
    if colon:
        return name == SEGMENTATION and count.isdecimal() and 2 <= int(count) <= 255
    return name in KINDS


def infer(rows: Rows, column: str) -> Kind:
    """The kind of a column's values.

    Raises DataError where most values are numbers or image files and some are not, or a file is not
    there; names the line.
    """
    values = there(rows, column)
    distinct = list(dict.fromkeys(text for _, text in values))
    if len(distinct) < 2:
        return Kind(SKIP, in_short(distinct), "fewer than two values: nothing to learn")
    if _mostly(rows, column, is_image, "names of image files"):
        check_files(rows, column, values)
        return infer_dense(rows, column, values)
    if {truth(text) for text in distinct} == {True, False} and not {"0", "-1"} <= {*distinct}:
        return Kind(YES_NO, in_short(distinct), "only words or signs for yes and no")
    if _mostly(rows, column, _is_number, "numbers"):
        return _infer_number(values)
    if 2 * len(distinct) > len(values):
        why = f"{len(distinct)} texts in {len(values)} rows: names rather than classes"
        return Kind(SKIP, in_short(distinct), why)
    return _classes(values, f"{len(distinct)} texts, each {len(values) // len(distinct)} times")


def said(rows: Rows, column: str, kind: str) -> Kind:
    """The same for a column whose kind was said; DataError for values that are not of it."""
    values = there(rows, column)
    distinct = list(dict.fromkeys(text for _, text in values))
    why = "as said"
    if kind in (ID, SKIP):
        return Kind(kind, in_short(distinct), why)
    if kind == CLASS:
        return _classes(values, why)
    if kind == YES_NO:
        _check(rows, column, lambda text: truth(text) is not None, "yes or no")
        return Kind(YES_NO, in_short(distinct), why)
    if kind == NUMBER:
        _check(rows, column, _is_number, f"a number of at most {LARGEST:g}")
        return _number(values, why)
    _check(rows, column, is_image, "the name of an image file")
    check_files(rows, column, values)
    return said_dense(rows, column, values, kind)


def class_numbers(kind: Kind, values: Sequence[str | None]) -> list[int]:
    """Labels of a class or yes/no column, -1 where missing."""
    if kind.kind == YES_NO:
        return [-1 if text is None else int(bool(truth(text))) for text in values]
    place = {name: label for label, name in enumerate(kind.classes)}
    return [
        -1 if text is None else place[text if text in place else _whole(text)] for text in values
    ]


def _is_number(text: str) -> bool:
    return number(text) is not None


def _infer_number(values: Values) -> Kind:
    found = [float(text) for _, text in values]
    distinct = len(set(found))
    if not all(value.is_integer() for value in found):
        return _number(values, "numbers, not all of them whole")
    if distinct <= _FEW and distinct * _OFTEN <= len(found):
        return _classes(values, f"{distinct} whole numbers, each {len(found) // distinct} times")
    return _number(values, f"{distinct} whole numbers")


def _number(values: Values, why: str) -> Kind:
    found = [float(text) for _, text in values] or [0.0]
    return Kind(NUMBER, f"{min(found):g} .. {max(found):g}", why)


def _classes(values: Values, why: str) -> Kind:
    distinct = {text for _, text in values}
    numeric = all(map(_is_number, distinct))
    if numeric and all(float(text).is_integer() for text in distinct):
        distinct = set(map(_whole, distinct))
    names = tuple(sorted(distinct, key=lambda text: (float(text) if numeric else 0.0, text)))
    return Kind(CLASS, f"{len(names)}: {in_short(names)}", why, names)


def _whole(text: str) -> str:
    """A whole number without its ".0": programs write 1 as 1.0 where a column lacks some values."""
    return re.sub(r"\.0*$", "", text)


def _mostly(rows: Rows, column: str, fits: Callable[[str], bool], what: str) -> bool:
    """Whether half of the values or more are of a kind; DataError where some of them are not."""
    values = there(rows, column)
    wrong = [value for value in values if not fits(value[1])]
    fitting = len(values) - len(wrong)
    if 2 * fitting < len(values):
        return False
    refuse(
        [f"'{text}' in {rows.place(row)}" for row, text in wrong],
        rule=f"The values of a column are of one kind, and {fitting} of {len(values)} in"
        f" '{column}' are {what}.",
        fix="Correct these values or leave them empty, or say what the column is:"
        f" {column}={CLASS}, or {column}={SKIP} to leave it out.",
    )
    return True


def _check(rows: Rows, column: str, fits: Callable[[str], bool], what: str) -> None:
    refuse(
        [f"'{text}' in {rows.place(row)}" for row, text in there(rows, column) if not fits(text)],
        rule=f"Every value of '{column}' is {what}, or empty.",
        fix="Correct or empty them, or say that the column is of another kind.",
    )
