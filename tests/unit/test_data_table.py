"""A user's folder with labels.csv or labels.jsonl: what is understood, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from _table_folder import SHADES, numbers, photos, picture, write_csv, write_jsonl, write_text
from PIL import Image

from sharewise.data import ItemData, TaskData, TensorData, table, table_columns
from sharewise.errors import DataError, InputError, SharewiseError


def kinds(folder: Path, **said: Any) -> dict[str, str]:
    return {each.name: each.kind for each in table_columns(folder, **said)}


def uses(folder: Path, **said: Any) -> dict[str, str]:
    return {each.name: each.use for each in table_columns(folder, **said)}


def whole(data: TaskData, split: str) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    (batch,) = getattr(data, split)(batch_size=10_000)
    return batch.inputs, batch.targets


def told(error: type[SharewiseError], make: Callable[[], object]) -> str:
    with pytest.raises(error) as caught:
        make()
    return str(caught.value)


# --- what is understood ---


def test_a_folder_of_photos_is_understood(tmp_path: Path) -> None:
    columns = {each.name: each for each in table_columns(photos(tmp_path))}
    assert {name: each.use for name, each in columns.items()} == {
        "photo": "input",
        "colour": "task",
        "left": "task",
        "width mm": "task",
    }
    assert columns["colour"].classes == ("blue", "green", "red")
    assert columns["colour"].missing == 6
    assert columns["left"].kind == "yes/no"
    assert columns["width mm"].task == "width_mm"
    assert columns["width mm"].says == "6 .. 15"
    assert all(each.why for each in columns.values())


def test_the_data_hold_what_the_rows_say(tmp_path: Path) -> None:
    data = table(photos(tmp_path), size=16)
    assert isinstance(data, ItemData) and isinstance(data, TaskData)
    assert data.input_shape == (3, 16, 16)
    assert sum(data.sizes().values()) == 60
    missing = 0
    for split in ("val", "test"):
        inputs, targets = whole(data, split)
        for image, colour, left, width in zip(
            inputs, targets["colour"], targets["left"], targets["width_mm"], strict=True
        ):
            # The middle of 24 x 16: columns 4 to 19. The patch is brightest in its own colour.
            patch = image[:, 8, 1 if left else 10]
            missing += int(colour == -1)
            if colour != -1:
                name = ("blue", "green", "red")[int(colour)]
                assert int(patch.argmax()) == SHADES[name].index(220)
            lit = (image.amax(dim=0)[8] > 0).sum() * 1.5
            assert abs(float(lit) - float(width)) <= 1.5 * (1 + max(0, width / 1.5 - 6))
    assert missing  # a label that is missing is missing, not a class


def test_rows_of_numbers_are_standardised_over_the_training_rows(tmp_path: Path) -> None:
    data = table(numbers(tmp_path), input="x*")
    assert isinstance(data, TensorData)
    (batch,) = data.train(batch_size=1000, seed=0, epoch=0)
    assert batch.inputs.shape[1:] == (3,)
    assert torch.allclose(batch.inputs.mean(dim=0), torch.zeros(3), atol=1e-5)
    assert torch.allclose(batch.inputs.std(dim=0, correction=0), torch.ones(3), atol=1e-4)
    assert kinds(tmp_path, input="x*") == {
        "x1": "number",
        "x2": "number",
        "x3": "number",
        "kind": "class",
        "big": "yes/no",
        "score": "number",
    }
    assert batch.targets["score"].isnan().any()


def test_a_number_is_learnt_in_deviations_and_scored_in_its_own_unit(tmp_path: Path) -> None:
    data = table(numbers(tmp_path), input="x*")
    (task,) = (each for each in data.tasks if each.name == "score")
    labels = whole(data, "val")[1]["score"]
    labels = labels[~labels.isnan()]
    (batch,) = data.train(batch_size=1000, seed=0, epoch=0)
    train = batch.targets["score"][~batch.targets["score"].isnan()]
    answer = train.mean().expand(len(train), 1)
    assert float(task.loss(answer, train)) == pytest.approx(1.0, abs=1e-4)
    (metric,) = task.metrics
    assert (metric.name, metric.lower_is_better) == ("mae", True)
    assert metric.value((labels + 3.5)[:, None], labels) == pytest.approx(3.5, abs=1e-4)
    # A head that has learnt nothing answers near the mean, in the unit of the labels.
    torch.manual_seed(0)
    head = task.head((5,))
    assert abs(float(head(torch.zeros(1, 5)).detach()) - float(train.mean())) < float(train.std())


def test_json_lines_are_read_as_a_table_is(tmp_path: Path) -> None:
    rows = [
        {"input_a": i / 3, "input_b": i, "kind": f"k{i % 3}", "ok": i % 2 == 0}
        | ({} if i % 5 else {"kind": None})
        for i in range(60)
    ]
    write_jsonl(tmp_path, rows)
    assert uses(tmp_path) == {"input_a": "input", "input_b": "input", "kind": "task", "ok": "task"}
    data = table(tmp_path)
    labels = torch.cat(
        [each for split in ("val", "test") for each in [whole(data, split)[1]["ok"]]]
    )
    assert set(labels.tolist()) == {0, 1}
    assert sum(data.sizes().values()) == 60


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["yes", "no"] * 20, "yes/no"),
        (["True", "false"] * 20, "yes/no"),
        (["0", "1"] * 20, "yes/no"),
        (["-1", "1"] * 20, "yes/no"),
        (["-1", "0", "1"] * 20, "class"),
        (["3", "4", "5"] * 20, "class"),
        ([str(i) for i in range(40)], "number"),
        (["1.5", "2.5"] * 20, "number"),
        (["a", "b", "c"] * 20, "class"),
        ([f"name {i}" for i in range(40)], "skip"),
        (["same"] * 40, "skip"),
        ([""] * 40, "skip"),
        (["NA", "a", "b", "null", "a", "b", "N/A"] * 9, "class"),
    ],
)
def test_what_values_are_taken_for(values: list[str], kind: str, tmp_path: Path) -> None:
    write_csv(tmp_path, ["input", "c", "other"], [[i, v, i % 2] for i, v in enumerate(values)])
    assert kinds(tmp_path)["c"] == kind


def test_what_is_said_goes_before_what_is_inferred(tmp_path: Path) -> None:
    rows = [[i, i % 3, f"r{i}", "train" if i % 4 else "odd", i % 2] for i in range(60)]
    write_csv(tmp_path, ["input", "n", "serial", "fold", "y"], rows)
    said = {"n": "number", "serial": "id", "fold": "class"}
    assert kinds(tmp_path, types=said) == {
        "input": "number",
        "n": "number",
        "serial": "id",
        "fold": "class",
        "y": "yes/no",
    }
    assert uses(tmp_path, types={"n": "skip", "fold": "skip"})["n"] == "left out"
    assert table(tmp_path, types={"y": "class"}).tasks[-1].name == "y"


def test_semicolons_a_byte_order_mark_and_quotes_are_read(tmp_path: Path) -> None:
    lines = [f'{i};"a; ""b"" {i % 2}"' for i in range(40)]
    write_text(tmp_path, "\ufeffinput;text\r\n" + "\r\n".join(lines) + "\r\n\r\n")
    (_, text) = table_columns(tmp_path)
    assert text.classes == ('a; "b" 0', 'a; "b" 1')


# --- splits ---


def test_a_column_of_splits_is_followed(tmp_path: Path) -> None:
    names = ["Train", "train", "val", "TEST"]
    write_csv(tmp_path, ["input", "y", "split"], [[i, i % 2, names[i % 4]] for i in range(40)])
    assert table(tmp_path).sizes() == {"train": 20, "val": 10, "test": 10}
    assert uses(tmp_path)["split"] == "split"
    (tmp_path / "labels.csv").write_text(
        (tmp_path / "labels.csv").read_text().replace("split", "fold")
    )
    assert table(tmp_path, split="fold").sizes() == {"train": 20, "val": 10, "test": 10}


def split_of_ids(folder: Path) -> dict[str, str]:
    """Where each row is, told by a number of its own."""
    data = table(folder, types={"own": "number", "id": "id"})
    found = {}
    for split in ("train", "val", "test"):
        how = {"seed": 0, "epoch": 0} if split == "train" else {}
        for batch in getattr(data, split)(batch_size=1000, **how):
            found |= {f"{float(value):g}": split for value in batch.targets["own"]}
    return found


def test_adding_rows_moves_no_other_row(tmp_path: Path) -> None:
    rows = [[i, f"r{i}", i % 2, i] for i in range(400)]
    header = ["input", "id", "y", "own"]
    write_csv(tmp_path, header, rows[50:300])
    before = split_of_ids(tmp_path)
    write_csv(tmp_path, header, rows[::-1])
    after = split_of_ids(tmp_path)
    assert {row: after[row] for row in before} == before
    shares = [list(after.values()).count(split) / 400 for split in ("train", "val", "test")]
    assert shares == pytest.approx([0.7, 0.15, 0.15], abs=0.05)


def test_rows_of_one_image_are_in_one_split(tmp_path: Path) -> None:
    names = [picture(tmp_path / f"{i}.png", (i, i, i)).name for i in range(40)]
    write_csv(tmp_path, ["image", "y"], [[name, i % 2] for i in range(2) for name in names])
    data = table(tmp_path, size=8)
    assert isinstance(data, ItemData)
    places = {split: {i % 40 for i in data.items(split).items} for split in data.sizes()}
    assert sum(map(len, places.values())) == 40


# --- again, and not again ---


def test_an_image_is_one_however_it_is_spelt(tmp_path: Path) -> None:
    picture(tmp_path / "img" / "a.png")
    for splits in (["train", "val", "test"], None):
        names = ["img/a.png", "./img/a.png", "img//a.png"]
        rows = [
            [name, i % 2, *(splits[i : i + 1] if splits else [])] for i, name in enumerate(names)
        ]
        write_csv(tmp_path, ["image", "y", *(["split"] if splits else [])], rows)
        wanted = "A sample is in one split." if splits else "Every split of a table has rows."
        assert told(DataError, lambda: table(tmp_path)).startswith(wanted)


def test_a_row_without_an_id_has_its_inputs_for_one(tmp_path: Path) -> None:
    rows = [[f"p{i}" if i % 2 else "", i, i % 5] for i in range(400)]
    write_csv(tmp_path, ["id", "input", "y"], rows)
    sizes = table(tmp_path).sizes()
    assert 240 < sizes["train"] < 320 and min(sizes["val"], sizes["test"]) > 30
    write_csv(tmp_path, ["id", "input", "y", "split"], [[*r, ("train", "val", "test")[r[1] % 3]]
              for r in rows])  # fmt: skip
    assert sum(table(tmp_path).sizes().values()) == 400


def test_whole_numbers_are_the_same_classes_with_a_point(tmp_path: Path) -> None:
    """As programs write them where a column lacks some values."""
    rows = [{"input": i, "y": [1, 2.0, 1.0, 2][i % 4], "z": "1.0" if i % 2 else "1.5"}
            for i in range(80)]  # fmt: skip
    write_jsonl(tmp_path, rows)
    columns = {each.name: each for each in table_columns(tmp_path, types={"z": "class"})}
    assert columns["y"].kind == "class" and columns["y"].classes == ("1", "2")
    assert columns["z"].classes == ("1.0", "1.5")
    data = table(tmp_path, types={"z": "class"})
    labels = torch.cat([whole(data, split)[1]["y"] for split in ("val", "test")])
    assert set(labels.tolist()) == {0, 1}


def test_a_column_called_split_may_be_something_else(tmp_path: Path) -> None:
    rows = [[i, i % 3, ("train", "val", "test")[i % 3]] for i in range(200)]
    write_csv(tmp_path, ["input", "y", "split"], rows)
    assert table(tmp_path).sizes() == {"train": 67, "val": 67, "test": 66}
    said = {"split": "class"}
    assert uses(tmp_path, types=said)["split"] == "task"
    data = table(tmp_path, types=said)
    assert data.sizes()["train"] > 110
    settings = dict(data.settings)
    assert settings.pop("name") == "table"
    assert table(**settings).fingerprint == data.fingerprint


def test_settings_are_json_and_make_the_data_again(tmp_path: Path) -> None:
    for folder, said in ((photos(tmp_path / "a", masks=True), {}), (numbers(tmp_path / "b"), {})):
        how: dict[str, Any] = {"input": "x*"} if folder.name == "b" else said
        data = table(folder, **how)
        settings = json.loads(json.dumps(data.settings))
        assert settings.pop("name") == data.name == "table"
        again = table(**settings)
        assert again.fingerprint == data.fingerprint
        assert [task.name for task in again.tasks] == [task.name for task in data.tasks]


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: picture(folder / "img" / "003.png", (1, 2, 3), (25, 16)),
        lambda folder: (folder / "labels.csv").write_text(
            (folder / "labels.csv").read_text().replace("003.png,red", "003.png,blue")
        ),
    ],
)
def test_another_picture_or_label_is_another_fingerprint(
    change: Callable[[Path], object], tmp_path: Path
) -> None:
    before = table(photos(tmp_path)).fingerprint
    assert table(tmp_path).fingerprint == before
    change(tmp_path)
    assert table(tmp_path).fingerprint != before


# --- targets that are images ---


def test_a_mask_of_few_values_is_a_segmentation(tmp_path: Path) -> None:
    photos(tmp_path, masks=True)
    assert kinds(tmp_path)["where"] == "segmentation:3"
    data = table(tmp_path, size=16)
    (task,) = (each for each in data.tasks if each.name == "where")
    inputs, targets = whole(data, "val")
    found = targets["where"]
    assert found.dtype == torch.uint8 and found.shape[1:] == (16, 16)
    lit = inputs.amax(dim=1) > 0
    labelled = task.present(found)
    assert labelled.any() and not labelled.all()
    assert torch.equal(found[labelled] > 0, lit[labelled])  # pixel by pixel, the same cut
    assert set(found[~labelled].unique().tolist()) == {255}


def grey(path: Path, *values: int, mode: str = "L") -> str:
    image = Image.new(mode, (24, 16))
    image.putdata([values[i % len(values)] for i in range(24 * 16)])
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    return path.name


def with_targets(folder: Path, target: Callable[[Path, int], str], count: int = 40) -> Path:
    rows = []
    for i in range(count):
        picture(folder / f"{i}.png")
        rows.append([f"{i}.png", target(folder / f"{i}_t.png", i)])
    write_csv(folder, ["image", "target"], rows)
    return folder


@pytest.mark.parametrize(
    ("target", "kind", "value"),
    [
        (lambda path, i: grey(path, 0, 255), "mask", 1.0),
        (lambda path, i: grey(path, 0, 4, 255), "segmentation:5", 4.0),
        (lambda path, i: grey(path, 0, 51, 204), "image", 204 / 255),
        (lambda path, i: grey(path, 0, 13107, mode="I;16"), "image", 0.2),
    ],
)
def test_what_a_target_image_is_taken_for(
    target: Callable[[Path, int], str], kind: str, value: float, tmp_path: Path
) -> None:
    with_targets(tmp_path, target)
    assert kinds(tmp_path)["target"] == kind
    found = whole(table(tmp_path, size=16), "val")[1]["target"].float()
    assert float(found[found != 255].max()) == pytest.approx(value, abs=1e-6)
    assert float(found.min()) == 0.0


def test_normals_and_depth_are_said(tmp_path: Path) -> None:
    def target(path: Path, i: int) -> str:
        image = Image.new("RGB", (24, 16), (255, 128, 128))
        image.paste((0, 0, 0), (0, 0, 12, 16))
        image.save(path)
        return path.name

    with_targets(tmp_path, target)
    assert told(InputError, lambda: table(tmp_path)).startswith(
        "A table has a column for at least one task."
    )
    data = table(tmp_path, size=16, types={"target": "normals"}, flip=True)
    found = whole(data, "val")[1]["target"]
    assert found.shape[1:] == (3, 16, 16)
    assert found[:, :, :, :8].isnan().all()  # black has no direction
    assert torch.allclose(found[0, :, 0, 12], torch.tensor([1.0, 0.0039, 0.0039]), atol=1e-3)
    (batch,) = data.train(batch_size=1000, seed=0, epoch=0)
    firsts = {
        round(float(each[0, 0, 4 if each[0, 0, 12].isnan() else 12]), 3): 1
        for each in batch.targets["target"]
    }
    assert set(firsts) == {1.0, -1.0}  # x changes its sign in the mirror
    with_targets(tmp_path, lambda path, i: grey(path, 0, 51))
    found = whole(table(tmp_path, size=16, types={"target": "depth"}), "val")[1]["target"]
    assert found.isnan().any() and float(found[~found.isnan()].max()) == pytest.approx(0.2)


# --- refusals ---

HEADER = ["input", "y"]


def rows_of(count: int = 30) -> list[list[Any]]:
    return [[i, i % 2] for i in range(count)]


def test_a_folder_without_a_table_is_refused(tmp_path: Path) -> None:
    rule = "A table is a folder with labels.csv or labels.jsonl. Found "
    assert told(DataError, lambda: table(tmp_path / "no")) == (
        f"{rule}no folder {tmp_path / 'no'}. Correct the path, or put one there."
    )
    assert told(DataError, lambda: table(tmp_path)) == (
        f"{rule}neither of them in {tmp_path}. Correct the path, or put one there."
    )
    write_csv(tmp_path, HEADER, rows_of())
    write_jsonl(tmp_path, [{"a": 1}])
    assert told(DataError, lambda: table(tmp_path)) == (
        f"{rule}both of them in {tmp_path}. Leave one of them there."
    )


FILE = "{folder}/labels.csv"
MIXED = (
    "Correct these values or leave them empty, or say what the column is: y=class, or y=skip to"
    " leave it out."
)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "The first line of labels.csv names each column once. Found an empty line in "
         + FILE + ", line 1. Correct the first line."),
        ("input,y,y,\n1,2,3,4\n", "The first line of labels.csv names each column once. Found a "
         "column without a name and 1 more in " + FILE + ", line 1. Correct the first line."),
        ("input,y\n", "A table has a row for each sample. Found no row in " + FILE + ". Add some."),
        ("input,y\n1,2\n1\n\n1,2,3\n", "Every row of labels.csv has as many values as the header "
         "has columns. Found 1 values for 2 columns in " + FILE + ", line 3 and 1 more. Put values "
         "with commas in quotes, and leave none out."),
        ('input,y\n1,"2\n', "labels.csv is written as CSV: values between commas, in quotes where"
         " needed. Found unexpected end of data in " + FILE + ", line 2. Close the quotes, and"
         " write a quote inside quotes twice."),
        ("input,y\n1,3\n2,5\n3,big\n4,7\n5,?\n", "The values of a column are of one kind, and 3 of "
         "5 in 'y' are numbers. Found 'big' in " + FILE + ", line 4 and 1 more. " + MIXED),
        ("input,y\n1,3\n,5\n3,4\n", "Every row has a value for the input 'input'. Found none in "
         + FILE + ", line 3. Fill it in, or leave out the row or the column."),
        ("input,y\n1,3\nx,5\n3,4\n", "Every value of the input 'input' is the name of an"
         " image file or a number. Found 'x' in " + FILE + ", line 3. Correct it; an input is one"
         " column of images or any number of columns of numbers."),
        ("input,y,split\n1,0,train\n2,1,trane\n3,0,\n", "The column 'split' says train, val or "
         "test in every row. Found 'trane' in " + FILE + ", line 3 and 1 more. Correct it, or say "
         "that the column is of another kind."),
        ("input,y,split\n1,0,train\n2,1,train\n3,0,val\n", "Every split of a table has rows. Found "
         "none for test among the 3 rows of " + FILE + ". Add rows, or a column split that says "
         "train, val or test."),
        ("input,k,n,split\n1,,2.5,train\n2,,1.5,train\n3,0,,val\n4,1,3.5,test\n",
         "Every task has labels to train on, and some to choose by in val. Found none for 'k' in "
         "the 2 rows of train and 1 more in " + FILE + ". Fill some in, give a column split, or "
         "leave the column out: --type COLUMN=skip."),
        ("input,y,split\n1,1700000000,train\n2,1700000001,train\n3,1700000002,val\n"
         "4,1700000003,test\n", "Numbers of a column differ in the seven digits of single "
         "precision. Found values of up to 1.7e+09 with a deviation of 0.5 in 'y' of " + FILE
         + ". Write them as differences from one of them, as from the first of some times."),
        ("input,y\n1,3\n2,5\n3,1e300\n4,7\n", "The values of a column are of one kind, and 3 of 4 "
         "in 'y' are numbers. Found '1e300' in " + FILE + ", line 4. " + MIXED),
        ("input,y\n1,3\n7e300,5\n3,4\n", "Every value of the input 'input' is the name of an"
         " image file or a number. Found '7e300' in " + FILE + ", line 3. Correct it; an input is"
         " one column of images or any number of columns of numbers."),
        ("input,y,split,id\n1,0,train,a\n2,1,val,b\n3,0,test,a\n4,0,val,a\n",
         "A sample is in one split. Found 'a' for train in " + FILE + ", line 2, and for test in "
         "line 4 and 1 more. Put all rows of a sample into one split."),
        ("input,hair colour,hair-colour,hair colour?\n1,a,a,a\n2,b,b,b\n3,a,a,a\n4,b,b,b\n",
         "The columns of tasks have names of letters A-Z a-z and digits that stay different where "
         "other signs become _. Found 'hair colour?' beside 'hair colour' in " + FILE
         + ", line 1. Rename the column."),
    ],
)  # fmt: skip
def test_a_bad_table_is_named_with_its_line(text: str, sentence: str, tmp_path: Path) -> None:
    write_text(tmp_path, text)
    assert told(DataError, lambda: table(tmp_path)) == sentence.format(folder=tmp_path)


def test_a_table_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_bytes(b"input,y\n1,a\n2,\xe9\n")
    assert told(DataError, lambda: table(tmp_path)) == (
        f"A table is written in UTF-8. Found the byte 0xe9 in {tmp_path}/labels.csv, line 3. Save "
        "it again as UTF-8."
    )


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("[1, 2]", "no object"),
        ('{"input": 1, "y": [1, 2]}', "a list or an object for 'y'"),
        ("{}", "no object"),
    ],
)
def test_a_bad_line_of_json_is_named(line: str, found: str, tmp_path: Path) -> None:
    write_text(tmp_path, f'{{"input": 1, "y": 1}}\n{line}\n{line}\n', "labels.jsonl")
    assert told(DataError, lambda: table(tmp_path)) == (
        "Every line of labels.jsonl is one JSON object: {column: value}. Found "
        f"{found} in {tmp_path}/labels.jsonl, line 2 and 1 more. Correct the line."
    )


def test_a_torn_line_of_json_is_named(tmp_path: Path) -> None:
    write_text(tmp_path, '{"input": 1, "y": 1}\n{"input": 2, "y\n', "labels.jsonl")
    assert "labels.jsonl, line 2" in told(DataError, lambda: table(tmp_path))


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"input": "x"}, "The columns of " + FILE + " are input, y. Found 'x'. Name one of these."),
        ({"input": "z*"}, "The columns of " + FILE + " are input, y. Found 'z*'. Name one of "
         "these."),
        ({"types": {"age": "number"}}, "The columns of " + FILE + " are input, y. Found 'age'. "
         "Name one of these."),
        ({"split": "fold"}, "The columns of " + FILE + " are input, y. Found 'fold'. Name one of "
         "these."),
        ({"types": {"y": "text"}}, "A column is one of class, yes/no, number, image, segmentation, "
         "mask, depth, normals, id, skip. Found 'text' for 'y'. Say one of these, or nothing and "
         "look at what is inferred."),
        ({"types": {"y": "skip"}}, "A table has a column for at least one task. Found none in "
         + FILE + " (y: as said). Add one, or say what a column is: score=number, for example."),
        ({"input": "input", "types": {"input": "skip"}}, "A column is an input, the column of "
         "splits, or of a kind. Found two of these said of 'input'. Say one of them."),
        ({"split": "y", "types": {"y": "class"}}, "A column is an input, the column of "
         "splits, or of a kind. Found two of these said of 'y'. Say one of them."),
        ({"size": 4}, "The images of a table are given 8 pixels a side or more. Found size=4. Give "
         "a larger number."),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_refused(
    said: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    write_csv(tmp_path, HEADER, rows_of())
    assert told(InputError, lambda: table(tmp_path, **said)) == sentence.format(folder=tmp_path)


def test_a_value_that_is_not_what_was_said_is_named(tmp_path: Path) -> None:
    write_csv(tmp_path, HEADER, [[1, "yes"], [2, "maybe"], [3, "no"], [4, "inf"]])
    assert told(DataError, lambda: table(tmp_path, types={"y": "yes/no"})) == (
        f"Every value of 'y' is yes or no, or empty. Found 'maybe' in {tmp_path}/labels.csv, "
        "line 3 and 1 more. Correct or empty them, or say that the column is of another kind."
    )
    assert "Found 'yes' in" in told(DataError, lambda: table(tmp_path, types={"y": "number"}))
    assert "Found 'yes' in" in told(DataError, lambda: table(tmp_path, types={"y": "mask"}))


def test_no_input_is_refused_with_the_columns(tmp_path: Path) -> None:
    write_csv(tmp_path, ["a", "b"], rows_of())
    assert told(InputError, lambda: table(tmp_path)) == (
        "The input of a table is a column of image files or columns of numbers. Found no image "
        f"files in {tmp_path}/labels.csv, whose columns are a, b. Say which columns are inputs: "
        "--input 'width,height' or --input 'x*', for example; or begin their names with input."
    )


def test_missing_images_are_named_and_counted(tmp_path: Path) -> None:
    photos(tmp_path, masks=True)
    for index in (4, 7, 8):
        (tmp_path / "img" / f"{index:03d}.png").unlink()
    assert told(DataError, lambda: table(tmp_path)) == (
        "The images that 'photo' names lie below the table's folder. Found no "
        f"{tmp_path}/img/004.png, of {tmp_path}/labels.csv, line 6 and 2 more. Copy them there, or "
        "correct the names."
    )


def test_one_image_in_two_splits_is_refused(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    splits = ["train", "val", "test"]
    write_csv(tmp_path, ["image", "y", "split"], [["a.png", i % 2, splits[i]] for i in range(3)])
    assert told(DataError, lambda: table(tmp_path)).startswith(
        f"A sample is in one split. Found 'a.png' for train in {tmp_path}/labels.csv, line 2, and "
        "for val in line 3 and 1 more."
    )


def fifth(data: TaskData) -> None:
    for split in ("val", "test"):
        list(getattr(data, split)(batch_size=1000))


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda p: p.write_bytes(b"no image"), "The images of a data set can be read. Found {p} ("),
        (lambda p: p.write_bytes(p.read_bytes()[:60]), "The images of a data set can be read. "
         "Found {p} ("),
        (lambda p: Image.new("I;16", (24, 16)).save(p), "This image has 8 bits a channel: grey, "
         "palette or colour. Found {p} of Pillow's mode I;16"),
        (lambda p: picture(p, size=(30, 16)), "A target that is an image has the size of its input "
         "image. Found {mask} of 24 x 16 pixels for {p} of 30 x 16"),
        (lambda p: grey(Path(f"{p}"[:-4] + "_mask.png"), 0, 7), "The labels of pixels lie in 0..2, "
         "or are 255 where missing. Found 7 and 191 more pixels in {mask}"),
    ],
)  # fmt: skip
def test_a_bad_image_is_named_when_it_is_read(
    spoil: Callable[[Path], object], sentence: str, tmp_path: Path
) -> None:
    photos(tmp_path, masks=True)
    data = table(tmp_path, size=16, types={"where": "segmentation:3"})
    assert isinstance(data, ItemData)
    row = next(i for i in data.items("val").items if i % 5)
    path = tmp_path / "img" / f"{row:03d}.png"
    spoil(path)
    mask = str(path)[:-4] + "_mask.png"
    assert told(DataError, lambda: fifth(data)).startswith(sentence.format(p=path, mask=mask))
