"""Pieces of HTML: the page around the sections, figures, tables and tiles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from string import Template

from sharewise.report._plots import Tile


def page(pieces: Mapping[str, str]) -> str:
    """The template page.html with every piece in its place; pieces are HTML."""
    return Template(_text("page.html")).substitute(pieces)


def partition_styles() -> str:
    """The styles of what only reports of partitions hold."""
    return _text("partition.css")


def picture_styles() -> str:
    """The styles of what only reports with pictures hold."""
    return _text("pictures.css")


def _text(name: str) -> str:
    return files("sharewise.report").joinpath(name).read_text(encoding="utf-8")


def section(title: str, *parts: str) -> str:
    """A section with its heading."""
    return f"<section>\n<h2>{escape(title)}</h2>\n" + "\n".join(parts) + "\n</section>\n"


def missing(sentence: str) -> str:
    """What stands in the place of something that the folder does not hold."""
    return f'<p class="missing">{escape(sentence)}</p>'


def figure(content: str, caption: str, *, shape: str = "scroll panel") -> str:
    """A picture and how to read it; the caption is HTML."""
    return (
        f'<figure><div class="{shape}">{content}</div><figcaption>{caption}</figcaption></figure>'
    )


def tiles(pictures: Sequence[Tile], caption: str, *, large: bool = False) -> str:
    """Small pictures side by side, and how to read them; the caption is HTML."""
    content = "".join(
        f'<div class="tile"><h4>{escape(tile.title)}</h4>{tile.svg}</div>' for tile in pictures
    )
    return figure(content, caption, shape="tiles large" if large else "tiles")


def table(
    heads: Iterable[str], rows: Iterable[tuple[str, Iterable[str]]], *, label: str = ""
) -> str:
    """A table in a container of its own that scrolls; heads and cells are HTML.

    rows: (class of the row, cells); the first cell of each is its heading. A cell that is in
    `best` form begins with "*". Where a table is too narrow, spreads stand below their means.
    """
    head = "".join(f'<th scope="col">{text}</th>' for text in heads)
    body = []
    for kind, cells in rows:
        first, *rest = cells
        start = f'<tr class="{kind}">' if kind else "<tr>"
        body.append(f'{start}<th scope="row">{first}</th>{"".join(map(_cell, rest))}</tr>')
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(label)}"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def definitions(entries: Iterable[tuple[str, str]]) -> str:
    """Names and what they stand for; the latter is HTML."""
    content = "".join(f"<dt>{escape(name)}</dt><dd>{text}</dd>" for name, text in entries)
    return f'<dl class="settings">{content}</dl>'


def figures(entries: Iterable[tuple[str, str]]) -> str:
    """Large figures: (the figure, what it is)."""
    content = "".join(
        f"<div><dt>{escape(what)}</dt><dd>{_small_spread(value)}</dd></div>"
        for value, what in entries
    )
    return f'<dl class="figures">{content}</dl>' if content else ""


def _small_spread(value: str) -> str:
    mean, plus_minus, spread = escape(value).partition(" ± ")
    return f"{mean}<small> ± {spread}</small>" if plus_minus else mean


def _cell(text: str) -> str:
    text = text.replace("± ", "±\u00a0")  # so that a line is broken before it, and not after
    return f'<td class="best">{text[1:]}</td>' if text.startswith("*") else f"<td>{text}</td>"
