"""From a run folder back to the data, backbone, budget and architecture of its search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sharewise.architecture import Architecture
from sharewise.cli._backbone_words import backbone_from
from sharewise.cli._data_words import data_from
from sharewise.errors import FormatError, RunError
from sharewise.evaluation import Budget
from sharewise.runs import Run

if TYPE_CHECKING:
    from sharewise.backbones import Backbone
    from sharewise.data import TaskData


@dataclass(frozen=True)
class Searched:
    """A search that has ended, with all that its settings.json names made again."""

    run: Run
    settings: Mapping[str, Any]
    architecture: Architecture
    backbone: Backbone
    data: TaskData
    budget: Budget


def rebuild(folder: Path) -> Searched:
    """The search in a run folder.

    Raises:
        RunError: No run, no architecture yet, or data that came out otherwise than in the search.
        FormatError: A file that cannot be read.
        InputError: Data or a backbone that no word of the command line makes.
    """
    run = Run.existing(folder)
    architecture = read_architecture(run)
    settings = run.settings
    stored = part(settings, "data", run)
    backbone = backbone_from(part(settings, "backbone", run))
    budget = Budget.from_dict(part(settings, "budget", run))
    data = data_from(part(stored, "settings", run))
    if data.fingerprint != stored.get("fingerprint"):
        raise RunError(
            rule="A run goes on with the data that it was searched with.",
            found=f"data '{data.name}' with the fingerprint {stored.get('fingerprint')} in"
            f" {run.settings_path} and {data.fingerprint} here",
            fix="Use the versions of sharewise and matplotlib that the search used, or search"
            " again in another folder.",
        )
    return Searched(run, settings, architecture, backbone.at(data.input_shape), data, budget)


def read_architecture(run: Run) -> Architecture:
    """What the search in a run found; RunError where it has not ended."""
    if not run.architecture.is_file():
        raise RunError(
            rule="A search that has ended leaves an architecture.json.",
            found=f"none in {run.folder}",
            fix="Go on with the search: the same command with --resume.",
        )
    return load_architecture(run.architecture)


def load_architecture(path: Path) -> Architecture:
    """The architecture in a file.

    Raises:
        FormatError: Another format, or truncated; says which file.
        OSError: The file cannot be read.
    """
    text = path.read_bytes().decode(errors="replace")
    try:
        return Architecture.from_json(text)
    except FormatError as error:
        raise FormatError(
            rule=error.rule, found=f"{error.found} in {path}", fix=error.fix
        ) from error


def part(settings: Mapping[str, Any], name: str, run: Run) -> Mapping[str, Any]:
    """An object inside the settings of a run; FormatError where it is missing."""
    value = settings.get(name)
    if not isinstance(value, Mapping):
        raise FormatError(
            rule="The settings.json of a search holds data (with its settings), backbone and"
            " budget, each an object.",
            found=f"{value!r} for {name} in {run.settings_path}",
            fix="Give the folder of a search, or search again in another folder.",
        )
    return value
