"""Folders of a user: small pictures and a labels file, written as people do."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

SHADES = {"red": (220, 40, 40), "green": (40, 220, 40), "blue": (40, 40, 220)}


def write_csv(folder: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "labels.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def write_text(folder: Path, text: str, name: str = "labels.csv") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(text.encode())
    return path


def write_jsonl(folder: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    return write_text(folder, "".join(json.dumps(row) + "\n" for row in rows), "labels.jsonl")


def picture(path: Path, colour: Any = (9, 9, 9), size: tuple[int, int] = (24, 16)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = "RGB" if isinstance(colour, tuple) else "L"
    Image.new(mode, size, colour).save(path)
    return path


def photos(folder: Path, count: int = 60, *, masks: bool = False) -> Path:
    """Pictures of one colour on dark ground; their colour, brightness and width, and which side.

    Every tenth has no colour written down. masks: also where the colour is, as classes 1 and 2.
    """
    rows = []
    for index in range(count):
        name = ["red", "green", "blue"][index % 3]
        width, left = 4 + index % 7, bool(index % 2)
        image, mask = Image.new("RGB", (24, 16), (9, 9, 9)), Image.new("L", (24, 16), 0)
        box = (4 if left else 13, 2, (4 if left else 13) + width, 14)
        image.paste(SHADES[name], box)
        mask.paste(1 + left, box)
        (folder / "img").mkdir(parents=True, exist_ok=True)
        image.save(folder / "img" / f"{index:03d}.png")
        row = [f"img/{index:03d}.png", "" if index % 10 == 0 else name, "yes" if left else "no"]
        row.append(f"{width * 1.5:.1f}")
        if masks:
            mask.save(folder / "img" / f"{index:03d}_mask.png")
            row.append("" if index % 5 == 0 else f"img/{index:03d}_mask.png")
        rows.append(row)
    header = ["photo", "colour", "left", "width mm", *(["where"] if masks else [])]
    write_csv(folder, header, rows)
    return folder


def numbers(folder: Path, count: int = 80) -> Path:
    """Three numbers in, and what follows from them: a class, yes or no, a number."""
    rows = []
    for index in range(count):
        x = [(index * 7 % 13) / 2, (index * 5 % 11) - 4.0, index % 17]
        kind = ["low", "mid", "high"][int(x[2]) * 3 // 17]
        score = 100 + 25 * x[0] - 10 * x[1]
        rows.append([*x, kind, int(x[0] > 3), "" if index % 8 == 0 else f"{score:.2f}"])
    write_csv(folder, ["x1", "x2", "x3", "kind", "big", "score"], rows)
    return folder
