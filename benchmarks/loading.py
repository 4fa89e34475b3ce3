"""What share of a training step is spent waiting for data, at the default sizes.

For each kind of data: its default size, its default backbone, the default batch size, all tasks on
the fully shared network, whose steps are the shortest that there are (a search trains several
networks on a batch, a split network has more to compute). `train()` itself runs, on data that watch
the clock: the wait is the time inside `next()` of its batches, the step goes from one such call to
the next. Data on disk are folders of drawn images in the real format and size, each file read from
the system's cache: it is decoding that is measured, not a disk.

    python benchmarks/loading.py [--json] [--only celeba,nyuv2] [--workers 0,1,2] [--batches 6]
                                 [--repeats 3] [--threads 2] [--batch-size 64]

By default torch has as many threads as there are processors, as `train()` has when nobody says
otherwise; `ItemData` starts one worker for every two processors.

Batches that workers may have had ready before the first step are not counted, nor is the first
batch of an epoch, which has a column of its own. `limit` is the part of the wait that reading ahead
cannot hide: with as many workers, were each on a core of its own. The last row of a kind is one of
several processes at work (`compare --workers 2`): one thread, and nobody to read ahead.
"""

from __future__ import annotations

import dataclasses
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from _figures import arguments, print_figure, spread
from _folders import (
    write_celeba,
    write_decathlon,
    write_numbers,
    write_nyuv2,
    write_photos,
    write_taskonomy,
)
from _watched import Watched

import sharewise as sw
from sharewise.cli._backbone_words import read_backbone
from sharewise.cli._data_words import default_backbone
from sharewise.data import TaskData
from sharewise.runs import cores

GOAL = 10.0
AHEAD = 2  # batches that a worker of torch's DataLoader has ready
LARGEST = ("imagenet12", "svhn", "cifar100", "gtsrb")  # those that memory_mb does not hold


@dataclasses.dataclass(frozen=True)
class Kind:
    """Data of one kind.

    make: the data, from a folder and the number of workers.
    write: fills the folder with so many training samples; None for data that need none.
    kept: whether all samples are in memory before the clock starts; then there are no workers.
    readers: parts that each have so many workers.
    """

    make: Callable[[Path, int], TaskData]
    write: Callable[[Path, int], None] | None = None
    kept: bool = True
    readers: int = 1


def _in_folder(name: str, write: Callable[[Path, int], None], **more: Any) -> Kind:
    def make(folder: Path, workers: int) -> TaskData:
        made: TaskData = getattr(sw.data, name)(folder, workers=workers, **more)
        return made

    return Kind(make, write, kept=False)


def _decathlon(folder: Path, workers: int) -> TaskData:
    data = sw.data.decathlon(folder, memory_mb=0)
    for part in data.parts:
        part._workers = workers  # type: ignore[attr-defined]  # each of them reads ahead
    return data


PHOTOS = _in_folder("table", write_photos)
KINDS: Mapping[str, Kind] = {
    "planted": Kind(lambda folder, workers: sw.data.planted((4, 4))),
    "table of numbers": Kind(
        lambda folder, workers: sw.data.table(folder, input="x*"), write_numbers
    ),
    "glyphs": Kind(lambda folder, workers: sw.data.glyphs()),
    "decathlon-mini": Kind(lambda folder, workers: sw.data.decathlon_mini()),
    "scenes": Kind(lambda folder, workers: sw.data.scenes(samples=384)),
    "photos, first epoch": PHOTOS,
    "photos, later epochs": dataclasses.replace(PHOTOS, kept=True),
    "photos, too many to keep": _in_folder("table", write_photos, memory_mb=0),
    "celeba": _in_folder("celeba", write_celeba, memory_mb=0),
    "decathlon": Kind(
        _decathlon,
        lambda *given: write_decathlon(LARGEST, *given),
        kept=False,
        readers=len(LARGEST),
    ),
    "taskonomy": _in_folder("taskonomy", write_taskonomy, memory_mb=0),
    "nyuv2": _in_folder("nyuv2", write_nyuv2, memory_mb=0),
}


@dataclasses.dataclass(frozen=True)
class Length:
    """How much is measured: batches counted in an epoch, epochs, and samples in a batch."""

    batches: int
    repeats: int
    size: int


@dataclasses.dataclass(frozen=True)
class Row:
    """What was measured of one kind of data: medians over epochs.

    waiting, spread, limit: percent of a step.
    loading_ms: processor time of one sample.
    """

    data: str
    workers: str
    waiting: float
    spread: float
    limit: float
    step_ms: float
    samples_s: float
    loading_ms: float
    first_ms: float

    def show(self) -> None:
        """A line of the table."""
        print(
            f"| {self.data} | {self.workers} | {self.waiting:.1f} ± {self.spread:.1f} % |"
            f" {self.limit:.0f} % | {self.step_ms:.1f} | {self.samples_s:.0f} |"
            f" {self.loading_ms:.2f} | {self.first_ms:.0f} |",
            flush=True,
        )

    def figures(self) -> None:
        """The same as JSON."""
        name = f"{self.data}, workers {self.workers}"
        print_figure(
            f"{name}: waiting",
            self.waiting,
            unit="% of a step",
            spread=self.spread,
            limit=round(self.limit, 2),
            goal=GOAL,
        )
        print_figure(f"{name}: step", self.step_ms, unit="ms")
        print_figure(f"{name}: speed", self.samples_s, unit="samples/s")
        print_figure(f"{name}: loading a sample", self.loading_ms, unit="ms")
        print_figure(f"{name}: first batch of an epoch", self.first_ms, unit="ms")


COLUMNS = (
    "data", "workers", "waiting", "limit", "step, ms", "samples/s", "loading, ms", "first, ms"
)  # fmt: skip


def epoch(data: TaskData, length: Length, *, ahead: int, seed: int) -> tuple[float, float, float]:
    """Share of the wait, seconds of a step, and seconds until the first batch, of one epoch."""
    watched = Watched(data, 1 + ahead + length.batches)
    backbone = read_backbone(default_backbone(data), data.input_shape)
    shared = sw.Architecture.shared([task.name for task in data.tasks], backbone.num_stages)
    settings = sw.TrainSettings(epochs=1, batch_size=length.size)
    sw.train(sw.build(shared, backbone, data.tasks), watched, settings=settings, seed=seed)
    steps, waits = watched.steps[1 + ahead :], watched.waits[1 + ahead :]
    return sum(waits) / sum(steps), statistics.fmean(steps), watched.waits[0]


Make = Callable[[int], TaskData]
"""Data with so many workers: the same each time where they are in memory."""


def maker(kind: Kind, folder: Path) -> Make:
    """What makes the data of a kind, whose folder is filled."""
    if not kind.kept:
        return partial(kind.make, folder)
    data = kind.make(folder, 0)
    for _ in data.train(batch_size=64, seed=0, epoch=0):
        pass  # now all of them are in memory
    return lambda workers: data


def loading_seconds(make: Make, length: Length, *, passes: int) -> float:
    """Processor time that a sample takes from the files, or the memory, to the network."""
    data = make(0)
    seconds, samples = 0.0, 0
    for number in range(passes):
        source = data.train(batch_size=length.size, seed=0, epoch=number)
        next(source)
        start = time.process_time()
        samples += sum(len(batch.inputs) for batch in itertools.islice(source, length.batches))
        seconds += time.process_time() - start
    return seconds / samples


def row(name: str, make: Make, length: Length, *, workers: int, loading: float) -> Row:
    """What so many workers give; `loading` is what `loading_seconds` has found."""
    found = [
        epoch(make(workers), length, ahead=AHEAD * workers * KINDS[name].readers, seed=repeat)
        for repeat in range(length.repeats)
    ]
    shares, steps, firsts = zip(*found, strict=True)
    step = statistics.median(steps)
    busy = statistics.median(s * (1 - share) for s, share in zip(steps, shares, strict=True))
    # With workers a batch is loaded while the step before it is computed.
    bare = max(0.0, loading * length.size / workers - busy) if workers else loading * length.size
    return Row(
        data=name,
        workers=str(workers) if torch.get_num_threads() > 1 else f"{workers}, one thread",
        waiting=100 * statistics.median(shares),
        spread=100 * spread(list(shares)),
        limit=100 * bare / (bare + busy),
        step_ms=1000 * step,
        samples_s=length.size / step,
        loading_ms=1000 * loading,
        first_ms=1000 * statistics.median(firsts),
    )


def rows(name: str, length: Length, *, workers: Sequence[int], threads: int) -> Iterator[Row]:
    """The rows of a kind: with each number of workers, and as one of several processes."""
    kind = KINDS[name]
    counts = [0] if kind.kept else workers
    if kind.kept:  # their steps are short
        length = dataclasses.replace(length, batches=20 * length.batches)
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        if kind.write is not None:
            batches = 1 + AHEAD * max(counts) * kind.readers + length.batches
            kind.write(folder, batches * length.size)
        torch.set_num_threads(1)
        make = maker(kind, folder)
        loading = loading_seconds(make, length, passes=10 if kind.kept else 1)
        torch.set_num_threads(threads)
        for count in counts:
            yield row(name, make, length, workers=count, loading=loading)
        torch.set_num_threads(1)
        yield row(name, make, length, workers=0, loading=loading)


def main() -> None:
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(KINDS), help="kinds of data, with commas")
    parser.add_argument("--workers", default="0,1,2")
    parser.add_argument("--batches", type=int, default=6, help="counted in an epoch")
    parser.add_argument("--repeats", type=int, default=3, help="epochs")
    parser.add_argument("--batch-size", type=int, default=sw.TrainSettings().batch_size)
    parser.add_argument("--threads", type=int, default=cores(), help="of torch, while training")
    given = parser.parse_args()
    length = Length(given.batches, given.repeats, given.batch_size)
    workers = [int(word) for word in given.workers.split(",")]
    if not given.json:
        print(f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|")
    asked = given.only.split(",")
    for name in [name for name in KINDS if name.partition(",")[0] in asked]:
        for each in rows(name, length, workers=workers, threads=given.threads):
            each.figures() if given.json else each.show()


if __name__ == "__main__":
    main()
