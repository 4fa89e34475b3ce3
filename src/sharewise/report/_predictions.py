"""What the found network answers to a few test images, beside what is right."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
_FACING = {
    "right": (1, 0, 0),
    "left": (-1, 0, 0),
    "up": (0, -1, 0),
    "down": (0, 1, 0),
    "the viewer": (0, 0, -1),
}
_AXES = {
    f"{side} the {axis}": tuple(sign * (place == number) for place in range(3))
    for number, axis in enumerate(("first axis", "second", "third"))
    for side, sign in (("along", 1), ("against", -1))
}
Range = tuple[float, float]
_MOST = 0.9  # of the depths
_FAR = 2.0  # times the depth within which most are


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
        f" {pictures.seed}. All pictures of a task have one scale, that of the targets; what is"
        " predicted beyond it has the colour of the nearer end.</p>"
    )
    yield (
        '<div class="scroll pictures" role="region" tabindex="0" aria-label="Predictions on test'
        f' images"><table>{_head(facts, pictures, tasks)}<tbody>'
        f"{''.join(_rows(pictures, tasks, ranges))}</tbody></table></div>"
    )
    yield f'<dl class="legend">{"".join(_legend(pictures, ranges))}</dl>'


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
    """One scale for all pictures of a task: from the least label to the greatest.

    Where a few depths are far beyond all others (a view along a hall), it ends before these: else
    everything near would have one colour.
    """
    values = _labels(pictures, task)
    if not values.size:
        return 0.0, 1.0
    low, most, high = map(float, np.quantile(values, (0, _MOST, 1)))
    is_long = pictures.kinds[task].picture == "depth" and high > _FAR * most
    return low, most if is_long else high


def _labels(pictures: Pictures, task: str) -> Array:
    arrays = [image[task, "target"] for image in pictures.images if (task, "target") in image]
    known = [array[np.isfinite(array)] for array in arrays]
    return np.concatenate(known or [np.zeros(1)]).astype(np.float64)


def _legend(pictures: Pictures, ranges: Mapping[str, Range]) -> Iterator[str]:
    for task, between in ranges.items():
        kind = pictures.kinds[task]
        if kind.picture == "classes":
            words = "".join(_swatches(pictures, task))
        elif kind.picture == "normals":
            words = "".join(_directions(pictures.in_metres))
        else:
            words = _scale(kind, between, pictures.in_metres)
            if _labels(pictures, task).max(initial=between[1]) > between[1]:
                words += " or more"
        yield f"<dt>{escape(task)}</dt><dd>{words}</dd>"
    if any(map(_has_gaps, pictures.images)):
        white = _swatch("#ffffff", "")
        yield f"<dt>white</dt><dd>{white}a pixel without a label; it is predicted all the same</dd>"


def _scale(kind: Kind, between: Range, in_metres: bool) -> str:
    """The colours from the least label to the greatest."""
    low, high = between
    unit = (" metres" if in_metres else ", in the labels' unit") * (kind.picture == "depth")
    strip = ramp(is_depth=kind.picture == "depth")
    return f'{low:.3g}<img class="ramp" src="{strip}" alt="to">{high:.3g}{unit}'


def _directions(in_metres: bool) -> Iterator[str]:
    """Colours of normals: where a surface faces, or the axes of data whose axes are not known."""
    if in_metres:
        yield "<span>a surface that faces</span>"
    for name, vector in (_FACING if in_metres else _AXES).items():
        yield _swatch(_hex(paint_normals(np.array(vector)[:, None, None])[0, 0]), name)


def _has_gaps(image: Mapping[str | tuple[str, str], Array]) -> bool:
    """Whether a target has a pixel without a label."""
    targets = [array for key, array in image.items() if key[1:] == SIDES[:1]]
    gaps = [array < 0 if array.dtype.kind == "i" else np.isnan(array) for array in targets]
    return any(bool(gap.any()) for gap in gaps)


def _swatch(colour: str, name: str) -> str:
    square = f'<span class="swatch" style="background: {colour}"></span>'
    return f"<span>{square}{escape(name)}</span>" if name else square


def _hex(colour: Iterable[int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*map(int, colour))


def _swatches(pictures: Pictures, task: str) -> Iterator[str]:
    """The classes that some picture shows, by name."""
    arrays = [image[task, side] for image in pictures.images for side in SIDES
              if (task, side) in image]  # fmt: skip
    shown = set(np.unique(np.concatenate([array.ravel() for array in arrays])) if arrays else ())
    for label, name in enumerate(pictures.kinds[task].classes):
        if label in shown:
            yield _swatch(_hex(class_colour(label)), name)
