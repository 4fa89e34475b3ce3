"""The pictures and levels in a WAD, the archive that Doom and Freedoom keep their art in."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sharewise.errors import DataError

_PARTS = 10  # of a level at most
_FLAT = 64  # floors and ceilings are 64 x 64 bytes without a header


def wad_file(name: str, *, what: str) -> Path:
    """A WAD that the vizdoom wheel carries, found without importing it, which loads the game.

    what: is read from it, for the error. Raises DataError where it is not there.
    """
    spec = find_spec("vizdoom")
    for folder in (spec and spec.submodule_search_locations) or ():
        path = Path(folder) / name
        if path.is_file():
            return path
    raise DataError(
        rule=f"{what} are read from the {name} that the vizdoom wheel carries.",
        found="no such file beside vizdoom",
        fix="Install vizdoom from PyPI: pip install 'sharewise[doom]'.",
    )


class Wad:
    """A WAD in memory: a header, lumps of bytes, and a directory of their names.

    Raises DataError for a file that is no WAD or stops too early.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._bytes = path.read_bytes()
            kind, count, start = struct.unpack_from("<4sii", self._bytes)
            entries = [
                struct.unpack_from("<ii8s", self._bytes, start + 16 * i) for i in range(count)
            ]
        except (OSError, struct.error) as error:
            raise self._broken(str(error)) from error
        if kind not in (b"IWAD", b"PWAD"):
            raise self._broken(f"a file that begins with {kind!r}")
        self._lumps = [
            (name.rstrip(b"\0").decode("ascii", "replace"), start, size)
            for start, size, name in entries
        ]
        self._palette = np.frombuffer(self._lump("PLAYPAL")[:768], np.uint8).reshape(256, 3)

    def sprites(self) -> list[str]:
        """The names of the pictures of things."""
        return [name for name, _, _ in self._between("S_START", "S_END")]

    def sprite(self, name: str) -> NDArray[np.uint8]:
        """A picture of a thing, RGBA [height, width, 4], clear where there is nothing."""
        return self._picture(name, self._lump(name))

    def flats(self) -> list[NDArray[np.uint8]]:
        """The RGB pictures [64, 64, 3] of floors and ceilings."""
        return [
            self._palette[np.frombuffer(self._bytes, np.uint8, size, start).reshape(_FLAT, _FLAT)]
            for _, start, size in self._between("F_START", "F_END")
            if size == _FLAT**2
        ]

    def levels(self) -> list[str]:
        """The names of the levels, such as MAP01 or E1M1, in the file's order."""
        names = [name for name, _, _ in self._lumps]
        return [name for name, after in pairwise(names) if after == "THINGS"]

    def part(self, level: str, wanted: str) -> bytes:
        """A part of a level, such as its LINEDEFS: the lump of that name after the level's."""
        at = [name for name, _, _ in self._lumps].index(level) + 1
        for name, start, size in self._lumps[at : at + _PARTS]:
            if name == wanted:
                return self._bytes[start : start + size]
        raise self._broken(f"no {wanted} of the level {level}")

    def _between(self, first: str, last: str) -> list[tuple[str, int, int]]:
        names = [name for name, _, _ in self._lumps]
        if first not in names or last not in names:
            raise self._broken(f"no part from {first} to {last}")
        return [lump for lump in self._lumps[names.index(first) + 1 : names.index(last)] if lump[2]]

    def _lump(self, wanted: str) -> bytes:
        for name, start, size in self._lumps:
            if name == wanted:
                return self._bytes[start : start + size]
        raise self._broken(f"no {wanted}")

    def _picture(self, name: str, lump: bytes) -> NDArray[np.uint8]:
        """A picture is kept column by column, each as posts: runs of pixels from a row on."""
        try:
            width, height = struct.unpack_from("<HH", lump)
            picture = np.zeros((height, width, 4), np.uint8)
            columns = struct.unpack_from(f"<{width}I", lump, 8)
            for x, column in enumerate(columns):
                for top, run in _posts(lump, column):
                    # A run may be longer than the picture is high.
                    colours = self._palette[run[: height - top]]
                    picture[top : top + len(colours), x, :3] = colours
                    picture[top : top + len(colours), x, 3] = 255
        except (struct.error, IndexError, ValueError) as error:
            raise self._broken(f"the picture {name}, which stops too early ({error})") from error
        return picture

    def _broken(self, found: str) -> DataError:
        return DataError(
            rule=f"{self._path.name} is a WAD with a palette, sprites and floors.",
            found=found,
            fix="Install vizdoom again: its wheel carries the file.",
        )


def _posts(lump: bytes, at: int) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """The row where each run of a column starts, and its colour numbers."""
    while lump[at] != 255:
        top, length = lump[at], lump[at + 1]
        yield top, np.frombuffer(lump, np.uint8, length, at + 3)
        at += length + 4  # the row, the length, and an unused byte on either side
