"""Laws 7 and 8 for compare(): interrupted or not, with any number of workers, the same scores."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from sharewise.backbones import mlp
from sharewise.baselines import CompareSettings, Comparison, compare
from sharewise.data import planted
from sharewise.evaluation import Budget
from sharewise.training import TrainSettings

SCRIPT = """
import multiprocessing, sys
from pathlib import Path

def say(event):
    workers = [child.pid for child in multiprocessing.active_children()]
    print(event["done"], *workers, flush=True)

if __name__ == "__main__":
    from test_baselines_laws import run_compare
    run_compare(Path(sys.argv[1]), workers=2, progress=say)
"""
FILES = ("journal.jsonl", "network.safetensors", "scores.json", "test.json", "settings.json")


def run_compare(run: Path | None, *, workers: int, progress: Any = None) -> Comparison:
    data = planted((2, 2), samples=400)
    return compare(
        data.truth,
        mlp(32, widths=(16, 16, 16)),
        data,
        budget=Budget(macs=2),
        settings=CompareSettings(
            seeds=(0, 1), train=TrainSettings(epochs=3, lr=0.01), workers=workers
        ),
        run=run,
        progress=progress,
    )


def without_times(comparison: Comparison) -> list[Any]:
    return [
        (row.name, row.architectures, row.val, row.test, row.gain, row.gain_independent)
        for row in comparison.rows
    ]


def jobs_of(run: Path) -> dict[str, bytes]:
    folders = [folder for folder in (run / "comparison").iterdir() if folder.is_dir()]
    return {
        f"{folder.name}/{name}": (folder / name).read_bytes()
        for folder in folders
        for name in FILES
    }


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Comparison]:
    run = tmp_path_factory.mktemp("whole")
    return run, run_compare(run, workers=1)


def kill_after_three_jobs(run: Path, script: Path) -> list[int]:
    """Begin a comparison with two workers in another process and kill it; the workers' ids."""
    script.write_text(SCRIPT)
    paths = [str(Path(__file__).parent), *sys.path]
    process = subprocess.Popen(
        [sys.executable, str(script), str(run)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    workers: list[int] = []
    for line in process.stdout:
        done, *workers = map(int, line.split())
        if done == 3:
            process.send_signal(signal.SIGKILL)
            break
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL
    return workers


def test_a_killed_comparison_resumes_to_the_same_result(
    whole: tuple[Path, Comparison], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    workers = kill_after_three_jobs(run, tmp_path / "begin.py")
    assert len(workers) == 2
    until = time.monotonic() + 5
    while any(map(lives, workers)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(map(lives, workers)), "a worker outlived the comparison that it worked for"
    assert not (run / "comparison.json").exists()
    assert 3 <= len(list((run / "comparison").glob("*/test.json"))) < 8
    resumed = run_compare(run, workers=1)
    assert without_times(resumed) == without_times(whole[1])
    assert jobs_of(run) == jobs_of(whole[0])


def test_without_a_run_the_scores_are_the_same(whole: tuple[Path, Comparison]) -> None:
    assert without_times(run_compare(None, workers=1)) == without_times(whole[1])
