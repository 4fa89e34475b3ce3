"""Checks of the arguments that the backbones share."""

from __future__ import annotations

import math

from sharewise.errors import InputError

MIN_CHANNELS = 4


def scaled(channels: int, width: float) -> int:
    """`channels` times `width`, rounded, and never below four."""
    return max(MIN_CHANNELS, round(channels * width))


def check_width(width: float) -> None:
    if math.isfinite(width) and width > 0:
        return
    raise InputError(
        rule="A backbone's width is a positive factor on its channels.",
        found=f"width={width}",
        fix="Give 1.0 for the published network, or 0.25 for a quarter of its channels.",
    )


def check_count(name: str, value: int) -> None:
    if type(value) is int and value > 0:
        return
    raise InputError(
        rule=f"{name} is a positive whole number.",
        found=f"{name}={value!r}",
        fix="Give 1 or more.",
    )


def image_shape(in_channels: int, input_size: int | tuple[int, int]) -> tuple[int, int, int]:
    """(channels, height, width) from one size for both, or from (height, width).

    Raises:
        InputError: a number that is not positive and whole, or not one or two sizes.
    """
    sizes = (input_size, input_size) if isinstance(input_size, int) else tuple(input_size)
    check_count("in_channels", in_channels)
    if len(sizes) != 2:
        raise InputError(
            rule="An input size is one number, or a height and a width.",
            found=f"input_size={input_size!r}",
            fix="Give 64 or (72, 144).",
        )
    for size in sizes:
        check_count("input_size", size)
    return (in_channels, sizes[0], sizes[1])
