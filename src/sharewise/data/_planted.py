"""Regression tasks in planted groups, so that the tree to be found is known.

The toy is this project's own. It asks of learning to branch (Guo, Lee and Ulbricht, ICML 2020) what
a method that groups tasks should be asked first: whether it finds groups that are there.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sharewise.architecture import Architecture, Branch
from sharewise.data._protocol import Batch, generator
from sharewise.data._tensors import Split, TensorData
from sharewise.errors import InputError
from sharewise.tasks import Task, regression

HELD_OUT = 1000
"""Samples of the validation and of the test split."""

Groups = Sequence[int | Sequence[int]]


def identity(values: Tensor) -> Tensor:
    """The nonlinearity of linear tasks."""
    return values


@dataclass(frozen=True)
class PlantedData:
    """Planted tasks and the tree that made them. Satisfies TaskData.

    truth: the planted tree. truth_groups: the tasks of each innermost group, sorted.
    fingerprint: of the settings alone, for the last bit of a product may differ between machines.
    """

    truth: Architecture
    truth_groups: tuple[tuple[str, ...], ...]
    tensors: TensorData

    @property
    def name(self) -> str:
        return self.tensors.name

    @property
    def tasks(self) -> tuple[Task, ...]:
        return self.tensors.tasks

    @property
    def input_shape(self) -> tuple[int, ...]:
        return self.tensors.input_shape

    @property
    def settings(self) -> dict[str, Any]:
        return self.tensors.settings

    @property
    def fingerprint(self) -> str:
        text = json.dumps(self.settings, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def train(self, *, batch_size: int, seed: int, epoch: int) -> Iterator[Batch]:
        return self.tensors.train(batch_size=batch_size, seed=seed, epoch=epoch)

    def val(self, *, batch_size: int) -> Iterator[Batch]:
        return self.tensors.val(batch_size=batch_size)

    def test(self, *, batch_size: int) -> Iterator[Batch]:
        return self.tensors.test(batch_size=batch_size)

    def sizes(self) -> dict[str, int]:
        return self.tensors.sizes()


@dataclass(frozen=True)
class _Root:
    """A top-level group: the tasks of each innermost group below it.

    nested: whether its groups first share a feature map, and so split at the last stage.
    """

    groups: tuple[tuple[str, ...], ...]
    nested: bool

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(name for group in self.groups for name in group))


@dataclass(frozen=True)
class _Maps:
    """The maps of one innermost group.

    features: A [outputs, inputs], which its whole nested group shares, and C [outputs, outputs] of
    this group; none without nesting. tasks: each task's own B + eps_t [outputs, width], where width
    is `outputs` after features and `inputs` without.
    """

    features: tuple[Tensor, ...]
    tasks: dict[str, Tensor]


def planted(  # noqa: PLR0913  the numbers of one toy; all but `groups` have defaults
    groups: Groups,
    *,
    seed: int = 0,
    inputs: int = 32,
    outputs: int = 16,
    samples: int = 3000,
    spread: float = 0.3,
    scale: float = 1.5,
    nonlinearity: Callable[[Tensor], Tensor] = torch.tanh,
    noise: float = 0.0,
    stages: int = 3,
) -> PlantedData:
    """Regression tasks of which each group is made by nearly the same map.

    A group given by its size, as both in (4, 4), makes y_t = f((B + eps_t) x) + noise, with B
    [outputs, inputs] of the group (standard deviation `scale`), eps_t of the task (`spread`),
    x ~ N(0, I) / sqrt(inputs), f the `nonlinearity`, and noise of that standard deviation. In the
    true tree the group is a root of its own, shared through all `stages`.

    A nested group, as the second of (3, (2, 3)), first shares z = phi(A x, 0); each group inside it
    then has features of its own, u = phi(C z, .5), and y_t = f((B + eps_t) u) + noise. phi(v, c) is
    relu(v - c), moved and scaled to the mean and the size of x, so a stage Linear + ReLU of width
    `outputs` holds z or one group's u exactly, but not the u of two groups. Later stages can pass z
    on unchanged, so the smallest tree that holds all this, and the `truth`, shares a nested group
    until its last stage and splits there.

    Tasks are called t0, t1, ... in an assignment to groups that only `seed` decides, so that the
    names tell nothing. `samples` are for training; validation and test have 1000 each. The maps do
    not depend on `samples` or `noise`.

    Raises InputError for a group size below 1, an empty or deeper nesting, too few stages, or a
    number out of its range.
    """
    roots = _roots(groups, seed)
    numbers = {
        "inputs": (inputs, 1),
        "outputs": (outputs, 1),
        "samples": (samples, 1),
        "spread": (spread, 0),
        "scale": (scale, 0),
        "noise": (noise, 0),
        "stages": (stages, 2 if any(root.nested for root in roots) else 1),
    }
    _check_numbers(numbers)
    draw = generator(seed, "planted maps")
    maps = [
        each for root in roots for each in _maps(root, draw, (outputs, inputs), (scale, spread))
    ]

    def split(name: str, size: int) -> Split:
        own = generator(seed, "planted", name)
        x = torch.randn(size, inputs, generator=own) / math.sqrt(inputs)  # [samples, inputs]
        targets = {task: nonlinearity(y) for each in maps for task, y in _answers(each, x).items()}
        for task in sorted(targets):
            targets[task] = targets[task] + noise * torch.randn(size, outputs, generator=own)
        return x, targets

    names = [name for root in roots for name in root.names]
    settings: dict[str, Any] = {"name": "planted", "seed": seed}
    settings["groups"] = [group if isinstance(group, int) else list(group) for group in groups]
    settings |= {name: value for name, (value, _) in numbers.items()}
    settings["nonlinearity"] = getattr(nonlinearity, "__name__", type(nonlinearity).__name__)
    tensors = TensorData(
        [regression(f"t{i}", size=outputs) for i in range(len(names))],
        train=split("train", samples),
        val=split("val", HELD_OUT),
        test=split("test", HELD_OUT),
        name="planted",
        settings=settings,
    )
    truth = Architecture(tuple(_tree(root, stages) for root in roots))
    return PlantedData(truth, tuple(sorted(g for root in roots for g in root.groups)), tensors)


def _roots(groups: Groups, seed: int) -> tuple[_Root, ...]:
    """Checks the groups and shuffles the names t0, t1, ... over them."""
    sizes = [(group,) if isinstance(group, int) else tuple(group) for group in groups]
    if not sizes or not all(sizes):
        _refuse(groups, "an empty group" if sizes else "no group")
    flat: list[Any] = [size for group in sizes for size in group]
    for size in flat:
        if not isinstance(size, int):
            _refuse(groups, f"{size!r} inside a nested group")
        if size < 1:
            _refuse(groups, f"a group of {size}")
    order = torch.randperm(sum(flat), generator=generator(seed, "planted names")).tolist()
    names = iter([f"t{i}" for i in order])
    return tuple(
        _Root(
            tuple(tuple(sorted(next(names) for _ in range(size))) for size in sizes_of_root),
            nested=not isinstance(group, int),
        )
        for group, sizes_of_root in zip(groups, sizes, strict=True)
    )


def _refuse(groups: Groups, found: str) -> None:
    raise InputError(
        rule="Planted groups are sizes of 1 or more, or sequences of such sizes.",
        found=f"{found} in {groups!r}",
        fix="Write for instance (4, 4), or (3, (2, 3)) for a group that splits again.",
    )


def _check_numbers(numbers: dict[str, tuple[float, int]]) -> None:
    for name, (value, least) in numbers.items():
        if not (math.isfinite(value) and value >= least):
            raise InputError(
                rule=f"The {name} of planted data with these groups is {least} or more.",
                found=f"{name}={value}",
                fix="Give a larger number.",
            )


def _maps(
    root: _Root, draw: torch.Generator, shape: tuple[int, int], deviations: tuple[float, float]
) -> Iterator[_Maps]:
    outputs, inputs = shape
    scale, spread = deviations
    first = (torch.randn(outputs, inputs, generator=draw),) if root.nested else ()  # A
    width = outputs if root.nested else inputs
    for group in root.groups:
        own = (torch.randn(outputs, outputs, generator=draw),) if root.nested else ()  # C
        shared = scale * torch.randn(outputs, width, generator=draw)  # B
        eps = {task: spread * torch.randn(outputs, width, generator=draw) for task in group}
        yield _Maps(first + own, {task: shared + each for task, each in eps.items()})


def _answers(maps: _Maps, x: Tensor) -> dict[str, Tensor]:
    """x: [samples, inputs]. Gives (B + eps_t) x, or of its features u, as [samples, outputs]."""
    values = x
    # A threshold above 0 leaves less of u to a linear map of z: .56 of its variance, not .73.
    for weights, threshold in zip(maps.features, (0.0, 0.5), strict=False):
        values = _phi(values @ weights.T, threshold)
    return {task: values @ own.T for task, own in maps.tasks.items()}


def _phi(values: Tensor, threshold: float) -> Tensor:
    """relu(v - c) of [samples, width] of unit variance, moved to mean 0 and variance 1 / width.

    The mean and the mean square are those of a standard normal v, in closed form.
    """
    above = math.erfc(threshold / math.sqrt(2)) / 2  # P(v > c)
    density = math.exp(-(threshold**2) / 2) / math.sqrt(2 * math.pi)
    mean = density - threshold * above
    variance = (1 + threshold**2) * above - threshold * density - mean**2
    return (torch.relu(values - threshold) - mean) / math.sqrt(values.shape[1] * variance)


def _tree(root: _Root, stages: int) -> Branch:
    if not root.nested:
        return _chain(root.names, (), stages)
    return _chain(root.names, tuple(Branch(group) for group in root.groups), stages - 1)


def _chain(names: tuple[str, ...], children: tuple[Branch, ...], length: int) -> Branch:
    branch = Branch(names, children)
    for _ in range(length - 1):
        branch = Branch(names, (branch,))
    return branch
