"""What `sharewise data` shows to people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from sharewise.cli._data_word import DataWord
from sharewise.cli._data_words import answers, default_backbone

if TYPE_CHECKING:
    from sharewise.data import Column, TaskData


def listing(words: Iterable[DataWord]) -> list[RenderableType]:
    """One line for each word."""
    table = Table(
        "name", "what", "needs", "how to get it", "licence", box=None, padding=(0, 2, 1, 0)
    )
    for column in table.columns:
        column.overflow = "fold"  # an address is shown whole
    for word in words:
        # As texts: in plain strings rich would take [samples] for markup.
        table.add_row(*map(Text, (word.name, word.what, word.needs, word.get, word.licence)))
    return [table, "More of one: sharewise data NAME; your own: sharewise data table FOLDER"]


def about(word: DataWord) -> list[RenderableType]:
    """What a word holds, needs and may be used for."""
    return [
        f"{word.name}: {word.what}",
        f"Needs: {word.needs} {word.get}",
        f"Licence: {word.licence}",
        f"Options: {', '.join(f'{name} ({kind.says})' for name, kind in word.options.items())}",
    ]


def how_to_go_on(word: DataWord) -> str:
    """The command that shows data that are read from a folder, once they are there."""
    return f"Then: sharewise data {word.name} {word.folder}"


def understood(columns: Sequence[Column], command: str) -> list[RenderableType]:
    """How each column of a table is understood, and why; `command` goes on with that."""
    table = Table("column", "is", "values", "missing", "why", box=None, padding=(0, 2, 0, 0))
    for each in columns:
        use = each.use if each.kind in (each.use, "words", "skip") else f"{each.use}: {each.kind}"
        table.add_row(*map(Text, (each.name, use, each.says, str(each.missing or ""), each.why)))
    table.columns[3].justify = "right"
    return [
        "",
        table,
        "",
        "Not so? Say what a column is: --type COLUMN=KIND, --input COLUMNS, --split COLUMN; also"
        " to search.",
        f"Next: {command}",
    ]


def page(word: DataWord, made: TaskData) -> list[RenderableType]:
    """The same with tasks, splits and the default backbone."""
    classes, sizes_of = answers(made), sizes_by_task(made)
    columns = ["task", "answer", "metric", *(["train / val / test"] if sizes_of else [])]
    table = Table(*columns, box=None, padding=(0, 2, 0, 0))
    for task in made.tasks:
        answer = classes.get(task.name, [])
        words = answer if isinstance(answer, str) else _in_short(answer)
        metrics = ", ".join(each.name for each in task.metrics)
        counts = [" / ".join(map(str, sizes_of[task.name].values()))] if sizes_of else []
        table.add_row(*map(Text, (task.name, words, metrics, *counts)))
    sizes = ", ".join(f"{split} {count}" for split, count in made.sizes().items())
    texts: list[RenderableType] = [
        *about(word),
        f"Samples: {sizes}, each {list(made.input_shape)}",
        f"Default backbone: {default_backbone(made)}",
        "",
        table,
    ]
    truth = getattr(made, "truth", None)
    return texts if truth is None else [*texts, "", "The planted tree:", truth.draw()]


def sizes_by_task(made: TaskData) -> dict[str, dict[str, int]]:
    """{task: its splits}, where tasks have samples of their own."""
    parts: tuple[TaskData, ...] = getattr(made, "parts", ())
    return {task.name: part.sizes() for part in parts for task in part.tasks}


def _in_short(names: list[str]) -> str:
    if len(names) <= 6:
        return ", ".join(names)
    shown = [*names[:5], "..."] if len(names) > 100 else names
    between = ", " if any(" " in name for name in names) else " "
    return f"{len(names)}: {between.join(shown)}"
