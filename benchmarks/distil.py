"""What judging one candidate partition costs, in references, and where each factor comes from.

Nine tasks, ResNet-26 at 64 x 64, its last stage partitioned by the published sampler. The reference
is one training step of a hand-written, fully shared ResNet-18 (see search_step.py), processor time,
taken in turn with the measured steps in this process, one thread. What images hold changes no time,
so the teachers' features are random numbers of the right shapes.

A row changes one thing after another, from the published settings (3000 steps of batch 4, teachers
run at every step, masks without slicing) to the defaults:

    python benchmarks/distil.py [--json] [--steps 24]
"""

from __future__ import annotations

import dataclasses
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from _figures import Reference, arguments, print_figure, ratios, spread, step_of
from torch import Tensor, nn

import sharewise as sw
from sharewise.architecture import Architecture
from sharewise.evaluators import Distilled, DistilSettings, Features, Initial
from sharewise.evaluators._distilled import Student
from sharewise.evaluators._features import teacher_pass
from sharewise.evaluators._initial import single_task
from sharewise.networks import Network, build, build_masked
from sharewise.spaces import HiddenGroup, Partitioning
from sharewise.tasks import Task

TASKS = 9
SIZE = 64
SAMPLES = 64
FIRST = 3
GOAL = 300.0
LAYERS = tuple(f"{block}.conv1" for block in range(4))

Steps = Iterator[Callable[[], object]]


@dataclasses.dataclass(frozen=True)
class World:
    """Everything that a distillation needs, with features of random numbers."""

    tasks: tuple[Task, ...]
    backbone: sw.Backbone
    initial: Initial
    candidates: tuple[Architecture, ...]
    features: Features

    def evaluator(self, settings: DistilSettings) -> Distilled:
        heads: dict[str, nn.Module] = {
            task.name: task.head(self.backbone.shapes()[-1]) for task in self.tasks
        }
        return Distilled(
            backbone=self.backbone,
            tasks=self.tasks,
            initial=self.initial,
            heads=heads,
            closing={},
            features=self.features,
            first=FIRST,
            settings=settings,
        )


def world(folder: Path) -> World:
    tasks = tuple(sw.tasks.classification(f"task{i}", 10 * (i + 1)) for i in range(TASKS))
    backbone = sw.backbones.resnet26(input_size=SIZE)
    names = [task.name for task in tasks]
    source = build(single_task(names[0], backbone), backbone, tasks[:1])
    space = Partitioning(names, backbone.num_stages, [HiddenGroup(FIRST, LAYERS, 256)])
    candidates = [space.sample(np.random.default_rng(index)) for index in range(4)]
    features = write_features(folder, tasks, backbone)
    return World(tasks, backbone, Initial(source), tuple(candidates), features)


def write_features(folder: Path, tasks: Sequence[Task], backbone: sw.Backbone) -> Features:
    """Random numbers in the place of what nine teachers would say."""
    rng = np.random.default_rng(0)
    entered, left = backbone.shapes()[FIRST - 1], backbone.shapes()[FIRST]
    for index, task in enumerate(tasks):
        place = folder / task.name
        place.mkdir(parents=True)
        shapes = {"inputs": entered, **{f"block{i}": left for i in range(4)}}
        shapes |= {f"val_{name}": shape for name, shape in shapes.items()}
        for name, shape in shapes.items():
            values = rng.standard_normal((SAMPLES, *shape), dtype=np.float32)
            np.save(place / f"{name}.npy", np.maximum(values, 0).astype(np.float16))
        classes = 10 * (index + 1)
        np.save(place / "val_targets.npy", rng.integers(classes, size=SAMPLES))
        np.save(place / "val_outputs.npy", rng.standard_normal((SAMPLES, classes)).astype("f4"))
    return Features(folder)


def teacher_steps(given: World, size: int, *, masked: bool) -> Steps:
    """The published way: the task's teacher runs at every step, beside a student."""
    tasks, backbone = given.tasks, given.backbone
    teachers = {
        task.name: build(single_task(task.name, backbone), backbone, [task]).eval()
        for task in tasks
    }
    architecture = given.candidates[0]
    make = build_masked if masked else build
    network = make(architecture, backbone, tasks)
    optimiser = sgd(network)
    inputs = torch.randn(size, *backbone.input_shape)
    index = 0
    while True:
        name = tasks[index % TASKS].name
        yield partial(teacher_step, teachers[name], network, optimiser, name, inputs)
        index += 1


def sgd(network: Network) -> torch.optim.SGD:
    weights = network.branches[FIRST].parameters()
    return torch.optim.SGD(weights, lr=1e-3, momentum=0.9, nesterov=True, weight_decay=1e-5)


def teacher_step(
    teacher: Network, network: Network, optimiser: torch.optim.SGD, name: str, inputs: Tensor
) -> None:
    with torch.no_grad():
        entered, targets, _ = teacher_pass(teacher, inputs, FIRST)
    _, blocks = network.branches[FIRST].forward_blocks(entered, name)
    optimiser.zero_grad(set_to_none=True)
    nn.functional.mse_loss(torch.cat(blocks, 1), torch.cat(targets, 1)).backward()
    optimiser.step()


def cached_steps(given: World, settings: DistilSettings) -> Steps:
    """Our way: steps of the candidates in turn over the stored features."""
    evaluator = given.evaluator(settings)
    students = [Student(each, evaluator) for each in given.candidates]
    for step, (task, inputs, targets) in enumerate(evaluator.batches(0), start=1):
        for student in students:
            yield partial(student.learn, task, inputs, targets, step=step)


def some(steps: Steps, count: int) -> Steps:
    """A few steps, after the first ones have warmed up."""
    for index, step in enumerate(steps):
        if index < 4:
            step()
        elif index < 4 + count:
            yield step
        else:
            return


def report(name: str, costs: list[float], steps: float, *, goal: float | None = None) -> None:
    print_figure(
        name,
        statistics.fmean(costs) * steps,
        unit="references a candidate",
        spread=spread(costs) * steps / len(costs) ** 0.5,
        goal=goal,
    )


def main() -> None:
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=24, help="measured steps a row")
    count = parser.parse_args().steps
    torch.set_num_threads(1)
    reference = step_of(Reference())
    reference()
    published, ours = DistilSettings.published(), DistilSettings()
    with tempfile.TemporaryDirectory() as name:
        given = world(Path(name))
        sizes = published.steps, published.batch_size
        masked = ratios(some(teacher_steps(given, sizes[1], masked=True), count), reference)
        report("published settings, teachers, masks", masked, sizes[0])
        sliced = ratios(some(teacher_steps(given, sizes[1], masked=False), count), reference)
        report(".. sliced instead of masked", sliced, sizes[0])
        cached = ratios(some(cached_steps(given, published), count), reference)
        report(".. features of teachers cached", cached, sizes[0])
        batched = dataclasses.replace(
            published,
            batch_size=ours.batch_size,
            steps=published.steps * published.batch_size // ours.batch_size,
        )
        larger = ratios(some(cached_steps(given, batched), count), reference)
        report(f".. in batches of {ours.batch_size}, as many images", larger, batched.steps)
        short = ratios(some(cached_steps(given, ours), count), reference)
        report(f".. only {ours.steps} such steps", short, ours.steps)
        validation(given, ours, reference, statistics.fmean(short) * ours.steps)


def validation(
    given: World, settings: DistilSettings, reference: Callable[[], None], steps: float
) -> None:
    """What setting up and judging a candidate costs, and the sum."""
    evaluator = given.evaluator(settings)
    setups = ratios([partial(Student, each, evaluator) for each in given.candidates], reference)
    students = [Student(each, evaluator) for each in given.candidates]
    costs = ratios([partial(each.judge, steps=0) for each in students], reference)
    for name, images in (("default", settings), ("published", DistilSettings.published())):
        factor = images.val_samples / SAMPLES
        report(f"validation, {images.val_samples} images a task ({name})", costs, factor)
    judged = statistics.fmean(costs) * settings.val_samples / SAMPLES
    report("building a student", setups, 1)
    whole = steps + judged + statistics.fmean(setups)
    print_figure("a candidate, all in", whole, unit="references", goal=GOAL)


if __name__ == "__main__":
    main()
