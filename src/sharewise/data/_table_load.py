"""Reading one row of a table whose input is an image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from sharewise.data._dense_files import DenseFile
from sharewise.data._images import Picture, opened, upright_size
from sharewise.data._items import Sample


@dataclass(frozen=True)
class TableLoad:
    """Reads the row with a number: its picture, its labels, and its targets in files.

    pictures: their names below the folder. labels: {task: [rows]}. files: {task: what reads a
    target, and the names of the targets, None where missing}.
    """

    folder: str
    pictures: tuple[str, ...]
    labels: Mapping[str, Tensor]
    files: Mapping[str, tuple[DenseFile, tuple[str | None, ...]]]
    size: int

    def __call__(self, row: int) -> Sample:
        home = Path(self.folder)
        picture = home / self.pictures[row]
        targets = {task: labels[row] for task, labels in self.labels.items()}
        image: tuple[str, tuple[int, int]] | None = None
        for task, (read, names) in self.files.items():
            name = names[row]
            if name is None:
                targets[task] = read.missing()
                continue
            if image is None:
                with opened(picture) as found:
                    image = str(picture), upright_size(found)
            targets[task] = read(home / name, image)
        return Picture(self.size)(picture), targets
