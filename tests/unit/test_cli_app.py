"""The app itself: help, imports, exit codes, and errors as three lines."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from _commands import call, make_run, refused
from rich.console import Console

from sharewise.cli import _data, _errors, _progress, _rebuild, _train
from sharewise.cli._data_words import DATA
from sharewise.errors import InputError

COMMANDS = ("search", "train", "compare", "report", "show", "export", "data", "cost", "demo")
CAPSYS = pytest.CaptureFixture[str]


def python(code: str, *, stdout: int | None = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    """The console entry in a process of its own; `code` comes before the call of main()."""
    import sharewise

    source = str(Path(sharewise.__file__).parents[1])
    return subprocess.run(
        [sys.executable, "-c", code],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": source, "COLUMNS": "100"},
    )


def main_with(*words: str) -> str:
    return f"import sys; sys.argv = {['sharewise', *words]!r}; from sharewise.cli import main; "


def test_help_imports_neither_torch_nor_anything_slow() -> None:
    code = main_with("--help") + (
        "\ntry:\n    main()\nfinally:\n"
        "    slow = {'torch', 'matplotlib', 'scipy', 'numpy', 'safetensors'} & set(sys.modules)\n"
        "    print('slow:', sorted(slow))\n"
    )
    told = python(code)
    assert told.returncode == 0, told.stderr
    assert "slow: []" in told.stdout
    for command in COMMANDS:
        assert command in told.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_json_and_an_example(
    capsys: CAPSYS, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    told = call(capsys, command, "--help")
    assert told.code == 0
    assert f"Example: sharewise {command}" in told.out
    assert "--json" in told.out


def test_without_a_command_the_help_is_shown(capsys: CAPSYS) -> None:
    assert "search" in "".join(call(capsys)[1:])


def test_version(capsys: CAPSYS) -> None:
    assert call(capsys, "--version").code == 0


@pytest.mark.parametrize(
    "words",
    [("sarch",), ("search",), ("data", "--jsn"), ("search", "planted", "--epochs", "0"), ("cost",)],
)
def test_a_wrong_command_line_is_code_2(capsys: CAPSYS, words: tuple[str, ...]) -> None:
    told = call(capsys, *words)
    assert told.code == 2
    assert "Usage" in told.err
    assert "Traceback" not in told.err


def test_the_real_command_ends_with_three_lines_and_code_2() -> None:
    told = python(main_with("data", "glyps") + "main()")
    assert told.returncode == 2
    assert told.stdout == ""
    rule, found, fix = told.stderr.splitlines()
    assert rule == f"A data set is one of {', '.join(DATA)}."
    assert (found, fix) == ("Found 'glyps'.", "Did you mean glyphs?")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full, which is always full")
def test_a_full_disk_below_stdout_is_told_once() -> None:
    with open("/dev/full", "w") as full:
        told = python(main_with("data", "--json") + "main()", stdout=full.fileno())
    assert told.returncode == 2
    assert told.stderr == (
        "Files are read and written where the disk and its permissions allow it.\n"
        "Found No space left on device at the output.\n"
        "Check the path, its permissions and the room on the disk.\n"
    )


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        told = python(main_with("data", "--json") + "main()", stdout=write)
    finally:
        os.close(write)
    assert told.returncode == 1
    assert told.stderr == ""


def interrupted(*words: object, **options: object) -> None:
    raise KeyboardInterrupt


def test_ctrl_c_is_code_130_and_says_how_to_go_on(
    capsys: CAPSYS, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(_data, "read_data", interrupted)
    monkeypatch.setattr(_train, "rebuild", interrupted)
    told = call(capsys, "data", "planted")
    assert (told.code, told.out, told.err) == (130, "", "Interrupted.\n")
    told = call(capsys, "train", make_run(tmp_path / "run"))
    assert told.code == 130
    assert told.err.endswith("Interrupted. The same command goes on from what is on disk.\n")


def test_an_interrupted_search_goes_on_with_resume(capsys: CAPSYS) -> None:
    _errors.tell_interrupted("search")
    assert capsys.readouterr().err == (
        "Interrupted. The same command with --resume goes on from what is on disk.\n"
    )


def test_an_error_with_brackets_is_printed_as_it_is(capsys: CAPSYS) -> None:
    _errors.tell("A [bold]rule[/bold].", "[1, 2]", "Fix " + "it " * 80)
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == ["A [bold]rule[/bold].", "Found [1, 2]."]
    assert len(lines) == 3


def test_an_error_of_the_disk_names_the_place(
    capsys: CAPSYS, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*words: object) -> None:
        raise OSError(28, "No space left on device", "/somewhere/file")

    monkeypatch.setattr(_rebuild, "data_from", refuse)
    sentence = refused(capsys, "train", make_run(tmp_path / "run"))
    assert "Found No space left on device at /somewhere/file." in sentence


# --- progress ---


def test_progress_is_one_line_where_stderr_is_no_terminal(capsys: CAPSYS) -> None:
    with _progress.progress("Working") as show:
        show({"epoch": 1, "epochs": 2})
    assert capsys.readouterr() == ("", "Working ...\n")


def test_progress_is_a_bar_on_a_terminal(capsys: CAPSYS, monkeypatch: pytest.MonkeyPatch) -> None:
    def terminal(**options: object) -> Console:
        return Console(stderr=True, force_terminal=True, width=100)

    monkeypatch.setattr(_progress, "Console", terminal)
    with _progress.progress("Working") as show:
        show({"epoch": 1, "epochs": 2, "train_loss": 0.5})
        show({"epoch": 2, "epochs": 2, "train_loss": 0.25})
    out, err = capsys.readouterr()
    assert out == ""
    assert "Working" in err
    assert "2/2" in err


def test_the_position_and_note_of_a_step() -> None:
    assert _progress.position({"epoch": 3, "epochs": 9}) == (3, 9)
    assert _progress.position({"done": 1, "jobs": 4, "epoch": 3, "epochs": 9}) == (1, 4)
    assert _progress.position({"phase": "digits", "sample": 7, "samples": 50}) == (7, 50)
    assert _progress.note({"phase": "digits", "sample": 7, "samples": 50}) == "digits"
    assert _progress.position({}) == (0, None)
    step = {"done": 1, "jobs": 4, "job": "found", "seed": 2, "epoch": 3, "epochs": 9}
    assert _progress.note(step) == "found seed 2, epoch 3 of 9"
    assert _progress.note({"phase": "search", "loss": 0.5}) == "search loss 0.5000"


def test_an_error_from_anywhere_reaches_the_shell(
    capsys: CAPSYS, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(text: str) -> SimpleNamespace:
        raise InputError(rule="A rule.", found="this", fix="A fix.")

    monkeypatch.setattr(_data, "word_of", refuse)
    assert refused(capsys, "data", "x", "--json") == "A rule. Found this. A fix."
