"""One training loop for every network: all tasks at once, or one data set after another."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sharewise.data import Batch, TaskData
from sharewise.errors import DataError, TrainingError
from sharewise.networks import Network
from sharewise.scores import Scores
from sharewise.tasks import Task
from sharewise.training._checkpoint import FORMAT, State, Store
from sharewise.training._device import modes, pick_device, seeded
from sharewise.training._evaluate import check_match, check_split, labelled, measure
from sharewise.training._settings import TrainSettings
from sharewise.training._turns import Answers, Turns

DEFAULTS = TrainSettings()
Progress = Callable[[dict[str, Any]], None]


def train(  # noqa: PLR0913 - the public face: each of the eight is one decision of the caller's
    network: Network,
    data: TaskData,
    *,
    settings: TrainSettings = DEFAULTS,
    seed: int = 0,
    run: str | Path | None = None,
    resume: bool = False,
    device: str | torch.device = "auto",
    progress: Progress | None = None,
) -> Scores:
    """Train the network on the train split with Adam; select on the validation split.

    The loss of a step is the sum over its batch's tasks of weight * mean loss over the labelled
    samples. A branch or head that a batch does not need is not touched by that step. The test split
    is never read.

    The same seed, settings, data and initial weights give the same bits on one machine's CPU,
    interrupted or not. The caller's random state is left as it was. The network ends on the device,
    with the selected weights, every module in the mode that it came in.

    Args:
        network: from `sharewise.build`; changed in place.
        data: must hold exactly the network's tasks.
        settings: see `TrainSettings`.
        seed: of the batch order and of dropout.
        run: a folder for journal.jsonl, checkpoint/, network.safetensors and scores.json; None
            keeps nothing.
        resume: go on from the folder's last checkpoint (from the start if there is none; a finished
            run gives its scores and weights at once).
        device: see `pick_device`.
        progress: called after each epoch, once its checkpoint is written, with {"epoch": int from
            1, "epochs": int, "train_loss": float (weighted sum), "val": Scores}.

    Returns:
        {task: {metric: value}}: the validation scores of the selected epoch.

    Raises:
        InputError: network and data hold different tasks, the device is not there, or the settings'
            turns are not for these data.
        DataError: no sample to train on, or a task without a label in the validation split.
        TrainingError: a loss is NaN or infinite; raised before that step touches a weight, and
            before anything is written, so that the run resumes from the epoch before.
        RunError: the folder holds another training, or a broken one, or cannot be written.
    """
    check_match(network, data)
    check_split(data, "val", batch_size=settings.batch_size)
    turns = Turns(data, settings, seed=seed)  # refuses before anything is written
    job = _Job(network.to(pick_device(device)), data, settings, seed, pick_device(device))
    store = None if run is None else Store.open(Path(run), _header(job), resume=resume)
    if store is not None and (scores := store.finished(network)) is not None:
        return scores
    state = State(network, _adam(job), [])
    if store is not None:
        store.restore(state)
    turns.go_on(state.entries)
    for epoch in range(len(state.entries) + 1, settings.epochs + 1):
        with seeded(job.device, seed=seed, epoch=epoch):
            _advance(job, state, turns, epoch)
        if store is not None:
            store.keep(state)
        if progress is not None:
            progress(_report(job, state.entries[-1]))
    chosen = _chosen(state.entries, settings)
    if state.best is not None:
        network.load_state_dict(state.best)
    if store is not None:
        store.finish(network, epoch=chosen["epoch"], scores=chosen["val"])
    result: Scores = chosen["val"]
    return result


@dataclasses.dataclass(frozen=True, slots=True)
class _Job:
    """What stays the same while a network is trained."""

    network: Network
    data: TaskData
    settings: TrainSettings
    seed: int
    device: torch.device


def _header(job: _Job) -> dict[str, Any]:
    """What makes two trainings the same one."""
    return {
        "kind": "train",
        "format": FORMAT,
        "settings": job.settings.to_dict(),
        "seed": job.seed,
        "data": job.data.fingerprint,
        "weights": {task.name: task.weight for task in job.data.tasks},
        "architecture": job.network.architecture.digest,
        "params": sum(each.numel() for each in job.network.parameters()),
    }


def _adam(job: _Job) -> torch.optim.Adam:
    # One kernel for all parameters: 4 to 6 times faster than the loop on one CPU core, and free of
    # launches on CUDA.
    fused = True if job.device.type in ("cpu", "cuda") else None
    parameters = [each for each in job.network.parameters() if each.requires_grad]
    settings = job.settings
    return torch.optim.Adam(
        parameters, lr=settings.lr, weight_decay=settings.weight_decay, fused=fused
    )


def _advance(job: _Job, state: State, turns: Turns, epoch: int) -> None:
    """Train for one epoch, measure, and add the epoch's entry to the state."""
    if job.settings.select == "best" and state.entries and state.best is None:
        weights = job.network.state_dict()
        state.best = {name: value.detach().clone() for name, value in weights.items()}
    train_losses = _train_epoch(job, state.optimiser, turns, epoch)
    size = job.settings.batch_size
    measured = measure(job.network, job.data, "val", batch_size=size, device=job.device)
    for name, loss in measured.losses.items():
        _check_finite(name, loss, f"on the validation split after epoch {epoch}")
    entry = {
        "epoch": epoch,
        "train_loss": train_losses,
        "val_loss": measured.losses,
        "loss": sum(task.weight * measured.losses[task.name] for task in job.data.tasks),
        "val": measured.scores,
    }
    if turns.running:
        entry["running"] = dict(turns.running)
    state.entries.append(entry)
    if _chosen(state.entries, job.settings) is entry:
        state.best = None


def _chosen(entries: list[dict[str, Any]], settings: TrainSettings) -> dict[str, Any]:
    """The entry of the epoch whose weights count."""
    if settings.select == "last":
        return entries[-1]
    return min(entries, key=lambda entry: float(entry["loss"]))  # min keeps the earliest of equals


def _report(job: _Job, entry: dict[str, Any]) -> dict[str, Any]:
    losses = entry["train_loss"]
    return {
        "epoch": entry["epoch"],
        "epochs": job.settings.epochs,
        "train_loss": sum(task.weight * losses.get(task.name, 0.0) for task in job.data.tasks),
        "val": entry["val"],
    }


def _train_epoch(
    job: _Job, optimiser: torch.optim.Optimizer, turns: Turns, epoch: int
) -> dict[str, float]:
    """One pass over the train split; each task's mean loss over labelled samples, as met."""
    settings, device = job.settings, job.device
    tasks = {task.name: task for task in job.data.tasks}
    meter = _Meter(epoch)
    weights: dict[tuple[str, ...], Tensor] = {}
    samples, seen = max(1, job.data.sizes()["train"]), 0
    with modes(job.network, training=True):
        for batch in turns.batches(epoch):
            share = (epoch - 1 + min(1.0, seen / samples)) / settings.epochs
            for group in optimiser.param_groups:
                group["lr"] = _learning_rate(settings, share)
            # None, not zeros: so Adam leaves the branches and heads of absent tasks alone.
            optimiser.zero_grad(set_to_none=True)
            losses, answers = _losses(job.network, batch, tasks=tasks, device=device)
            meter.add(batch.tasks, losses, [len(answers[name][1]) for name in batch.tasks])
            turns.note(answers)
            if batch.tasks not in weights:
                weights[batch.tasks] = losses.new_tensor([tasks[n].weight for n in batch.tasks])
            torch.dot(losses, weights[batch.tasks]).backward()
            optimiser.step()
            seen += len(batch.inputs)
    return meter.close()


def _losses(
    network: Network, batch: Batch, *, tasks: dict[str, Task], device: torch.device
) -> tuple[Tensor, Answers]:
    """Loss [tasks], and each task's outputs and targets of its labelled samples in the batch."""
    outputs = network(batch.inputs.to(device, non_blocking=True), tasks=batch.tasks)
    losses, answers = [], {}
    for name in batch.tasks:
        output, target = labelled(tasks[name], outputs[name], batch.targets[name])
        # Without a label the loss is the sum of no rows: 0, with a gradient of zeros.
        losses.append(tasks[name].loss(output, target) if len(target) else output.sum())
        answers[name] = (output, target)
    return torch.stack(losses), answers


def _learning_rate(settings: TrainSettings, share: float) -> float:
    """The rate once this share of the training is done: SGDR, equation 5, one period, minimum 0.

    Counted in samples, not in steps: data sets that take turns have short batches in the middle of
    an epoch.
    """
    if settings.schedule == "constant":
        return settings.lr
    return settings.lr * 0.5 * (1.0 + math.cos(math.pi * share))


class _Meter:
    """Mean train losses of one epoch, and the check that they are finite."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.steps = 0
        self.sums: dict[str, float] = {}
        self.counts: dict[str, int] = {}

    def add(self, names: tuple[str, ...], losses: Tensor, counts: list[int]) -> None:
        """Take in a step's losses [tasks] and labelled samples [tasks]; refuse NaN and infinity."""
        self.steps += 1
        # The one wait for an accelerator in a step: it ends with the forward pass, and while the
        # backward pass runs there the host is free to load the next batch.
        for name, loss, count in zip(names, losses.tolist(), counts, strict=True):
            if not math.isfinite(loss):
                _check_finite(name, loss, f"at epoch {self.epoch}, step {self.steps}")
            self.sums[name] = self.sums.get(name, 0.0) + loss * count
            self.counts[name] = self.counts.get(name, 0) + count

    def close(self) -> dict[str, float]:
        """The means; a task without a label in the whole epoch is left out."""
        if self.steps == 0:
            raise DataError(
                rule="A network is trained on at least one sample.",
                found="an empty train split",
                fix="Give data with training samples.",
            )
        return {name: self.sums[name] / n for name, n in sorted(self.counts.items()) if n}


def _check_finite(name: str, loss: float, place: str) -> None:
    if not math.isfinite(loss):
        raise TrainingError(
            rule="The loss of every task is a finite number.",
            found=f"a loss of {loss} for task {name!r} {place}",
            fix="Look for NaN or infinite values in that task's inputs, targets and loss, or train "
            "anew with a lower lr; resume=True goes on from the run's last checkpoint.",
        )
