"""What the files of a run folder say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from sharewise.architecture import Architecture
from sharewise.errors import FormatError
from sharewise.evaluation import Budget, Cost
from sharewise.report._pictures import Pictures, read_pictures
from sharewise.report._regions import similar_order
from sharewise.report._trail import Trail, read_trail
from sharewise.report._tree import NUM_COLOURS, task_colours, tree_order
from sharewise.report._words import stage_titles
from sharewise.runs import Journal, Run, read_json
from sharewise.scores import accuracy_score

_T = TypeVar("_T")
_RESIDUAL = 1e-6  # of the largest cost: whole numbers that fit a sum fit it exactly
_ROWS = ("found", "shared", "divided", "random", "independent")  # of partitions, as they are shown


@dataclass(frozen=True)
class Row:
    """One network of the comparison, over all seeds.

    Attributes:
        architectures: One, or one for each seed.
        costs: Likewise.
        test: {seed: {task: {metric: value}}}.
        gain: {seed: percent} over the row "shared" of the same seed.
        gains: (mean, spread) of it, in percent.
        gains_independent: (mean, spread) of the gain over independent networks, in percent.
    """

    name: str
    architectures: tuple[Architecture, ...]
    costs: tuple[Cost, ...]
    latency_ms: float | None
    test: Mapping[str, Mapping[str, Mapping[str, float]]]
    gain: Mapping[str, float]
    gains: tuple[float | None, float | None]
    gains_independent: tuple[float | None, float | None]

    @property
    def params(self) -> float:
        """Parameters, mean over the architectures."""
        return sum(cost.params for cost in self.costs) / len(self.costs)

    @property
    def macs(self) -> float:
        """Multiply-adds per sample, mean over the architectures."""
        return sum(cost.macs for cost in self.costs) / len(self.costs)

    @property
    def use(self) -> float | None:
        """The share of the hidden channels that a task uses; None without partitions."""
        known = [cost.use for cost in self.costs if cost.use is not None]
        return sum(known) / len(known) if known else None

    @property
    def decathlon(self) -> list[float]:
        """The decathlon's score (`scores.accuracy_score`), a seed each; empty where none is."""
        found = [accuracy_score(scores) for scores in self.test.values()]
        return [score for score in found if score is not None]

    @property
    def alone(self) -> tuple[float, float] | None:
        """(parameters, multiply-adds) of one task alone, mean over tasks; None if not counted."""
        known = [task for cost in self.costs for task in cost.per_task.values()]
        if not known:
            return None
        params, macs = sum(each.params for each in known), sum(each.macs for each in known)
        return params / len(known), macs / len(known)


@dataclass(frozen=True)
class Facts:
    """All that a run folder holds; None or empty where a file is missing.

    Attributes:
        epochs: The journal's lines, one an epoch.
        read_off: The journal's last line: consensus and candidates.
        rows: The networks of the comparison, by name.
        comparison: The rest of comparison.json.
        scores: {"split", "scores": {task: {metric: value}}} of the trained network.
        entries: All lines of the journal.
        proxy: proxy.json: what candidates scored in the search and after full training.
        pictures: test images with their predictions, of tasks whose answers are images.
    """

    folder: str
    settings: Mapping[str, Any]
    architecture: Architecture | None
    epochs: tuple[Mapping[str, Any], ...] | None
    read_off: Mapping[str, Any]
    rows: Mapping[str, Row]
    comparison: Mapping[str, Any]
    scores: Mapping[str, Any]
    entries: tuple[Mapping[str, Any], ...] = ()
    proxy: Mapping[str, Any] = field(default_factory=dict)
    pictures: Pictures | None = None

    @cached_property
    def is_partitioning(self) -> bool:
        """Whether the run searched for channels of tasks, and not for a tree."""
        return self.settings.get("method") == "partitioning"

    @cached_property
    def trail(self) -> Trail:
        """How a partitioning search went."""
        return read_trail(self.entries)

    @cached_property
    def order(self) -> tuple[str, ...]:
        """The tasks as pictures show them: as leaves of the tree, or similar ones together."""
        if self.architecture is None:
            return self.tasks
        if self.is_partitioning:
            return similar_order(self.architecture)
        return tree_order(self.architecture)

    @cached_property
    def colours(self) -> Mapping[str, int]:
        """The colour (0 to 7) of each task: its group's, or where there are none its own."""
        if self.is_partitioning:
            return {task: place % NUM_COLOURS for place, task in enumerate(self.order)}
        return task_colours(self.architecture) if self.architecture else {}

    @cached_property
    def tasks(self) -> tuple[str, ...]:
        """The names of the tasks, sorted: the order of the journal's matrices."""
        return tuple(sorted(self.settings.get("tasks") or self._any_tasks()))

    @cached_property
    def num_stages(self) -> int:
        """How many stages the backbone has; 0 where no file tells."""
        if self.architecture:
            return self.architecture.num_stages
        if self.is_partitioning:
            return len(self.settings.get("stages") or ())
        return len(self.epochs[-1].get("sharing", ())) if self.epochs else 0

    @cached_property
    def stage_names(self) -> tuple[str, ...]:
        """The backbone's names of its stages where the settings hold them."""
        names = self.settings.get("stages") or ()
        return stage_titles(names if len(names) == self.num_stages else None, self.num_stages)

    @cached_property
    def budget(self) -> Budget | None:
        """What the search was allowed."""
        bounds = self.settings.get("budget")
        return Budget.from_dict(bounds) if bounds else None

    @cached_property
    def seeds(self) -> tuple[str, ...]:
        """The seeds of the comparison."""
        return tuple(dict.fromkeys(seed for row in self.rows.values() for seed in row.test))

    def accuracy(self, row: Row) -> dict[str, float] | None:
        """{seed: mean accuracy over tasks}; None where some task is scored by something else."""
        found: dict[str, float] = {}
        for seed, scores in row.test.items():
            firsts = [next(iter(metrics.items()), ("", 0.0)) for metrics in scores.values()]
            if not firsts or any(metric != "accuracy" for metric, _ in firsts):
                return None
            found[seed] = sum(value for _, value in firsts) / len(firsts)
        return found or None

    def cost_of(self, name: str) -> tuple[float, float] | None:
        """(parameters, multiply-adds) of "found", "shared" or "independent", heads included."""
        if name in self.rows:
            return self.rows[name].params, self.rows[name].macs
        if self.is_partitioning:
            return self._judged_cost(name)
        shapes = {
            "found": self.architecture.num_branches if self.architecture else (),
            "shared": (1,) * self.num_stages,
            "independent": (len(self.tasks),) * self.num_stages,
        }
        known = {shape: (params, macs) for shape, params, macs in self._known_costs()}
        return known.get(shapes[name])

    @cached_property
    def stage_params(self) -> tuple[float, ...] | None:
        """Parameters of one copy of each stage: from the settings, or from whole networks.

        A network has sum_l branches_l * params_l + heads parameters, and the folder holds the
        parameters of several networks: enough different ones tell every params_l.
        """
        written = self.settings.get("stage_params") or ()
        if written and len(written) == self.num_stages:
            return tuple(map(float, written))
        known = self._known_costs()
        if not known:
            return None
        left = np.array([[*shape, 1] for shape, _, _ in known], dtype=np.float64)
        right = np.array([params for _, params, _ in known], dtype=np.float64)
        found, _, rank, _ = np.linalg.lstsq(left, right, rcond=None)
        misfit = np.abs(left @ found - right).max()
        if rank < left.shape[1] or misfit > _RESIDUAL * right.max() or found.min() < -0.5:
            return None
        return tuple(max(0.0, float(value)) for value in found[:-1])

    def _known_costs(self) -> list[tuple[tuple[int, ...], float, float]]:
        """(branches per stage, parameters, multiply-adds) of the networks the folder tells of.

        These are equal for networks with the same numbers of branches: copies cost the same.
        """
        known = [
            (architecture.num_branches, float(cost.params), float(cost.macs))
            for row in self.rows.values()
            for architecture, cost in zip(row.architectures, row.costs, strict=False)
        ]
        known += [
            (tuple(each["num_branches"]), float(each["params"]), float(each["macs"]))
            for each in self.read_off.get("candidates", ())
        ]
        return [entry for entry in known if len(entry[0]) == self.num_stages]

    def _judged_cost(self, name: str) -> tuple[float, float] | None:
        """The cost of the found partition as the search noted it; no other is known from there."""
        found = self.trail.candidate(self.architecture.digest) if self.architecture else None
        return (found.params, found.macs) if found and name == "found" else None

    def _any_tasks(self) -> Iterable[str]:
        return self.architecture.tasks if self.architecture else ()


def read_facts(run: Run) -> Facts:
    """Read all files of a run folder that are there.

    Raises:
        FormatError: A file that is there cannot be read; a report never skips one in silence.
    """
    journal = Journal.read(run.journal) if run.journal.is_file() else None
    entries = journal.entries if journal else []
    settings = run.settings
    comparison = _read(run.comparison, _comparison) or {}
    rows = comparison.get("rows", {})
    if settings.get("method") == "partitioning":
        rows = {name: rows[name] for name in dict.fromkeys((*_ROWS, *rows)) if name in rows}
    return Facts(
        folder=run.folder.resolve().name,
        settings=settings,
        architecture=_read(run.architecture, Architecture.from_dict),
        epochs=tuple(entry for entry in entries if "epoch" in entry) if journal else None,
        read_off=next((entry["read_off"] for entry in entries if "read_off" in entry), {}),
        rows=rows,
        comparison=comparison,
        scores=_read(run.scores, dict) or {},
        entries=tuple(entries),
        proxy=_read(run.folder / "proxy.json", dict) or {},
        pictures=read_pictures(run.folder / "comparison" / "predictions.safetensors"),
    )


def _read(path: Path, convert: Callable[[Any], _T]) -> _T | None:
    """The value of a JSON file, or None where there is none."""
    if not path.is_file():
        return None
    try:
        return convert(read_json(path))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise FormatError(
            rule=f"{path.name} has the form that this version of sharewise writes.",
            found=f"{type(error).__name__}: {error} in {path}",
            fix="Write it again, or remove it to leave it out of the report.",
        ) from error


def _comparison(value: Any) -> dict[str, Any]:
    return dict(value) | {"rows": {row.name: row for row in map(_row, value["rows"])}}


def _row(row: Mapping[str, Any]) -> Row:
    return Row(
        name=str(row["name"]),
        architectures=tuple(Architecture.from_dict(a) for a in row["architectures"]),
        costs=tuple(Cost.from_dict(cost) for cost in row["costs"]),
        latency_ms=row.get("latency_ms"),
        test=row["test"],
        gain={seed: float(value) for seed, value in row["gain"].items() if value is not None},
        gains=(row["gain_mean"], row["gain_spread"]),
        gains_independent=(row["gain_independent_mean"], row["gain_independent_spread"]),
    )
