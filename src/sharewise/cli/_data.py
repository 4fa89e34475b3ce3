"""sharewise data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType
from rich.table import Table

from sharewise.cli._data_words import DATA, DataWord, default_backbone, read_data
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
    with progress(f"Making {name}"):
        made = make_data()
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
    for word in DATA.values():
        table.add_row(word.name, word.what, word.needs, word.get, word.licence)
    return [table, "More of one: sharewise data NAME"]


def _contents(made: TaskData) -> dict[str, Any]:
    classes = _classes(made)
    value: dict[str, Any] = {
        "tasks": [
            {
                "name": task.name,
                "answer": classes.get(task.name),
                "metrics": {
                    each.name: "lower" if each.lower_is_better else "higher"
                    for each in task.metrics
                },
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
    classes = _classes(made)
    table = Table("task", "answer", "metric", box=None, padding=(0, 2, 0, 0))
    for task in made.tasks:
        answer = classes.get(task.name, [])
        words = answer if isinstance(answer, str) else _in_short(answer)
        table.add_row(task.name, words, ", ".join(each.name for each in task.metrics))
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


def _classes(made: TaskData) -> Mapping[str, list[str] | str]:
    """What each task's answer is: names of classes, or numbers."""
    if made.name == "glyphs":
        from sharewise.data import GLYPH_CLASSES

        return {task: list(classes) for task, classes in GLYPH_CLASSES.items()}
    return {task.name: f"{made.settings['outputs']} numbers" for task in made.tasks}


def _in_short(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 6 else f"{len(names)}: {' '.join(names)}"
