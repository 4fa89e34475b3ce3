"""The common initialisation, the teachers, and full training as an evaluator."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from _small import CHANNELS, LAYERS, NAMES, TASKS, make_backbone, make_data, make_part, make_space
from _small_world import DISTIL, LEARN
from torch import Tensor, nn

from sharewise.architecture import Architecture, Group, Owners, Partition
from sharewise.backbones import Backbone
from sharewise.data import OnlyTask, SeparateData
from sharewise.errors import InputError, RunError
from sharewise.evaluators import (
    DistilSettings,
    Evaluation,
    Initial,
    Teachers,
    Trained,
    choose_source,
    train_initial,
    train_teacher,
    train_teachers,
)
from sharewise.evaluators._initial import single_task
from sharewise.networks import Network, PartitionedBranch, build
from sharewise.tasks import classification, regression
from sharewise.training import train

ONCE = replace(LEARN, epochs=1)


@pytest.fixture(scope="module")
def initial() -> Initial:
    return train_initial(make_backbone(), make_data(), settings=LEARN, device="cpu")


def state(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def same(left: dict[str, Tensor], right: dict[str, Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[n], right[n]) for n in left)


# --- the common initialisation


def test_the_source_is_the_task_with_the_most_samples_times_outputs() -> None:
    backbone = make_backbone()
    few, many = classification("few", 6), classification("many", 2)

    def source(few_samples: int, many_samples: int) -> str:
        parts = [make_part(few, train=few_samples), make_part(many, train=many_samples)]
        return choose_source(SeparateData(parts), backbone)

    assert source(40, 100) == "few"  # 240 against 200
    assert source(40, 140) == "many"  # 240 against 280
    assert source(40, 120) == "few"  # of equals the first by name
    sizes = SeparateData([make_part(regression("size")), make_part(TASKS[0])])
    assert choose_source(sizes, backbone) == "kind"


def test_choosing_a_source_leaves_the_random_state_alone() -> None:
    before = torch.get_rng_state()
    choose_source(make_data(), make_backbone())
    assert torch.equal(torch.get_rng_state(), before)


def test_the_initialisation_is_a_training_on_the_source_alone(initial: Initial) -> None:
    assert initial.source == "kind"  # three classes against one number
    backbone, only = make_backbone(), OnlyTask(make_data(), "kind")
    network = build(single_task("kind", backbone), backbone, only.tasks)
    train(network, only, settings=LEARN, device="cpu")
    assert same(state(network), state(initial.network))
    other = train_initial(backbone, make_data(), source="sign", settings=ONCE, device="cpu")
    assert other.source == "sign"
    assert other.digest != initial.digest


def test_a_source_that_is_no_task_is_refused() -> None:
    with pytest.raises(InputError, match="Found 'colour' and data for kind, sign"):
        train_initial(make_backbone(), make_data(), source="colour", settings=ONCE)


@pytest.mark.parametrize("preset", ["share_all", "independent"])
def test_every_task_starts_from_the_features_of_the_source(initial: Initial, preset: str) -> None:
    architecture = getattr(make_space(), preset)()
    network = initial.start(architecture, make_backbone(), TASKS, seed=4)
    whole = [branch.plain_state("kind") for branch in initial.network.branches]  # type: ignore[operator]
    partition = architecture.partitions[1, NAMES]
    for task in NAMES:
        for stage, branch in enumerate(network.branches):
            assert isinstance(branch, PartitionedBranch)
            for name, value in branch.plain_state(task).items():
                layer, _, _ = name.rpartition(".")
                expected = whole[stage][name]
                if stage == 1:
                    rows = layer.endswith(("conv1", "bn1")) and expected.dim() > 0
                    columns = layer.endswith("conv2")
                    kept = _kept(partition, task)
                    expected = expected[kept] if rows else expected
                    expected = expected[:, kept] if columns else expected
                assert torch.equal(value, expected), (task, name)


def _kept(partition: Partition, task: str) -> list[int]:
    ranges = partition.groups[0].used(task)
    return [channel for start, stop in ranges for channel in range(start, stop)]


def test_heads_are_fresh_but_for_the_one_of_the_source(initial: Initial) -> None:
    space, backbone = make_space(), make_backbone()
    network = initial.start(space.share_all(), backbone, TASKS, seed=4)
    fresh = build(space.share_all(), backbone, TASKS, seed=4)
    assert same(state(network.heads["sign"]), state(fresh.heads["sign"]))
    assert same(state(network.heads["kind"]), state(initial.network.heads["kind"]))
    other = initial.start(space.share_all(), backbone, TASKS, seed=5)
    assert not same(state(network.heads["sign"]), state(other.heads["sign"]))
    assert same(state(network.branches[0]), state(other.branches[0]))


def test_separate_networks_start_from_the_same_features(initial: Initial) -> None:
    network = initial.start(Architecture.independent(NAMES, 2), make_backbone(), TASKS)
    together = initial.start(make_space().share_all(), make_backbone(), TASKS)
    inputs = torch.randn(3, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    apart, shared = network.eval()(inputs), together.eval()(inputs)
    torch.testing.assert_close(apart, shared)


def test_a_run_keeps_the_initialisation(initial: Initial, tmp_path: Path) -> None:
    backbone, data, run = make_backbone(), make_data(), tmp_path / "initial"
    events: list[dict[str, Any]] = []
    written = train_initial(
        backbone, data, settings=LEARN, run=run, device="cpu", progress=events.append
    )
    assert [event["epoch"] for event in events] == [1, 2, 3]
    assert written.digest == initial.digest
    read = train_initial(
        backbone, data, settings=LEARN, run=run, device="cpu", progress=pytest.fail
    )
    assert read.digest == initial.digest
    path = run / "network.safetensors"
    assert Initial.load(path, backbone, data, source="kind").digest == initial.digest
    with pytest.raises(InputError, match="Weights belong to the architecture"):
        Initial.load(path, backbone, data, source="sign")
    with pytest.raises(InputError, match="'colour'"):
        Initial.load(path, backbone, data, source="colour")
    with pytest.raises(RunError, match="complete safetensors file"):
        Initial.load(run / "nothing", backbone, data, source="kind")


# --- teachers


def teach(initial: Initial, **changes: Any) -> Teachers:
    given: dict[str, Any] = {"first": 1, "settings": ONCE} | changes
    return train_teachers(initial, make_backbone(), make_data(), **given)


def test_each_task_has_a_teacher_of_its_own_that_started_alike(initial: Initial) -> None:
    events: list[dict[str, Any]] = []
    teachers = teach(initial, progress=events.append)
    assert {task: network.tasks for task, network in teachers.networks.items()} == {
        "kind": ("kind",),
        "sign": ("sign",),
    }
    assert [(event["done"], event["jobs"], event["job"]) for event in events] == [
        (0, 2, "kind"),
        (1, 2, "sign"),
    ]
    data, backbone = make_data(), make_backbone()
    by_hand = initial.start(single_task("sign", backbone), backbone, TASKS[1:])
    train(by_hand, OnlyTask(data, "sign"), settings=ONCE, device="cpu")
    assert same(state(teachers.networks["sign"]), state(by_hand))


@pytest.mark.parametrize(("freeze", "first"), [(True, 1), (True, 2), (False, 1)])
def test_frozen_stages_keep_every_weight_but_those_of_norms(
    initial: Initial, freeze: bool, first: int
) -> None:
    # Weight decay would move whatever an optimiser knows, gradient or not.
    settings = replace(ONCE, weight_decay=0.5, select="last")
    teachers = teach(initial, freeze_below=freeze, first=first, settings=settings)
    frozen = first if freeze else 0
    for network in teachers.networks.values():
        for stage, branch in enumerate(network.branches):
            before = state(initial.network.branches[stage])
            giver, task = initial.source, network.tasks[0]
            for name, value in branch.state_dict().items():
                old = before[name.replace(f".{task}.", f".{giver}.")]
                norm = ".norms." in name
                kept = torch.equal(value, old)
                assert kept == (stage < frozen and not norm), (task, stage, name)


def test_finished_teachers_are_read_and_others_refused(initial: Initial, tmp_path: Path) -> None:
    teachers = teach(initial, run=tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    again = teach(initial, run=tmp_path)
    for task, network in teachers.networks.items():
        assert same(state(network), state(again.networks[task]))
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file()} == before

    other = train_initial(make_backbone(), make_data(), settings=ONCE, seed=3, device="cpu")
    with pytest.raises(RunError) as caught:
        teach(other, run=tmp_path)
    assert initial.digest in str(caught.value)
    assert other.digest in str(caught.value)
    with pytest.raises(RunError, match="frozen is 0 there and 1 here"):
        teach(initial, run=tmp_path, freeze_below=True)


def test_one_torch_thread_trains_a_teacher(initial: Initial) -> None:
    class Watched(OnlyTask):
        threads: list[int]

        def val(self, *, batch_size: int) -> Any:
            self.threads.append(torch.get_num_threads())
            return super().val(batch_size=batch_size)

    watched = Watched(make_data(), "sign")
    watched.threads = []
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        train_teacher(initial, make_backbone(), watched, 0, ONCE, 0, None)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert set(watched.threads) == {1}


def test_threads_are_refused(initial: Initial) -> None:
    with ThreadPoolExecutor(2) as executor, pytest.raises(InputError) as caught:
        teach(initial, executor=executor)
    assert str(caught.value) == (
        "Teachers and candidates are computed here or in other processes, for threads share torch's"
        " random state. Found ThreadPoolExecutor. Give a ProcessPoolExecutor that spawns, or None."
    )


def other_width() -> Backbone:
    stem = replace(make_backbone().stages[0], make=lambda: nn.Conv2d(1, 4, 3, padding=1))
    return replace(make_backbone(), stages=(stem, make_backbone().stages[1]))


def plain(backbone: Backbone) -> Network:
    return build(Architecture.shared(("kind",), backbone.num_stages), backbone, TASKS[:1])


def test_a_teacher_that_does_not_fit_is_refused(initial: Initial) -> None:
    backbone = make_backbone()
    fits = {"kind": initial.network}
    assert Teachers(fits, 1, backbone).networks == fits
    short = replace(backbone, stages=backbone.stages[:1])
    wrong = {
        "sign": (initial.network, backbone),  # another task's
        "kind": (plain(backbone), backbone),  # whose blocks cannot be read
    }
    for task, (network, bound) in wrong.items():
        with pytest.raises(InputError, match=f"Found a teacher for '{task}' with tasks"):
            Teachers({task: network}, 1, bound)
    for bound in (short, other_width()):
        with pytest.raises(InputError, match="A teacher is a network of its one task"):
            Teachers(fits, 1, bound)


# --- full training


def test_full_training_scores_each_architecture_on_the_validation_split(initial: Initial) -> None:
    backbone, space = make_backbone(), make_space()
    data = SeparateData([make_part(TASKS[0]), make_part(regression("size"))])
    names = ("kind", "size")
    architectures = [Architecture.shared(names, 2), Architecture.independent(names, 2)]
    found = Trained(backbone, data, ONCE).evaluate(architectures, seed=6)
    for architecture, evaluation in zip(architectures, found, strict=True):
        network = build(architecture, backbone, data.tasks, seed=6)
        scores = train(network, data, settings=ONCE, seed=6, device="cpu")
        expected = {"kind": scores["kind"]["accuracy"], "size": -scores["size"]["mse"]}
        measures = {
            "accuracy": {"kind": scores["kind"]["accuracy"]},
            "mse": {"size": scores["size"]["mse"]},
        }
        assert evaluation == Evaluation(expected, steps=1, measures=measures)
        assert evaluation.score == pytest.approx(sum(expected.values()) / 2)
    started = Trained(backbone, make_data(), ONCE, initial).evaluate([space.share_all()], seed=6)
    network = initial.start(space.share_all(), backbone, TASKS, seed=6)
    scores = train(network, make_data(), settings=ONCE, seed=6, device="cpu")
    assert started[0].per_task == {task: scores[task]["accuracy"] for task in NAMES}


# --- settings and values


def test_an_evaluation_is_json_with_its_score() -> None:
    measures = {"accuracy": {"a": 0.5, "b": 1.0}}
    evaluation = Evaluation(measures["accuracy"], 10, True, measures)
    assert evaluation.to_dict() == {
        "score": 0.75,
        "per_task": {"a": 0.5, "b": 1.0},
        "steps": 10,
        "stopped": True,
        "measures": measures,
    }


@pytest.mark.parametrize(
    ("word", "value", "rule"),
    [
        ("steps", 0, "steps is a whole number of at least 1."),
        ("batch_size", 2.0, "batch_size is a whole number of at least 1."),
        ("train_samples", True, "train_samples is a whole number of at least 1."),
        ("val_samples", -1, "val_samples is a whole number of at least 1."),
        ("group", 0, "group is a whole number of at least 1."),
        ("halvings", -1, "halvings is a whole number of at least 0."),
        ("lr", float("nan"), "lr is a finite number of at least 0."),
        ("momentum", "much", "momentum is a number from 0 to 0.9999."),
        ("momentum", 1.0, "momentum is a number from 0 to 0.9999."),
        ("weight_decay", -0.1, "weight_decay is a finite number of at least 0."),
        ("optimiser", "lion", "optimiser is one of 'adam', 'sgd'."),
        ("score", "beauty", "score is one of 'accuracy', 'loss', 'features'."),
    ],
)
def test_distil_settings_out_of_bounds_are_refused(word: str, value: Any, rule: str) -> None:
    with pytest.raises(InputError) as caught:
        DistilSettings(**{word: value})
    assert str(caught.value).startswith(f"{rule} Found {word}={value!r}.")


def test_distil_settings_go_to_json_and_back() -> None:
    assert DistilSettings.from_dict(DISTIL.to_dict()) == DISTIL
    with pytest.raises(InputError, match=r"Found 'speed'\."):
        DistilSettings.from_dict({"speed": 3})


def test_the_published_settings_are_those_of_the_released_code() -> None:
    published = DistilSettings.published()
    assert (published.steps, published.batch_size, published.lr) == (3000, 4, 1.0)
    assert (published.momentum, published.weight_decay) == (0.9, 1e-5)
    assert (published.val_samples, published.score, published.halvings) == (3000, "accuracy", 0)


def test_a_teacher_may_use_a_part_of_the_channels() -> None:
    half = Owners(CHANNELS // 2, ("kind",), ("kind",)), Owners(CHANNELS // 2, (), ())
    partitions = [Partition(), Partition((Group(LAYERS, half),))]
    architecture = Architecture.partitioned(("kind",), partitions)
    network = build(architecture, make_backbone(), TASKS[:1])
    assert Teachers({"kind": network}, 1, make_backbone()).first == 1
