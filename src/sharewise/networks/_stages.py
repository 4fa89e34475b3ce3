"""Seeded copies of stages and heads, and the checks that copies agree."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn

from sharewise.architecture import Architecture
from sharewise.backbones import (
    Backbone,
    check_module,
    dry_run,
    explained,
    make_on_meta,
    output_shape,
)
from sharewise.errors import InputError
from sharewise.tasks import Task, check_tasks


@contextlib.contextmanager
def seeded(*parts: object) -> Iterator[None]:
    """Torch's CPU generator seeded from JSON values, and put back afterwards."""
    digest = hashlib.sha256(json.dumps(parts).encode()).digest()
    with torch.random.fork_rng(devices=[]):
        # not torch.manual_seed: that would also seed every GPU, which nothing here puts back
        torch.default_generator.manual_seed(int.from_bytes(digest[:7], "big"))
        yield


def make_stage(backbone: Backbone, stage: int, *, seed: int, key: Sequence[str]) -> nn.Module:
    """A copy of the backbone's stage number `stage`, on the CPU.

    Its weights depend on (seed, stage, key) alone; `key` is the tasks of the branch.
    """
    with seeded("stage", seed, stage, list(key)):
        return backbone.stages[stage].make()


def make_head(task: Task, shape: tuple[int, ...], *, seed: int) -> nn.Module:
    """The task's head for features of `shape` (without the batch), on the CPU.

    Its weights depend on (seed, name of the task) alone.

    Raises:
        InputError: the head does not accept these features. The sentence names the task and the
            shape.
    """
    subject = f"head of task '{task.name}'"
    with seeded("head", seed, task.name), explained(subject, shape):
        head = task.head(shape)
    check_module(head, subject=subject)
    dry_run(head, shape, subject=subject)
    return head


def check_copies(backbone: Backbone, copies: Iterable[tuple[int, nn.Module]]) -> tuple[int, ...]:
    """The shape of the last stage's output, once all copies (stage, module) are found to agree.

    Raises:
        InputError: two copies of a stage differ in a parameter's or the output's shape, or are the
            same module or hold the same parameter.
    """
    references: list[nn.Module] = []
    shapes = [backbone.input_shape]
    for part in backbone.stages:
        subject = f"stage '{part.name}'"
        references.append(make_on_meta(part.make, subject=subject))
        shapes.append(output_shape(references[-1], shapes[-1], subject=subject))
    seen = {id(tensor) for module in references for tensor in _all_tensors(module)}
    for stage, module in copies:
        subject = f"stage '{backbone.stages[stage].name}'"
        check_module(module, subject=subject)
        _check_own(module, seen, subject=subject)
        _check_equal(_shapes(module), _shapes(references[stage]), subject=subject)
        output = {"output": output_shape(module, shapes[stage], subject=subject)}
        _check_equal(output, {"output": shapes[stage + 1]}, subject=subject)
    return shapes[-1]


def check_agree(architecture: Architecture, backbone: Backbone, tasks: Sequence[Task]) -> None:
    """Raises InputError unless the architecture has the backbone's stages and these tasks."""
    check_tasks(tasks)
    names = tuple(sorted(task.name for task in tasks))
    if names != architecture.tasks:
        raise InputError(
            rule="An architecture is built with exactly the tasks that it names.",
            found=f"architecture of {list(architecture.tasks)} and tasks {list(names)}",
            fix="Give the tasks that the architecture was searched for.",
        )
    backbone.check(architecture)
    taken = [name for name in names if hasattr(nn.ModuleDict, name) or name == "training"]
    if taken:
        raise InputError(
            rule="A task's name is not a word that torch's modules use themselves.",
            found=f"'{taken[0]}'",
            fix=f"Rename it, for example to '{taken[0]}_task'.",
        )


def _all_tensors(module: nn.Module) -> Iterator[Tensor]:
    yield from module.parameters()
    yield from module.buffers()


def _shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    shapes = {f"parameter {name}": tuple(p.shape) for name, p in module.named_parameters()}
    shapes.update((f"buffer {name}", tuple(b.shape)) for name, b in module.named_buffers())
    return shapes


def _check_equal(
    shapes: dict[str, tuple[int, ...]], expected: dict[str, tuple[int, ...]], *, subject: str
) -> None:
    for name in sorted(shapes.keys() | expected.keys()):
        here, there = shapes.get(name), expected.get(name)
        if here != there:
            raise InputError(
                rule="All copies of a stage have the same shapes.",
                found=f"{subject} with {name} of shape {here} in one copy and {there} in another",
                fix="Let the stage's make() give the same module, with other weights, each time.",
            )


def _check_own(module: nn.Module, seen: set[int], *, subject: str) -> None:
    tensors = {id(tensor) for tensor in _all_tensors(module)}
    if tensors & seen:
        raise InputError(
            rule="Each call of a stage's make() gives a new module with weights of its own.",
            found=f"{subject} giving the same weights twice",
            fix="Make the module inside make(), or return copy.deepcopy(module).",
        )
    seen |= tensors
