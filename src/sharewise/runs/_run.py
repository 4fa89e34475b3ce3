"""The run folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sharewise.errors import FormatError, RunError
from sharewise.runs._files import as_json, differences, disk_error, read_json, write_json


@dataclass(frozen=True)
class Run:
    """A folder with all that belongs to one search or training; the properties name its files."""

    folder: Path

    @classmethod
    def start(cls, folder: Path, settings: dict[str, Any], resume: bool = False) -> Run:
        """Make the folder with settings.json, or go on in the one that is there.

        Raises:
            RunError: The folder belongs to other settings (shows both sides of what differs), or
                to the same ones and `resume` is False, or the disk refuses.
        """
        run = cls(Path(folder))
        settings = as_json(settings, run.settings_path)
        if not run.settings_path.exists():
            try:
                run.checkpoint.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise disk_error(run.folder, error) from error
            write_json(run.settings_path, settings)
            return run
        if differences(run.settings, settings):
            raise RunError(
                rule="A run folder holds one run, and this one belongs to another search.",
                found=f"in {run.settings_path}: {differences(run.settings, settings)}",
                fix="Give another folder, or the settings that this run began with.",
            )
        if not resume:
            raise RunError(
                rule="A run is begun once.",
                found=f"a run with the same settings in {run.folder}",
                fix="Go on with --resume (resume=True), or give another folder.",
            )
        return run

    @classmethod
    def existing(cls, folder: Path) -> Run:
        """The run in a folder; RunError if there is none."""
        run = cls(Path(folder))
        if not run.settings_path.is_file():
            raise RunError(
                rule="A run is a folder with a settings.json.",
                found=f"none in {run.folder}",
                fix="Give the folder that a search was started with (--run).",
            )
        return run

    @property
    def settings(self) -> dict[str, Any]:
        """What the run was started with."""
        value = read_json(self.settings_path)
        if not isinstance(value, dict):
            raise FormatError(
                rule="settings.json is one JSON object.",
                found=f"{type(value).__name__} in {self.settings_path}",
                fix="Start the run again in another folder.",
            )
        return value

    @property
    def settings_path(self) -> Path:
        """The file that makes the folder a run."""
        return self.folder / "settings.json"

    @property
    def journal(self) -> Path:
        """A header, then one line per evaluation or epoch."""
        return self.folder / "journal.jsonl"

    @property
    def checkpoint(self) -> Path:
        """A folder with what a resume needs."""
        return self.folder / "checkpoint"

    @property
    def shared(self) -> Path:
        """A folder with the trainings of the fully shared network that finalists start from."""
        return self.folder / "shared"

    @property
    def architecture(self) -> Path:
        """What the search found."""
        return self.folder / "architecture.json"

    @property
    def network(self) -> Path:
        """The trained weights."""
        return self.folder / "network.safetensors"

    @property
    def scores(self) -> Path:
        """The scores of the trained network."""
        return self.folder / "scores.json"

    @property
    def comparison(self) -> Path:
        """The scores beside those of the baselines."""
        return self.folder / "comparison.json"

    @property
    def report(self) -> Path:
        """The page that explains the run."""
        return self.folder / "report.html"
