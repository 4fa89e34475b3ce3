"""Arguments and options that several commands share, each with its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RunFolder = Annotated[
    Path, typer.Argument(metavar="RUN", help="The folder of a search.", show_default=False)
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else there.")
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")]
Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same result.")]
Epochs = Annotated[
    int | None, typer.Option(min=1, help="Passes over the train split.", show_default=False)
]
BatchSize = Annotated[int | None, typer.Option(min=1, help="Samples a step.", show_default=False)]
LearningRate = Annotated[
    float | None, typer.Option("--lr", help="Adam's learning rate.", show_default=False)
]
Quick = Annotated[
    bool, typer.Option("--quick", help="Sizes for a try in minutes; what is found is no result.")
]
Turns = Annotated[
    str | None,
    typer.Option(
        help="Whose batch a step takes where tasks have samples of their own: all, uniform or"
        " curriculum.",
        show_default=False,
    ),
]
FromScratch = Annotated[
    bool,
    typer.Option(
        "--from-scratch",
        help="Train from fresh weights, also where the search has a common initialisation, or"
        " finalists that were trained on from a network that shares everything.",
    ),
]
InputColumns = Annotated[
    str | None,
    typer.Option(
        "--input",
        metavar="COLUMNS",
        help="Of a table: the column of input images, or columns of numbers, joined by commas; x*"
        " for those that begin with x.",
        show_default=False,
        rich_help_panel="With a folder of your own",
    ),
]
ColumnTypes = Annotated[
    list[str] | None,
    typer.Option(
        "--type",
        metavar="COLUMN=KIND",
        help="Of a table: what a column is: class, yes/no, number, image, segmentation, mask,"
        " depth, normals, id, or skip to leave it out. May be given several times.",
        show_default=False,
        rich_help_panel="With a folder of your own",
    ),
]
SplitColumn = Annotated[
    str | None,
    typer.Option(
        "--split",
        metavar="COLUMN",
        help="Of a table: the column that says train, val or test.",
        show_default=False,
        rich_help_panel="With a folder of your own",
    ),
]
BackboneWord = Annotated[
    str | None,
    typer.Option(
        "--backbone",
        metavar="NAME",
        help="convnet, mlp, resnet18, resnet26, resnet34, vgg16_bn, torchvision:NAME or timm:NAME,"
        " with options such as resnet18:width=0.25,stem=small. Default: by the data.",
        show_default=False,
    ),
]
