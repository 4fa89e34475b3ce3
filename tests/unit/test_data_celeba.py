"""CelebA on a small folder in exactly the published format."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from _celeba_folder import COUNTS, NAMES, labels_of, write_celeba

from sharewise.data import ItemData, celeba
from sharewise.errors import DataError, InputError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_celeba(tmp_path_factory.mktemp("celeba"))


@pytest.fixture
def spoilt(tmp_path: Path) -> Path:
    return write_celeba(tmp_path)


def test_forty_tasks_and_the_official_split(folder: Path) -> None:
    data = celeba(folder, size=32)
    assert isinstance(data, ItemData)
    assert [task.name for task in data.tasks] == NAMES
    assert data.sizes() == dict(zip(("train", "val", "test"), COUNTS, strict=True))
    assert data.input_shape == (3, 32, 32)


def test_faces_come_with_their_labels(folder: Path) -> None:
    data = celeba(folder, size=32)
    (batch,) = data.test(batch_size=10)
    for number, image in enumerate(batch.inputs, start=1 + sum(COUNTS[:2])):
        right = image[:, 16, 24] * 0.25 + 0.5
        assert torch.allclose(right, torch.full((3,), 5 * number / 255), atol=0.02)
        found = [int(batch.targets[name][number - 1 - sum(COUNTS[:2])]) for name in NAMES]
        assert found == [max(0, value) for value in labels_of(number)]


def test_half_of_the_training_faces_are_mirrored(folder: Path) -> None:
    (batch,) = celeba(folder, size=16).train(batch_size=20, seed=0, epoch=0)
    mirrored = batch.inputs[:, 0, 8, 2] < batch.inputs[:, 0, 8, 13]
    assert 2 <= int(mirrored.sum()) <= 10
    (batch,) = celeba(folder, size=16, flip=False).train(batch_size=20, seed=0, epoch=0)
    assert (batch.inputs[:, 0, 8, 2] > batch.inputs[:, 0, 8, 13]).all()


def test_some_attributes_and_settings_that_make_them_again(folder: Path) -> None:
    data = celeba(folder, attributes=["Young", "Male"], size=16)
    assert [task.name for task in data.tasks] == ["Young", "Male"]
    settings = json.loads(json.dumps(data.settings))
    assert settings.pop("name") == "celeba"
    assert celeba(**settings).fingerprint == data.fingerprint
    assert celeba(folder, size=16).fingerprint != data.fingerprint


def test_the_published_folders_will_do(spoilt: Path) -> None:
    before = celeba(spoilt).fingerprint
    for name, below in (
        ("list_attr_celeba.txt", "Anno"),
        ("list_eval_partition.txt", "Eval"),
        ("img_align_celeba", "Img"),
    ):
        (spoilt / below).mkdir()
        (spoilt / name).rename(spoilt / below / name)
    assert celeba(spoilt).fingerprint == before


def edit(name: str, old: str, new: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1))

    return spoil


def remove(*names: str) -> Callable[[Path], None]:
    return lambda folder: [(folder / name).unlink() for name in names] and None


ATTRIBUTES, PARTITION = "list_attr_celeba.txt", "list_eval_partition.txt"
LABELS = "The attributes of a face are 1 or -1, one for each name in the second line. Found "


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (
            remove(PARTITION),
            f"These data have {PARTITION} in their folder or in its Anno, Eval, Img. Found no "
            f"{{folder}}/{PARTITION}. Copy it there, or correct the path of the folder.",
        ),
        (
            remove("img_align_celeba/000003.jpg", "img_align_celeba/000020.jpg"),
            f"The files that {ATTRIBUTES} lists are there. Found no "
            "{folder}/img_align_celeba/000003.jpg and 1 more. Copy or unpack them there.",
        ),
        (
            edit(ATTRIBUTES, "000002.jpg -1", "000002.jpg  0"),
            f"{LABELS}'0' in {{folder}}/{ATTRIBUTES}, line 4. Download the file again.",
        ),
        (
            edit(ATTRIBUTES, "000002.jpg -1", "000002.jpg"),
            f"{LABELS}39 attributes for 40 names in {{folder}}/{ATTRIBUTES}, line 4. Download the "
            "file again.",
        ),
        (
            edit(ATTRIBUTES, "21\n", "202599\n"),
            f"{ATTRIBUTES} begins with the number of faces and the names of the attributes. Found "
            f"'202599' and 21 faces in {{folder}}/{ATTRIBUTES}, line 1. Download the file again.",
        ),
        (
            edit(PARTITION, "000002.jpg 0", "000002.jpg 3"),
            f"A line of {PARTITION} is a file and 0 (train), 1 (val) or 2 (test). Found "
            f"'000002.jpg 3' in {{folder}}/{PARTITION}, line 2. Download the file again.",
        ),
        (
            edit(PARTITION, "000020.jpg 2", "000002.jpg 2"),
            "A face is in one split, once. Found 000002.jpg twice in "
            f"{{folder}}/{PARTITION}. Download the file again.",
        ),
        (
            edit(PARTITION, "000020.jpg 2\n", ""),
            f"Every face of {ATTRIBUTES} is in one split. Found no line for 000020.jpg in "
            f"{{folder}}/{PARTITION}. Download the file again.",
        ),
    ],
)
def test_a_bad_folder_is_named(spoil: Callable[[Path], None], sentence: str, spoilt: Path) -> None:
    spoil(spoilt)
    with pytest.raises(DataError) as caught:
        celeba(spoilt)
    assert str(caught.value) == sentence.format(folder=spoilt)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        celeba(tmp_path / "no")
    assert str(caught.value) == (
        f"Data on disk are read from a folder of yours. Found no folder {tmp_path / 'no'}. Correct "
        "the path."
    )


def test_an_empty_split_is_named(spoilt: Path) -> None:
    path = spoilt / PARTITION
    path.write_text(path.read_text().replace(" 1\n", " 0\n"))
    with pytest.raises(DataError, match="Found an empty val split in 'celeba'"):
        celeba(spoilt)


def test_a_torn_image_is_named_when_it_is_read(spoilt: Path) -> None:
    for number in (13, 15):
        path = spoilt / "img_align_celeba" / f"{number:06d}.jpg"
        path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(DataError) as caught:
        list(celeba(spoilt).val(batch_size=8))
    assert str(caught.value).startswith(
        f"The images of a data set can be read. Found {spoilt}/img_align_celeba/000013.jpg ("
    )
    assert ", and 1 more in this batch." in str(caught.value)


@pytest.mark.parametrize("attributes", [["Old"], ["Young", "Young"], []])
def test_unknown_attributes_are_refused(attributes: list[str], folder: Path) -> None:
    with pytest.raises(InputError) as caught:
        celeba(folder, attributes=attributes)
    found = "'Old'" if "Old" in attributes else repr(attributes)
    assert str(caught.value) == (
        f"The attributes are some of {', '.join(NAMES)}, each once. Found {found}. Correct or "
        "leave out the name."
    )


def test_tiny_images_are_refused(folder: Path) -> None:
    with pytest.raises(InputError, match=r"CelebA.s images is 16 or more\. Found size=8"):
        celeba(folder, size=8)
