"""The trees that a branching search trained before it chose one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import groupby
from typing import Any

from sharewise.architecture import Architecture
from sharewise.report._page import table
from sharewise.report._read import Facts
from sharewise.report._words import mean_spread, names_in_words, plural, quantity, signed, times


def finalist_trees(facts: Facts) -> Iterator[str]:
    """A row for each finalist: its tree, gain and cost; nothing where none was trained."""
    finalists: Sequence[Mapping[str, Any]] = facts.read_off.get("finalists", ())
    if not finalists:
        return
    shared = min(float(each["macs"]) for each in finalists)  # sharing all is always one of them
    rows = [
        (
            "found" if number == facts.read_off["chosen"] else "",
            [
                _tree(facts, Architecture.from_dict(each["architecture"])),
                escape(signed(*mean_spread([float(gain) for gain in each["gains"]]))),
                _cost(float(each["macs"]), shared),
            ],
        )
        for number, each in enumerate(finalists)
    ]
    heads = ["tree", "gain over shared", "multiply-adds"]
    seeds = plural(max(len(each["gains"]) for each in finalists), "seed")
    yield "<h3>What the first trees gained</h3>"
    yield (
        f"<figure>{table(heads, rows, label='Trees that were trained, and what they gained')}"
        f"<figcaption>{_whence(facts, len(finalists))}: each trained on from a network that shares"
        f" everything, with {seeds} that no comparison takes, and the better ones with each. Gains"
        " over that network, trained on alike, are means over tasks on the validation split, ±"
        " their sample standard deviation over seeds; of the trees that were trained most often the"
        " answer is the cheapest that gains as much as the best one, give or take the standard"
        " error of that one's mean.</figcaption></figure>"
    )


def _whence(facts: Facts, count: int) -> str:
    """Where so many trees come from."""
    tried = min(int(facts.settings["search"].get("finalists", count)), count)
    words = (
        f"{tried} trees that the initialisations agree on, the first of each shape before others"
    )
    if count == tried:
        return words
    return f"{words}, and {plural(count - tried, 'small change')} of the best"


def _tree(facts: Facts, tree: Architecture) -> str:
    """What is apart, and from which stage on; HTML."""
    names = facts.stage_names
    stages = [(level, names[number]) for number, level in enumerate(tree.levels)]
    lines = []
    for level, run in groupby(stages, key=lambda stage: stage[0]):
        first = next(run)[1]
        if len(level) > 1:
            groups = " | ".join(names_in_words(tasks) for tasks in level)
            lines.append(f"{escape(groups)} <small>from {escape(first)}</small>")
    return "<br>".join(lines) or "everything shared"


def _cost(macs: float, shared: float) -> str:
    return f"{quantity(macs)} <small>{times(macs / shared)}</small>"
