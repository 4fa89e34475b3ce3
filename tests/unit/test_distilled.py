"""Feature distillation: what it learns, what it measures, and that nothing else decides."""

from __future__ import annotations

import math
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from _small import LAYERS, NAMES, Block, make_part
from _small_world import LEARN, World, make_world
from torch import Tensor, nn

from sharewise.architecture import Architecture, Group, Owners, Partition
from sharewise.backbones import Backbone, Stage
from sharewise.data import SeparateData
from sharewise.errors import InputError
from sharewise.evaluators import Evaluation, train_initial, train_teachers
from sharewise.evaluators._distilled import Student
from sharewise.networks import PartitionedBranch
from sharewise.tasks import Metric, classification, regression


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("world") / "features")


@pytest.fixture(scope="module")
def dropping(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("dropping") / "features", dropout=0.5)


def evaluate(
    world: World, architectures: list[Architecture], **changes: object
) -> list[Evaluation]:
    return list(world.distilled(**changes).evaluate(architectures, seed=5))


def divided(*runs: tuple[int, str, str]) -> Architecture:
    """Runs of channels with letters for the tasks that use and update them: (4, "ks", "k")."""

    def tasks(letters: str) -> tuple[str, ...]:
        return tuple(name for name in NAMES if name[0] in letters)

    owners = tuple(Owners(size, tasks(use), tasks(update)) for size, use, update in runs)
    return Architecture.partitioned(NAMES, [Partition(), Partition((Group(LAYERS, owners),))])


# --- what it learns


def test_a_student_that_shares_all_comes_nearer_to_its_teachers(world: World) -> None:
    shared = world.space.share_all()
    start, few, many = (
        evaluate(world, [shared], steps=steps, lr=0.5, batch_size=20)[0] for steps in (1, 10, 150)
    )
    assert many.score > start.score
    for task in NAMES:
        assert many.measures["features"][task] > few.measures["features"][task]
    assert many.steps == 150
    assert not many.stopped
    assert many.per_task == many.measures["features"]
    assert set(many.measures) == {"accuracy", "loss", "features"}


def test_more_channels_explain_more_of_the_teachers(world: World) -> None:
    one = divided((1, "ks", "ks"), (7, "", ""))
    few, many = evaluate(world, [one, world.space.share_all()], steps=60)
    assert many.score > few.score


def test_the_rate_falls_after_two_thirds_of_the_steps(world: World) -> None:
    student = Student(world.space.share_all(), world.distilled(steps=9))
    rates = []
    for step, (task, inputs, targets) in enumerate(student._terms.batches(0), start=1):
        student.learn(task, inputs, targets, step=step)
        rates.append(student._optimiser.param_groups[0]["lr"])
    assert rates == [0.1] * 6 + [pytest.approx(0.01)] * 3


def test_one_step_is_one_of_sgd_on_the_mean_squared_distance(world: World) -> None:
    terms = world.distilled(lr=0.3, momentum=0.0, weight_decay=0.0)
    architecture = world.space.share_all()
    student = Student(architecture, terms)
    task, inputs, targets = next(terms.batches(2))
    student.learn(task, inputs, targets, step=1)

    twin = world.initial.start(architecture, world.backbone, world.data.tasks).branches[1].train()
    assert isinstance(twin, PartitionedBranch)
    _, blocks = twin.forward_blocks(inputs, task)
    torch.nn.functional.mse_loss(torch.cat(blocks, 1), torch.cat(targets, 1)).backward()
    with torch.no_grad():
        for weight in (each for each in twin.parameters() if each.grad is not None):
            weight.sub_(weight.grad, alpha=0.3)
    for name, value in student._branches[0].state_dict().items():
        torch.testing.assert_close(value, twin.state_dict()[name], atol=1e-6, rtol=1e-5)


def test_adam_moves_every_weight_by_its_rate_at_first(world: World) -> None:
    terms = world.distilled(optimiser="adam", lr=0.01, weight_decay=0.0)
    student = Student(world.space.share_all(), terms)
    before = [each.detach().clone() for each in student._branches[0].parameters()]
    task, inputs, targets = next(terms.batches(2))
    student.learn(task, inputs, targets, step=1)
    moved = [
        (after.detach() - old).abs()
        for old, after in zip(before, student._branches[0].parameters(), strict=True)
        if after.grad is not None
    ]
    assert len(moved) > 3
    for each in moved:  # Adam's first step is the rate, whatever the gradient
        torch.testing.assert_close(each[each > 0], torch.full_like(each[each > 0], 0.01))


@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_distillation_brings_features_nearer(world: World, optimiser: str) -> None:
    terms = world.distilled(steps=60, optimiser=optimiser, lr={"adam": 0.01, "sgd": 0.1}[optimiser])
    student = Student(world.space.share_all(), terms)
    losses = []
    for step, (task, inputs, targets) in enumerate(terms.batches(0), start=1):
        with torch.no_grad():
            _, blocks = student._run(task, inputs)
        found, wanted = torch.cat(blocks, 1), torch.cat(targets, 1)
        losses.append(float(torch.nn.functional.mse_loss(found, wanted)))
        student.learn(task, inputs, targets, step=step)
    assert sum(losses[-10:]) < 0.7 * sum(losses[:10])


def test_batches_come_from_the_tasks_in_turn_and_never_twice_in_a_pass(world: World) -> None:
    terms = world.distilled(steps=10, batch_size=8)
    batches = list(terms.batches(3))
    assert [task for task, _, _ in batches] == ["kind", "sign"] * 5
    for name in NAMES:
        rows = torch.cat([inputs for task, inputs, _ in batches if task == name])
        stored = world.features.tensor(name, "inputs", slice(None))
        assert sorted(rows.flatten(1).sum(1).tolist()) == sorted(stored.flatten(1).sum(1).tolist())
    again = list(terms.batches(3))
    assert all(torch.equal(a[1], b[1]) for a, b in zip(batches, again, strict=True))
    assert not torch.equal(batches[0][1], next(terms.batches(4))[1])


def test_a_batch_is_at_most_as_large_as_the_stored_part(world: World) -> None:
    assert len(next(world.distilled(batch_size=1000).batches(0))[1]) == 40


def make_closed() -> nn.Module:
    return nn.Sequential(Block(), Block(), nn.BatchNorm2d(4))


def test_the_norm_that_closes_a_stage_is_the_teachers_and_is_not_trained(world: World) -> None:
    # No loss on blocks reaches it: it belongs to what reads the features, as the head does.
    stages = (world.backbone.stages[0], Stage("closed", make_closed))
    backbone = Backbone("closed", stages, (1, 4, 4))
    settings = replace(LEARN, epochs=1)
    initial = train_initial(backbone, world.data, settings=settings, device="cpu")
    teachers = train_teachers(initial, backbone, world.data, first=1, settings=settings)
    closing = teachers.closing_norms()
    assert {task: set(states) for task, states in closing.items()} == {
        "kind": {"2"},
        "sign": {"2"},
    }
    assert world.teachers.closing_norms() == {"kind": {}, "sign": {}}
    terms = replace(world.distilled(), backbone=backbone, initial=initial, closing=closing)
    student = Student(world.space.share_all(), terms)
    for step, (task, inputs, targets) in enumerate(terms.batches(0), start=1):
        student.learn(task, inputs, targets, step=step)
    before = plain_state(initial.network.branches[1], "kind")
    for task in NAMES:
        found = plain_state(student._branches[0], task)
        taught = plain_state(teachers.networks[task].branches[1], task)
        for name in ("2.weight", "2.bias"):
            assert torch.equal(found[name], taught[name])
            assert not torch.equal(found[name], before[name])


def plain_state(branch: nn.Module, task: str) -> dict[str, Tensor]:
    assert isinstance(branch, PartitionedBranch)
    return branch.plain_state(task)


# --- nothing else decides


def test_neither_group_nor_order_change_an_evaluation(world: World) -> None:
    drawn = world.drawn(3)
    together = evaluate(world, drawn)
    alone = [evaluate(world, [each])[0] for each in drawn]
    backwards = evaluate(world, drawn[::-1])[::-1]
    assert together == alone == backwards
    assert len({each.score for each in together}) > 1
    assert together != list(world.distilled().evaluate(drawn, seed=6))


def test_dropout_changes_nothing_either(dropping: World) -> None:
    drawn = dropping.drawn(3)
    before = torch.get_rng_state()
    together = evaluate(dropping, drawn)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(7)
    assert [evaluate(dropping, [each])[0] for each in drawn] == together
    twice = evaluate(dropping, [drawn[0], drawn[0]])
    assert twice[0] == twice[1]  # the same units are dropped for all


def test_another_number_of_threads_gives_the_same(world: World) -> None:
    # Another process: tests/laws/test_partition_search_laws.py
    drawn = world.drawn(2)
    here = evaluate(world, drawn)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert evaluate(world, drawn) == here
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_the_mode_in_which_a_teacher_comes_is_no_matter(tmp_path: Path) -> None:
    tasks = [_with_dropout(classification("kind", 3)), _with_dropout(classification("sort", 3))]
    data = SeparateData([make_part(tasks[0]), make_part(tasks[1])])
    world = make_world(tmp_path / "features", data)
    drawn, terms = world.drawn(1), world.distilled()
    found = terms.evaluate(drawn, seed=0)
    for head in terms.heads.values():
        head.train()
    assert terms.evaluate(drawn, seed=0) == found


def _with_dropout(task: object) -> object:
    return replace(task, head=_Head())  # type: ignore[type-var]


class _Head:
    def __call__(self, shape: tuple[int, ...]) -> nn.Module:
        return nn.Sequential(nn.Dropout(0.5), nn.Flatten(1), nn.Linear(math.prod(shape), 3))


def test_evaluating_leaves_initialisation_and_teachers_as_they_are(world: World) -> None:
    before = pickle.dumps([world.initial.digest, _heads(world)])
    evaluate(world, world.drawn(2))
    assert pickle.dumps([world.initial.digest, _heads(world)]) == before


def _heads(world: World) -> list[bytes]:
    return [
        value.numpy().tobytes()
        for network in world.teachers.networks.values()
        for value in network.state_dict().values()
    ]


# --- who is stopped


def test_the_worse_half_is_stopped_at_each_part_of_the_steps(world: World) -> None:
    drawn = world.drawn(7)
    found = evaluate(world, drawn, steps=12, halvings=2)
    assert sorted(each.steps for each in found) == [4, 4, 4, 8, 8, 12, 12]
    assert all(each.stopped == (each.steps < 12) for each in found)
    # At the first rung those are stopped that were worst there.
    first = {id(each): Student(each, world.distilled(steps=12)) for each in drawn}
    for step, (task, inputs, targets) in enumerate(world.distilled(steps=12).batches(5), start=1):
        if step > 4:
            break
        for student in first.values():
            student.learn(task, inputs, targets, step=step)
    scores = [first[id(each)].judge(steps=4).score for each in drawn]
    worst = sorted(range(7), key=lambda index: scores[index])[:3]
    assert {index for index, each in enumerate(found) if each.steps == 4} == set(worst)
    for index in worst:
        assert found[index].score == pytest.approx(scores[index], abs=1e-6)


def test_those_that_are_not_stopped_are_judged_as_without_halvings(world: World) -> None:
    drawn = world.drawn(4)
    whole = evaluate(world, drawn)
    found = evaluate(world, drawn, halvings=1)
    left = [index for index, each in enumerate(found) if not each.stopped]
    assert len(left) == 2
    assert all(found[index] == whole[index] for index in left)


def test_one_alone_is_never_stopped(world: World) -> None:
    (found,) = evaluate(world, world.drawn(1), halvings=3)
    assert (found.steps, found.stopped) == (12, False)


def test_more_halvings_than_steps_are_no_error(world: World) -> None:
    found = evaluate(world, world.drawn(3), steps=2, halvings=9)
    assert sorted(each.steps for each in found) == [1, 2, 2]


# --- what it measures


def by_hand(world: World, student: Student, task: str) -> dict[str, float]:
    """The measures, from the student's module and the stored arrays."""
    features = world.features
    every = slice(None)
    (branch,) = student._branches
    head = world.teachers.networks[task].heads[task].eval()
    with torch.no_grad():
        output, blocks = branch.eval().forward_blocks(
            features.tensor(task, "val_inputs", every), task
        )
        answers = head(output)
    label = features.tensor(task, "val_targets", every)
    teacher = features.tensor(task, "val_outputs", every)
    stored = [features.tensor(task, f"val_block{index}", every) for index in (0, 1)]
    distance = sum(float((a - b).square().sum()) for a, b in zip(blocks, stored, strict=True))
    spread = sum(
        float((each - each.mean((0, 2, 3), keepdim=True)).square().sum()) for each in stored
    )

    def accuracy(outputs: Tensor) -> float:
        right = outputs.argmax(1) == label if outputs.shape[1] > 1 else (outputs[:, 0] > 0) == label
        return float(right.float().mean())

    def loss(outputs: Tensor) -> float:
        if outputs.shape[1] > 1:
            return float(nn.functional.cross_entropy(outputs, label))
        return float(nn.functional.binary_cross_entropy_with_logits(outputs[:, 0], label.float()))

    return {
        "accuracy": accuracy(answers) / accuracy(teacher),
        "loss": math.exp(loss(teacher) - loss(answers)),
        "features": 1 - distance / spread,
    }


@pytest.mark.parametrize("score", ["accuracy", "loss", "features"])
def test_measures_are_what_they_say(world: World, score: str) -> None:
    terms = world.distilled(score=score)
    student = Student(world.drawn(1)[0], terms)
    for step, (task, inputs, targets) in enumerate(terms.batches(5), start=1):
        student.learn(task, inputs, targets, step=step)
    found = student.judge(steps=12)
    for task in NAMES:
        expected = by_hand(world, student, task)
        for measure, value in expected.items():
            assert found.measures[measure][task] == pytest.approx(value, rel=1e-4), measure
    assert found.per_task == found.measures[score]
    assert list(found.per_task) == sorted(found.per_task)
    evaluated = evaluate(world, [world.drawn(1)[0]], score=score)[0]
    assert evaluated.per_task == pytest.approx(dict(found.per_task), rel=1e-4)


def test_where_less_is_better_the_teacher_stands_above(tmp_path: Path) -> None:
    data = SeparateData([make_part(regression("size")), make_part(classification("kind", 3))])
    world = make_world(tmp_path / "features", data)
    student = Student(world.space.share_all(), world.distilled())
    found = student.judge(steps=0).measures["accuracy"]["size"]
    features = world.features
    label = features.tensor("size", "val_targets", slice(None))
    teacher = features.tensor("size", "val_outputs", slice(None))
    with torch.no_grad():
        (branch,) = student._branches
        output, _ = branch.forward_blocks(
            features.tensor("size", "val_inputs", slice(None)), "size"
        )
        ours = world.teachers.networks["size"].heads["size"](output)
    expected = float((teacher - label).square().mean() / (ours - label).square().mean())
    assert found == pytest.approx(expected, rel=1e-4)


def test_samples_without_a_label_do_not_count(tmp_path: Path) -> None:
    part = make_part(classification("kind", 3), val=20)
    part._splits["val"][1]["kind"][::2] = -1
    data = SeparateData([part, make_part(classification("sort", 3))])
    world = make_world(tmp_path / "features", data)
    terms = world.distilled()
    whole = Student(world.space.share_all(), terms).judge(steps=0).measures["accuracy"]["kind"]
    labels = world.features.array("kind", "val_targets")
    kept = labels >= 0
    assert kept.sum() == 10
    outputs = world.features.array("kind", "val_outputs")
    theirs = (outputs.argmax(1) == labels)[kept].mean()
    hits = whole * theirs * 10
    assert hits == pytest.approx(round(hits), abs=1e-4)
    assert 0 <= round(hits) <= 10


def test_a_student_that_runs_away_is_worst_and_not_nan(world: World) -> None:
    found = evaluate(world, [world.space.share_all()], lr=1e30, momentum=0.0)[0]
    assert found.measures == {
        "accuracy": dict.fromkeys(NAMES, 0.0),
        "loss": dict.fromkeys(NAMES, 0.0),
        "features": dict.fromkeys(NAMES, -100.0),
    }
    assert found.score == -100.0


def test_a_teacher_that_is_always_wrong_does_not_outweigh_the_others(world: World) -> None:
    def hit_or_miss(output: Tensor, target: Tensor) -> Tensor:
        teacher = torch.tensor(world.features.array("kind", "val_outputs"))
        is_teacher = output.shape == teacher.shape and torch.equal(output, teacher)
        return torch.full((len(target),), 0.0 if is_teacher else 1.0)

    terms = world.distilled(score="accuracy")
    kind = replace(terms.tasks[0], metrics=(Metric("hits", False, hit_or_miss),))
    changed = replace(terms, tasks=(kind, terms.tasks[1]))
    found = changed.evaluate([world.space.share_all()], seed=0)[0]
    assert found.per_task["kind"] == 2.0


# --- strict freezing


def test_channels_that_a_task_may_not_update_stay_as_they_are(world: World) -> None:
    # Both use all; "kind" may update the first two channels, nobody the next, "sign" the rest.
    architecture = divided((2, "ks", "k"), (3, "ks", ""), (3, "ks", "s"))
    settings: dict[str, object] = {"weight_decay": 0.1, "momentum": 0.9, "steps": 20}
    terms = world.distilled(**settings)
    student, fresh = Student(architecture, terms), Student(architecture, terms)

    def runs(of: Student) -> list[list[Tensor]]:
        layers = of._branches[0].owned_layers()
        return [[run.detach().clone() for run in layers[name].weights] for name in LAYERS]

    before = runs(fresh)
    for step, (task, inputs, targets) in enumerate(terms.batches(1), start=1):
        held = runs(student)
        student.learn(task, inputs, targets, step=step)
        for layer, there in zip(runs(student), held, strict=True):
            moved = [not torch.equal(a, b) for a, b in zip(layer, there, strict=True)]
            assert moved == [task == "kind", False, task == "sign"]
    for layer, start in zip(runs(student), before, strict=True):
        assert torch.equal(layer[1], start[1])


# --- refusals


@pytest.mark.parametrize("kind", ["shared", "independent"])
def test_trees_are_refused(world: World, kind: str) -> None:
    tree = getattr(Architecture, kind)(NAMES, 2)
    with pytest.raises(InputError) as caught:
        evaluate(world, [world.drawn(1)[0], tree])
    branches = tree.num_branches
    assert str(caught.value) == (
        "Distillation judges partitions: one branch a stage, each with a Partition, and no channels"
        f" divided before stage 2. Found 0 partitions for branches {branches}. Take it from a"
        " Partitioning space, or judge it with Trained."
    )


def test_channels_of_a_stage_that_students_do_not_have_are_refused(world: World) -> None:
    terms = replace(world.distilled(), first=2)
    with pytest.raises(InputError, match=r"before stage 3\. Found channels divided in stage 2\."):
        terms.evaluate(world.drawn(1), seed=0)
