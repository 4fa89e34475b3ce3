"""A table's samples: who is in which split, labels as tensors, and the data of it all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sharewise.data._augment import Normalise
from sharewise.data._dense_changes import DenseChanges
from sharewise.data._faults import more, refuse
from sharewise.data._items import ItemData, Items, kept
from sharewise.data._protocol import fraction
from sharewise.data._table_columns import ID, INPUT, SPLIT, TASK, Column, split_word
from sharewise.data._table_kinds import class_numbers
from sharewise.data._table_load import TableLoad
from sharewise.data._table_masks import DENSE, dense_file, dense_task
from sharewise.data._table_rows import Rows
from sharewise.data._table_values import CLASS, NUMBER, YES_NO, Kind
from sharewise.data._tensors import Split, TensorData
from sharewise.data._units import mean_and_deviation, measured
from sharewise.errors import DataError, InputError
from sharewise.tasks import Task, binary, classification

NAME = "table"
SHARES = {"train": 0.7, "val": 0.15, "test": 0.15}
"""Of a table without a column of splits."""
_COARSE = 0.01
"""Of a column's deviation, the most by which its numbers may be rounded."""
_COLOURS = Normalise((0.5,) * 3, (0.25,) * 3)


@dataclass(frozen=True)
class TableSamples:
    """The rows of a table and what its columns are."""

    rows: Rows
    columns: tuple[Column, ...]

    @property
    def pictures(self) -> tuple[str, ...] | None:
        """The input images' names, or None where the inputs are numbers."""
        (first, *_) = (column for column in self.columns if column.use == INPUT)
        if first.kind != "image":
            return None
        return tuple(text or "" for text in self.rows.columns[first.name])

    @property
    def tasks(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.use == TASK)

    def splits(self) -> dict[str, list[int]]:
        """The rows of each split.

        Raises DataError for an empty one, one without a label of some task, or an id in two.
        """
        ids = self._ids()
        named = next((each.name for each in self.columns if each.use == SPLIT), None)
        where = [split_word(text or "") for text in self.rows.columns[named]] if named else None
        if where is None:
            found = [_by_hash(each) for each in ids]
        else:
            found = [each or "" for each in where]
            self._refuse_shared(ids, found)
        splits = {name: [i for i, each in enumerate(found) if each == name] for name in SHARES}
        for name, members in splits.items():
            if not members:
                raise DataError(
                    rule="Every split of a table has rows.",
                    found=f"none for {name} among the {len(ids)} rows of {self.rows.file}",
                    fix="Add rows, or a column split that says train, val or test.",
                )
        self._refuse_unlabelled(splits)
        return splits

    def _ids(self) -> list[str]:
        """What tells a row from others: its id, or else its image, or its inputs."""
        if self.pictures is not None:
            found = [os.path.normpath(name) for name in self.pictures]
        else:
            inputs = [self.rows.columns[each.name] for each in self.columns if each.use == INPUT]
            found = ["/".join(text or "" for text in row) for row in zip(*inputs, strict=True)]
        named = next((each.name for each in self.columns if each.use == ID), None)
        own = [None] * len(found) if named is None else self.rows.columns[named]
        return [text if own_id is None else own_id for own_id, text in zip(own, found, strict=True)]

    def _refuse_unlabelled(self, splits: Mapping[str, list[int]]) -> None:
        lacking = [
            f"none for '{column.name}' in the {len(rows)} rows of {split}"
            for column in self.tasks
            for split, rows in splits.items()
            if split != "test"  # its labels may be hidden; `compare` needs them, and says so
            if all(self.rows.columns[column.name][row] is None for row in rows)
        ]
        refuse(
            lacking,
            rule="Every task has labels to train on, and some to choose by in val.",
            where=f" in {self.rows.file}",
            fix="Fill some in, give a column split, or leave the column out: --type COLUMN=skip.",
        )

    def _refuse_shared(self, ids: list[str], splits: list[str]) -> None:
        if self.pictures is None and not any(each.use == ID for each in self.columns):
            return  # equal numbers may well be two samples
        first: dict[str, int] = {}
        shared = [
            (first[each], row)
            for row, each in enumerate(ids)
            if splits[first.setdefault(each, row)] != splits[row]
        ]
        if shared:
            one, other = shared[0]
            raise DataError(
                rule="A sample is in one split.",
                found=f"'{ids[one]}' for {splits[one]} in {self.rows.place(one)}, and for"
                f" {splits[other]} in line {self.rows.lines[other]}{more(shared)}",
                fix="Put all rows of a sample into one split.",
            )

    def labels(self, train: list[int]) -> tuple[list[Task], dict[str, Tensor]]:
        """The tasks, and {task: labels [rows]} of those that are not images."""
        tasks, labels = [], {}
        for column in self.tasks:
            values = self.rows.columns[column.name]
            kind = Kind(column.kind, "", "", column.classes)
            if column.kind == NUMBER:
                numbers = [float("nan") if text is None else float(text) for text in values]
                wide = torch.tensor(numbers, dtype=torch.float64)
                mean, deviation = mean_and_deviation(wide[train])
                self._refuse_coarse(column.name, wide[train], deviation)
                tasks.append(measured(column.task, mean=mean, deviation=deviation))
                labels[column.task] = wide.float()
            elif column.kind in (CLASS, YES_NO):
                labels[column.task] = torch.tensor(class_numbers(kind, values))
                tasks.append(self._class_task(column))
            else:
                tasks.append(dense_task(column.task, column.kind))
        return tasks, labels

    def _refuse_coarse(self, name: str, numbers: Tensor, deviation: float) -> None:
        """Raises DataError where the labels, which networks answer in single precision, are lost.

        numbers: [rows] in float64, NaN where missing.
        """
        largest = float(numbers.nan_to_num(0.0).abs().max())
        if largest * torch.finfo(torch.float32).eps > _COARSE * deviation > 0:
            raise DataError(
                rule="Numbers of a column differ in the seven digits of single precision.",
                found=f"values of up to {largest:.9g} with a deviation of {deviation:.3g} in"
                f" '{name}' of {self.rows.file}",
                fix="Write them as differences from one of them, as from the first of some times.",
            )

    def _class_task(self, column: Column) -> Task:
        if column.kind == YES_NO:
            return binary(column.task)
        if len(column.classes) < 2:
            raise DataError(
                rule="A column of classes has two classes or more.",
                found=f"{len(column.classes)} in '{column.name}' of {self.rows.file}",
                fix=f"Leave the column out: {column.name}=skip.",
            )
        return classification(column.task, len(column.classes))

    def in_memory(self, settings: Mapping[str, Any]) -> TensorData:
        """Rows of numbers."""
        splits = self.splits()
        if any(column.kind.partition(":")[0] in DENSE for column in self.tasks):
            raise InputError(
                rule="Targets that are images belong to an input that is an image.",
                found=f"inputs of numbers in {self.rows.file}",
                fix="Say which column is the input image, or leave the others out with skip.",
            )
        named = settings["input"]
        wide = torch.tensor(
            [[float(text or "") for text in self.rows.columns[name]] for name in named],
            dtype=torch.float64,
        ).T  # [rows, columns]
        train = wide[splits["train"]]
        spread = train.std(dim=0, correction=0)
        inputs = ((wide - train.mean(dim=0)) / torch.where(spread > 0, spread, 1.0)).float()
        tasks, labels = self.labels(splits["train"])

        def part(split: str) -> Split:
            ids = splits[split]
            return inputs[ids], {task: each[ids] for task, each in labels.items()}

        return TensorData(
            tasks,
            train=part("train"),
            val=part("val"),
            test=part("test"),
            name=NAME,
            settings=settings,
        )

    def on_disk(
        self, settings: Mapping[str, Any], *, memory_mb: int, workers: int | None
    ) -> ItemData:
        """Images in files."""
        splits, size, folder = self.splits(), settings["size"], self.rows.file.parent
        tasks, labels = self.labels(splits["train"])
        files = {
            column.task: (dense_file(column.kind, size), self.rows.columns[column.name])
            for column in self.tasks
            if column.kind.partition(":")[0] in DENSE
        }
        load = TableLoad(str(folder), self.pictures or (), labels, files, size)
        bytes_each = size**2 * (3 + 4 * sum(3 if "normals" in c.kind else 1 for c in self.tasks))
        keep = kept(len(self.rows), bytes_each, memory_mb)
        return ItemData(
            tasks,
            {split: Items(ids, load, keep=keep) for split, ids in splits.items()},
            input_shape=(3, size, size),
            settings=settings,
            content={
                split: [self._facts(row, folder) for row in ids] for split, ids in splits.items()
            },
            changes=DenseChanges(
                _COLOURS,
                dense=tuple(files),
                directions=tuple(c.task for c in self.tasks if c.kind == "normals"),
                flip=settings["flip"],
            ),
            workers=workers,
        )

    def _facts(self, row: int, folder: Path) -> list[Any]:
        """What a row holds, with the sizes of its files: another picture is seldom as long."""
        facts: list[Any] = []
        for column in self.columns:
            text = self.rows.columns[column.name][row]
            is_file = column.kind == "image" or column.kind.partition(":")[0] in DENSE
            facts.append([text, (folder / text).stat().st_size] if text and is_file else text)
        return facts


def _by_hash(row_id: str) -> str:
    """The split of an id, which no other row changes."""
    place = fraction(NAME, row_id)
    for split, share in SHARES.items():
        if place < share:
            return split
        place -= share
    return "test"
