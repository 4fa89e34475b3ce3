"""Errors of sharewise: each one states the rule, what was found, and the fix."""

from __future__ import annotations


class SharewiseError(Exception):
    """The base of every error that sharewise raises on purpose.

    Its text is ``"{rule} Found {found}. {fix}"``. The rule and the fix are full sentences
    with a period; what was found is a phrase without one.
    """

    def __init__(self, *, rule: str, found: str, fix: str) -> None:
        super().__init__(f"{rule} Found {found}. {fix}")
        self.rule = rule
        self.found = found
        self.fix = fix

    def __reduce__(self) -> tuple[object, ...]:
        # Exception.__reduce__ would call the class with the text alone, so an error
        # raised in a worker process could not travel back to the one that waits for it.
        return _rebuild, (type(self), self.rule, self.found, self.fix)


def _rebuild(kind: type[SharewiseError], rule: str, found: str, fix: str) -> SharewiseError:
    return kind(rule=rule, found=found, fix=fix)


class InputError(SharewiseError):
    """An argument, a word or a name that cannot be used."""


class BudgetError(SharewiseError):
    """A budget that says nothing, contradicts itself, or that no network can meet."""


class FormatError(SharewiseError):
    """A file (an architecture, a journal, settings) that cannot be read."""


class DataError(SharewiseError):
    """Data or labels that do not fit their task."""


class RunError(SharewiseError):
    """A run folder, its journal, or the disk below it."""


class TrainingError(SharewiseError):
    """A loss that is not finite; says which task and which step."""


class UnknownLayerError(SharewiseError):
    """A layer whose cost is not known; it raises, because it must never count as zero."""
