"""The cache of prepared data: one file of tensors and one of facts for each set, made once."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from sharewise.errors import FormatError, RunError
from sharewise.runs import read_json, write_atomic, write_json

CACHE_VARIABLE = "SHAREWISE_CACHE"

Show = Callable[[Mapping[str, Any]], None]
"""Is told how far a preparation is: {"phase": words, "sample": done, "samples": of how many}."""


def installed(package: str) -> str | None:
    """The version of a package; None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def cache_folder(given: str | os.PathLike[str] | None = None) -> Path:
    """Where prepared data are kept: what is given, $SHAREWISE_CACHE, or the user's cache folder.

    The user's is $XDG_CACHE_HOME/sharewise, or ~/.cache/sharewise. It need not be there yet.
    """
    if given is not None:
        return Path(given)
    own = os.environ.get(CACHE_VARIABLE)
    if own:
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sharewise"


@dataclass(frozen=True)
class Prepared:
    """A domain, or another data set, in memory.

    tensors: {"train/inputs": uint8 [samples, 3, size, size], "train/labels": int64 [samples], ...}.
    facts: JSON: the settings, the versions of the packages, the ids of the samples by split.
    """

    tensors: dict[str, Tensor]
    facts: dict[str, Any]


class Shelf:
    """One data set's place in the cache, for one choice of settings.

    noun: what warnings call it.

    The file names carry a hash of the settings, so other settings lie beside them. The file of
    facts is written last and holds the hash of the tensors, so that a pair that does not belong
    together, or was torn, is never read.
    """

    def __init__(
        self, folder: Path, name: str, settings: Mapping[str, Any], *, noun: str = "domain"
    ) -> None:
        self._name = f"{noun} '{name}'"
        self._settings = dict(settings)
        digest = hashlib.sha256(json.dumps(self._settings, sort_keys=True).encode()).hexdigest()
        self._facts = folder / f"{name}-{digest[:12]}.json"
        self._tensors = folder / f"{name}-{digest[:12]}.safetensors"

    def read(self, versions: Mapping[str, str | None]) -> Prepared | None:
        """What was kept, or None where it must be made, with a warning where there was a file.

        versions: of the packages it is made from; None for one that is not installed, which is no
        reason to refuse what was made with it before.
        """
        if not self._facts.exists():
            return None
        try:
            facts = read_json(self._facts)
            reason = self._outdated(facts, versions)
            if reason is None:
                content = self._tensors.read_bytes()
                if hashlib.sha256(content).hexdigest() == facts["sha256"]:
                    return Prepared(load(content), facts)
                reason = f"{self._tensors.name} is torn or another file"
        except (RunError, FormatError, SafetensorError, OSError, KeyError, TypeError) as error:
            reason = f"it cannot be read: {error}"
        warnings.warn(
            f"The cached {self._name} is made again: {reason}.", UserWarning, stacklevel=2
        )
        return None

    def write(self, tensors: dict[str, Tensor], facts: Mapping[str, Any]) -> Prepared:
        """Keep it; a disk that refuses costs a warning and the time to make it again."""
        content = save({name: tensor.contiguous() for name, tensor in tensors.items()})
        full = {
            "settings": self._settings,
            **facts,
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        try:
            self._facts.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(self._tensors, content)
            write_json(self._facts, full)
        except (RunError, OSError) as error:
            warnings.warn(
                f"The {self._name} could not be kept for the next time: {error}",
                UserWarning,
                stacklevel=2,
            )
        return Prepared(tensors, full)

    def _outdated(self, facts: Any, versions: Mapping[str, str | None]) -> str | None:
        if facts["settings"] != self._settings:
            return "it was made with other settings"
        for package, now in versions.items():
            kept = facts["versions"][package]
            if now is not None and now != kept:
                return f"it was made with {package} {kept}, and {now} is installed"
        return None


def stacked(images: list[Tensor], size: int) -> Tensor:
    """Images [samples, 3, size, size], also of none."""
    return torch.stack(images) if images else torch.zeros(0, 3, size, size, dtype=torch.uint8)
