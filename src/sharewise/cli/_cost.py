"""sharewise cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sharewise.cli._backbone_words import check_backbone, read_backbone, read_shape
from sharewise.cli._data_words import default_backbone, read_data
from sharewise.cli._options import AsJson, BackboneWord
from sharewise.cli._print import cost_json, cost_table, emit
from sharewise.cli._progress import progress
from sharewise.cli._rebuild import fully_shared, load_architecture
from sharewise.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sharewise.backbones import Backbone
    from sharewise.tasks import Task


def cost(
    architecture: Annotated[
        Path,
        typer.Argument(metavar="ARCH.json", help="An architecture's file.", show_default=False),
    ],
    backbone: BackboneWord = None,
    input_size: Annotated[
        str | None,
        typer.Option(
            help="224, 72x144 or 1x28x28 (channels, height, width); for an mlp its features.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="Count the heads of this data's tasks, too, and take the input size from it.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Count parameters and multiply-adds (for one sample), in all and for each task alone.

    Heads are left out unless --data names their tasks.
    """
    tree = load_architecture(architecture)
    divided = bool(tree.partitions)
    chosen, tasks = _read(backbone, input_size, data, divided=divided)
    from sharewise.costs import CostTable

    table = CostTable.measure(chosen, tasks)
    counted = table.of(tree)
    shared = table.of(fully_shared(tree))
    use = tree.use if divided else None
    heads = "heads left out" if tasks is None else "heads included"
    emit(
        {
            "backbone": dict(chosen.settings),
            "heads": tasks is not None,
            **cost_json(counted, shared, use=use),
        },
        cost_table(counted, shared, use=use),
        "",
        f"{chosen.name} for inputs {list(chosen.input_shape)}, {heads}; one sample.",
        as_json=as_json,
    )


def _read(
    backbone: str | None, input_size: str | None, data: str | None, *, divided: bool
) -> tuple[Backbone, Sequence[Task] | None]:
    """The backbone at its input size, and the tasks whose heads count."""
    if backbone is not None:
        check_backbone(backbone)
    if data is not None and input_size is not None:
        raise InputError(
            rule="The input size is the data's own, or given.",
            found="--data and --input-size",
            fix="Leave one of them out.",
        )
    if data is not None:
        make_data = read_data(data)
        with progress(f"Making {data}") as show:
            made = make_data(show)
        word = backbone or default_backbone(made, divided=divided)
        return read_backbone(word, made.input_shape), made.tasks
    if backbone is None:
        raise InputError(
            rule="A cost is counted for a backbone.",
            found="neither --backbone nor --data",
            fix="Add --backbone resnet18, for example.",
        )
    shape = None if input_size is None else read_shape(input_size, backbone)
    return read_backbone(backbone, shape), None
