"""What a comparison says: a row for each network, with scores over seeds and gains."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from sharewise.architecture import Architecture
from sharewise.errors import FormatError, InputError, SharewiseError
from sharewise.evaluation import Budget, Cost
from sharewise.scores import Scores, accuracy_score, relative_gain
from sharewise.training import TrainSettings

FORMAT = 1
Gains = Mapping[int, float | None]
"""{seed: percent}; None where there is nothing to take a share of."""


@dataclasses.dataclass(frozen=True)
class Row:
    """One network, or the random trees together, over all seeds.

    Attributes:
        name: "found", "shared", "independent" or "random"; of partitions also "divided"; or one
            that the caller gave.
        architectures: One; for random trees `random_trees` of each seed, seed after seed.
        costs: Of each architecture, with `latency_ms` measured for one sample (batch size 1).
        val: {seed: validation scores}; of random trees the means over the seed's trees.
        test: {seed: test scores} of the weights that the validation split selected.
        gain: {seed: mean relative gain of the test scores over the row "shared" of the same seed,
            percent} (`scores.relative_gain`).
        gain_independent: The same over the row "independent": the Delta_T of the literature.
    """

    name: str
    architectures: tuple[Architecture, ...]
    costs: tuple[Cost, ...]
    val: Mapping[int, Scores]
    test: Mapping[int, Scores]
    gain: Gains
    gain_independent: Gains

    @property
    def params(self) -> float:
        """Parameters, the mean over the architectures."""
        return statistics.fmean(cost.params for cost in self.costs)

    @property
    def macs(self) -> float:
        """Multiply-adds per sample, the mean over the architectures."""
        return statistics.fmean(cost.macs for cost in self.costs)

    @property
    def latency_ms(self) -> float | None:
        """Milliseconds for one sample, the mean over the architectures; None if not measured."""
        return mean_of([cost.latency_ms for cost in self.costs])

    @property
    def gain_mean(self) -> float | None:
        """The mean gain over seeds, percent; None if a seed has none."""
        return mean_of(list(self.gain.values()))

    @property
    def gain_spread(self) -> float | None:
        """The sample standard deviation of the gain over seeds; None for one seed."""
        return spread_of(list(self.gain.values()))

    @property
    def gain_independent_mean(self) -> float | None:
        """As `gain_mean`, over the row "independent"."""
        return mean_of(list(self.gain_independent.values()))

    @property
    def gain_independent_spread(self) -> float | None:
        """As `gain_spread`, over the row "independent"."""
        return spread_of(list(self.gain_independent.values()))

    @property
    def score_mean(self) -> float | None:
        """The mean over seeds of the decathlon's score (`scores.accuracy_score`) on the test split.

        None where none is defined for these tasks. Of random ones it is that of their mean
        accuracies.
        """
        return mean_of(self._decathlon)

    @property
    def score_spread(self) -> float | None:
        """The sample standard deviation of the score over seeds; None for one seed, or no score."""
        return spread_of(self._decathlon)

    @property
    def _decathlon(self) -> list[float | None]:
        return [accuracy_score(scores) for scores in self.test.values()]

    def to_dict(self) -> dict[str, Any]:
        """The row as JSON values; means and spreads are added for readers."""
        return {
            "name": self.name,
            "architectures": [each.to_dict() for each in self.architectures],
            "costs": [cost.to_dict() for cost in self.costs],
            "val": _keyed(self.val),
            "test": _keyed(self.test),
            "gain": _keyed(self.gain),
            "gain_independent": _keyed(self.gain_independent),
        } | {name: getattr(self, name) for name in _DERIVED}


_DERIVED = (
    "params",
    "macs",
    "latency_ms",
    "gain_mean",
    "gain_spread",
    "gain_independent_mean",
    "gain_independent_spread",
    "score_mean",
    "score_spread",
)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """A found architecture beside its baselines, all trained alike.

    Attributes:
        rows: "found", "shared", "independent", of partitions "divided" where there are channels
            enough, unless left out "random", and then the caller's others.
        seeds: Of the trainings.
        budget: That the random trees keep to.
        train: The settings of every training.
        lower_is_better: {metric: bool}.
        shared: The settings of the fully shared networks, one a seed, from which all others were
            trained on; None: these started from the common initialisation, or from scratch.
        initial: The task that the common initialisation was trained on; None: there was none.
    """

    rows: tuple[Row, ...]
    seeds: tuple[int, ...]
    budget: Budget
    train: TrainSettings
    lower_is_better: Mapping[str, bool]
    shared: TrainSettings | None = None
    initial: str | None = None

    def row(self, name: str) -> Row:
        """The row of a name; InputError where there is none."""
        for row in self.rows:
            if row.name == name:
                return row
        raise InputError(
            rule=f"The rows of this comparison are {', '.join(row.name for row in self.rows)}.",
            found=repr(name),
            fix="Give one of these names.",
        )

    def to_dict(self) -> dict[str, Any]:
        """The comparison as JSON values."""
        return {
            "format": FORMAT,
            "kind": "comparison",
            "seeds": list(self.seeds),
            "budget": self.budget.to_dict(),
            "train": self.train.to_dict(),
            "shared": None if self.shared is None else self.shared.to_dict(),
            "initial": self.initial,
            "lower_is_better": dict(self.lower_is_better),
            "rows": [row.to_dict() for row in self.rows],
        }

    @classmethod
    def from_dict(cls, value: object) -> Comparison:
        """Read what `to_dict` wrote; means and spreads are worked out again.

        Raises:
            FormatError: Another format, something missing, or a wrong type.
        """
        try:
            return _read_comparison(value)
        except (AttributeError, KeyError, TypeError, ValueError, SharewiseError) as error:
            raise FormatError(
                rule=f"A comparison is a JSON object of format {FORMAT} with seeds, budget, train, "
                "lower_is_better and rows.",
                found=f"{type(error).__name__}: {error}",
                fix="Make it again with compare(); jobs that are finished are not trained again.",
            ) from error


def gains(
    scores: Mapping[int, Scores],
    reference: Mapping[int, Scores],
    lower_is_better: Mapping[str, bool],
) -> dict[int, float | None]:
    """{seed: mean relative gain over the reference's scores of the same seed, percent}."""
    return {seed: _gain(scores[seed], reference[seed], lower_is_better) for seed in scores}


def _gain(scores: Scores, reference: Scores, lower_is_better: Mapping[str, bool]) -> float | None:
    if scores == reference:
        return 0.0
    try:
        gain = relative_gain(scores, reference, lower_is_better)
    except InputError:
        # A reference of 0 (no error, or no hit at all) has no shares. The scores stand beside it,
        # and one such number must not take a whole comparison with it.
        return None
    return gain if math.isfinite(gain) else None


def mean_of(values: Sequence[float | None]) -> float | None:
    """The mean; None if a value is missing, since a mean of the others would flatter."""
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known and len(known) == len(values) else None


def spread_of(values: Sequence[float | None]) -> float | None:
    """The sample standard deviation; None if a value is missing or there is only one."""
    known = [value for value in values if value is not None]
    return statistics.stdev(known) if len(known) == len(values) > 1 else None


def mean_scores(several: Sequence[Scores]) -> Scores:
    """The mean of every metric of every task."""
    return {
        task: {metric: statistics.fmean(each[task][metric] for each in several) for metric in row}
        for task, row in several[0].items()
    }


def _keyed(by_seed: Mapping[int, Any]) -> dict[str, Any]:
    return {str(seed): value for seed, value in by_seed.items()}


def _read_comparison(value: Any) -> Comparison:
    if (value["format"], value["kind"]) != (FORMAT, "comparison"):
        raise ValueError(f"{value['kind']!r} of format {value['format']!r}")
    seeds = tuple(int(seed) for seed in value["seeds"])
    rows = tuple(_read_row(row, seeds) for row in value["rows"])
    shared, initial = value.get("shared"), value.get("initial")  # files of 0.1.0 have neither
    if not seeds or not rows:
        raise ValueError("no seeds" if rows else "no rows")
    return Comparison(
        rows=rows,
        seeds=seeds,
        budget=Budget.from_dict(value["budget"]),
        train=TrainSettings.from_dict(value["train"]),
        lower_is_better={
            str(metric): bool(lower) for metric, lower in value["lower_is_better"].items()
        },
        shared=None if shared is None else TrainSettings.from_dict(shared),
        initial=None if initial is None else str(initial),
    )


def _read_row(value: Any, seeds: tuple[int, ...]) -> Row:
    row = Row(
        name=str(value["name"]),
        architectures=tuple(Architecture.from_dict(each) for each in value["architectures"]),
        costs=tuple(Cost.from_dict(each) for each in value["costs"]),
        val={seed: _read_scores(value["val"][str(seed)]) for seed in seeds},
        test={seed: _read_scores(value["test"][str(seed)]) for seed in seeds},
        gain={seed: _number(value["gain"][str(seed)]) for seed in seeds},
        gain_independent={seed: _number(value["gain_independent"][str(seed)]) for seed in seeds},
    )
    if not row.architectures or len(row.architectures) != len(row.costs):
        raise ValueError(f"{len(row.costs)} costs for {len(row.architectures)} architectures")
    return row


def _read_scores(value: Any) -> Scores:
    return {
        str(task): {str(metric): float(figure) for metric, figure in figures.items()}
        for task, figures in value.items()
    }


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
