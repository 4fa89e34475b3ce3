"""The examples run as they stand, and find what they are about."""

from __future__ import annotations

import re
import runpy
from collections.abc import Callable
from pathlib import Path

import pytest
from _qm9_folder import NAMES, write_qm9

import sharewise as sw

EXAMPLES = Path(__file__).parents[2] / "examples"
MOST_LINES = 50


Run = Callable[[str], str]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs an example as a script in an empty folder, and gives what it prints."""
    monkeypatch.chdir(tmp_path)

    def printed(name: str) -> str:
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out

    return printed


def test_molecules(
    run: Run, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_qm9(tmp_path_factory.mktemp("qm9"), count=1500)
    monkeypatch.setenv("SHAREWISE_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setattr("sys.argv", ["molecules.py", str(folder)])
    tree, rest = run("molecules.py").split("At four times:\n")
    assert all(target in tree for target in NAMES)
    pairs = re.findall(r"^(\w+) shares most often with (\w+): in \d+% of", rest, re.MULTILINE)
    assert [one for one, _ in pairs] == NAMES
    assert all(other in NAMES and other != one for one, other in pairs)
    assert re.search(r"^test mae +found +shared +independent +random$", rest, re.MULTILINE)
    errors = re.findall(r"^(\w+)((?: +[\d.e+]+ ±[\d.e+-]+){4}) (.+)$", rest, re.MULTILINE)
    assert [(target, unit) for target, _, unit in errors] == [
        (target, sw.data.QM9_UNITS[target]) for target in NAMES
    ]
    assert not list(Path().iterdir())


def test_own_data(run: Run) -> None:
    printed = run("own_data.py")
    # Its tasks are not in alphabetical order, and the two pairs are made alike.
    assert "· noise, quiet\n" in printed
    assert "· price, rent\n" in printed
    assert "{'price': {'mse': " in printed
    assert not list(Path().iterdir())


def test_own_model(run: Run) -> None:
    printed = run("own_model.py")
    assert "parameters; fully shared" in printed
    assert all(f"{task:10} accuracy 0." in printed for task in ("character", "slant", "family"))


def test_own_network(run: Run) -> None:
    printed = run("own_network.py")
    assert "stage 1: (24, 8, 8), divisible ['1.conv1']\n" in printed
    assert "stage 2: (24, 8, 8), divisible ['conv1']\n" in printed  # the block as it stands
    assert re.findall(r"^(\w+) +accuracy ", printed, re.MULTILINE) == [
        task.name for task in sw.data.glyphs(variants=1).tasks
    ]


def test_own_partition(run: Run) -> None:
    printed = run("own_partition.py")
    # The last stage that has hidden layers is divided; in the one before norms alone are their own.
    assert "stage 1 · fan, pump, saw (normalised for each task alone)\n" in printed
    assert "stage 2 · fan, pump, saw (partitioned: fan " in printed
    scores = re.findall(r"^(\w+) +accuracy (0\.\d+|1\.000)$", printed, re.MULTILINE)
    assert [task for task, _ in scores] == ["fan", "pump", "saw"]
    assert all(float(score) > 0.6 for _, score in scores), scores  # half of the answers are yes
    assert not list(Path().iterdir())


def test_own_table(run: Run) -> None:
    printed = run("own_table.py")
    assert "image    input, image, 0 missing\n" in printed
    assert "bruised  task, yes/no, 0 missing\n" in printed
    (accuracy,) = re.findall(r"'kind': \{'accuracy': ([\d.]+)\}", printed)
    assert float(accuracy) > 0.6  # of three kinds, each of its colour
    assert not list(Path().iterdir())


def test_every_example_is_short_and_tested() -> None:
    files = {path.name: len(path.read_text().splitlines()) for path in EXAMPLES.glob("*.py")}
    assert set(files) == {
        "molecules.py",
        "own_data.py",
        "own_model.py",
        "own_network.py",
        "own_partition.py",
        "own_table.py",
    }
    assert all(lines < MOST_LINES for lines in files.values()), files
