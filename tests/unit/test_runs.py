from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sharewise.errors import FormatError, InputError, RunError
from sharewise.runs import Run, read_json, write_atomic, write_json


def message(call: Callable[[], object], kind: type[Exception] = RunError) -> str:
    with pytest.raises(kind) as caught:
        call()
    return str(caught.value)


def refuse(code: int) -> Callable[..., None]:
    """A system call that fails."""

    def call(*args: object, **named: object) -> None:
        raise OSError(code, os.strerror(code))

    return call


# --- files


@pytest.mark.parametrize(
    ("content", "data"), [("grün\n", "grün\n".encode()), (b"\0\xff", b"\0\xff")]
)
def test_a_file_is_written_whole(tmp_path: Path, content: str | bytes, data: bytes) -> None:
    path = tmp_path / "file"
    write_atomic(path, "before")
    write_atomic(path, content)
    assert path.read_bytes() == data
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "scores.json"
    write_atomic(path, "before")
    monkeypatch.setattr(os, call, refuse(errno.ENOSPC))
    assert message(lambda: write_atomic(path, "after")) == (
        "A run is written to a folder with room and permission. "
        f"Found No space left on device at {path}. Free some space, or give another folder."
    )
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interruption_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(number: int) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "scores.json"
    write_atomic(path, "before")
    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(path, "after")
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_says_so(tmp_path: Path) -> None:
    path = tmp_path / "none" / "file"
    assert f"Found No such file or directory at {path}." in message(lambda: write_atomic(path, ""))


def test_json_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    value = {"a": [1, 2.5, None, "ü"]}
    write_json(path, value)
    assert read_json(path) == value
    assert path.read_text().endswith("}\n")


def test_reading_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    assert message(lambda: read_json(path)) == (
        "A file that is asked for is there and can be read. "
        f"Found No such file or directory at {path}. Check the path and its permissions."
    )


@pytest.mark.parametrize("data", [b'{"a": [1, ', b"", b"\xff\xfe\xfa", b"[" * 10**5])
def test_reading_a_truncated_file(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "scores.json"
    path.write_bytes(data)
    text = message(lambda: read_json(path), FormatError)
    assert text.startswith(
        f"scores.json is one JSON value. Found {len(data)} bytes in {path} that stop being JSON ("
    )
    assert text.endswith("The file may be truncated: copy or make it again.")


def test_what_is_not_json_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    text = message(lambda: write_json(path, {"a": object}), InputError)
    assert text.startswith("scores.json holds JSON values: texts, numbers, lists and objects. ")
    assert not path.exists()


# --- run

SETTINGS: dict[str, Any] = {"seed": 0, "budget": {"params": 1.5}, "widths": (16, 16)}


def test_a_run_is_a_folder_with_its_settings(tmp_path: Path) -> None:
    run = Run.start(tmp_path / "runs" / "glyphs", SETTINGS, resume=False)
    assert run.settings == {"seed": 0, "budget": {"params": 1.5}, "widths": [16, 16]}
    assert run.checkpoint.is_dir()
    assert Run.existing(run.folder) == run


def test_the_files_of_a_run_have_fixed_names(tmp_path: Path) -> None:
    run = Run(tmp_path)
    names = {
        run.settings_path: "settings.json",
        run.journal: "journal.jsonl",
        run.checkpoint: "checkpoint",
        run.architecture: "architecture.json",
        run.network: "network.safetensors",
        run.scores: "scores.json",
        run.comparison: "comparison.json",
        run.report: "report.html",
    }
    assert {path: tmp_path / name for path, name in names.items()} == {path: path for path in names}


def test_a_run_is_resumed_only_when_asked(tmp_path: Path) -> None:
    Run.start(tmp_path, SETTINGS)
    assert message(lambda: Run.start(tmp_path, SETTINGS)) == (
        f"A run is begun once. Found a run with the same settings in {tmp_path}. "
        "Go on with --resume (resume=True), or give another folder."
    )
    assert Run.start(tmp_path, SETTINGS, resume=True).settings["seed"] == 0


@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_of_another_search_shows_both_sides(tmp_path: Path, resume: bool) -> None:
    Run.start(tmp_path, SETTINGS)
    other = SETTINGS | {"seed": 7, "budget": {"params": 2}}
    assert message(lambda: Run.start(tmp_path, other, resume=resume)) == (
        "A run folder holds one run, and this one belongs to another search. "
        f"Found in {tmp_path / 'settings.json'}: seed is 0 there and 7 here; "
        'budget is {"params": 1.5} there and {"params": 2} here. '
        "Give another folder, or the settings that this run began with."
    )


def test_resuming_nothing_starts(tmp_path: Path) -> None:
    assert Run.start(tmp_path / "new", SETTINGS, resume=True).settings["seed"] == 0


def test_a_folder_without_settings_is_not_a_run(tmp_path: Path) -> None:
    assert message(lambda: Run.existing(tmp_path)) == (
        f"A run is a folder with a settings.json. Found none in {tmp_path}. "
        "Give the folder that a search was started with (--run)."
    )


def test_a_file_in_the_way_is_a_run_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    text = message(lambda: Run.start(tmp_path / "file", SETTINGS))
    assert text.startswith("A run is written to a folder with room and permission. Found ")


def test_settings_of_another_kind_are_a_format_error(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text("[]")
    assert message(lambda: Run.existing(tmp_path).settings, FormatError) == (
        f"settings.json is one JSON object. Found list in {tmp_path / 'settings.json'}. "
        "Start the run again in another folder."
    )
