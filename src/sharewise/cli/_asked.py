"""What a search was asked to do, and the data, backbone and folder that this comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sharewise.cli._backbone_words import read_backbone
from sharewise.cli._data_words import default_backbone, read_data
from sharewise.cli._progress import progress

if TYPE_CHECKING:
    from sharewise.backbones import Backbone
    from sharewise.data import TaskData
    from sharewise.evaluation import Budget


@dataclass(frozen=True)
class Asked:
    """The words of a search.

    said: What flags say of the columns of a table.
    own: The options that only its method has, by their names in Python; None where not given.
    """

    data: str
    said: Mapping[str, Any]
    backbone: str | None
    budget: Budget
    run: Path | None
    seed: int
    resume: bool
    quick: bool
    device: str
    more: str | None
    own: Mapping[str, Any]
    as_json: bool

    def world(self, *, divided: bool = False) -> tuple[TaskData, Backbone]:
        """The data, and the backbone for it; with `divided` one whose channels tasks can divide."""
        make_data = read_data(self.data, self.said)
        with progress(f"Making {self.data}") as show:
            data = make_data(show)
        word = self.backbone or default_backbone(data, divided=divided)
        return data, read_backbone(word, data.input_shape)

    def folder(self, name: str) -> Path:
        """The run's folder: the one that was given, or one with this name and the seed."""
        return self.run or Path("runs") / f"{name}-{self.seed}"
