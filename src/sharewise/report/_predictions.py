"""What the found network answers to a few test images, beside what is right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape

import numpy as np

from sharewise.report._paint import (
    Bytes,
    class_colour,
    paint_classes,
    paint_depth,
    paint_input,
    paint_normals,
    paint_numbers,
    png,
    ramp,
)
from sharewise.report._pictures import SIDES, Array, Kind, Pictures
from sharewise.report._read import Facts
from sharewise.report._tables import dot
from sharewise.report._words import plural

_WORDS = {"target": "target", "output": "predicted"}
Range = tuple[float, float]


def predictions(facts: Facts) -> Iterator[str]:
    """The pictures and how to read them; nothing where no task's answers are images."""
    pictures = facts.pictures
    if pictures is None or not pictures.images:
        return
    tasks = [task for task in facts.order if task in pictures.kinds]
    tasks += [task for task in pictures.kinds if task not in tasks]
    ranges = {task: _range(pictures, task) for task in tasks}
    count = plural(len(pictures.images), "image")
    yield (
        f"<p>Below: {count} of the test split, at even distances in it and not chosen by what they"
        " show, with the targets and what the found network predicts, as trained from seed"
        f" {pictures.seed}.</p>"
    )
    yield (
        '<div class="scroll pictures" role="region" tabindex="0" aria-label="Predictions on test'
        f' images"><table>{_head(facts, pictures, tasks)}<tbody>'
        f"{''.join(_rows(pictures, tasks, ranges))}</tbody></table></div>"
    )
    yield f'<dl class="legend">{"".join(_legend(pictures, tasks, ranges))}</dl>'


def _has_inputs(pictures: Pictures) -> bool:
    return any("input" in image for image in pictures.images)


def _head(facts: Facts, pictures: Pictures, tasks: Sequence[str]) -> str:
    cells = ["image"] * _has_inputs(pictures) + [""]
    cells += [f"{dot(facts, task)}{escape(task)}" for task in tasks]
    heads = "".join(f'<th scope="col">{cell}</th>' if cell else "<td></td>" for cell in cells)
    return f"<thead><tr>{heads}</tr></thead>"


def _rows(pictures: Pictures, tasks: Sequence[str], ranges: Mapping[str, Range]) -> Iterator[str]:
    """Two rows for each image: what is right, and below it what is predicted."""
    for number, image in enumerate(pictures.images, start=1):
        for side in SIDES:
            cells = [f'<th scope="row">{_WORDS[side]}</th>']
            if side == SIDES[0] and _has_inputs(pictures):
                shown = paint_input(image["input"]) if "input" in image else None
                cells.insert(0, _cell(shown, f"test image {number}", rows=2))
            for task in tasks:
                array = image.get((task, side))
                kind = pictures.kinds[task]
                shown = None if array is None else _paint(kind, array, ranges[task])
                cells.append(_cell(shown, f"{task} of test image {number}, {_WORDS[side]}"))
            yield f'<tr class="{side}">{"".join(cells)}</tr>'


def _cell(shown: Bytes | None, words: str, *, rows: int = 1) -> str:
    span = f' rowspan="{rows}"' if rows > 1 else ""
    if shown is None:
        return f"<td{span}>no label</td>"
    height, width = shown.shape[:2]
    return (
        f'<td{span}><img src="{png(shown)}" width="{width}" height="{height}"'
        f' alt="{escape(words)}" title="{escape(words)}"></td>'
    )


def _paint(kind: Kind, array: Array, between: Range) -> Bytes:
    if kind.picture == "classes":
        return paint_classes(array)
    if kind.picture == "normals":
        return paint_normals(array)
    return (paint_depth if kind.picture == "depth" else paint_numbers)(array, *between)


def _range(pictures: Pictures, task: str) -> Range:
    """The least and greatest label among the images: one scale for all pictures of a task."""
    arrays = [image[task, "target"] for image in pictures.images if (task, "target") in image]
    known = [array[np.isfinite(array)] for array in arrays]
    values = np.concatenate(known or [np.zeros(1)])
    return (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)


def _legend(pictures: Pictures, tasks: Sequence[str], ranges: Mapping[str, Range]) -> Iterator[str]:
    for task in tasks:
        kind = pictures.kinds[task]
        if kind.picture == "classes":
            words = "".join(_swatches(pictures, task))
        elif kind.picture == "normals":
            words = "red, green and blue for the first, second and third axis, bright towards it"
        else:
            low, high = ranges[task]
            strip = ramp(is_depth=kind.picture == "depth")
            words = f'{low:.3g}<img class="ramp" src="{strip}" alt="to">{high:.3g}'
            words += ", in the labels' unit" * (kind.picture == "depth")
        yield f"<dt>{escape(task)}</dt><dd>{words}</dd>"
    white = '<span class="swatch" style="background: #ffffff"></span>'
    yield f"<dt>white</dt><dd>{white}a pixel without a label; predictions are shown there, too</dd>"


def _swatches(pictures: Pictures, task: str) -> Iterator[str]:
    """The classes that some picture shows, by name."""
    arrays = [image[task, side] for image in pictures.images for side in SIDES
              if (task, side) in image]  # fmt: skip
    shown = set(np.unique(np.concatenate([array.ravel() for array in arrays])) if arrays else ())
    for label, name in enumerate(pictures.kinds[task].classes):
        if label in shown:
            colour = "#{:02x}{:02x}{:02x}".format(*class_colour(label))
            style = f'style="background: {colour}"'
            yield f'<span><span class="swatch" {style}></span>{escape(name)}</span>'
