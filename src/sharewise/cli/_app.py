"""The typer app and its entry."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from sharewise.cli._compare import compare
from sharewise.cli._cost import cost
from sharewise.cli._data import data
from sharewise.cli._demo import demo
from sharewise.cli._errors import Commands
from sharewise.cli._export import export
from sharewise.cli._report import report
from sharewise.cli._search import search
from sharewise.cli._show import show
from sharewise.cli._train import train

app = typer.Typer(
    name="sharewise",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    epilog="Example: sharewise search glyphs --budget macs=1.5x, then sharewise compare"
    " runs/glyphs-0. All of it at once: sharewise demo.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        with contextlib.suppress(PackageNotFoundError):  # a bare checkout has no version
            typer.echo(version("sharewise"))
        raise typer.Exit


@app.callback()
def _sharewise(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Which parts of a network should several tasks share, under a budget?"""


_EXAMPLES: dict[Callable[..., None], str] = {
    search: "sharewise search glyphs --budget macs=1.5x --run runs/glyphs-0. With a folder of"
    " yours: sharewise search photos. With answers for each pixel: sharewise search scenes --quick",
    train: "sharewise train runs/glyphs-0 --epochs 20",
    compare: "sharewise compare runs/glyphs-0 --seeds 3 --workers 2",
    report: "sharewise report runs/glyphs-0",
    show: "sharewise show runs/glyphs-0 --svg tree.svg",
    export: "sharewise export runs/glyphs-0 --to onnx",
    data: "sharewise data glyphs. A folder of yours: sharewise data table photos",
    cost: "sharewise cost runs/glyphs-0/architecture.json --backbone resnet18 --input-size 64",
    demo: "sharewise demo --run runs/demo",
}
for _command, _example in _EXAMPLES.items():
    app.command(epilog=f"Example: {_example}", no_args_is_help=False)(_command)


def main() -> None:
    """The console entry: ends the process with 0, 2 (wrong input, disk) or 130 (Ctrl-C)."""
    try:
        app()
    finally:
        # What stdout refused (a full disk) was told already; at exit Python would tell it again.
        try:
            sys.stdout.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
