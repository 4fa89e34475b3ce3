"""The originals on the command line: named, made again from settings, refused without traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from _celeba_folder import write_celeba
from _commands import call, refused
from _listed_folder import write_cityscapes, write_nyuv2, write_taskonomy
from _qm9_folder import write_qm9

from sharewise.cli._data_words import DATA, answers, data_from, default_backbone, read_data

CAPSYS = pytest.CaptureFixture[str]
Write = Callable[[Path], Path]
ORIGINALS: dict[str, tuple[Write, str, str]] = {
    "celeba": (write_celeba, "size=16,attributes=Young+Male", "list_attr_celeba.txt"),
    "taskonomy": (write_taskonomy, "size=16,flip=no", "semseg_prior_factor.npy"),
    "nyuv2": (write_nyuv2, "size=16,shrink=2", "nyu_v2_3task.json"),
    "cityscapes": (write_cityscapes, "size=16", "cityscape.json"),
    "qm9": (write_qm9, "samples=130831,targets=mu+gap", "qm9_part2.csv"),
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SHAREWISE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


@pytest.mark.parametrize("name", ORIGINALS)
def test_it_is_shown_and_comes_back_from_its_settings(
    name: str, home: Path, capsys: CAPSYS
) -> None:
    write, options, _ = ORIGINALS[name]
    write(home)
    word = f"{name}:folder={home},{options}"
    shown = call(capsys, "data", word, "--json").json
    assert shown["name"] == name and shown["licence"] and shown["get"]
    made = read_data(word)()
    assert shown["fingerprint"] == made.fingerprint == data_from(made.settings).fingerprint
    assert all(answers(made)[task.name] for task in made.tasks)
    assert default_backbone(made) == shown["backbone"]
    assert "Licence: " in call(capsys, "data", word).out


@pytest.mark.parametrize("name", ORIGINALS)
def test_what_is_missing_ends_with_three_lines(name: str, home: Path, capsys: CAPSYS) -> None:
    write, options, needed = ORIGINALS[name]
    write(home)
    (home / needed).unlink()
    said = refused(capsys, "search", f"{name}:folder={home},{options}")
    assert f"no {home / needed}" in said
    gone = f"{name}:folder={home / 'gone'}"
    assert f"Found no folder {home / 'gone'}." in refused(capsys, "search", gone)


@pytest.mark.parametrize("name", [name for name in ORIGINALS if DATA[name].folder])
def test_without_its_folder_it_is_told_what_is_needed(name: str, capsys: CAPSYS) -> None:
    assert ORIGINALS[name][2] in DATA[name].needs
    told = call(capsys, "data", name)
    assert told.code == 0
    assert DATA[name].get in told.out and DATA[name].licence in told.out
    assert f"Then: sharewise data {name} {name}" in told.out
    assert refused(capsys, "search", name) == (
        f"The data '{name}' are read from a folder of yours. Found no option 'folder'. Write "
        f"{name}:folder=PATH."
    )


def test_a_folder_may_follow_the_name(home: Path, capsys: CAPSYS) -> None:
    write_celeba(home)
    shown = call(capsys, "data", "celeba:size=16", str(home), "--json").json
    assert shown["input_shape"] == [3, 16, 16]
    assert len(shown["tasks"]) == 40
