"""Calling commands as the shell does, and a run folder as a search leaves it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sharewise.architecture import Architecture
from sharewise.backbones import mlp
from sharewise.cli import app
from sharewise.data import planted

WIDTHS = (6, 6, 6)


class Told(NamedTuple):
    """What a command left: its exit code and its two streams."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON object on stdout."""
        return json.loads(self.out)


def call(capsys: pytest.CaptureFixture[str], *words: object) -> Told:
    """Run one command in this process."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        app(list(map(str, words)), prog_name="sharewise")
    out, err = capsys.readouterr()
    code = end.value.code
    return Told(0 if code is None else int(code), out, err)


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """The three lines of a command that cannot be done, as one sentence."""
    told = call(capsys, *words)
    assert told.code == 2
    assert told.out == ""
    assert "Traceback" not in told.err
    lines = [line for line in told.err.splitlines() if not line.endswith(" ...")]
    assert len(lines) == 3, told.err
    assert lines[1].startswith("Found ")
    return " ".join(lines)


def make_run(folder: Path, **changes: Any) -> Path:
    """A finished search of four planted tasks, small enough to train in a moment."""
    data = planted((2, 2), samples=64, outputs=4)
    backbone = mlp(32, WIDTHS)
    settings = {
        "format": 1,
        "method": "branching",
        "data": {
            "name": data.name,
            "fingerprint": data.fingerprint,
            "settings": dict(data.settings),
        },
        "backbone": dict(backbone.settings),
        "tasks": sorted(task.name for task in data.tasks),
        "budget": {"params": 2.0},
        "search": {},
        "seed": 0,
    }
    (folder / "checkpoint").mkdir(parents=True)
    (folder / "settings.json").write_text(json.dumps(settings | changes))
    (folder / "architecture.json").write_text(found().to_json())
    return folder


def found() -> Architecture:
    """The architecture of that run."""
    return planted((2, 2), samples=1, outputs=4).truth
