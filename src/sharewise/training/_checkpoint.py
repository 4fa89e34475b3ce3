"""What a training keeps on disk: journal, checkpoint, the final network. Nothing is pickled."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch

from sharewise.architecture import Architecture
from sharewise.errors import FormatError, InputError, RunError
from sharewise.networks import Network
from sharewise.runs import Journal, Run, read_json, write_atomic, write_json
from sharewise.scores import Scores
from sharewise.training._tensors import (
    FORMAT,
    Weights,
    adam_tensors,
    load_adam,
    pack,
    part,
    read_checkpoint,
    remove_stale,
    unpack,
    write_checkpoint,
)


@dataclasses.dataclass(slots=True)
class State:
    """What changes while a network is trained: all that a checkpoint and its journal hold."""

    network: Network
    optimiser: torch.optim.Optimizer
    entries: list[dict[str, Any]]  # the journal's lines, one per epoch
    best: Weights | None = None  # None: the network itself holds the best weights


@dataclasses.dataclass(frozen=True, slots=True)
class Store:
    """The run folder of one training.

    Order of writing: journal line, then checkpoint; at the end network.safetensors, then
    scores.json. So a journal is never behind its checkpoint, and a run with scores is complete.
    """

    run: Run
    journal: Journal

    @classmethod
    def open(cls, folder: Path, header: dict[str, Any], *, resume: bool) -> Store:
        """Begin a run, or go on with one.

        Raises:
            RunError: the folder holds a training already and resume is False, or it holds another
                training (both sides are shown), or the disk refuses.
        """
        run = Run(folder)
        if run.journal.exists() and not resume:
            raise RunError(
                rule="A new training starts in a folder that holds none.",
                found=f"a journal in {folder}",
                fix="Give resume=True to go on with it, or another folder.",
            )
        try:
            run.checkpoint.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(
                rule="A run is a folder that can be written.",
                found=f"{error.strerror} at {folder}",
                fix="Give another folder.",
            ) from error
        store = cls(run, Journal.open(run.journal, header))
        remove_stale(store.path)
        return store

    @property
    def path(self) -> Path:
        """The checkpoint, one safetensors file: network, Adam state, best weights."""
        return self.run.checkpoint / "train.safetensors"

    def finished(self, network: Network) -> Scores | None:
        """The scores of a run that is complete, its weights put into the network; else None."""
        if not self.run.scores.exists():
            return None
        scores: Scores = read_json(self.run.scores)["scores"]
        load_weights(network, self.run.network)
        return scores

    def keep(self, state: State) -> None:
        """Write the newest entry to the journal, then the checkpoint."""
        self.journal.append(state.entries[-1])
        tensors = {f"network.{name}": value for name, value in state.network.state_dict().items()}
        for name, value in (state.best or {}).items():
            tensors[f"best.{name}"] = value
        tensors |= adam_tensors(state.optimiser, "adam.")
        write_checkpoint(self.path, tensors, epoch=len(state.entries))

    def restore(self, state: State) -> None:
        """Put the last checkpoint into the state and cut the journal back to it; else start anew.

        Raises:
            RunError: the checkpoint is broken, belongs to another network, or is ahead of the
                journal.
        """
        tensors = read_checkpoint(self.path, self.journal)
        if tensors is None:
            return
        state.entries[:] = self.journal.entries
        _load(state.network, part(tensors, "network."), self.path)
        load_adam(state.optimiser, part(tensors, "adam."))
        like = state.network.state_dict()
        best = part(tensors, "best.")
        state.best = {name: value.to(like[name].device) for name, value in best.items()} or None

    def finish(self, network: Network, *, epoch: int, scores: Scores) -> None:
        """Write the selected weights, then the scores: the run is complete."""
        save_weights(network, self.run.network)
        content = {"format": FORMAT, "split": "val", "epoch": epoch, "scores": scores}
        write_json(self.run.scores, content)


def save_weights(network: Network, path: Path) -> None:
    """Write a `network.safetensors`; RunError where the disk refuses."""
    # One key: safetensors writes several in no fixed order; equal runs should be equal files.
    metadata = {"architecture": network.architecture.to_json()}
    write_atomic(path, pack(network.state_dict(), metadata))


def load_weights(network: Network, path: str | Path) -> None:
    """Put the weights of a `network.safetensors` into a network of the same architecture, in place.

    Raises:
        RunError: the file is missing or broken.
        FormatError: it is a safetensors file, but not one that train() wrote.
        InputError: it was written for another architecture, or for another backbone or other heads.
    """
    path = Path(path)
    tensors, metadata = unpack(path)
    if "architecture" not in metadata:
        raise FormatError(
            rule="A network file carries its architecture.",
            found=f"{path} with the metadata {sorted(metadata)}",
            fix="Give the network.safetensors of a training run.",
        )
    written = Architecture.from_json(metadata["architecture"])
    if written != network.architecture:
        raise InputError(
            rule="Weights belong to the architecture that they were trained with.",
            found=f"a file of {written.digest} (branches {_counts(written)}) and a network of "
            f"{network.architecture.digest} (branches {_counts(network.architecture)})",
            fix="Build the network from the architecture in the file's own run.",
        )
    _load(network, tensors, path, kind=InputError)


def _counts(architecture: Architecture) -> str:
    return "-".join(map(str, architecture.num_branches))


def _load(
    network: Network,
    tensors: Weights,
    path: Path,
    *,
    kind: type[RunError] | type[InputError] = RunError,
) -> None:
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        first = " ".join(str(error).split())[:300]
        raise kind(
            rule="Weights have the names and shapes of the network's own.",
            found=f"{path}: {first}",
            fix="Build the network from the same architecture, backbone and tasks.",
        ) from error
