"""Scores that compare networks over several tasks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from sharewise.errors import InputError

Scores = dict[str, dict[str, float]]
"""{task: {metric: value}}."""

# Accuracy in percent of the ten finetuned networks that the Visual Decathlon scores against
# (Rebuffi, Bilen, Vedaldi, 2017; arXiv 1705.08045).
_DECATHLON_ACCURACY = {
    "imagenet12": 59.87,
    "aircraft": 60.34,
    "cifar100": 82.12,
    "daimlerpedcls": 92.82,
    "dtd": 55.53,
    "gtsrb": 97.53,
    "vgg-flowers": 81.41,
    "omniglot": 87.69,
    "svhn": 96.55,
    "ucf101": 51.20,
}
DECATHLON_BASELINE: Mapping[str, float] = {
    name: 1 - accuracy / 100 for name, accuracy in _DECATHLON_ACCURACY.items()
}
"""The published baselines of the Visual Decathlon: {data set: test error in [0, 1]}."""

MINI_BASELINE: Mapping[str, float] = {
    "digits": 0.0670,
    "mnist": 0.0420,
    "characters": 0.1627,
    "fonts": 0.5227,
    "monsters": 0.2207,
    "faces": 0.1880,
}
"""The same for `sw.data.decathlon_mini()`, measured here: single-task networks on its default
backbone, finetuned from the common initialisation; the mean of three seeds, row "independent" of

    sharewise search decathlon-mini --method partitioning --budget use=0.5 --run RUN
    sharewise compare RUN
"""


def baseline_of(data_sets: Iterable[str]) -> Mapping[str, float] | None:
    """The baseline that has exactly these data sets; None where no score is defined for them."""
    wanted = set(data_sets)
    return next((each for each in (DECATHLON_BASELINE, MINI_BASELINE) if set(each) == wanted), None)


def decathlon_score(
    errors: Mapping[str, float], baseline: Mapping[str, float] | None = None
) -> float:
    """The Visual Decathlon's score: 250 a data set at the baseline's error, 1000 without errors.

    S = sum_d alpha_d max(0, Emax_d - E_d)^2 with Emax_d = 2 Ebase_d and alpha_d = 1000 / Emax_d^2
    (Rebuffi, Bilen, Vedaldi, 2017; arXiv 1705.08045).

    Args:
        errors: {data set: test error in [0, 1]}.
        baseline: The same for the baseline, all above 0; by default the ten published ones.

    Raises:
        InputError: Different data sets, or an error outside [0, 1].
    """
    baseline = DECATHLON_BASELINE if baseline is None else baseline
    _check_same(errors, baseline, "A score compares the same data sets.")
    total = 0.0
    for name, base in baseline.items():
        if not (0 <= errors[name] <= 1 and 0 < base <= 1):
            raise InputError(
                rule="Test errors are shares in [0, 1], and a baseline's are above 0.",
                found=f"{errors[name]} against the baseline's {base} for {name!r}",
                fix="Divide percent by 100, and give errors instead of accuracies.",
            )
        most = 2 * base
        total += 1000 / most**2 * max(0.0, most - errors[name]) ** 2
    return total


def accuracy_score(scores: Mapping[str, Mapping[str, float]]) -> float | None:
    """`decathlon_score` of accuracies, where `baseline_of` knows their tasks.

    Args:
        scores: {task: {metric: value}}, with an "accuracy" in [0, 1] of each task.

    Returns:
        The score; None where there is no baseline of exactly these tasks, or no accuracy of one.

    Raises:
        InputError: An accuracy outside [0, 1].
    """
    baseline = baseline_of(scores)
    if baseline is None or any("accuracy" not in metrics for metrics in scores.values()):
        return None
    errors = {task: 1 - metrics["accuracy"] for task, metrics in scores.items()}
    return decathlon_score(errors, baseline)


def relative_gain_per_task(
    scores: Mapping[str, Mapping[str, float]],
    reference: Mapping[str, Mapping[str, float]],
    lower_is_better: Mapping[str, bool],
) -> dict[str, float]:
    """How much better each task is than in the reference, in percent; negative is worse.

    Delta_Ti = 100 mean_j (-1)^(l_j) (M_j - S_j) / S_j, with l_j = 1 where lower is better
    (Maninis, Radosavovic, Kokkinos, 2019; arXiv 1904.08918).

    Args:
        scores: M, {task: {metric: value}}.
        reference: S, the same tasks and metrics, all values above 0. Of several metrics of a task
            those at 0, such as the share of pixels that a hardly trained network gets right, are
            left out: nothing is a share of them.
        lower_is_better: {metric: bool}.

    Raises:
        InputError: Different tasks or metrics, a metric of unknown direction, or a reference
            that a share cannot be taken of.
    """
    _check_same(scores, reference, "A gain compares the same tasks.")
    return {
        task: _task_gain(task, scores[task], reference[task], lower_is_better) for task in scores
    }


def relative_gain(
    scores: Mapping[str, Mapping[str, float]],
    reference: Mapping[str, Mapping[str, float]],
    lower_is_better: Mapping[str, bool],
) -> float:
    """The mean over tasks of `relative_gain_per_task`, in percent."""
    gains = relative_gain_per_task(scores, reference, lower_is_better)
    return math.fsum(gains.values()) / len(gains)


def _task_gain(
    task: str,
    scores: Mapping[str, float],
    reference: Mapping[str, float],
    lower_is_better: Mapping[str, bool],
) -> float:
    _check_same(scores, reference, f"A gain compares the same metrics of task {task!r}.")
    gains = []
    for metric, base in reference.items():
        if metric not in lower_is_better:
            raise InputError(
                rule="Every metric says whether lower is better.",
                found=f"nothing for {metric!r} of task {task!r}",
                fix=f"Add {{{metric!r}: True}} or {{{metric!r}: False}} to lower_is_better.",
            )
        if base == 0 and len(reference) > 1:
            continue
        if not (0 < base < math.inf):
            raise InputError(
                rule="A relative gain is a share of a reference above 0.",
                found=f"{base} for {metric!r} of task {task!r}",
                fix="Leave this metric out, or give another reference.",
            )
        sign = -1 if lower_is_better[metric] else 1
        gains.append(100 * sign * (scores[metric] - base) / base)
    if not gains:
        raise InputError(
            rule="A relative gain needs one metric whose reference is above 0.",
            found=f"only zeros for task {task!r}",
            fix="Train the reference for longer, or leave the task out.",
        )
    return math.fsum(gains) / len(gains)


def _check_same(found: Iterable[str], wanted: Iterable[str], rule: str) -> None:
    given, needed = set(found), set(wanted)
    if given != needed or not needed:
        missing = ", ".join(sorted(needed - given)) or "none"
        beyond = ", ".join(sorted(given - needed)) or "none"
        raise InputError(
            rule=rule,
            found=f"missing: {missing}; not in the reference: {beyond}",
            fix="Give both sides the same names, at least one.",
        )
