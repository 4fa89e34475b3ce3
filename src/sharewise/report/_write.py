"""The report of a run, section by section."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from sharewise.errors import FormatError
from sharewise.report._answer import answer
from sharewise.report._finalist_trees import finalist_trees
from sharewise.report._page import (
    figure,
    figures,
    missing,
    page,
    partition_styles,
    picture_styles,
    section,
    tiles,
)
from sharewise.report._pareto import pareto
from sharewise.report._partition import partition_sections, search_sections
from sharewise.report._partition_answer import partition_answer, partition_figures
from sharewise.report._plots import heat_maps, progress, sharing_lines
from sharewise.report._predictions import predictions
from sharewise.report._read import Facts, read_facts
from sharewise.report._settings import load_words, settings_list
from sharewise.report._tables import network_table, scores_table, task_table
from sharewise.report._tree import draw_tree_svg
from sharewise.report._words import plural, signed, times
from sharewise.runs import Run, write_atomic


def write_report(run: Path) -> Path:
    """Write report.html into a run folder: one page that needs no other file and no network.

    It is made from the folder's JSON files and its file of predictions alone; in the place of one
    that is missing stands a sentence. The same files make the same page.

    Raises:
        RunError: The folder holds no run, or the disk refuses.
        FormatError: A file that is there cannot be read.
    """
    place = Run.existing(run)
    facts = read_facts(place)
    try:
        html = _html(facts)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise FormatError(
            rule="The files of a run have the form that this version of sharewise writes.",
            found=f"{type(error).__name__}: {error} in {place.folder}",
            fix="Use the version that wrote the run, or begin the run again.",
        ) from error
    write_atomic(place.report, html)
    return place.report


def _html(facts: Facts) -> str:
    data = str((facts.settings.get("data") or {}).get("name") or facts.folder)
    heading = f"What {plural(len(facts.tasks), 'task')} of {data} should share"
    paragraphs = partition_answer(facts) if facts.is_partitioning else answer(facts)
    return page(
        {
            "styles": (partition_styles() if facts.is_partitioning else "")
            + (picture_styles() if facts.pictures else ""),
            "title": escape(f"{data} · sharewise"),
            "kicker": escape(_kicker(facts)),
            "heading": escape(heading),
            "answer": "".join(f"<p>{escape(text)}</p>" for text in paragraphs),
            "figures": figures(_key_figures(facts)),
            "sections": "".join(_sections(facts)),
            "footer": escape(
                f"Written by sharewise{_version()} from the run folder {facts.folder}."
            ),
        }
    )


def _version() -> str:
    try:
        return f" {version('sharewise')}"
    except PackageNotFoundError:  # a bare checkout
        return ""


def _kicker(facts: Facts) -> str:
    backbone = (facts.settings.get("backbone") or {}).get("name")
    method = facts.settings.get("method")
    words = ["sharewise report", backbone, f"{method} search" if method else ""]
    seed = facts.settings.get("seed")
    return " · ".join(map(str, filter(None, [*words, None if seed is None else f"seed {seed}"])))


def _key_figures(facts: Facts) -> Iterator[tuple[str, str]]:
    if facts.is_partitioning:
        yield from partition_figures(facts)
        return
    found = facts.cost_of("found")
    count = len(facts.tasks)
    if facts.architecture is None or found is None:
        return
    shared, independent = facts.cost_of("shared"), facts.cost_of("independent")
    bounds = facts.budget.to_dict() if facts.budget else {}
    which = 1 if "macs" in bounds and "params" not in bounds else 0  # what the budget is about
    what, bound = ("parameters", "multiply-adds")[which], bounds.get(("params", "macs")[which])
    if shared:
        room = f" (budget {bound:g}×)" if bound else ""
        yield times(found[which] / shared[which]), f"the {what} of sharing everything{room}"
    if independent:
        ratio = times(found[which] / independent[which])
        yield ratio, f"the {what} of {count} independent networks"
    row = facts.rows.get("found")
    if row is not None:
        over = plural(len(facts.seeds), "seed")
        if row.gains[0] is not None and found != shared:
            yield signed(*row.gains), f"mean gain over sharing everything, {over}"
        if row.gains_independent[0] is not None and found != independent:
            yield signed(*row.gains_independent), f"mean gain over independent networks, {over}"


def _sections(facts: Facts) -> Iterator[str]:
    if facts.is_partitioning:
        yield from partition_sections(facts)
        yield section("Against the alternatives", *_comparison(facts))
        yield from _predictions(facts)
        yield from search_sections(facts)
    else:
        yield section("The tree", *_tree(facts))
        yield section("Against the alternatives", *_comparison(facts))
        yield from _predictions(facts)
        yield section("How the search decided", *_search(facts))
    yield section("The trained network", *_trained(facts))
    yield section("What was run", settings_list(facts))


def _tree(facts: Facts) -> Iterator[str]:
    if facts.architecture is None:
        yield missing("There is no architecture.json in this run, so there is no tree to draw yet.")
        return
    svg = draw_tree_svg(
        facts.architecture,
        stage_names=facts.stage_names,
        costs=facts.stage_params,
        standalone=False,
    )
    caption = (
        "Read it from left to right: the input enters at the left, and each bar is one branch, a"
        " copy of the stage above it, as high as the number of tasks that run through it. Grey"
        " bars serve tasks of several groups; a colour is one group."
    )
    if facts.stage_params:
        caption += " The number in a bar is its share of the network's parameters without heads."
    yield figure(svg, caption)


def _comparison(facts: Facts) -> Iterator[str]:
    if not facts.rows:
        yield missing(
            "There is no comparison.json in this run: nothing was trained beside the found"
            " network, so this page cannot tell what sharing gained. sharewise compare makes it."
        )
        return
    several = len(facts.seeds) > 1
    means = " Numbers are means over seeds ± their sample standard deviation." if several else ""
    initial = facts.comparison.get("initial", facts.is_partitioning)  # older files do not say
    begun = "from the same initial weights" if initial else "from scratch"
    if shared := facts.comparison.get("shared"):
        begun = (
            "from a network that shares everything, itself trained with the same seed for"
            f" {plural(shared['epochs'], 'epoch')},"
        )
    yield (
        f"<p>Every network was trained {begun} with the same settings and"
        f" {plural(len(facts.seeds), 'seed')}, and scored on the test split with the weights that"
        f" the validation split selected.{means}</p>"
    )
    yield network_table(facts)
    if picture := pareto(facts):
        caption = (
            "Up is better, left is cheaper. A large dot is the mean over seeds, its bar the"
            " spread, and each small dot a seed."
        )
        if "var(--warn)" in picture:
            caption += ' <span class="key budget"></span>The budget: the search stayed left of it.'
        yield "<h3>What each network gains for what it costs</h3>"
        yield figure(picture, caption, shape="scroll panel wide")
    yield "<h3>Task by task</h3>"
    yield task_table(facts)


def _predictions(facts: Facts) -> Iterator[str]:
    if parts := list(predictions(facts)):
        yield section("Predictions on test images", *parts)


def _search(facts: Facts) -> Iterator[str]:
    if not facts.epochs:
        yield missing(
            "There is no journal.jsonl with an epoch in this run, so how sharing came about is"
            " not known."
        )
        return
    lines, drawn = sharing_lines(facts)
    if lines:
        pairs = len(facts.tasks) * (len(facts.tasks) - 1) // 2
        some = f" Of {pairs} pairs, {drawn} evenly chosen ones are drawn." if drawn < pairs else ""
        together = (
            '<span class="key"></span>the pair shares this stage in the found tree; '
            '<span class="key apart"></span>it does not. '
            if facts.architecture
            else ""
        )
        yield "<h3>Who shares with whom, epoch by epoch</h3>"
        yield tiles(
            lines,
            "Each line is a pair of tasks: how likely it was, on average over initialisations, that"
            f" both run through the same branch of the stage. {together}Lines that part early and"
            f" far are clear decisions. The shaded epochs are the warm-up.{some}",
        )
    outlines = (
        " Tasks stand in the order of the tree, and an outlined square is one branch of the found"
        " tree: dark squares on blank ground are an answer that all agree on."
        if facts.architecture
        else ""
    )
    if maps := heat_maps(facts):
        yield "<h3>What the initialisations agree on</h3>"
        yield tiles(
            maps,
            "The darker a cell, the more of the initialisations let its two tasks share the stage"
            f" (blank: none, full colour: all).{outlines}",
        )
    yield from finalist_trees(facts)
    if curves := progress(facts):
        yield "<h3>Uncertainty, cost and losses</h3>"
        yield tiles(curves, _curves_caption(facts), large=True)


def _curves_caption(facts: Facts) -> str:
    text = (
        "Uncertainty: the mean entropy of each stage's choices, from light (first stage) to dark"
        " (last); at 0 all is decided. Cost: what the gates expect of the whole network"
    )
    bounded = facts.budget and {"params", "macs"} & set(facts.budget.to_dict())
    text += '; <span class="key budget"></span>the budget.' if bounded else "."
    coloured = ", in the colour of its group" if facts.architecture else ""
    return f"{text} Losses: one line a task{coloured}."


def _trained(facts: Facts) -> Iterator[str]:
    if facts.scores.get("scores"):
        yield scores_table(facts)
    else:
        yield missing(
            "There is no scores.json in this run: the found network has not been trained for use."
            " sharewise train does it."
        )
    if facts.architecture:
        yield "<h3>Load it in Python</h3>"
        yield load_words(facts)
