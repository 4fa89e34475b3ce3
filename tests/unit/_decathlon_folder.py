"""A folder of the Visual Decathlon in the published format, with a few tiny images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PIL import Image

COUNTS = {"train": 30, "val": 8, "test_stripped": 5}
COLOURS = [(200, 40, 40), (40, 200, 40), (40, 40, 200)]
"""Images of a class are of one colour."""


def colour_of(label: int, kind: str) -> tuple[int, int, int]:
    return COLOURS[label] if kind == "jpg" else (90 * label,) * 3


def write_set(
    folder: Path,
    name: str,
    number: int,
    *,
    size: tuple[int, int] = (96, 72),
    kind: str = "jpg",
    classes: int = 3,
) -> None:
    """A set with images of three classes, and ids unlike those of other sets and splits."""
    categories = [
        {"id": number * 100_000 + 1 + label, "name": f"{name} {label}"} for label in range(classes)
    ]
    image_id = number * 10_000_000
    for split, count in COUNTS.items():
        images, annotations = [], []
        (folder / "data" / name / split).mkdir(parents=True)
        for index in range(count):
            image_id += 1
            label = index % 3
            file = f"data/{name}/{split}/{index:06d}.{kind}"
            mode = "RGB" if kind == "jpg" else "L"
            colour: Any = colour_of(label, kind)
            Image.new(mode, size, colour if kind == "jpg" else colour[0]).save(folder / file)
            images.append({"id": image_id, "width": size[0], "height": size[1], "file_name": file})
            category = categories[label]["id"]
            annotations.append(
                {"id": image_id, "image_id": image_id, "category_id": category, "segmentation": []}
            )
        content: dict[str, Any] = {
            "info": {"version": "1.0"},
            "images": images,
            "categories": categories,
            "type": "classification",
        }
        if split != "test_stripped":
            content["annotations"] = annotations[::-1]  # joined by id, not by place
        write(folder, name, split, content)


def path_of(folder: Path, name: str, split: str) -> Path:
    return folder / "annotations" / f"{name}_{split}.json"


def write(folder: Path, name: str, split: str, content: Any) -> None:
    path = path_of(folder, name, split)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content))


def read(folder: Path, name: str, split: str) -> Any:
    return json.loads(path_of(folder, name, split).read_text())
