"""The examples run as they stand, and find what they are about."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
MOST_LINES = 40


def run(name: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What an example prints, run as a script."""
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    return capsys.readouterr().out


def test_own_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    printed = run("own_data.py", capsys)
    # Its tasks are not in alphabetical order, and the two pairs are made alike.
    assert "· noise, quiet\n" in printed
    assert "· price, rent\n" in printed
    assert "{'price': {'mse': " in printed
    assert not list(tmp_path.iterdir())


def test_own_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    printed = run("own_model.py", capsys)
    assert "parameters; fully shared" in printed
    assert all(f"{task:10} accuracy 0." in printed for task in ("character", "slant", "family"))


def test_every_example_is_short_and_tested() -> None:
    files = {path.name: len(path.read_text().splitlines()) for path in EXAMPLES.glob("*.py")}
    assert set(files) == {"own_data.py", "own_model.py"}
    assert all(lines < MOST_LINES for lines in files.values()), files
