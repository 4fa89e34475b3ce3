"""sharewise export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sharewise.cli._options import AsJson, RunFolder
from sharewise.cli._print import emit
from sharewise.cli._progress import progress
from sharewise.cli._rebuild import rebuild
from sharewise.errors import InputError, RunError

FORMATS = ("onnx", "pt2", "safetensors")


def export(
    run: RunFolder,
    to: Annotated[str, typer.Option(help=f"{', '.join(FORMATS)}.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option(help="The file; RUN/export.FORMAT by default.", show_default=False),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            help="Only what this task needs, as a network of its own; RUN/export-TASK.FORMAT.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the trained network as one file, and check it against the network.

    onnx and pt2 hold the whole network and take any batch size; safetensors holds the weights, with
    architecture, backbone and tasks in its metadata.
    """
    if to not in FORMATS:
        raise InputError(
            rule=f"A network is exported to one of {', '.join(FORMATS)}.",
            found=repr(to),
            fix="Write --to onnx, for example.",
        )
    from sharewise.networks import build, extract
    from sharewise.networks import export as export_network
    from sharewise.training import load_weights

    with progress(f"Making the data of {run}") as show:
        searched = rebuild(run, show)
    if not searched.run.network.is_file():
        raise RunError(
            rule="A network is trained before it is exported.",
            found=f"no {searched.run.network.name} in {run}",
            fix=f"Run: sharewise train {run}",
        )
    network = build(searched.architecture, searched.backbone, searched.data.tasks)
    load_weights(network, searched.run.network)
    if task is not None:
        network = extract(network, task, backbone=searched.backbone)
    path = out or run / (f"export.{to}" if task is None else f"export-{task}.{to}")
    with progress(f"Exporting to {path}"):
        made = export_network(network, path, to=to, backbone=searched.backbone)
    emit(
        {
            "path": str(made.path),
            "tasks": list(network.tasks),
            "to": made.to,
            "bytes": made.size,
            "difference": made.difference,
            "samples": made.samples,
        },
        f"{made.path}: {made.size / 1e6:.2f} MB. Loaded again, its outputs differ from the"
        f" network's by at most {made.difference:.2g} on a random batch of {made.samples}.",
        as_json=as_json,
    )
