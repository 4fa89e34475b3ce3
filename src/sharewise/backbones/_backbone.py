"""A backbone is a sequence of stages: the smallest pieces that tasks can share or split."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TypeAlias

from torch import nn

from sharewise.architecture import Architecture
from sharewise.backbones._dry_run import make_on_meta, output_shape
from sharewise.backbones._hidden import Layout, stage_layout
from sharewise.errors import InputError

Json: TypeAlias = str | int | float | bool | list["Json"] | dict[str, "Json"] | None


@dataclasses.dataclass(frozen=True)
class Stage:
    """One stage of a backbone.

    `make()` takes nothing and gives a new module at every call, always of the same shapes. The
    module maps features [batch, ...] to features [batch, ...] and leaves its input unchanged. Use a
    function or a `functools.partial`, not a lambda, where the backbone is to be sent to another
    process.
    """

    name: str
    make: Callable[[], nn.Module]


@dataclasses.dataclass(frozen=True)
class Backbone:
    """A sequence of stages with the shape of one input, without the batch.

    `settings` holds the name and arguments (JSON values) that make this backbone again; it is empty
    for a backbone of the user's own.

    Raises:
        InputError: no stages, two stages of one name, an input shape not made of positive numbers.
    """

    name: str
    stages: tuple[Stage, ...]
    input_shape: tuple[int, ...]
    settings: Mapping[str, Json] = dataclasses.field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "stages", tuple(self.stages))
        object.__setattr__(self, "input_shape", tuple(self.input_shape))
        _check_stages(self)
        check_shape(self.input_shape)

    @property
    def num_stages(self) -> int:
        return len(self.stages)

    def at(self, input_shape: tuple[int, ...]) -> Backbone:
        """The same backbone for inputs of another height and width.

        Raises:
            InputError: `input_shape` has other channels (features) or another number of dimensions.
        """
        shape = tuple(input_shape)
        check_shape(shape)
        if len(shape) != len(self.input_shape) or shape[0] != self.input_shape[0]:
            raise InputError(
                rule="A backbone keeps its input channels and its number of dimensions; only the"
                " height and width change.",
                found=f"shape {shape} for backbone '{self.name}' of input shape {self.input_shape}",
                fix=f"Give a shape like {self.input_shape}, or make the backbone for {shape[0]}"
                " channels.",
            )
        settings = dict(self.settings)
        if "input_size" in settings:
            settings["input_size"] = size_setting(shape[1:])
        return dataclasses.replace(self, input_shape=shape, settings=settings)

    def check(self, architecture: Architecture) -> None:
        """Raises InputError unless the architecture has one level of branches for every stage."""
        if architecture.num_stages != self.num_stages:
            raise InputError(
                rule="An architecture has as many stages as its backbone.",
                found=f"{architecture.num_stages} stages in the architecture and {self.num_stages}"
                f" in backbone '{self.name}'",
                fix=f"Make the architecture with num_stages={self.num_stages}, or give the backbone"
                " it was made for.",
            )

    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """The output shape of every stage, without the batch, from a dry run without numbers.

        Raises:
            InputError: a stage does not accept its input, changes it in place, loses the batch or
                does not return a tensor. The sentence names the stage.
        """
        shapes: list[tuple[int, ...]] = []
        shape = self.input_shape
        for stage in self.stages:
            subject = f"stage '{stage.name}'"
            shape = output_shape(make_on_meta(stage.make, subject=subject), shape, subject=subject)
            shapes.append(shape)
        return tuple(shapes)

    def layouts(self) -> tuple[Layout, ...]:
        """Which layers of each stage may be partitioned, and their sizes; found once and kept.

        Raises:
            InputError: as `shapes`.
        """
        return self._layouts

    @cached_property
    def _layouts(self) -> tuple[Layout, ...]:
        layouts = []
        for stage, shape in zip(self.stages, (self.input_shape, *self.shapes()), strict=False):
            subject = f"stage '{stage.name}'"
            module = make_on_meta(stage.make, subject=subject)
            layouts.append(stage_layout(module, shape, subject=subject))
        return tuple(layouts)


def size_setting(sizes: tuple[int, ...]) -> Json:
    """A height and width as the JSON value that the backbones' `input_size` reads back."""
    return sizes[0] if len(set(sizes)) == 1 else list(sizes)


def check_shape(shape: tuple[int, ...]) -> None:
    if shape and all(type(size) is int and size > 0 for size in shape):
        return
    raise InputError(
        rule="An input shape is made of positive whole numbers, without the batch.",
        found=f"{shape}",
        fix="Give a shape such as (3, 64, 64) for images or (16,) for rows of numbers.",
    )


def _check_stages(backbone: Backbone) -> None:
    names = [stage.name for stage in backbone.stages]
    if not names:
        raise InputError(
            rule="A backbone has at least one stage.",
            found=f"no stages in backbone '{backbone.name}'",
            fix="Give stages=(Stage('stem', make_stem), ...).",
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(
            rule="A stage has a name of its own.",
            found=f"'{twice[0]}' twice in backbone '{backbone.name}'",
            fix="Rename one of them.",
        )
