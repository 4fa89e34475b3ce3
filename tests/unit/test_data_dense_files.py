"""Targets in image files, and numbers in units of their own."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from sharewise.data._dense_files import Directions, Labels, Numbers, square
from sharewise.data._faults import more, refuse, refuse_batch
from sharewise.data._files import find_file, missing_of, read_text_lines
from sharewise.data._units import InUnit, mean_and_deviation, measured
from sharewise.errors import DataError

SIZE = (6, 4)


def save(folder: Path, pixels: NDArray[Any]) -> Path:
    Image.fromarray(pixels).save(folder / "t.png")
    return folder / "t.png"


def columns(kind: Any = np.uint8) -> NDArray[Any]:
    return np.broadcast_to(np.arange(6), (4, 6)).astype(kind)


@pytest.fixture
def image() -> tuple[str, tuple[int, int]]:
    return "a.png", SIZE


def test_a_square_is_the_middle_pixel_by_pixel() -> None:
    assert square(columns(), 4)[0].tolist() == [1, 2, 3, 4]
    assert square(columns(), 2)[0].tolist() == [2, 4]
    assert square(columns().T.copy(), 8)[:, 0].tolist() == [1, 1, 2, 2, 3, 3, 4, 4]


def test_labels_are_classes(tmp_path: Path, image: tuple[str, tuple[int, int]]) -> None:
    found = Labels(6, 4)(save(tmp_path, columns()), image)
    assert found.dtype == torch.uint8 and found[0].tolist() == [1, 2, 3, 4]
    masked = Labels(2, 4, mask=True)(save(tmp_path, columns() // 3 * 255), image)
    assert masked[0].tolist() == [0, 0, 1, 1]
    assert Labels(6, 4).missing().unique().tolist() == [255]
    with pytest.raises(DataError) as caught:
        Labels(4, 4)(save(tmp_path, columns()), image)
    assert str(caught.value) == (
        "The labels of pixels lie in 0..3, or are 255 where missing. Found 4 and 7 more pixels in "
        f"{tmp_path}/t.png. Correct the file, or give more classes."
    )


def test_a_palette_is_read_by_its_numbers(
    tmp_path: Path, image: tuple[str, tuple[int, int]]
) -> None:
    picture = Image.fromarray(columns(), mode="P")
    picture.putpalette([5 * i % 256 for i in range(768)])
    picture.save(tmp_path / "p.png")
    assert Labels(6, 4)(tmp_path / "p.png", image)[0].tolist() == [1, 2, 3, 4]


def test_numbers_are_shares_of_the_full_range(
    tmp_path: Path, image: tuple[str, tuple[int, int]]
) -> None:
    for kind, full in ((np.uint8, 255), (np.uint16, 65535)):
        found = Numbers(4)(save(tmp_path, columns(kind)), image)
        assert found.shape == (1, 4, 4)
        assert torch.allclose(found[0, 0] * full, torch.arange(1.0, 5))
    Image.fromarray(columns(np.float32)).save(tmp_path / "f.tif")
    assert Numbers(4)(tmp_path / "f.tif", image)[0, 0].tolist() == [1, 2, 3, 4]
    found = Numbers(4, positive=True)(save(tmp_path, columns() // 3), image)
    assert found[0, 0].isnan().tolist() == [True, True, False, False]
    assert Numbers(4).missing().isnan().all()


def test_directions_have_length_one(tmp_path: Path, image: tuple[str, tuple[int, int]]) -> None:
    colours = np.zeros((4, 6, 3), np.uint8)
    colours[:, 2], colours[:, 3], colours[:, 4] = (255, 255, 127), (127, 127, 127), (0, 127, 127)
    found = Directions(4)(save(tmp_path, colours), image)
    assert found[:, 0, 0].isnan().all()  # black
    assert found[:, 0, 2].isnan().all()  # grey: no length
    assert torch.allclose(found[:, 0, 1], torch.tensor([0.7071, 0.7071, 0.0]), atol=5e-3)
    assert torch.allclose(found[:, 0, 3], torch.tensor([-1.0, 0.0, 0.0]), atol=6e-3)
    assert Directions(4).missing().shape == (3, 4, 4)


@pytest.mark.parametrize(
    ("reader", "pixels", "wanted"),
    [
        (Labels(6, 4), np.zeros((4, 6, 3), np.uint8), "8 bits and one channel: its classes"),
        (Labels(6, 4), columns(np.uint16), "8 bits and one channel: its classes"),
        (Numbers(4), np.zeros((4, 6, 3), np.uint8), "one channel: its numbers"),
        (Directions(4), columns(), "three channels: a direction"),
    ],
)
def test_another_mode_is_named(
    reader: Labels | Numbers | Directions,
    pixels: NDArray[Any],
    wanted: str,
    tmp_path: Path,
    image: tuple[str, tuple[int, int]],
) -> None:
    path = save(tmp_path, pixels)
    with pytest.raises(DataError) as caught:
        reader(path, image)
    mode = Image.open(path).mode
    assert str(caught.value) == (
        f"This image has {wanted}. Found {path} of Pillow's mode {mode}. Save it again in that "
        "form."
    )


# --- numbers in their unit ---


def test_the_mean_and_deviation_are_of_the_labels_that_are_there() -> None:
    assert mean_and_deviation(torch.tensor([1.0, torch.nan, 3.0])) == (2.0, 1.0)
    assert mean_and_deviation(torch.tensor([torch.nan])) == (0.0, 1.0)


def test_a_measured_task_answers_in_the_unit() -> None:
    task = measured("mass", mean=500.0, deviation=20.0)
    head = task.head((3,))
    head[0].weight.data.zero_()  # type: ignore[index]
    head[0].bias.data.fill_(0.5)  # type: ignore[index]
    assert head(torch.ones(2, 3)).tolist() == [[510.0], [510.0]]
    label = torch.tensor([500.0, torch.nan])
    assert task.present(label).tolist() == [True, False]
    assert float(task.loss(torch.tensor([[540.0]]), torch.tensor([500.0]))) == 4.0
    assert task.metrics[0].value(torch.tensor([[540.0]]), torch.tensor([500.0])) == 40.0
    assert pickle.loads(pickle.dumps(task)) == task == measured("mass", mean=500.0, deviation=20.0)


def test_labels_that_are_all_alike_have_a_deviation_of_one() -> None:
    task = measured("same", mean=3.0, deviation=0.0)
    assert float(task.loss(torch.tensor([[5.0]]), torch.tensor([3.0]))) == 4.0


def test_the_unit_travels_with_the_weights() -> None:
    saved = InUnit(7.0, 2.0).state_dict()
    other = InUnit(0.0, 1.0)
    other.load_state_dict(saved)
    assert other(torch.tensor([1.5])).tolist() == [10.0]


# --- faults and files ---


def test_the_first_fault_is_named_and_the_others_are_counted() -> None:
    refuse([], rule="A.", fix="B.")
    assert [more(each) for each in ([], [1], [1, 2, 3])] == ["", "", " and 2 more"]
    with pytest.raises(DataError) as caught:
        refuse(["x", "y"], rule="A.", fix="B.", where=" in z")
    assert str(caught.value) == "A. Found x and 1 more in z. B."
    errors = [DataError(rule="A.", found=each, fix="B.") for each in ("x", "y", "z")]
    with pytest.raises(DataError) as caught:
        refuse_batch(errors)
    assert str(caught.value) == "A. Found x, and 2 more in this batch. B."


def test_files_are_found_or_named(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "a.txt").write_bytes(b"\xff\xfe")
    found = find_file(tmp_path, "a.txt", below=("below",))
    assert found == tmp_path / "below" / "a.txt"
    with pytest.raises(DataError, match=r"a\.txt is a text\. Found bytes that are none in"):
        read_text_lines(found)
    gone = [tmp_path / "b", tmp_path / "nowhere" / "c"]
    assert missing_of([gone[0], found, gone[1]]) == gone
