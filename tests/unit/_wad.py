"""WADs for tests: bytes under names, and a level of walls and heights."""

from __future__ import annotations

import struct
from pathlib import Path

PALETTE = bytes(value for colour in range(256) for value in (colour, 0, 255 - colour))


def write_wad(path: Path, lumps: list[tuple[str, bytes]], kind: bytes = b"PWAD") -> Path:
    body, entries = b"", b""
    for name, content in lumps:
        entries += struct.pack("<ii8s", 12 + len(body), len(content), name.encode())
        body += content
    path.write_bytes(struct.pack("<4sii", kind, len(lumps), 12 + len(body)) + body + entries)
    return path


PILLAR = (320, 384, 192, 320)
"""Where the block stands in the room of `level`: west, east, south, north."""


def level(
    heights: tuple[tuple[int, int], tuple[int, int]] = ((0, 128), (24, 96)),
    *,
    sky: tuple[bool, bool] = (False, False),
    lower: bytes = b"STONE",
    middle: bytes = b"-",
) -> list[tuple[str, bytes]]:
    """The lumps of MAP01: a room from (0, 0) to (512, 512) with a block in it.

    heights: floor and ceiling of the room and, lower and higher, of the block's opening. lower and
    middle: pictures of the block, seen from the room.
    """
    west, east, south, north = PILLAR
    corners = [(0, 0), (0, 512), (512, 512), (512, 0)]
    corners += [(west, south), (east, south), (east, north), (west, north)]
    around = [(0, 1), (1, 2), (2, 3), (3, 0)]
    lines = [(*ends, 1, 0, 0, 0, 0xFFFF) for ends in around]
    lines += [(4 + a, 4 + b, 4, 0, 0, 1, 2) for a, b in around]
    sides = [(b"-", b"-", b"STONE", 0), (b"STONE", lower, middle, 0), (b"-", b"-", middle, 1)]
    flats = [b"F_SKY1" if each else b"FLAT" for each in sky]
    sectors = [(*each, b"FLAT", flat, 160, 0, 0) for each, flat in zip(heights, flats, strict=True)]
    return [
        ("PLAYPAL", PALETTE),
        ("MAP01", b""),
        ("THINGS", struct.pack("<5h", 64, 256, 0, 1, 7)),
        ("LINEDEFS", b"".join(struct.pack("<7H", *line) for line in lines)),
        ("SIDEDEFS", b"".join(struct.pack("<hh8s8s8sH", 0, 0, *side) for side in sides)),
        ("VERTEXES", b"".join(struct.pack("<hh", *corner) for corner in corners)),
        ("SECTORS", b"".join(struct.pack("<hh8s8s3h", *sector) for sector in sectors)),
    ]
