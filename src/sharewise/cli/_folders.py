"""Folders inside a run, and forgetting what they hold."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from sharewise.errors import FormatError, RunError
from sharewise.runs import Run

# The journal and checkpoint of the search lie in the run folder itself.
TRAINING = "training"
COMPARISON = "comparison"
INITIAL = "initial"
PREPARED = (INITIAL, "teachers", "features")  # what a partitioning search judges with


def forget(folder: Path) -> None:
    """Remove a folder of a run, if it is there."""
    if folder.exists():
        shutil.rmtree(folder)


def forget_run(run: Run) -> None:
    """Remove what belongs to a run, and nothing else in its folder.

    Raises:
        RunError: The folder holds files but no run.
    """
    if not run.folder.exists() or not any(run.folder.iterdir()):
        return
    Run.existing(run.folder)
    for name in (COMPARISON, TRAINING, *PREPARED):
        forget(run.folder / name)
    forget(run.checkpoint)
    files = (run.report, run.comparison, run.scores, run.network, run.architecture, run.journal)
    for file in (*files, run.settings_path):  # settings last: until then the folder is a run
        file.unlink(missing_ok=True)


@contextlib.contextmanager
def or_afresh(command: str) -> Iterator[None]:
    """Errors about what a folder holds also say how to forget it; `command` has --fresh."""
    try:
        yield
    except (RunError, FormatError) as error:
        if isinstance(error.__cause__, OSError):  # a disk that refuses: --fresh is no remedy
            raise
        raise type(error)(
            rule=error.rule, found=error.found, fix=f"{error.fix} Or start afresh: {command}"
        ) from error
