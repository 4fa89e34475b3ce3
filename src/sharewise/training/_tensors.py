"""Tensors on disk, in safetensors files: what a training or a search goes on from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from sharewise.errors import RunError
from sharewise.runs import Journal, write_atomic

FORMAT = 1
Weights = dict[str, Tensor]


def write_checkpoint(path: Path, tensors: Mapping[str, Tensor], *, epoch: int) -> None:
    """Write the state after an epoch, whole or not at all; RunError if the disk refuses."""
    metadata = {"format": FORMAT, "epoch": epoch}
    write_atomic(path, pack(tensors, {"sharewise": json.dumps(metadata)}))


def read_checkpoint(path: Path, journal: Journal) -> Weights | None:
    """The last state, with the journal cut back to its epoch; None if nothing was kept.

    Raises:
        RunError: the checkpoint is broken, or ahead of the journal.
    """
    if not path.exists():
        journal.truncate(0)
        return None
    tensors, metadata = unpack(path)
    epoch = _epoch_of(metadata, path)
    if epoch > len(journal.entries):
        raise RunError(
            rule="A journal has a line for every epoch up to its checkpoint.",
            found=f"{len(journal.entries)} lines, and a checkpoint of epoch {epoch}, "
            f"in {journal.path.parent}",
            fix="Restore the journal from a copy, or train again in another folder.",
        )
    journal.truncate(epoch)
    return tensors


def remove_stale(path: Path) -> None:
    """Remove what processes left that were killed while they wrote `path`; as large as it is."""
    for stale in path.parent.glob(f".{path.name}.*.tmp"):
        stale.unlink(missing_ok=True)


def pack(tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> bytes:
    """The bytes of a safetensors file; copies, so the tensors may share memory."""
    # safetensors refuses two names for one memory (tied weights) and unusual strides.
    plain = {
        name: value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
        for name, value in tensors.items()
    }
    return save(plain, metadata)


def unpack(path: Path) -> tuple[Weights, dict[str, str]]:
    """The tensors and the metadata of a safetensors file; RunError where it is broken."""
    try:
        with safe_open(path, framework="pt") as file:
            # Copies, because what it gives lies in the file, which the next checkpoint replaces.
            names = list(file.keys())
            return {name: file.get_tensor(name).clone() for name in names}, file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise RunError(
            rule="Weights are read from a complete safetensors file.",
            found=f"{path}: {error}",
            fix="Restore the file from a copy, or train again in another folder.",
        ) from error


def part(tensors: Weights, prefix: str) -> Weights:
    """The tensors whose names begin with the prefix, under the rest of their names."""
    return {n.removeprefix(prefix): value for n, value in tensors.items() if n.startswith(prefix)}


def adam_tensors(optimiser: torch.optim.Optimizer, prefix: str) -> Weights:
    """The moments of an Adam, as `load_adam` takes them, each name with the prefix."""
    state = optimiser.state_dict()["state"]
    return {
        f"{prefix}{index}.{slot}": value
        for index, slots in state.items()
        for slot, value in slots.items()
    }


def load_adam(optimiser: torch.optim.Optimizer, tensors: Weights) -> None:
    """Put the moments that `adam_tensors` gave (without its prefix) into an Adam."""
    state: dict[int, dict[str, Tensor]] = {}
    parameters = [each for group in optimiser.param_groups for each in group["params"]]
    for name, value in tensors.items():
        index, slot = name.split(".")
        slots = state.setdefault(int(index), {})
        # The fused kernel walks memory: a moment must lie as its weight does (channels last, say).
        like = parameters[int(index)]
        slots[slot] = value if slot == "step" else torch.empty_like(like).copy_(value)
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": state, "param_groups": groups})


def _epoch_of(metadata: dict[str, str], path: Path) -> int:
    try:
        values = json.loads(metadata["sharewise"])
        if values["format"] == FORMAT:
            return int(values["epoch"])
    except (KeyError, ValueError, TypeError):
        pass
    raise RunError(
        rule=f"A checkpoint says its format ({FORMAT}) and its epoch.",
        found=f"{path} with the metadata {metadata}",
        fix="Resume with the version of sharewise that wrote it, or train again in another folder.",
    )
