"""Partitions of a search that have a name: the finalists, and those that need no search."""

from __future__ import annotations

from html import escape

from sharewise.report._page import table
from sharewise.report._read import Facts
from sharewise.report._words import mean_spread, share
from sharewise.spaces import HiddenGroup, Partitioning


def finalists_table(facts: Facts) -> str:
    """The finalists with their first score and the mean over all their evaluations."""
    trail = facts.trail
    rows = []
    for digest, mean in sorted(trail.finalists.items(), key=lambda pair: -pair[1]):
        candidate, scores = trail.candidate(digest), trail.judged.get(digest, ())
        spread = mean_spread(scores)[1]
        cells = [
            f"candidate {candidate.number}" if candidate else escape(digest),
            f"{scores[0]:.3f}" if scores else "–",
            f"{mean:.3f}" + ("" if spread is None else f" ± {spread:.3f}"),
            escape(share(candidate.mean_use)) if candidate else "–",
        ]
        is_chosen = trail.winner is not None and digest == trail.winner.digest
        rows.append(("found" if is_chosen else "", cells))
    heads = ["finalist", "first score", "mean of all scores", "mean use"]
    return f'<div class="narrow">{table(heads, rows, label="Finalists, judged again")}</div>'


def preset_names(facts: Facts) -> dict[str, str]:
    """{digest: name} of partitions that need no search."""
    named = {
        row.architectures[0].digest: row.name
        for row in facts.rows.values()
        if row.name in ("shared", "divided")
    }
    groups = facts.settings.get("groups") or ()
    if not groups or not facts.num_stages:
        return named
    space = Partitioning(
        facts.tasks,
        facts.num_stages,
        [
            HiddenGroup(
                int(g["stage"]), tuple(g["layers"]), int(g["channels"]), int(g.get("unit", 1))
            )
            for g in groups
        ],
    )
    named[space.share_all().digest] = "shared"
    named[space.share_forward_only().digest] = "shared, updated apart"
    if space.has_enough_units:
        named[space.independent().digest] = "divided"
    return named
