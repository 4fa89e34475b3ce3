"""The report's pictures of predictions: colours, words, and files that are broken."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _page import Text, on_a_phone
from _run_folder import Made, write_run
from PIL import Image
from safetensors.numpy import save

from sharewise.errors import FormatError
from sharewise.report import write_report
from sharewise.report._paint import (
    class_colour,
    paint_classes,
    paint_depth,
    paint_input,
    paint_normals,
    paint_numbers,
    png,
)

NAMES = ["depth", "edges", "keypoints", "normals", "segmentation"]
WHITE = [255, 255, 255]
CLASSES = ["floor", "<wall>", "box", "cone"]
SIDE = 16
NAN = np.nan


def content(**changes: Any) -> dict[str, Any]:
    kinds = {"depth": "depth", "normals": "normals", "segmentation": "classes"}
    tasks = {
        name: {
            "picture": kinds.get(name, "numbers"),
            "classes": CLASSES if name == "segmentation" else [],
        }
        for name in NAMES
    }
    return {"format": 1, "places": [1, 3], "seed": 7, "tasks": tasks, **changes}


def arrays() -> dict[str, Any]:
    """Two images; the second has no label of keypoints at all."""
    rng = np.random.default_rng(0)
    found: dict[str, Any] = {}
    for number in range(2):
        found[f"{number}.input"] = rng.integers(0, 256, (3, SIDE, SIDE)).astype(np.uint8)
        for side in ("target", "output"):
            flat = rng.uniform(2, 5, (SIDE, SIDE)).astype(np.float16)
            vector = rng.normal(size=(3, SIDE, SIDE))
            vector /= np.linalg.norm(vector, axis=0)
            labels = rng.integers(-1, 3, (SIDE, SIDE)).astype(np.int16)
            images: dict[str, Any] = {"normals": vector.astype(np.float16), "segmentation": labels}
            for name in NAMES:
                if (number, name) != (1, "keypoints"):
                    found[f"{number}.{name}.{side}"] = images.get(name, flat)
    found["0.depth.target"][0, :2] = 0.5, 8.0  # the least and the most
    return found


def write_file(folder: Path, values: dict[str, Any], about: Any = None) -> Path:
    path = folder / "comparison" / "predictions.safetensors"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(save(values, {"sharewise": json.dumps(about or content())}))
    return path


def made_run(folder: Path) -> Path:
    levels = [[NAMES], [NAMES], [NAMES], [NAMES], [NAMES[:2], NAMES[2:]]]
    return write_run(folder, Made(levels=levels))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = made_run(tmp_path_factory.mktemp("dense") / "run")
    write_file(folder, arrays())
    return write_report(folder).read_text(encoding="utf-8")


# --- the page


def test_every_picture_says_what_it_is(page: str) -> None:
    images = [each for tag, each in Text(page).tags if tag == "img" and each.get("width")]
    words = [each["alt"] for each in images]
    assert len(words) == 2 * (1 + 2 * 5) - 2  # an input, and both sides of the labelled tasks
    assert "depth of test image 1, target" in words
    assert "segmentation of test image 2, predicted" in words
    assert "test image 2" in words
    assert "keypoints of test image 2, target" not in words
    assert "no label" in Text(page).text
    assert all(str(each["src"]).startswith("data:image/png;base64,") for each in images)


def test_a_reader_is_told_how_to_read_them(page: str) -> None:
    text = Text(page).text
    assert "Predictions on test images" in text
    assert (
        "Below: 2 images of the test split, at even distances in it and not chosen by what they"
        " show, with the targets and what the found network predicts, as trained from seed 7."
    ) in text
    assert re.search(r"depth 0\.5 8, in the labels' unit", text)
    assert "normals along the first axis against the first axis along the second" in text
    assert "a pixel without a label" in text
    # Classes by name, those alone that some picture shows.
    assert re.search(r"segmentation floor <wall> box white", text)
    assert "<wall>" not in page


def test_a_view_along_a_hall_leaves_colours_for_what_is_near(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", Made(levels=[[NAMES]] * 5))
    values = arrays()
    for name, array in values.items():
        if name.endswith("depth.target"):
            array[...] = np.linspace(1, 4, array.size).reshape(array.shape)
    far = next(array for name, array in values.items() if name.endswith("depth.target"))
    far.flat[0] = 200.0
    write_file(folder, values, content(in_metres=True))
    text = Text(write_report(folder).read_text(encoding="utf-8")).text
    assert re.search(r"depth 1 3\.\d+ metres or more", text)


def test_rooms_have_metres_and_sides(tmp_path: Path) -> None:
    levels = [[NAMES]] * 5
    folder = write_run(tmp_path / "run", Made(levels=levels))
    values = arrays()
    for name, array in values.items():
        if name.endswith("target"):
            array[array < 0 if array.dtype.kind == "i" else np.isnan(array)] = 0
    write_file(folder, values, content(in_metres=True))
    html = write_report(folder).read_text(encoding="utf-8")
    text = Text(html).text
    assert "0.5 8 metres" in text
    assert "normals a surface that faces right left up down the viewer segmentation" in text
    # The floor faces up, against the camera's second axis: its colour is that of the pictures.
    up = paint_normals(np.array([0.0, -1.0, 0.0])[:, None, None])[0, 0]
    assert f'background: #{bytes(up.tolist()).hex()}"></span>up<' in html
    assert "a pixel without a label" not in text  # there is none


def test_a_picture_has_the_colours_of_its_array(page: str) -> None:
    (source,) = re.findall(r'src="data:image/png;base64,([^"]*)"[^>]*alt="test image 1"', page)
    shown = np.array(Image.open(io.BytesIO(base64.b64decode(source))))
    assert np.array_equal(shown, np.moveaxis(arrays()["0.input"], 0, -1))


def test_the_page_is_the_same_again_and_light(page: str, tmp_path: Path) -> None:
    folder = made_run(tmp_path / "run")
    write_file(folder, arrays())
    assert write_report(folder).read_text(encoding="utf-8") == page
    assert len(page.encode()) < 2 * 2**20


def test_without_the_file_there_is_no_section(tmp_path: Path) -> None:
    html = write_report(made_run(tmp_path / "run")).read_text(encoding="utf-8")
    assert "Predictions on test images" not in html
    assert "pictures" not in html


def test_inputs_that_are_no_images_are_left_out(tmp_path: Path) -> None:
    folder = made_run(tmp_path / "run")
    write_file(folder, {name: each for name, each in arrays().items() if "input" not in name})
    html = write_report(folder).read_text(encoding="utf-8")
    assert "depth of test image 1, target" in html
    assert 'rowspan="2"' not in html


@pytest.mark.parametrize(
    ("about", "extra"),
    [
        (content(format=2), {}),
        (content(places=[1]), {}),
        (content(tasks={}), {}),
        ({"format": 1}, {}),
        (content(), {"0.input": np.zeros((2, 4, 4), np.uint8)}),
        (content(), {"0.depth.target": np.zeros((1, 4, 4), np.float16)}),
        (content(), {"0.depth.guess": np.zeros((4, 4), np.float16)}),
        (content(), {"0.normals.target": np.zeros((4, 4), np.float16)}),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, about: Any, extra: dict[str, Any]) -> None:
    folder = made_run(tmp_path / "run")
    write_file(folder, arrays() | extra, about)
    with pytest.raises(FormatError, match=r"Found .*predictions\.safetensors.*compare again"):
        write_report(folder)


def test_a_torn_file_is_named(tmp_path: Path) -> None:
    folder = made_run(tmp_path / "run")
    path = write_file(folder, arrays())
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(FormatError, match=r"predictions\.safetensors has the form"):
        write_report(folder)


def test_a_phone_shows_it_without_scrolling_sideways(tmp_path: Path, page: str) -> None:
    measured = on_a_phone(tmp_path, page)
    assert (measured["hidden"], measured["wide"]) == (0, 0)


# --- colours


def test_classes_have_colours_of_their_own_and_none_is_white() -> None:
    colours = {class_colour(label) for label in range(40)}
    assert len(colours) == 40
    assert tuple(WHITE) not in colours
    painted = paint_classes(np.array([[0, -1], [39, 0]], dtype=np.int16))
    assert painted[0, 1].tolist() == WHITE
    assert tuple(painted[1, 0]) == class_colour(39)
    assert tuple(painted[1, 1]) == tuple(painted[0, 0]) == class_colour(0)
    assert paint_classes(np.full((2, 2), -1, dtype=np.int16)).min() == 255


def test_normals_are_red_green_and_blue() -> None:
    vectors = np.array([[1, 0, NAN], [0, 0, NAN], [0, -1, NAN]], dtype=np.float16)[:, None]
    red, away, unlabelled = paint_normals(vectors)[0].tolist()
    assert red == [255, 128, 128]
    assert away == [128, 128, 0]
    assert unlabelled == WHITE


def test_depth_brightens_and_stays_apart_from_white() -> None:
    painted = paint_depth(np.array([[1.0, 2.0, 3.0, 9.0, NAN]]), 1.0, 3.0)[0].astype(int)
    light = painted @ [0.299, 0.587, 0.114]
    assert light[0] < light[1] < light[2] < 240
    assert painted[3].tolist() == painted[2].tolist()  # beyond the scale
    assert painted[4].tolist() == WHITE


def test_numbers_are_grey_and_stay_apart_from_white() -> None:
    painted = paint_numbers(np.array([[0.0, 1.0, 5.0, -5.0, NAN]]), 0.0, 1.0)[0].astype(int)
    assert (painted[:, :1] == painted).all()
    low, high, above, below, unlabelled = painted[:, 0]
    assert low == below < high == above < 230
    assert unlabelled == 255
    same = paint_numbers(np.full((1, 2), 0.25), 0.25, 0.25)
    assert same[0, 0].tolist() == painted[0].tolist()


def test_grey_inputs_are_shown_too() -> None:
    image = np.arange(4, dtype=np.uint8).reshape(1, 2, 2)
    painted = paint_input(image)
    assert painted.shape == (2, 2, 3)
    assert painted[1, 1].tolist() == [3, 3, 3]
    assert np.array_equal(
        np.array(Image.open(io.BytesIO(base64.b64decode(png(painted).partition(",")[2])))), painted
    )
