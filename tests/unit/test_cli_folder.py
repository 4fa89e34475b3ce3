"""A folder of the user's on the command line: shown, searched, gone on with, compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from _commands import call, refused
from _table_folder import numbers, photos, picture, write_csv

from sharewise.cli._data_words import DATA, data_from, default_backbone, read_data
from sharewise.cli._folder_words import TYPES, run_name

CAPSYS = pytest.CaptureFixture[str]
SMALL = ("--quick", "--epochs", "1", "--backbone", "mlp:widths=8+8")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_folder_of_images_is_searched_and_trained(home: Path, capsys: CAPSYS) -> None:
    photos(home / "photos", 40, masks=True)
    words = ("search", "photos:size=16", "--quick", "--epochs", "1", "--json")
    told = call(capsys, *words, "--backbone", "convnet:width=0.25")
    assert told.code == 0, told.err
    assert told.json["run"] == "runs/photos-0"
    assert told.json["architecture"]
    trained = call(capsys, "train", "runs/photos-0", "--epochs", "1", "--json").json
    assert {task: set(scores) for task, scores in trained["scores"].items()} == {
        "colour": {"accuracy"},
        "left": {"accuracy"},
        "width_mm": {"mae"},
        "where": {"miou", "pixel_accuracy"},
    }
    assert call(capsys, "show", "runs/photos-0").code == 0


def test_flags_say_what_columns_are_and_the_run_remembers(home: Path, capsys: CAPSYS) -> None:
    numbers(home / "rows")
    words = ("search", "rows", "--input", "x1,x2", "--type", "x3=class", "--type", "big=skip")
    told = call(capsys, *words, *SMALL, "--json")
    assert told.code == 0, told.err
    settings = json.loads((home / "runs/rows-0/settings.json").read_text())["data"]["settings"]
    assert settings["input"] == ["x1", "x2"]
    assert settings["types"] == {"x3": "class", "kind": "class", "big": "skip", "score": "number"}
    told = call(capsys, "compare", "runs/rows-0", "--quick", "--epochs", "1", "--json")
    assert told.code == 0, told.err
    assert call(capsys, "report", "runs/rows-0").code == 0


def test_a_changed_table_is_refused(home: Path, capsys: CAPSYS) -> None:
    path = numbers(home / "rows") / "labels.csv"
    words = ("search", "rows", "--input", "x*", *SMALL)
    assert call(capsys, *words).code == 0
    assert call(capsys, *words, "--resume").code == 0
    text = path.read_text()
    path.write_text(text.replace("low", "mid", 1))
    assert "A run folder holds one run" in refused(capsys, *words, "--resume")
    assert refused(capsys, "train", "runs/rows-0").startswith(
        "A run goes on with the data that it was searched with."
    )
    path.write_text(text)
    assert call(capsys, "train", "runs/rows-0", "--epochs", "1").code == 0


def test_what_is_inferred_is_shown_for_confirmation(home: Path, capsys: CAPSYS) -> None:
    photos(home / "my photos, new", masks=True)
    told = call(capsys, "data", "table", "my photos, new", "--json").json
    assert [each["name"] for each in told["columns"]] == [
        "photo",
        "colour",
        "left",
        "width mm",
        "where",
    ]
    assert all({"use", "kind", "says", "missing", "why"} <= set(each) for each in told["columns"])
    assert {each["name"]: each["answer"] for each in told["tasks"]} == {
        "colour": ["blue", "green", "red"],
        "left": ["no", "yes"],
        "width_mm": "a number, 6 .. 15",
        "where": "segmentation for each pixel",
    }
    text = call(capsys, "data", "table", "my photos, new").out
    for words in ("task: class", "3: blue, green, red", "3 texts, each 18 times", "6 .. 15"):
        assert words in text
    assert "Next: sharewise search 'my photos, new'" in text
    same = call(capsys, "data", "my photos, new", "--type", "where=skip", "--json").json
    assert same["columns"][-1]["use"] == "left out"


def test_next_names_the_flags_that_were_given(home: Path, capsys: CAPSYS) -> None:
    numbers(home / "rows")
    text = call(capsys, "data", "rows", "--input", "x*", "--type", "big=skip").out
    assert "Next: sharewise search rows --input 'x*' --type big=skip" in text


def test_data_that_need_a_folder_say_so_without_one(capsys: CAPSYS) -> None:
    for name, word in DATA.items():
        if word.folder is not None:
            told = call(capsys, "data", name, "--json").json
            assert told["needs"] and told["get"] and told["licence"]
            assert f"sharewise data {name} {word.folder}" in call(capsys, "data", name).out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ("search", "nowhere/at/all"),
            "Data are one of the names that `sharewise data` lists, or a folder. Found no folder "
            "nowhere/at/all. Correct the path.",
        ),
        (
            ("search", "empty"),
            "A table is a folder with labels.csv or labels.jsonl. Found neither of them in empty. "
            "Correct the path, or put one there.",
        ),
        (
            ("search", "empty:variants=2"),
            "The options of 'empty' are folder, input, types, split, size, flip. Found 'variants' "
            "in 'variants=2'. Write folder=decathlon-1.0, for example.",
        ),
        (
            ("search", "glyphs", "--input", "x"),
            "--input, --type and --split say what the columns of a table are. Found one of them "
            "with glyphs. Leave it out, or give a folder with labels.csv.",
        ),
        (
            ("data", "--type", "age=number"),
            "--input, --type and --split say what the columns of a table are. Found one of them "
            "with no data. Leave it out, or give a folder with labels.csv.",
        ),
        (
            ("data", "table", "--input", "x"),
            "--input, --type and --split say what the columns of a table are. Found one of them "
            "with no data. Leave it out, or give a folder with labels.csv.",
        ),
        (
            ("search", "rows", "--type", "age"),
            "--type says what a column is: COLUMN=KIND. Found 'age'. Write --type age=number, for "
            "example.",
        ),
        (
            ("data", "glyphs", "rows"),
            "Some data are read from a folder of yours, and the others are made. Found the folder "
            "rows for glyphs. Leave it out.",
        ),
        (
            ("search", "table"),
            "The data 'table' are read from a folder of yours. Found no option 'folder'. Write "
            "table:folder=PATH.",
        ),
        (
            ("search", "rows", "--input", "z"),
            "The columns of rows/labels.csv are x1, x2, x3, kind, big, score. Found 'z'. Name one "
            "of these.",
        ),
    ],
)
def test_a_folder_that_will_not_do_is_refused(
    words: tuple[str, ...], sentence: str, home: Path, capsys: CAPSYS
) -> None:
    numbers(home / "rows")
    (home / "empty").mkdir()
    assert refused(capsys, *words) == sentence


def test_a_broken_image_ends_a_search_with_its_name(home: Path, capsys: CAPSYS) -> None:
    photos(home / "photos")
    for path in (home / "photos" / "img").iterdir():
        path.write_bytes(path.read_bytes()[:50])
    said = refused(capsys, "search", "photos:size=16", "--quick", "--epochs", "1")
    assert said.startswith("The images of a data set can be read. Found photos/img/")
    assert "more in this batch" in said


def test_words_and_folders_make_the_same_table(home: Path) -> None:
    numbers(home / "rows")
    word = "table:folder=rows,input=x1+x2,types=x3=class+big=skip,size=16,flip=yes"
    made = read_data(word)()
    again = read_data(
        "rows:size=16,flip=yes", {"input": ("x1", "x2"), "types": {"x3": "class", "big": "skip"}}
    )()
    assert made.fingerprint == again.fingerprint == data_from(made.settings).fingerprint
    assert TYPES.read("a=b=number+c=class") == {"a=b": "number", "c": "class"}
    with pytest.raises(ValueError, match="number"):
        TYPES.read("number")
    assert run_name(made) == "rows"


def test_the_default_backbone_fits_the_input(home: Path) -> None:
    def word(folder: str, *, divided: bool = False, **said: Any) -> str:
        return default_backbone(read_data(folder, said)(), divided=divided)

    numbers(home / "rows")
    photos(home / "plain")
    photos(home / "dense", masks=True)
    assert word("rows", input=("x*",)).startswith("mlp:")
    assert "hidden=" in word("rows", divided=True, input=("x*",))
    assert word("plain") == "resnet18:width=0.25,stem=imagenet"
    assert word("plain:size=32") == "resnet18:width=0.25,stem=small"
    assert word("dense") == "resnet18:width=0.25,stem=imagenet,output_stride=8"


def test_the_default_budget_pays_for_a_second_last_stage(home: Path, capsys: CAPSYS) -> None:
    photos(home / "photos", masks=True)
    words = ("--quick", "--epochs", "1", "--backbone", "convnet:width=0.25", "--json")
    dense = call(capsys, "search", "photos:size=16", *words, "--run", "dense").json
    assert dense["budget"] == {"macs": 2.0}
    said = ("--type", "where=skip")
    plain = call(capsys, "search", "photos:size=16", *words, *said, "--run", "plain").json
    assert plain["budget"] == {"macs": 1.5}


def test_a_name_goes_before_a_folder_of_that_name(home: Path) -> None:
    picture(home / "planted" / "a.png")
    write_csv(home / "planted", ["image", "y"], [["a.png", 1]])
    assert read_data("planted:samples=4,groups=1")().name == "planted"
