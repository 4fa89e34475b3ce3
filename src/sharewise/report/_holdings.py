"""The picture of a partition: which task holds which channels, and the largest sets of tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from html import escape
from itertools import groupby

from sharewise.architecture import Owners
from sharewise.report._page import figure, table
from sharewise.report._read import Facts
from sharewise.report._regions import Region, Shown, shown_groups
from sharewise.report._words import plural, share

_MOST_LAYERS = 4  # named above a picture
_MOST_REGIONS = 8  # in the table
_MOST_TASKS = 4  # named in a cell
_WIDE = 0.045  # of the channels: a segment with room for a number
_LIGHT = ".34"  # of a channel that a task uses and does not update


def holdings(facts: Facts) -> Iterator[str]:
    """For each group of layers with owners of its own, a picture and a table."""
    groups = shown_groups(facts.architecture, facts.order) if facts.architecture else []
    for shown in groups:
        yield f"<h3>{escape(_title(facts, shown))}</h3>"
        yield _legend(facts, shown)
        yield figure(_picture(facts, shown), _caption(shown), shape="panel")
        yield _table(facts, shown)


def union_words(tasks: Sequence[str], everyone: Sequence[str]) -> str:
    """A set of tasks in a few words: who, or who not."""
    missing = [task for task in everyone if task not in tasks]
    if not tasks:
        return "nobody"
    if len(tasks) == 1:
        return f"{tasks[0]} alone"
    if not missing:
        return "both tasks" if len(everyone) == 2 else f"all {len(everyone)} tasks"
    if len(missing) <= 2 and len(tasks) > len(missing) + 1:
        return f"all but {' and '.join(missing)}"
    if len(tasks) <= _MOST_TASKS + 1:
        return " + ".join(tasks)
    return f"{' + '.join(tasks[:_MOST_TASKS])} + {len(tasks) - _MOST_TASKS} more"


def _title(facts: Facts, shown: Shown) -> str:
    name, layers = facts.stage_names[shown.stage], shown.layers
    where = f"a layer of {shown.channels} channels"
    if len(layers) > 1:
        where = f"{len(layers)} layers of {shown.channels} channels, divided alike"
    named = f" ({', '.join(layers)})" if len(layers) <= _MOST_LAYERS else ""
    return f"{name}: {where}{named}"


def _caption(shown: Shown) -> str:
    frozen = any(run.update != run.use for run in shown.runs)
    light = (
        '<span class="chip light"></span>it uses it without updating it, as others train it;'
        if frozen
        else ""
    )
    return (
        "Every column is a channel, the same one in every row."
        f' <span class="chip"></span>The task uses and updates it; {light}'
        ' <span class="chip blank"></span>it does not use it.'
        " Columns are sorted for the eye, those that many tasks share to the left; in the network"
        " they stand in another order. Rest a pointer on a column to see whose it is."
    )


def _legend(facts: Facts, shown: Shown) -> str:
    """By how many tasks channels are used, in words beside their colours."""
    count = len(facts.order)
    parts = []
    for number, channels in shown.by_count().items():
        if number == count and count > 1:
            words = f"all {count} tasks"
        else:
            words = plural(number, "task") if number else "nobody, not built"
        chip = f'<span class="chip" style="background: {_shade(number, count)}"></span>'
        parts.append(
            f"<span>{chip}{'one task alone' if number == 1 else words}"
            f" <b>{escape(share(channels / shown.channels))}</b></span>"
        )
    return f'<p class="legend"><span>Channels used by</span>{"".join(parts)}</p>'


def _shade(number: int, count: int) -> str:
    """A colour for channels of so many tasks: the more, the darker."""
    if number == 0:
        return "var(--cell)"
    part = (number - 1) / max(1, count - 1)
    return f"color-mix(in srgb, var(--ink) {22 + 66 * part:.0f}%, var(--card))"


def _picture(facts: Facts, shown: Shown) -> str:
    """The bar of owners, a row for each task, and titles over all rows."""
    rows = (_row(facts, shown, task) for task in facts.order)
    label = f"Which of {plural(len(facts.order), 'task')} uses which of {shown.channels} channels"
    return (
        f'<div class="holds" role="img" aria-label="{escape(label)}">'
        f'<div class="who"></div><div class="how"></div>{_owners_bar(facts, shown)}'
        f"{''.join(rows)}"
        '<div class="who"></div><div class="how"></div>'
        f'<div class="ends"><span>0</span><span>{shown.channels} channels</span></div>'
        f"{_titles(facts, shown)}</div>"
    )


def _owners_bar(facts: Facts, shown: Shown) -> str:
    """A segment for each number of owners, with the number where there is room."""
    count = len(facts.order)
    segments = []
    for number, channels in shown.by_count().items():
        part = channels / shown.channels
        dark = number - 1 > 0.45 * (count - 1)
        text = f"×{number}" if part >= _WIDE and number else ""
        segments.append(
            f'<span{" class=dark" if dark else ""} style="flex-grow: {channels};'
            f' background: {_shade(number, count)}">{text}</span>'
        )
    return f'<div class="owners">{"".join(segments)}</div>'


def _row(facts: Facts, shown: Shown, task: str) -> str:
    used, updated = shown.used(task), shown.updated(task)
    words = f"uses <b>{escape(share(used))}</b>, "
    words += "updates all" if updated >= used else f"updates {escape(share(updated))}"
    colour = f"var(--g{facts.colours[task]})"
    solid = _path(shown, lambda run: task in run.update)
    light = _path(shown, lambda run: task in run.use and task not in run.update)
    paths = f'<path d="{solid}" fill="{colour}"/>' if solid else ""
    paths += f'<path d="{light}" fill="{colour}" fill-opacity="{_LIGHT}"/>' if light else ""
    return (
        f'<div class="who"><span class="dot" style="background: {colour}"></span>'
        f'{escape(task)}</div><div class="how">{words}</div>'
        f'<svg class="bar" viewBox="0 0 {shown.channels} 1" preserveAspectRatio="none"'
        f' aria-hidden="true">{paths}</svg>'
    )


def _path(shown: Shown, is_wanted: Callable[[Owners], bool]) -> str:
    """The channels of the wanted runs as one path."""
    parts, start = [], 0
    for wanted, runs in groupby(shown.runs, key=is_wanted):
        width = sum(run.channels for run in runs)
        if wanted:
            parts.append(f"M{start} 0h{width}v1h-{width}z")
        start += width
    return "".join(parts)


def _titles(facts: Facts, shown: Shown) -> str:
    """A column without colour over each run: whose it is, where a pointer rests on it."""
    columns, start = [], 0
    for run in shown.runs:
        use = [task for task in facts.order if task in run.use]
        title = f"{plural(run.channels, 'channel')} ({share(run.channels / shown.channels)})"
        title += f": {union_words(use, facts.order)}"
        if run.update != run.use:
            update = [task for task in facts.order if task in run.update]
            title += f"; updated by {union_words(update, use)}"
        columns.append(
            f'<rect x="{start}" width="{run.channels}" height="1">'
            f"<title>{escape(title)}</title></rect>"
        )
        start += run.channels
    return (
        f'<svg class="over" viewBox="0 0 {shown.channels} 1" preserveAspectRatio="none"'
        f' aria-hidden="true">{"".join(columns)}</svg>'
    )


def _table(facts: Facts, shown: Shown) -> str:
    """The largest sets of tasks in words."""
    regions = sorted(shown.regions(facts.order), key=lambda region: -region.channels)
    listed, rest = regions[:_MOST_REGIONS], regions[_MOST_REGIONS:]
    if len(rest) == 1:
        listed, rest = regions, []
    rows = [("", _region_cells(facts, shown, region)) for region in listed]
    if rest:
        channels = sum(region.channels for region in rest)
        words = f"{len(rest)} smaller sets of tasks"
        part = escape(share(channels / shown.channels))
        rows.append(("", [part, f"{channels}", words, ""]))
    heads = ["share", "channels", "used by", "updated by"]
    return f'<div class="regions">{table(heads, rows, label="The largest sets of tasks")}</div>'


def _region_cells(facts: Facts, shown: Shown, region: Region) -> list[str]:
    return [
        escape(share(region.channels / shown.channels)),
        f"{region.channels}",
        escape(union_words(region.use, facts.order)),
        escape(_update_words(region)),
    ]


def _update_words(region: Region) -> str:
    """Who updates a region's channels, with a share where it is not all of them."""
    parts = {task: count / region.channels for task, count in region.updates.items() if count}
    if not region.use:
        return "–"
    if not parts:
        return "nobody: they stay as they began"
    if 1 < len(parts) == len(region.use) and min(parts.values()) == 1:
        return "all of them"
    words = [task if part == 1 else f"{task} ({share(part)})" for task, part in parts.items()]
    if len(words) > _MOST_TASKS + 1:
        return f"{', '.join(words[:_MOST_TASKS])}, {len(words) - _MOST_TASKS} more"
    return ", ".join(words)
