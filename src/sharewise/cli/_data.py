"""sharewise data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from sharewise.cli._data_words import DATA, DataWord, answers, default_backbone, read_data
from sharewise.cli._options import AsJson
from sharewise.cli._print import emit
from sharewise.cli._progress import progress

if TYPE_CHECKING:
    from sharewise.data import TaskData


def data(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help="One of them, to see its tasks, classes and splits.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the data there is: what it needs, how to get it, its licence."""
    if name is None:
        emit({"data": [_facts(word) for word in DATA.values()]}, *_listing(), as_json=as_json)
        return
    make_data = read_data(name)
    with progress(f"Making {name}") as show:
        made = make_data(show)
    word = DATA[made.name]
    emit({**_facts(word), **_contents(made)}, *_page(word, made), as_json=as_json)


def _facts(word: DataWord) -> dict[str, Any]:
    return {
        "name": word.name,
        "what": word.what,
        "needs": word.needs,
        "get": word.get,
        "licence": word.licence,
        "options": {name: kind.says for name, kind in word.options.items()},
    }


def _listing() -> list[RenderableType]:
    table = Table(
        "name", "what", "needs", "how to get it", "licence", box=None, padding=(0, 2, 1, 0)
    )
    for column in table.columns:
        column.overflow = "fold"  # an address is shown whole
    for word in DATA.values():
        # As texts: in plain strings rich would take [samples] for markup.
        table.add_row(*map(Text, (word.name, word.what, word.needs, word.get, word.licence)))
    return [table, "More of one: sharewise data NAME"]


def _contents(made: TaskData) -> dict[str, Any]:
    classes, sizes = answers(made), _sizes_by_task(made)
    value: dict[str, Any] = {
        "tasks": [
            {
                "name": task.name,
                "answer": classes.get(task.name),
                "metrics": {
                    each.name: "lower" if each.lower_is_better else "higher"
                    for each in task.metrics
                },
                **({"sizes": sizes[task.name]} if task.name in sizes else {}),
            }
            for task in made.tasks
        ],
        "sizes": made.sizes(),
        "input_shape": list(made.input_shape),
        "settings": dict(made.settings),
        "fingerprint": made.fingerprint,
        "backbone": default_backbone(made),
    }
    truth = getattr(made, "truth", None)
    return value if truth is None else {**value, "truth": truth.to_dict()}


def _page(word: DataWord, made: TaskData) -> list[RenderableType]:
    classes, sizes_of = answers(made), _sizes_by_task(made)
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
        f"{word.name}: {word.what}",
        f"Needs: {word.needs} {word.get}",
        f"Licence: {word.licence}",
        f"Samples: {sizes}, each {list(made.input_shape)}",
        f"Default backbone: {default_backbone(made)}",
        f"Options: {', '.join(f'{name} ({kind.says})' for name, kind in word.options.items())}",
        "",
        table,
    ]
    truth = getattr(made, "truth", None)
    return texts if truth is None else [*texts, "", "The planted tree:", truth.draw()]


def _sizes_by_task(made: TaskData) -> dict[str, dict[str, int]]:
    """The splits of each task, where tasks have samples of their own."""
    parts: tuple[TaskData, ...] = getattr(made, "parts", ())
    return {task.name: part.sizes() for part in parts for task in part.tasks}


def _in_short(names: list[str]) -> str:
    if len(names) <= 6:
        return ", ".join(names)
    shown = [*names[:5], "..."] if len(names) > 100 else names
    between = ", " if any(" " in name for name in names) else " "
    return f"{len(names)}: {between.join(shown)}"
