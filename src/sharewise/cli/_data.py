"""sharewise data."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sharewise.cli._data_page import about, how_to_go_on, listing, page, sizes_by_task, understood
from sharewise.cli._data_word import DataWord
from sharewise.cli._data_words import DATA, answers, default_backbone, read_data, word_of
from sharewise.cli._folder_words import TABLE, check_said, columns_of, said_columns, search_words
from sharewise.cli._options import AsJson, ColumnTypes, InputColumns, SplitColumn
from sharewise.cli._print import emit
from sharewise.cli._progress import progress
from sharewise.errors import InputError

if TYPE_CHECKING:
    from sharewise.data import TaskData


def data(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help="One of them, to see its tasks, classes and splits; or a folder of yours.",
            show_default=False,
        ),
    ] = None,
    folder: Annotated[
        str | None,
        typer.Argument(
            metavar="[FOLDER]",
            help="Where the data lie, for those that are read from a folder.",
            show_default=False,
        ),
    ] = None,
    inputs: InputColumns = None,
    types: ColumnTypes = None,
    split: SplitColumn = None,
    as_json: AsJson = False,
) -> None:
    """List the data there is: what it needs, how to get it, its licence."""
    said = said_columns(inputs, types, split)
    if name is None:
        check_said(None, said)
        values = [_facts(word) for word in DATA.values()]
        emit({"data": values}, *listing(DATA.values()), as_json=as_json)
        return
    word, options = word_of(name)
    if folder is not None:
        _check_folder(word, folder)
        options, said = {**options, "folder": folder}, {**said, "folder": folder}
    if word.folder is not None and "folder" not in options:
        check_said(None if word.name == TABLE else word, said)  # a table needs its folder
        emit(_facts(word), *about(word), how_to_go_on(word), as_json=as_json)
        return
    make_data = read_data(name, said)
    with progress(f"Making {name}") as show:
        made = make_data(show)
    value, texts = {**_facts(word), **_contents(made)}, page(word, made)
    if word.name == TABLE:
        columns = columns_of({**options, **said})
        value["columns"] = [asdict(each) for each in columns]
        texts += understood(columns, search_words({**options, **said}))
    emit(value, *texts, as_json=as_json)


def _check_folder(word: DataWord, folder: str) -> None:
    """Raises InputError for a folder of data that are not read from one."""
    if word.folder is None:
        raise InputError(
            rule="Some data are read from a folder of yours, and the others are made.",
            found=f"the folder {folder} for {word.name}",
            fix="Leave it out.",
        )


def _facts(word: DataWord) -> dict[str, Any]:
    return {
        "name": word.name,
        "what": word.what,
        "needs": word.needs,
        "get": word.get,
        "licence": word.licence,
        "options": {name: kind.says for name, kind in word.options.items()},
    }


def _contents(made: TaskData) -> dict[str, Any]:
    classes, sizes = answers(made), sizes_by_task(made)
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
