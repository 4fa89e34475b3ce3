from __future__ import annotations

import errno
import json
import os
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from sharewise.errors import FormatError, InputError, RunError
from sharewise.runs import Journal

HEADER = {"format": 1, "seed": 0, "tasks": ["a", "b"]}


def message(call: Callable[[], object], kind: type[Exception] = RunError) -> str:
    with pytest.raises(kind) as caught:
        call()
    return str(caught.value)


def refuse(code: int) -> Callable[..., None]:
    """A system call that fails."""

    def call(*args: object, **named: object) -> None:
        raise OSError(code, os.strerror(code))

    return call


def test_a_journal_is_its_header_and_its_entries(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal.open(path, HEADER)
    journal.append({"epoch": 0, "loss": 0.5})
    journal.append({"epoch": 1, "loss": 0.25})
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        HEADER,
        {"epoch": 0, "loss": 0.5},
        {"epoch": 1, "loss": 0.25},
    ]
    for again in (Journal.open(path, HEADER), Journal.read(path)):
        assert again.header == journal.header == HEADER
        assert again.entries == journal.entries
    assert list(tmp_path.iterdir()) == [path]


def test_an_entry_is_kept_as_it_will_be_read(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal.open(path, {"shape": (3, 64)})
    journal.append({"levels": (("a",), ("b",)), "text": "ü"})
    assert journal.entries == Journal.read(path).entries
    assert Journal.open(path, {"shape": (3, 64)}).header == {"shape": [3, 64]}


def test_a_journal_goes_on_where_it_stopped(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    journal = Journal.open(whole, HEADER)
    for epoch in range(4):
        journal.append({"epoch": epoch})
        Journal.open(parts, HEADER).append({"epoch": epoch})
    assert whole.read_bytes() == parts.read_bytes()


def test_another_header_shows_both_sides_of_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    Journal.open(path, HEADER | {"tau": 1})
    before = path.read_bytes()
    assert message(lambda: Journal.open(path, HEADER | {"seed": 1, "lr": 0.1})) == (
        "A journal goes on only with the header that it began with. "
        f"Found in {path}: seed is 0 there and 1 here; tau is 1 there and missing here; "
        "lr is missing there and 0.1 here. "
        "Ask for what the journal holds, or begin in another folder."
    )
    assert path.read_bytes() == before


def test_of_long_values_only_what_differs_is_shown_and_no_more_than_a_line(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    search = {f"a long name of a setting {i}": i for i in range(20)}
    gates = [0.25] * 1000
    Journal.open(path, HEADER | {"search": search, "gates": gates})
    header = {"search": search | {"a long name of a setting 7": 8}, "gates": [*gates[1:], 0.5]}
    said = message(lambda: Journal.open(path, HEADER | header))
    assert "search.a long name of a setting 7 is 7 there and 8 here" in said
    assert "setting 6" not in said
    assert "gates is …" in said
    assert "0.25] there and …" in said
    assert "0.5] here" in said
    assert len(said) < 600


def test_the_order_of_keys_in_a_header_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    Journal.open(path, {"a": {"x": 1, "y": float("nan")}, "b": 2})
    Journal.open(path, {"b": 2, "a": {"y": float("nan"), "x": 1}})


@pytest.mark.parametrize("torn", [b'{"epo', b'{"epoch": 2}', b'{"epo\n', b"\0\0\0\n", b"3\n"])
def test_a_torn_last_line_is_dropped_with_a_warning(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "journal.jsonl"
    Journal.open(path, HEADER).append({"epoch": 0})
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    with pytest.warns(UserWarning, match=r"The last line of .* is torn and was dropped \(\d+ byte"):
        journal = Journal.open(path, HEADER)
    assert path.read_bytes() == whole
    journal.append({"epoch": 1})
    assert path.read_bytes() == whole + b'{"epoch": 1}\n'


def test_reading_leaves_a_torn_file_alone_until_something_is_appended(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    Journal.open(path, HEADER)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"epo')
    with pytest.warns(UserWarning, match="torn"):
        journal = Journal.read(path)
    assert path.read_bytes() == whole + b'{"epo'
    journal.append({"epoch": 0})
    assert path.read_bytes() == whole + b'{"epoch": 0}\n'


@pytest.mark.parametrize("content", [b"", b'{"format"'])
def test_a_journal_without_a_whole_header_begins_again(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert message(lambda: Journal.read(path)) == (
            f"A journal begins with its header line. Found no whole line in {path}. "
            "Begin the search again."
        )
        assert Journal.open(path, HEADER).entries == []
    assert Journal.read(path).header == HEADER


def test_a_broken_line_in_the_middle_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text('{"format": 1}\n{"epo\n{"epoch": 1}\n')
    assert message(lambda: Journal.read(path), FormatError) == (
        "Every line of a journal is one JSON object. "
        f"Found another thing in line 2 of {path}. "
        "Remove the lines from there on to resume from what comes before."
    )


def test_truncate_keeps_the_first_entries(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal.open(path, HEADER)
    for epoch in range(4):
        journal.append({"epoch": epoch})
    journal.truncate(2)
    journal.append({"epoch": 9})
    assert journal.entries == Journal.read(path).entries
    assert [entry["epoch"] for entry in journal.entries] == [0, 1, 9]
    journal.truncate(0)
    assert Journal.read(path).entries == []
    assert "at least 0. Found -1." in message(lambda: journal.truncate(-1), InputError)


def test_a_full_disk_tears_no_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal.open(path, HEADER)
    journal.append({"epoch": 0})
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse(errno.ENOSPC))
        assert f"Found No space left on device at {path}." in message(
            lambda: journal.append({"epoch": 1})
        )
    assert len(journal.entries) == 1
    journal.append({"epoch": 1})
    assert Journal.read(path).entries == journal.entries == [{"epoch": 0}, {"epoch": 1}]


def test_what_is_not_json_is_not_appended(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal.jsonl", HEADER)
    text = message(lambda: journal.append({"loss": object}), InputError)
    assert text.startswith("journal.jsonl holds JSON values: texts, numbers, lists and objects.")
    assert journal.entries == []
