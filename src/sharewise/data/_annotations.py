"""Annotation files of the Visual Decathlon: what they hold, and what may be wrong with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sharewise.data._faults import more
from sharewise.data._files import missing_of, read_json_file
from sharewise.errors import DataError

Content = Mapping[str, list[dict[str, Any]]]
"""The lists in an annotation file: images, annotations, categories."""
Categories = dict[int, str]
"""{category id: name}, in the order of labels."""

_AGAIN = "Download the annotations again."
_SET = 100_000  # category ids are a set's number times this, plus 1, 2, ...


@dataclass(frozen=True)
class Annotated:
    """A split of a set as it is published.

    ids: of the images, in the order of the file. names: their files, as the annotation says.
    labels: 0, 1, ..., one for each image; none for a stripped split. paths: the files on disk.
    """

    file: Path
    ids: tuple[int, ...]
    names: tuple[str, ...]
    labels: tuple[int, ...]
    paths: tuple[Path, ...]


def label_of(category: int) -> int:
    """The class number of a category id."""
    return category % _SET - 1


def annotation_file(folder: Path, name: str, split: str) -> Path:
    """Where the annotation of a split is."""
    return folder / "annotations" / f"{name}_{split}.json"


def read_set(folder: Path, name: str, splits: Sequence[str]) -> tuple[Categories, list[Annotated]]:
    """The categories of a set, in the order of labels, and the splits asked for.

    Raises DataError for a file that is missing, truncated or no annotation; labels that leave one
    out; an image id twice, also in two splits; an image without a label or with two; a label of an
    unknown category or image; images that are missing.
    """
    known = ("train", "val", "test_stripped")
    files = {split: annotation_file(folder, name, split) for split in known}
    contents = {
        split: _read(file)
        for split, file in files.items()
        if split in ("train", *splits) or file.is_file()
    }
    _refuse_shared({files[split]: content for split, content in contents.items()})
    categories = _categories(contents["train"], files["train"])
    return categories, [
        _annotated(folder, (name, split), contents[split], categories) for split in splits
    ]


def read_categories(folder: Path, name: str) -> Categories:
    """The categories of a set alone; DataError as for `read_set`."""
    path = annotation_file(folder, name, "train")
    return _categories(_read(path), path)


def _categories(content: Content, path: Path) -> Categories:
    categories = {each["id"]: str(each.get("name", each["id"])) for each in content["categories"]}
    ordered = dict(sorted(categories.items(), key=lambda item: label_of(item[0])))
    labels = [label_of(category) for category in ordered]
    if labels != list(range(len(labels))) or len(labels) < 2:
        raise DataError(
            rule="The categories of a set are two or more, with ids that count up from"
            f" k * {_SET} + 1.",
            found=f"the labels {', '.join(map(str, labels[:9])) or 'of none'} in {path}",
            fix=_AGAIN,
        )
    return ordered


def _annotated(
    folder: Path, which: tuple[str, str], content: Content, categories: Categories
) -> Annotated:
    path = annotation_file(folder, *which)
    ids = tuple(image["id"] for image in content["images"])
    names = tuple(image["file_name"] for image in content["images"])
    labels = () if which[1] == "test_stripped" else _labels(content, ids, categories, path)
    return Annotated(path, ids, names, labels, _find(folder, which, names))


def _refuse_shared(contents: Mapping[Path, Content]) -> None:
    """DataError where an image id is twice in a file, or in two."""
    seen: dict[int, Path] = {}
    for path, content in contents.items():
        ids = [image["id"] for image in content["images"]]
        _refuse_twice(ids, "An image id stands for one image.", path)
        shared = [each for each in ids if each in seen]
        if shared:
            raise DataError(
                rule="An image is in one split.",
                found=f"image id {shared[0]}{more(shared)} in {seen[shared[0]]} and in {path}",
                fix=_AGAIN,
            )
        seen.update(dict.fromkeys(ids, path))


def _labels(
    content: Content, ids: tuple[int, ...], categories: Collection[int], path: Path
) -> tuple[int, ...]:
    given = content["annotations"]
    _refuse_twice([each["image_id"] for each in given], "An image has one label.", path)
    category_of = {each["image_id"]: each["category_id"] for each in given}
    known = set(ids)
    wrong: list[tuple[str, list[int], Callable[[int], str]]] = [
        (
            "The category of a label is among the set's categories.",
            [image for image, category in category_of.items() if category not in categories],
            lambda image: f"category {category_of[image]} of image id {image}",
        ),
        (
            "A label belongs to an image of its file.",
            [image for image in category_of if image not in known],
            lambda image: f"a label of image id {image}",
        ),
        (
            "Every image of a training or validation split has a label.",
            [image for image in ids if image not in category_of],
            lambda image: f"none for image id {image}",
        ),
    ]
    for rule, images, words in wrong:
        if images:
            raise DataError(
                rule=rule,
                found=f"{words(images[0])}{more(images)} in {path}",
                fix=_AGAIN,
            )
    return tuple(label_of(category_of[image]) for image in ids)


def _find(folder: Path, which: tuple[str, str], names: tuple[str, ...]) -> tuple[Path, ...]:
    """The files of a split.

    The published names are data/SET/SPLIT/..., below the folder. Where archives were unpacked
    elsewhere, they may be below a part of it, or lack their first part.
    """
    name, split = which
    below = (folder, folder / "data", folder / "data" / name, folder / "data" / name / split)
    first = names[0] if names else ""
    short = first.removeprefix("data/")
    places = [(base, 0) for base in below] + [(base, len(first) - len(short)) for base in below]
    base, skipped = next(
        (place for place in places if (place[0] / first[place[1] :]).is_file()), (folder, 0)
    )
    paths = tuple(base / each[skipped:] for each in names)
    missing = missing_of(paths)
    if missing:
        raise DataError(
            rule=f"The images that {name}_{split}.json names are there.",
            found=f"no {missing[0]}{more(missing)}",
            fix=f"Unpack the images of '{name}' into {folder / 'data' / name}.",
        )
    return paths


def _read(path: Path) -> Content:
    if not path.is_file():
        raise DataError(
            rule="A set of the decathlon has an annotation file for each split.",
            found=f"no {path}",
            fix="Unpack the annotations there, or leave the set out.",
        )
    content = read_json_file(path)
    wrong = _wrong_part(content)
    if wrong is not None:
        raise DataError(
            rule="An annotation file holds lists: images (id, file_name), annotations (image_id,"
            " category_id) and categories (id, name).",
            found=f"{wrong} in {path}",
            fix=_AGAIN,
        )
    return {part: content.get(part, []) for part in _PARTS}


_PARTS: Mapping[str, Mapping[str, type]] = {
    "images": {"id": int, "file_name": str},
    "annotations": {"image_id": int, "category_id": int},
    "categories": {"id": int},
}


def _wrong_part(content: Any) -> str | None:
    """What is not as it should be; stripped files need no annotations and no categories."""
    if not isinstance(content, dict) or "images" not in content:
        return "no images"
    for part, fields in _PARTS.items():
        entries = content.get(part, [])
        if not isinstance(entries, list):
            return f"{part} that are no list"
        for entry in entries:
            if not isinstance(entry, dict) or any(
                not isinstance(entry.get(field), kind) for field, kind in fields.items()
            ):
                return f"{entry!r} among the {part}"
    return None


def _refuse_twice(values: Iterable[int], rule: str, path: Path) -> None:
    twice = [value for value, count in Counter(values).items() if count > 1]
    if twice:
        raise DataError(
            rule=rule,
            found=f"image id {twice[0]} twice{more(twice)} in {path}",
            fix=_AGAIN,
        )
