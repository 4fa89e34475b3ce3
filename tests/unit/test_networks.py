from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from sharewise.architecture import Architecture
from sharewise.backbones import Backbone, Stage, mlp, resnet18
from sharewise.errors import InputError
from sharewise.networks import Network, build
from sharewise.tasks import Task, binary, classification, regression

TASKS = (classification("shape", 3), binary("bold"), regression("size", 2))
NAMES = ("shape", "bold", "size")
SPLIT = Architecture.from_levels(
    [[NAMES], [("bold", "size"), ("shape",)], [("bold",), ("shape",), ("size",)]]
)


def _own(*makes: Callable[[], nn.Module]) -> Backbone:
    stages = tuple(Stage(f"stage{i}", make) for i, make in enumerate(makes))
    return Backbone("own", stages, (4,))


def _one(backbone: Backbone, tasks: int = 1) -> Network:
    named = [binary(f"task{i}") for i in range(tasks)]
    names = [task.name for task in named]
    return build(Architecture.independent(names, backbone.num_stages), backbone, named)


def test_outputs_have_the_tasks_shapes_and_order() -> None:
    network = build(SPLIT, mlp(5), TASKS)
    outputs = network(torch.randn(7, 5))
    assert list(outputs) == list(NAMES)
    assert [tuple(outputs[name].shape) for name in NAMES] == [(7, 3), (7, 1), (7, 2)]
    assert network.architecture == SPLIT
    assert len(network.branches) == 6
    assert set(network.heads) == set(NAMES)


def test_some_tasks_in_the_order_asked_for() -> None:
    network = build(SPLIT, mlp(5), TASKS)
    x = torch.randn(7, 5)
    everything = network(x)
    for count in range(4):
        for names in itertools.permutations(NAMES, count):
            outputs = network(x, names)
            assert list(outputs) == list(names)
            assert all(torch.equal(outputs[name], everything[name]) for name in names)


def test_weights_depend_only_on_seed_stage_and_tasks() -> None:
    backbone = mlp(5)
    first, second = build(SPLIT, backbone, TASKS, seed=3), build(SPLIT, backbone, TASKS, seed=3)
    other = build(SPLIT, backbone, TASKS, seed=4)
    weights = first.state_dict()
    assert all(torch.equal(value, second.state_dict()[name]) for name, value in weights.items())
    assert not any(torch.equal(value, other.state_dict()[name]) for name, value in weights.items())

    independent = build(Architecture.independent(NAMES, 3), backbone, TASKS[::-1], seed=3)
    at = {(s, b.tasks): i for i, (s, b) in enumerate(independent.architecture.branches())}
    here = {(s, b.tasks): i for i, (s, b) in enumerate(SPLIT.branches())}
    for key in at.keys() & here.keys():
        one, two = first.branches[here[key]], independent.branches[at[key]]
        assert torch.equal(one[0].weight, two[0].weight)
    assert torch.equal(first.heads["size"].weight, independent.heads["size"].weight)
    assert not torch.equal(
        independent.branches[at[1, ("bold",)]][0].weight,
        independent.branches[at[1, ("size",)]][0].weight,
    )


def test_build_leaves_random_state_alone() -> None:
    before = torch.get_rng_state()
    build(SPLIT, mlp(5), TASKS)
    assert torch.equal(torch.get_rng_state(), before)


def test_modes_survive_the_checks() -> None:
    network = build(Architecture.shared(NAMES, 5), resnet18(0.1, input_size=32), TASKS)
    assert all(part.training for part in network.modules())
    assert all(
        part.num_batches_tracked.item() == 0
        for part in network.modules()
        if isinstance(part, nn.BatchNorm2d)
    )


def test_weights_travel_to_another_network(tmp_path: Path) -> None:
    source, target = (build(SPLIT, mlp(5), TASKS, seed=seed) for seed in (0, 1))
    torch.save(source.state_dict(), tmp_path / "weights")
    target.load_state_dict(torch.load(tmp_path / "weights", weights_only=True))
    x = torch.randn(2, 5)
    assert torch.equal(source(x)["size"], target(x)["size"])
    assert torch.equal(source(x)["size"], copy.deepcopy(source)(x)["size"])


def test_branch_modules_can_be_exchanged() -> None:
    network = build(SPLIT, mlp(5), TASKS)
    network.branches[0] = nn.Sequential(nn.Linear(5, 16), nn.Tanh())
    x = torch.randn(2, 5)
    hidden = network.branches[1](network.branches[0](x))
    expected = network.heads["bold"](network.branches[2](hidden))
    assert torch.equal(network(x)["bold"], expected)


@pytest.mark.parametrize("strict", [False, True])
def test_torch_export_gives_the_same_outputs(strict: bool) -> None:
    network = build(
        Architecture.from_levels([[NAMES]] * 3 + [[("bold", "size"), ("shape",)]] * 2),
        resnet18(0.1, input_size=32),
        TASKS,
    ).eval()
    x = torch.randn(2, 3, 32, 32)
    batch = torch.export.Dim("batch", min=1, max=64)
    program = torch.export.export(network, (x,), dynamic_shapes=({0: batch},), strict=strict)
    x = torch.randn(5, 3, 32, 32)
    outputs, exported = network(x), program.module()(x)
    assert list(exported) == list(NAMES)
    for name in NAMES:
        torch.testing.assert_close(exported[name], outputs[name])


def test_onnx_gives_the_same_outputs(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    network = build(SPLIT, mlp(5), TASKS).eval()
    x = torch.randn(2, 5)
    path = tmp_path / "network.onnx"
    torch.onnx.export(
        network, (x,), path, dynamo=True, input_names=["inputs"], output_names=list(NAMES)
    )
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    outputs = session.run(list(NAMES), {"inputs": x.numpy()})
    for name, output in zip(NAMES, outputs, strict=True):
        torch.testing.assert_close(torch.from_numpy(output), network(x)[name])


def _growing() -> Callable[[], nn.Module]:
    sizes: Iterator[int] = itertools.count(8)
    return lambda: nn.Linear(4, next(sizes))


def _changing_stride() -> Callable[[], nn.Module]:
    sizes: Iterator[int] = itertools.chain([1, 2], itertools.repeat(1))
    return lambda: nn.Unflatten(1, (next(sizes), -1))


_SINGLE = nn.Linear(4, 4)


def _custom(head: Callable[[tuple[int, ...]], nn.Module]) -> list[Task]:
    return [Task(name="odd", head=head, loss=nn.functional.mse_loss, metrics=())]


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        (
            lambda: build(Architecture.shared(["shape", "bold"], 3), mlp(5), TASKS),
            "An architecture is built with exactly the tasks that it names. Found architecture of"
            " ['bold', 'shape'] and tasks ['bold', 'shape', 'size']. Give the tasks that the"
            " architecture was searched for.",
        ),
        (
            lambda: build(Architecture.shared(NAMES, 2), mlp(5), TASKS),
            "Found 2 stages in the architecture and 3 in backbone 'mlp'.",
        ),
        (lambda: build(SPLIT, mlp(5), (*TASKS, TASKS[0])), "Found 'shape' twice."),
        (
            lambda: build(Architecture.shared(["type"], 3), mlp(5), [binary("type")]),
            "A task's name is not a word that torch's modules use themselves. Found 'type'. Rename"
            " it, for example to 'type_task'.",
        ),
        (
            lambda: _one(_own(_growing()), 2),
            "All copies of a stage have the same shapes. Found stage 'stage0' with parameter bias"
            " of shape (8,) in one copy and (10,) in another. Let the stage's make() give the same"
            " module, with other weights, each time.",
        ),
        (
            lambda: _one(_own(_changing_stride()), 2),
            "with output of shape (2, 2) in one copy and (1, 4) in another.",
        ),
        (
            lambda: _one(_own(lambda: _SINGLE)),
            "Each call of a stage's make() gives a new module with weights of its own. Found stage"
            " 'stage0' giving the same weights twice. Make the module inside make(), or return"
            " copy.deepcopy(module).",
        ),
        (
            lambda: build(
                Architecture.shared(["odd"], 3), mlp(5), _custom(lambda shape: nn.Linear(9, 1))
            ),
            "A stage or head accepts the features that reach it. Found head of task 'odd' failing"
            " on features of shape (16,) (",
        ),
        (
            lambda: build(
                Architecture.shared(["odd"], 3), mlp(5), _custom(lambda s: nn.Linear(s[2], 1))
            ),
            "Found head of task 'odd' failing on features of shape (16,) (tuple index out of",
        ),
        (
            lambda: _one(_own(lambda: nn.Unflatten(1, (2, 2)))),
            "Found head of task 'task0' failing on features of shape (2, 2) (",
        ),
        (
            lambda: build(SPLIT, mlp(5), TASKS)(torch.randn(1, 5), ["bold", "colour"]),
            "A network runs the tasks that it was built for. Found task 'colour' and a network for"
            " ['bold', 'shape', 'size']. Name some of these, as a list.",
        ),
    ],
)
def test_errors_say_what_to_do(action: Callable[[], object], sentence: str) -> None:
    with pytest.raises(InputError) as raised:
        action()
    assert sentence in str(raised.value)


def test_a_heads_own_error_stays_the_cause() -> None:
    with pytest.raises(InputError) as raised:
        _one(_own(lambda: nn.Unflatten(1, (2, 2))))
    assert isinstance(raised.value.__cause__, InputError)
