"""From a run folder back to the data, backbone, budget and architecture of its search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sharewise.architecture import Architecture, Group, Owners, Partition
from sharewise.cli._backbone_words import backbone_from
from sharewise.cli._data_words import data_from
from sharewise.cli._data_words import training_sizes as data_sizes
from sharewise.cli._folders import INITIAL
from sharewise.cli._progress import Show
from sharewise.cli._quick import FROM_INITIAL, IN_TURNS, Sizes
from sharewise.errors import FormatError, RunError
from sharewise.evaluation import Budget
from sharewise.runs import Run

if TYPE_CHECKING:
    from sharewise.backbones import Backbone
    from sharewise.data import TaskData
    from sharewise.evaluators import Initial
    from sharewise.training import TrainSettings


@dataclass(frozen=True)
class Searched:
    """A search that has ended, with all that its settings.json names made again.

    from_scratch: its networks are to be trained from fresh weights, whatever the search did.
    """

    run: Run
    settings: Mapping[str, Any]
    architecture: Architecture
    backbone: Backbone
    data: TaskData
    budget: Budget
    from_scratch: bool = False

    @cached_property
    def initial(self) -> Initial | None:
        """The common initialisation that a partitioning search left; None where none is needed.

        Raises:
            RunError, FormatError, InputError: Its file is missing, broken, or of another network.
        """
        if self.from_scratch or not is_partitioning(self.settings):
            return None
        from sharewise.evaluators import Initial, choose_source

        given = self.settings.get("initial") or {}  # of a search that was given one
        named = given.get("task", part(self.settings, "search", self.run).get("source"))
        source = choose_source(self.data, self.backbone) if named is None else named
        path = Run(self.run.folder / INITIAL).network
        return Initial.load(path, self.backbone, self.data, source=source)

    @cached_property
    def finalists(self) -> tuple[TrainSettings, TrainSettings] | None:
        """How finalists of a branching search were trained; None where that does not matter.

        At first the network that shares everything, then from its weights each tree. None where
        there were no finalists, or networks are to be trained from scratch.

        Raises:
            FormatError: A settings.json without these.
            InputError: Settings of another version.
        """
        search = part(self.settings, "search", self.run)
        several = not is_partitioning(self.settings) and search.get("finalists", 1) > 1
        if self.from_scratch or not several:
            return None
        from sharewise.training import TrainSettings

        first, then = (part(search, name, self.run) for name in ("training", "tuning"))
        return TrainSettings.from_dict(first), TrainSettings.from_dict(then)


def rebuild(folder: Path, show: Show, *, from_scratch: bool = False) -> Searched:
    """The search in a run folder; making its data is shown.

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
    data = data_from(part(stored, "settings", run), show)
    if data.fingerprint != stored.get("fingerprint"):
        raise RunError(
            rule="A run goes on with the data that it was searched with.",
            found=f"data '{data.name}' with the fingerprint {stored.get('fingerprint')} in"
            f" {run.settings_path} and {data.fingerprint} here",
            fix="Use the versions of sharewise and of the packages behind the data that the search"
            " used, or search again in another folder.",
        )
    bound = backbone.at(data.input_shape)
    return Searched(run, settings, architecture, bound, data, budget, from_scratch)


def is_partitioning(settings: Mapping[str, Any]) -> bool:
    """Whether a run's search was for a partition: it has a common initialisation."""
    return settings.get("method") == "partitioning"


def training_sizes(searched: Searched) -> Sizes:
    """What takes the place of the default settings when the networks of a run are trained."""
    usual = data_sizes(searched.data)
    if searched.finalists is not None:
        return searched.finalists[1].to_dict()
    if searched.from_scratch or not is_partitioning(searched.settings):
        return usual
    from sharewise.training import can_have_curriculum

    turns = IN_TURNS if can_have_curriculum(searched.data) else {}
    return {**FROM_INITIAL, **turns, **usual}


def fully_shared(architecture: Architecture) -> Architecture:
    """What the costs of an architecture are compared with: all of its tasks share everything.

    Where channels are divided that is a partition, too, in which every task uses all of them.
    """
    tasks, partitions = architecture.tasks, architecture.partitions
    whole = [
        None if partition is None else _undivided(partition, tasks)
        for partition in (partitions.get((i, tasks)) for i in range(architecture.num_stages))
    ]
    return Architecture.partitioned(tasks, whole)


def _undivided(partition: Partition, tasks: tuple[str, ...]) -> Partition:
    return Partition(
        tuple(
            Group(group.layers, (Owners(group.channels, tasks, tasks),))
            for group in partition.groups
        )
    )


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
