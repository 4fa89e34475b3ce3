"""The sections of a report that are there for partitions alone."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from sharewise.report._candidates import best_so_far, front, has_steps, preset_points, use_lines
from sharewise.report._finalists import finalists_table
from sharewise.report._holdings import holdings
from sharewise.report._matrices import matrices
from sharewise.report._page import figure, missing, section
from sharewise.report._proxy import proxy_section
from sharewise.report._read import Facts
from sharewise.report._words import plural, share

_SCORES = {
    "accuracy": "how accurate the teachers' heads are on its features, over how accurate they are"
    " on the teachers' own",
    "loss": "the teachers' loss on their own features, over that of their heads on its features",
    "features": "how much of the teachers' features it explains",
}


def partition_sections(facts: Facts) -> Iterator[str]:
    """Who holds which channels, and what was asked of them."""
    yield section("Which task holds which channels", *_holdings(facts))
    yield section("What tasks share: asked and realised", *matrices(facts))


def search_sections(facts: Facts) -> Iterator[str]:
    """How the search went, and whether its scores can be believed."""
    yield section("The search", *_search(facts))
    yield section("Quick score against full training", *proxy_section(facts))


def _holdings(facts: Facts) -> Iterator[str]:
    if facts.architecture is None:
        yield missing(
            "There is no architecture.json in this run, so which task holds which channels is not"
            " decided yet."
        )
        return
    parts = list(holdings(facts))
    if parts:
        yield (
            "<p>All tasks run through the same network, but each uses only some of the channels of"
            " the layers below, and changes only some of those while it trains. Everything that"
            " is not shown here is used by all tasks; normalisations are each task's own.</p>"
        )
    else:
        yield missing("Nothing is divided in this network: every task uses every channel.")
    yield from parts


def _search(facts: Facts) -> Iterator[str]:
    trail = facts.trail
    if not trail.candidates:
        yield missing(
            "There is no journal.jsonl with a candidate in this run, so how the search went is not"
            " known."
        )
        return
    stopped = sum(each.stopped for each in trail.candidates)
    early = (
        f" {plural(stopped, 'candidate')} that fell behind {'was' if stopped == 1 else 'were'}"
        " stopped early."
        if stopped
        else ""
    )
    yield (
        f"<p>The search judged {plural(len(trail.candidates), 'candidate')} without training any of"
        " them in full: for a few steps, each learns to give the features that a network trained"
        f" for one task alone (a teacher) gives. Its score is {_score_words(facts)}, on the"
        f" validation split and as a mean over tasks.{early}</p>"
    )
    yield "<h3>What the candidates used</h3>"
    lines = use_lines(facts)
    yield figure(lines.svg, _use_caption(facts), shape="panel fit")
    yield "<h3>What they scored</h3>"
    pictures = "".join(
        f'<div class="tile"><h4>{tile.title}</h4>{tile.svg}</div>'
        for tile in (best_so_far(facts), front(facts))
    )
    yield figure(pictures, _score_caption(facts, stopped), shape="pairs")
    yield from _finalists(facts)


def _score_words(facts: Facts) -> str:
    distil = (facts.settings.get("search") or {}).get("distil") or {}
    return _SCORES.get(str(distil.get("score")), "how well that works")


def _use_caption(facts: Facts) -> str:
    over = "the steps of the strategy" if has_steps(facts.trail.candidates) else "neighbours"
    text = (
        f"One line a task, in the order in which candidates were proposed and as means over {over};"
        ' <span class="key ink"></span>their mean'
    )
    bound = facts.budget.use if facts.budget else None
    if bound is None:
        return f"{text}."
    return (
        f'{text}; <span class="key budget"></span>the most that it may be, {escape(share(bound))}.'
    )


def _score_caption(facts: Facts, stopped: int) -> str:
    text = "Each dot is a candidate"
    text += ", a hollow one was stopped early" if stopped else ""
    text += (
        '. <span class="key"></span>Left: the best so far; right: the Pareto front, candidates that'
        " no other beats in both score and use."
    )
    if facts.trail.chosen:
        text += ' <span class="chip ring"></span>The chosen one.'
    if any(True for _ in preset_points(facts)):
        text += " A diamond is a partition that needs no search."
    return text


def _finalists(facts: Facts) -> Iterator[str]:
    trail = facts.trail
    if not trail.chosen:
        yield missing(
            "The search has not ended: the best candidates have yet to be judged again and one of"
            " them to be chosen."
        )
        return
    yield "<h3>The finalists, judged again</h3>"
    if any(map(len, trail.again.values())):
        yield (
            "<p>The best of many noisy scores is lucky as much as good. So the best candidates were"
            " judged again with other seeds, and the best mean was chosen. Where it lies well below"
            " the first score, that score was luck.</p>"
        )
    yield finalists_table(facts)
