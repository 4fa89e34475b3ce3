"""Data of your own in a folder: images, and labels.csv with a column for each task.

This draws such a folder and reads it. With yours: sharewise search FOLDER --budget params=2x
"""

import random
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw

import sharewise as sw

COLOURS = {"apple": (200, 40, 40), "lemon": (230, 220, 60), "plum": (110, 40, 140)}


def draw_fruit(folder: Path, count: int = 200) -> None:
    """A disc a picture; a tenth of the rows does not say which fruit it is."""
    (folder / "images").mkdir()
    draw, lines = random.Random(0), ["image,kind,bruised,grams"]
    for i in range(count):
        kind, bruised, radius = draw.choice(list(COLOURS)), draw.random() < 0.5, draw.uniform(3, 8)
        image = Image.new("RGB", (24, 24), (235, 235, 225))
        pen = ImageDraw.Draw(image)
        pen.ellipse([12 - radius] * 2 + [12 + radius] * 2, COLOURS[kind])
        if bruised:
            pen.ellipse((10, 10, 14, 14), (70, 50, 20))
        image.save(folder / "images" / f"{i}.png")
        known, spoilt = kind if draw.random() < 0.9 else "", "yes" if bruised else "no"
        lines.append(f"images/{i}.png,{known},{spoilt},{3 * radius**2:.1f}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")


def main(folder: Path) -> None:
    for column in sw.data.table_columns(folder):
        print(f"{column.name:8} {column.use}, {column.kind}, {column.missing} missing")
    data = sw.data.table(folder, size=24)
    backbone, quick = sw.backbones.convnet(0.25), sw.SearchSettings(epochs=4, initialisations=2)
    found = sw.search_branching(backbone, data, budget=sw.Budget(params=2), settings=quick)
    network = sw.build(found.architecture, found.backbone, data.tasks)
    sw.train(network, data, settings=sw.TrainSettings(epochs=10, batch_size=16))
    print(sw.evaluate(network, data, "test"))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        draw_fruit(Path(temporary))
        main(Path(temporary))
