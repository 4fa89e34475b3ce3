"""The Visual Decathlon on a small folder in exactly the published format."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from _decathlon_folder import COUNTS, colour_of, path_of, read, write, write_set
from PIL import Image
from torch import Tensor

from sharewise.data import (
    SeparateData,
    TaskData,
    decathlon,
    decathlon_classes,
    decathlon_stripped,
    write_submission,
)
from sharewise.data._augment import Augment, Normalise
from sharewise.data._decathlon import SETS, _kept
from sharewise.data._images import Picture
from sharewise.data._items import ItemData, Items
from sharewise.data._protocol import generator
from sharewise.errors import DataError, InputError
from sharewise.scores import DECATHLON_BASELINE


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("decathlon")
    write_set(home, "aircraft", 2)
    write_set(home, "omniglot", 8, size=(72, 72), kind="png")
    return home


@pytest.fixture(scope="module")
def data(folder: Path) -> SeparateData:
    return decathlon(folder, size=18)


@pytest.fixture
def spoilt(tmp_path: Path) -> Path:
    """A folder of its own, to be spoilt."""
    write_set(tmp_path, "aircraft", 2)
    return tmp_path


def batches(part: TaskData, split: str, **how: int) -> tuple[Tensor, Tensor]:
    if split == "train":
        how = {"seed": 0, "epoch": 0} | how
    found = list(getattr(part, split)(batch_size=7, **how))
    return (
        torch.cat([batch.inputs for batch in found]),
        torch.cat([batch.targets[part.name] for batch in found]),
    )


def items(part: TaskData, split: str) -> Items:
    assert isinstance(part, ItemData)
    return part.items(split)


def file_names(part: TaskData, split: str) -> set[str]:
    """Where the images lie below the folder of the set."""
    return {"/".join(Path(path).parts[-2:]) for path, _ in items(part, split).items}


def named(data: SeparateData, name: str) -> TaskData:
    (part,) = (part for part in data.parts if part.name == name)
    return part


# --- what it is ---


def test_every_set_that_is_there_is_a_task(data: SeparateData, folder: Path) -> None:
    assert isinstance(data, TaskData)
    assert all(isinstance(part, TaskData) for part in data.parts)
    assert [task.name for task in data.tasks] == ["aircraft", "omniglot"]
    assert data.input_shape == (3, 18, 18)
    assert decathlon_classes(folder, "omniglot") == ("omniglot 0", "omniglot 1", "omniglot 2")
    assert [part.name for part in decathlon(folder, sets=["omniglot"]).parts] == ["omniglot"]


def test_a_tenth_of_train_is_validation_and_published_validation_is_test(
    data: SeparateData,
) -> None:
    for part in data.parts:
        assert part.sizes() == {"train": 27, "val": 3, "test": 8}
    for name in ("aircraft", "omniglot"):
        _, labels = batches(named(data, name), "test")
        assert labels.tolist() == [index % 3 for index in range(8)]


def test_held_out_images_follow_from_their_ids_alone(folder: Path, data: SeparateData) -> None:
    """The order of the file changes nothing, and the two sides share no image."""
    names = {
        split: file_names(named(data, "aircraft"), split) for split in ("train", "val", "test")
    }
    assert len(set.union(*names.values())) == 38
    content = read(folder, "aircraft", "train")
    turned = {**content, "images": content["images"][::-1]}
    write(folder, "aircraft", "train", turned)
    try:
        again = named(decathlon(folder, sets=["aircraft"]), "aircraft")
        assert file_names(again, "val") == names["val"]
    finally:
        write(folder, "aircraft", "train", content)


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_images_come_with_their_labels_normalised(data: SeparateData, split: str) -> None:
    for name, kind in (("aircraft", "jpg"), ("omniglot", "png")):
        inputs, labels = batches(named(data, name), split)
        about = SETS[name].normalise
        middle = inputs[:, :, 9, 9] * torch.tensor(about.deviation) + torch.tensor(about.mean)
        wanted = torch.tensor([colour_of(label, kind) for label in labels.tolist()]) / 255
        assert (middle - wanted).abs().max() < 0.02


def test_an_epoch_visits_every_image_once_in_an_order_of_seed_and_epoch(
    data: SeparateData,
) -> None:
    part = named(data, "aircraft")
    inputs, labels = batches(part, "train", seed=3, epoch=1)
    assert len(inputs) == 27
    again, same = batches(part, "train", seed=3, epoch=1)
    assert torch.equal(inputs, again) and torch.equal(labels, same)
    _, other = batches(part, "train", seed=3, epoch=2)
    assert labels.tolist() != other.tolist()
    assert sorted(labels.tolist()) == sorted(other.tolist())


def test_what_happens_to_an_image_does_not_depend_on_its_batch(folder: Path) -> None:
    part = decathlon(folder, sets=["aircraft"], size=18, jitter=True, cutout=True).parts[0]
    (whole,) = part.train(batch_size=27, seed=0, epoch=0)
    pieces = torch.cat([batch.inputs for batch in part.train(batch_size=4, seed=0, epoch=0)])
    assert torch.allclose(whole.inputs, pieces, atol=1e-5)


def test_any_number_of_workers_gives_the_same_images(folder: Path) -> None:
    first, second = (
        next(iter(decathlon(folder, size=18, workers=count).train(batch_size=4, seed=0, epoch=1)))
        for count in (0, 1)
    )
    assert torch.equal(first.inputs, second.inputs)
    with pytest.raises(InputError, match="Found workers=-1"):
        decathlon(folder, workers=-1)


def test_validation_images_are_never_changed(folder: Path) -> None:
    plain, changed = (
        decathlon(folder, sets=["aircraft"], size=36, jitter=on, cutout=on).parts[0]
        for on in (False, True)
    )
    assert torch.equal(batches(plain, "test")[0], batches(changed, "test")[0])
    assert not torch.equal(batches(plain, "train")[0], batches(changed, "train")[0])


def test_all_ten_sets_have_statistics_and_a_published_baseline() -> None:
    assert set(SETS) == set(DECATHLON_BASELINE)
    assert [name for name, about in SETS.items() if not about.flip] == ["gtsrb", "omniglot", "svhn"]


def test_settings_are_json_and_make_the_data_again(data: SeparateData, folder: Path) -> None:
    settings = json.loads(json.dumps(data.settings))
    assert settings == {
        "name": "decathlon",
        "folder": str(folder),
        "sets": ["aircraft", "omniglot"],
        "size": 18,
        "jitter": False,
        "cutout": False,
    }
    del settings["name"]
    assert decathlon(**settings).fingerprint == data.fingerprint
    assert decathlon(**(settings | {"cutout": True})).fingerprint != data.fingerprint


def test_the_fingerprint_is_of_names_and_labels_wherever_the_folder_is(
    data: SeparateData, tmp_path: Path
) -> None:
    write_set(tmp_path, "aircraft", 2)
    write_set(tmp_path, "omniglot", 8, size=(72, 72), kind="png")
    assert decathlon(tmp_path, size=18).fingerprint == data.fingerprint
    content = read(tmp_path, "omniglot", "val")
    content["annotations"][0]["category_id"] = content["categories"][0]["id"]
    write(tmp_path, "omniglot", "val", content)
    assert decathlon(tmp_path, size=18).fingerprint != data.fingerprint


def test_images_may_be_unpacked_without_the_folder_data(spoilt: Path) -> None:
    wanted = batches(decathlon(spoilt).parts[0], "test")[0]
    (spoilt / "data" / "aircraft").rename(spoilt / "aircraft")
    assert torch.equal(batches(decathlon(spoilt).parts[0], "test")[0], wanted)


def test_names_may_be_below_a_part_of_the_folder(spoilt: Path) -> None:
    wanted = batches(decathlon(spoilt).parts[0], "test")[0]
    for split in COUNTS:
        content = read(spoilt, "aircraft", split)
        for image in content["images"]:
            image["file_name"] = image["file_name"].rsplit("/", 1)[1]
        write(spoilt, "aircraft", split, content)
    assert torch.equal(batches(decathlon(spoilt).parts[0], "test")[0], wanted)


def test_mirrored_letters_are_other_letters_and_pedestrians_are_whole(tmp_path: Path) -> None:
    for number, name in enumerate(("aircraft", "gtsrb", "omniglot", "svhn", "daimlerpedcls")):
        write_set(tmp_path, name, number, kind="png", size=(72, 144))
        for path in (tmp_path / "data" / name / "train").iterdir():
            half = Image.new("L", (72, 144), 0)
            half.paste(255, (0, 0, 36, 144))  # light on the left,
            half.paste(128, (0, 0, 72, 18))  # and grey above the middle half
            half.save(path)
    mirrored, whole = set(), set()
    for part in decathlon(tmp_path, size=24).parts:
        (batch,) = part.train(batch_size=27, seed=0, epoch=0)
        left, right = batch.inputs[:, 0, 12, 4], batch.inputs[:, 0, 12, -4]
        mirrored |= {part.name} if (right > left).any() else set()
        (held_out,) = part.val(batch_size=3)
        top, middle = held_out.inputs[:, 0, 0, 4], held_out.inputs[:, 0, 12, 4]
        whole |= {part.name} if (top < middle - 0.1).all() else set()
    assert mirrored == {"aircraft", "daimlerpedcls"}
    assert whole == {"daimlerpedcls"}


# --- images in files ---


def test_the_middle_of_a_long_image_is_kept_or_the_whole_is_squeezed(tmp_path: Path) -> None:
    image = Image.new("RGB", (72, 144), (255, 0, 0))
    image.paste((0, 0, 255), (0, 36, 72, 108))  # the middle half
    image.save(tmp_path / "a.png")
    middle = Picture(36)(tmp_path / "a.png")
    assert (middle[2] > 200).all() and (middle[0] < 55).all()
    squeezed = Picture(36, whole=True)(tmp_path / "a.png")
    assert (squeezed[0, :8] == 255).all() and (squeezed[2, 12:24] == 255).all()
    assert (squeezed[0, 28:] == 255).all()
    assert SETS["daimlerpedcls"].whole


def test_memory_is_given_to_the_smallest_sets_first(folder: Path) -> None:
    for sets, memory_mb in ((0, 1), (1, 2), (2, 3)):  # a set is 38 images of 30 000 bytes
        data = decathlon(folder, size=100, memory_mb=memory_mb)
        kept = [items(part, "val").keep for part in data.parts]
        assert sum(kept) == sets
    assert _kept({"large": 50, "small": 30, "huge": 900}, 100, 1) == {"small"}


# --- augmentation ---

PLAIN = Normalise((0.0,) * 3, (1 / 255,) * 3)  # bytes as they are


def chances(images: int, salt: str) -> Tensor:
    return torch.rand((images, Augment.NUMBERS), generator=generator(salt))


def gradient(height: int = 12, width: int = 12) -> Tensor:
    """No two pixels are equal, and none is 0."""
    pixels = torch.arange(1, 1 + height * width, dtype=torch.uint8)
    return pixels.reshape(1, 1, height, width).expand(40, 3, -1, -1)


def test_a_crop_is_the_image_moved_by_up_to_the_padding() -> None:
    augment = Augment(padding=2)
    images = augment(gradient(), chances(40, "crop"), PLAIN)
    shifts = set()
    for image in images[:, 0]:
        where = (image == gradient()[0, 0, 6, 6]).nonzero()
        assert len(where) == 1
        down, right = (where[0] - 6).tolist()
        shifts.add((down, right))
        kept = image[max(down, 0) : 12 + min(down, 0), max(right, 0) : 12 + min(right, 0)]
        from_ = gradient()[0, 0][
            max(-down, 0) : 12 + min(-down, 0), max(-right, 0) : 12 + min(-right, 0)
        ]
        assert torch.equal(kept, from_.float())
        assert (image == 0).sum() == 144 - kept.numel()
    assert {abs(shift) for pair in shifts for shift in pair} == {0, 1, 2}
    assert len(shifts) > 12


def test_about_half_of_the_images_are_mirrored() -> None:
    augment = Augment(flip=True)
    images = augment(gradient(), chances(40, "flip"), PLAIN)
    mirrored = [torch.equal(image, gradient()[0].flip(2).float()) for image in images]
    kept = [torch.equal(image, gradient()[0].float()) for image in images]
    assert all(a != b for a, b in zip(mirrored, kept, strict=True))
    assert 10 <= sum(mirrored) <= 30


def test_cutout_sets_a_square_to_the_mean() -> None:
    augment = Augment(cutout=4)
    images = augment(gradient(), chances(40, "cut"), PLAIN)
    sizes = set()
    for image in images[:, 0]:
        rows, columns = (image == 0).nonzero().T
        height, width = (int(axis.max() - axis.min()) + 1 for axis in (rows, columns))
        assert height * width == len(rows) and 2 <= min(height, width) <= max(height, width) <= 4
        sizes.add((height, width))
    assert (4, 4) in sizes and len(sizes) > 2  # some lie partly outside


CHANCES = torch.full((1, Augment.NUMBERS), 0.5)  # nothing changes


def changed(pixel: tuple[int, int, int], which: int, chance: float, most: float) -> list[float]:
    """A pixel beside a black one, after one of brightness, contrast, saturation and hue."""
    jitter = tuple(most if index == which else 0.0 for index in range(4))
    drawn = CHANCES.clone()
    drawn[0, 3 + which] = chance
    images = torch.tensor([pixel, (0, 0, 0)], dtype=torch.uint8).T.reshape(1, 3, 1, 2)
    augment = Augment(jitter=jitter)  # type: ignore[arg-type]
    values: list[float] = augment(images, drawn, PLAIN)[0, :, 0, 0].tolist()
    return values


def test_colours_change_as_they_are_said_to() -> None:
    assert changed((100, 50, 20), 0, 0.75, 0.4) == pytest.approx([120, 60, 24])
    # Halfway to the mean of both pixels' grey, which is half of this pixel's.
    middle = (0.299 * 100 + 0.587 * 50 + 0.114 * 20) / 2
    wanted = [(value + middle) / 2 for value in (100, 50, 20)]
    assert changed((100, 50, 20), 1, 0.0, 0.5) == pytest.approx(wanted)
    assert changed((100, 50, 20), 2, 0.0, 1.0) == pytest.approx([2 * middle] * 3)
    assert changed((120, 0, 0), 3, 1.0, 1 / 3) == pytest.approx([0, 120, 0], abs=1e-3)
    assert changed((120, 0, 0), 3, 0.0, 1 / 3) == pytest.approx([0, 0, 120], abs=1e-3)
    assert changed((250, 50, 20), 0, 1.0, 0.4)[0] == 255  # never beyond white


# --- the submission ---


def test_a_submission_lists_every_test_image_with_its_category(
    folder: Path, tmp_path: Path
) -> None:
    stripped = decathlon_stripped(folder, size=18)
    predictions = {}
    for name, images in stripped.items():
        found = torch.cat(list(images.batches(batch_size=2)))
        assert found.shape == (5, 3, 18, 18)
        about = SETS[name].normalise
        bytes_ = 255 * (
            found[:, :, 9, 9] * torch.tensor(about.deviation) + torch.tensor(about.mean)
        )
        kind = "jpg" if name == "aircraft" else "png"
        colours = torch.tensor([colour_of(label, kind) for label in range(3)]).float()
        predictions[name] = torch.cdist(bytes_, colours).argmin(dim=1)
    write_submission(tmp_path / "out.zip", predictions, stripped)  # type: ignore[arg-type]
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert archive.namelist() == ["results.json"]
        results = json.loads(archive.read("results.json"))
    wanted = [
        {
            "image_id": number * 10_000_000 + 39 + index,
            "category_id": number * 100_000 + 1 + index % 3,
        }
        for number in (2, 8)
        for index in range(5)
    ]
    assert results == wanted
    first = (tmp_path / "out.zip").read_bytes()
    write_submission(tmp_path / "out.zip", predictions, stripped)  # type: ignore[arg-type]
    assert (tmp_path / "out.zip").read_bytes() == first


@pytest.mark.parametrize(
    ("predictions", "sentence"),
    [
        (
            {"aircraft": [0] * 5},
            "A submission has predictions for the sets whose images are given. Found predictions "
            "for aircraft and images of aircraft, omniglot. Give both for the same sets.",
        ),
        (
            {"aircraft": [0] * 5, "omniglot": [0] * 4},
            "A submission has one label for each test image. Found 4 labels for 5 images of "
            "'omniglot'. Predict every image of `decathlon_stripped` once, in order.",
        ),
        (
            {"aircraft": [0, 1, 2, 3, 0], "omniglot": [0] * 5},
            "The labels of 'aircraft' lie in 0..2. Found 3. Give class numbers, such as the "
            "largest logit's, not category ids.",
        ),
    ],
)
def test_predictions_that_do_not_fit_are_refused(
    predictions: dict[str, list[int]], sentence: str, folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        write_submission(tmp_path / "out.zip", predictions, decathlon_stripped(folder))
    assert str(caught.value) == sentence
    assert not list(tmp_path.iterdir())


def test_test_images_of_two_sets_with_one_id_are_refused(folder: Path, tmp_path: Path) -> None:
    stripped = decathlon_stripped(folder, sets=["aircraft"])
    twice = stripped | {"dtd": stripped["aircraft"]}
    with pytest.raises(DataError, match="Found image id 20000039 in two sets, and 4 more"):
        write_submission(tmp_path / "out.zip", {name: [0] * 5 for name in twice}, twice)


# --- refusals ---

Spoil = Callable[[Path], None]


def change(split: str, edit: Callable[[Any], object]) -> Spoil:
    """Edit an annotation file of the aircraft."""

    def spoil(folder: Path) -> None:
        content = read(folder, "aircraft", split)
        edit(content)
        write(folder, "aircraft", split, content)

    return spoil


def remove(*names: str) -> Spoil:
    def spoil(folder: Path) -> None:
        for name in names:
            (folder / "data" / "aircraft" / name).unlink()

    return spoil


def truncate(folder: Path) -> None:
    path = path_of(folder, "aircraft", "val")
    path.write_bytes(path.read_bytes()[:-30])


AGAIN = "Download the annotations again."
ANNOTATIONS = "{folder}/annotations/aircraft_"


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (
            lambda folder: path_of(folder, "aircraft", "val").unlink(),
            "A set of the decathlon has an annotation file for each split. Found no "
            + ANNOTATIONS
            + "val.json. Unpack the annotations there, or leave the set out.",
        ),
        (
            lambda folder: path_of(folder, "aircraft", "train").unlink(),
            "A set of the decathlon has an annotation file for each split. Found no "
            + ANNOTATIONS
            + "train.json. Unpack the annotations there, or leave the set out.",
        ),
        (
            remove("train/000004.jpg", "train/000002.jpg", "train/000029.jpg"),
            "The images that aircraft_train.json names are there. Found no "
            "{folder}/data/aircraft/train/000002.jpg and 2 more. Unpack the images of 'aircraft' "
            "into {folder}/data/aircraft.",
        ),
        (
            change("train", lambda content: content["annotations"][3].update(category_id=200009)),
            "The category of a label is among the set's categories. Found category 200009 of image "
            "id 20000027 in " + ANNOTATIONS + "train.json. " + AGAIN,
        ),
        (
            change("val", lambda content: content["annotations"].pop(0)),
            "Every image of a training or validation split has a label. Found none for image id "
            "20000038 in " + ANNOTATIONS + "val.json. " + AGAIN,
        ),
        (
            change("val", lambda content: content["images"].pop(0)),
            "A label belongs to an image of its file. Found a label of image id 20000031 in "
            + ANNOTATIONS
            + "val.json. "
            + AGAIN,
        ),
        (
            change(
                "val",
                lambda content: content["annotations"].extend(content["annotations"][:3]),
            ),
            "An image has one label. Found image id 20000038 twice and 2 more in "
            + ANNOTATIONS
            + "val.json. "
            + AGAIN,
        ),
        (
            change("val", lambda content: content["images"].append(content["images"][0])),
            "An image id stands for one image. Found image id 20000031 twice in "
            + ANNOTATIONS
            + "val.json. "
            + AGAIN,
        ),
        (
            change("val", lambda content: content["images"][0].update(id=20000003)),
            "An image is in one split. Found image id 20000003 in "
            + ANNOTATIONS
            + "train.json and in "
            + ANNOTATIONS
            + "val.json. "
            + AGAIN,
        ),
        (
            change("test_stripped", lambda content: content["images"][1].update(id=20000033)),
            "An image is in one split. Found image id 20000033 in "
            + ANNOTATIONS
            + "val.json and in "
            + ANNOTATIONS
            + "test_stripped.json. "
            + AGAIN,
        ),
        (
            change("val", lambda content: content.update(images=[], annotations=[])),
            "The training split of a set has two images or more, the validation split one or more. "
            "Found 0 in " + ANNOTATIONS + "val.json. Download the annotations again, or leave the "
            "set out.",
        ),
        (
            change("train", lambda content: content["categories"].pop(1)),
            "The categories of a set are two or more, with ids that count up from k * 100000 + 1. "
            "Found the labels 0, 2 in " + ANNOTATIONS + "train.json. " + AGAIN,
        ),
        (
            change("train", lambda content: content["images"][7].update(id="7")),
            "An annotation file holds lists: images (id, file_name), annotations (image_id, "
            "category_id) and categories (id, name). Found {{'id': '7', 'width': 96, 'height': 72, "
            "'file_name': 'data/aircraft/train/000007.jpg'}} among the images in "
            + ANNOTATIONS
            + "train.json. "
            + AGAIN,
        ),
        (
            change("val", lambda content: content.pop("images")),
            "An annotation file holds lists: images (id, file_name), annotations (image_id, "
            "category_id) and categories (id, name). Found no images in "
            + ANNOTATIONS
            + "val.json. "
            + AGAIN,
        ),
        (
            change("val", lambda content: content.update(annotations={})),
            "An annotation file holds lists: images (id, file_name), annotations (image_id, "
            "category_id) and categories (id, name). Found annotations that are no list in "
            + ANNOTATIONS
            + "val.json. "
            + AGAIN,
        ),
    ],
)
def test_bad_annotations_are_named(spoil: Spoil, sentence: str, spoilt: Path) -> None:
    spoil(spoilt)
    with pytest.raises(DataError) as caught:
        decathlon(spoilt)
    assert str(caught.value) == sentence.format(folder=spoilt)


def test_a_truncated_annotation_is_named(spoilt: Path) -> None:
    truncate(spoilt)
    with pytest.raises(DataError) as caught:
        decathlon(spoilt)
    assert str(caught.value).startswith("aircraft_val.json is one JSON value. Found ")
    assert str(path_of(spoilt, "aircraft", "val")) in str(caught.value)
    assert "The file may be truncated" in str(caught.value)


def test_the_stripped_split_is_needed_for_a_submission_only(spoilt: Path) -> None:
    path = path_of(spoilt, "aircraft", "test_stripped")
    path.unlink()
    assert decathlon(spoilt).sizes()["test"] == 8
    with pytest.raises(DataError, match=f"Found no {path}"):
        decathlon_stripped(spoilt)


def test_an_unreadable_image_is_named_when_it_is_read(spoilt: Path) -> None:
    paths = [spoilt / "data" / "aircraft" / "val" / f"{index:06d}.jpg" for index in (1, 2, 6)]
    paths[0].write_bytes(b"no image")
    paths[1].write_bytes(b"")
    paths[2].write_bytes(paths[2].read_bytes()[:-200])  # a torn one
    part = decathlon(spoilt).parts[0]
    with pytest.raises(DataError) as caught:
        list(part.test(batch_size=8))
    said = str(caught.value)
    assert said.startswith(f"The images of a data set can be read. Found {paths[0]} (")
    assert said.endswith("), and 2 more in this batch. Download or copy the file again.")
    for index, path in zip((1, 2, 6), paths, strict=True):  # each of them alone
        with pytest.raises(DataError, match=path.name):
            items(part, "test").read([0, index])


def test_a_folder_or_a_name_that_is_not_there_is_named(spoilt: Path, tmp_path: Path) -> None:
    ten = ", ".join(SETS)
    for sets, found in ((["cars"], "'cars'"), (["dtd", "dtd"], "['dtd', 'dtd']"), ([], "[]")):
        with pytest.raises(InputError) as refused:
            decathlon(spoilt, sets=sets)
        assert str(refused.value) == (
            f"The sets of the decathlon are some of {ten}, each once. Found {found}. "
            "Correct or leave out the name."
        )
    with pytest.raises(InputError) as refused:
        decathlon(spoilt, size=8)
    assert str(refused.value) == (
        "The size of the decathlon's images is 16 or more. Found size=8. "
        "Give a larger number; the published one is 72."
    )
    with pytest.raises(DataError) as caught:
        decathlon(tmp_path / "nowhere")
    assert str(caught.value) == (
        "The decathlon is read from a folder with annotations/ and data/. "
        f"Found no folder {tmp_path / 'nowhere'}. "
        "Correct the path, or unpack the published archives there."
    )
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError) as caught:
        decathlon(tmp_path / "empty")
    assert str(caught.value) == (
        "The decathlon is read from a folder with annotations/ and data/. "
        f"Found no annotations/SET_train.json of any of the ten sets in {tmp_path / 'empty'}. "
        "Unpack the published annotations there."
    )
    with pytest.raises(DataError, match=r"Found no .*dtd_train\.json"):
        decathlon(spoilt, sets=["aircraft", "dtd"])


def test_a_batch_of_no_samples_is_refused_at_once(data: SeparateData) -> None:
    for part in (data, data.parts[0]):
        with pytest.raises(InputError, match="A batch holds at least one sample"):
            part.train(batch_size=0, seed=0, epoch=0)
        with pytest.raises(InputError, match="A batch holds at least one sample"):
            part.val(batch_size=0)
