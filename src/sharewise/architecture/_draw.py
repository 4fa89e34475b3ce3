"""An architecture as a text tree."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from sharewise.architecture._branch import Branch

_NARROWEST = 24  # deep trees still get this many characters for text, whatever the width


def draw_branches(
    branches: Sequence[Branch], first: int, *, prefix: str, width: int
) -> Iterator[str]:
    """The lines for sibling branches of stage `first`, counted from 1."""
    for branch in branches:
        is_last = branch is branches[-1]
        tip, last = branch, first
        while len(tip.children) == 1 and tip.children[0].partition == branch.partition:
            tip, last = tip.children[0], last + 1
        stages = f"stage {first}" if first == last else f"stages {first}-{last}"
        below = prefix + ("   " if is_last else "│  ")
        yield from textwrap.wrap(
            f"{stages} · {', '.join(branch.tasks)}{_shares(branch)}",
            width=max(width, len(below) + _NARROWEST),
            initial_indent=prefix + ("└─ " if is_last else "├─ "),
            subsequent_indent=below + ("│    " if tip.children else "     "),
            break_long_words=False,
            break_on_hyphens=False,
        )
        yield from draw_branches(tip.children, last + 1, prefix=below, width=width)


def _shares(branch: Branch) -> str:
    """What to say of a branch's partition."""
    if branch.partition is None:
        return ""
    if not branch.partition.groups:
        return " (normalised for each task alone)"
    shares = (f"{task} {100 * branch.partition.use(task):.0f} %" for task in branch.tasks)
    return f" (partitioned: {', '.join(shares)})"
