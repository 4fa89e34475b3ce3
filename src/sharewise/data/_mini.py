"""The small decathlon: image domains of different size and class count, from packages alone.

It has the form of the Visual Decathlon (Rebuffi, Bilen and Vedaldi, 2017; arXiv 1705.08045): each
domain is one classification task with images of its own. The domains and splits are this project's.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from sharewise.data._augment import Normalise
from sharewise.data._mini_cache import Prepared, Shelf, Show, cache_folder, installed, stacked
from sharewise.data._mini_digits import DIGITS, MNIST
from sharewise.data._mini_doom import MONSTER
from sharewise.data._mini_faces import FACE
from sharewise.data._mini_fashion import FASHION
from sharewise.data._mini_glyphs import CHARACTER, FONT
from sharewise.data._mini_source import SPLITS, Order, Source
from sharewise.data._protocol import check_least
from sharewise.data._tensors import SeparateData, Split, TensorData
from sharewise.errors import DataError, InputError
from sharewise.tasks import classification

NAME = "decathlon-mini"
_RECIPE = 1  # one more whenever the same settings make other images

_SOURCES: Mapping[str, Source] = MappingProxyType(
    {
        "digits": DIGITS,
        "mnist": MNIST,
        "characters": CHARACTER,
        "fonts": FONT,
        "monsters": MONSTER,
        "faces": FACE,
        "fashion": FASHION,
    }
)
MINI_CLASSES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {name: source.classes for name, source in _SOURCES.items()}
)
"""What each label of each domain means."""
MINI_ABOUT: Mapping[str, str] = MappingProxyType(
    {name: source.about for name, source in _SOURCES.items()}
)
"""Where each domain's images are from and how they are split."""
MINI_DOMAINS = ("digits", "mnist", "characters", "fonts", "monsters", "faces")
"""The domains that are taken by default."""


def decathlon_mini(
    seed: int = 0,
    *,
    size: int = 32,
    samples: int = 1500,
    domains: Sequence[str] = MINI_DOMAINS,
    cache: str | os.PathLike[str] | None = None,
    progress: Show | None = None,
) -> SeparateData:
    """Real image domains from packages alone: one classification task each, named as the domain.

    Images are uint8 [samples, 3, size, size] in memory; the network is given floats with each
    domain's channel means and deviations (of its training images) made 0 and 1. The first call
    prepares the domains into a folder, in under a minute; later ones read them from there, also
    where the packages are not installed.

    Splits are by id, whatever the seed: about 60 % of what a domain has for training, 20 % for
    validation, 20 % for test. `seed` decides which of them are taken, and how they are moved,
    turned, coloured and drawn. The fingerprint is of the settings, the packages' versions, the ids
    and the labels: equal on every machine, though a pixel may be rounded differently.

    Args:
        seed: See above.
        size: Pixels of a side, 16 or more.
        samples: The most training images of a domain; validation and test have a third of that.
        domains: Which, of `MINI_CLASSES`. By default those that pip brings; "fashion" reads
            Debian's dataset-fashion-mnist.
        cache: The folder for prepared images; by default $SHAREWISE_CACHE, or sharewise/ in the
            user's cache folder ($XDG_CACHE_HOME, ~/.cache).
        progress: Called with {"phase": words, "sample": done, "samples": of how many} for every
            image that is prepared.

    Raises:
        InputError: size < 16, samples < 30, an unknown domain, one twice, or none.
        DataError: What a domain is read from is not installed, or came without its files.
    """
    _check(size, samples, seed, domains)
    counts = {name: _counts(samples, _SOURCES[name]) for name in domains}
    totals = {name: sum(each.values()) for name, each in counts.items()}
    folder = cache_folder(cache) / NAME
    shown = _Shown(progress, sum(totals.values()))
    parts = []
    for name in domains:
        settings = {
            "name": name,
            "recipe": _RECIPE,
            "seed": seed,
            "size": size,
            "counts": counts[name],
        }
        shelf = Shelf(folder, name, settings)
        prepared = shelf.read(versions_of(_SOURCES[name]))
        if prepared is None:
            order = Order(size, seed, counts[name], shown.drawing(name))
            prepared = prepare(name, _SOURCES[name], order, shelf)
        parts.append(_part(name, settings, prepared))
        shown.past(totals[name])
    return SeparateData(
        parts,
        name=NAME,
        settings={
            "name": NAME,
            "seed": seed,
            "size": size,
            "samples": samples,
            "domains": list(domains),
        },
    )


def _counts(samples: int, source: Source) -> dict[str, int]:
    """The most samples of each split."""
    held_out = samples // 3
    return {"train": round(samples * source.train_share), "val": held_out, "test": held_out}


class _Shown:
    """Tells the caller how far it is; a domain that is there or has fewer samples counts whole."""

    def __init__(self, progress: Show | None, samples: int) -> None:
        self._progress, self._samples = progress, samples
        self._before = self._done = 0

    def drawing(self, name: str) -> Callable[[], None]:
        def drawn() -> None:
            self._done += 1
            if self._progress is not None:
                step = {"phase": name, "sample": self._done, "samples": self._samples}
                self._progress(step)

        return drawn

    def past(self, samples: int) -> None:
        self._before += samples
        self._done = self._before


def prepare(name: str, source: Source, order: Order, shelf: Shelf) -> Prepared:
    """Draw what is ordered and keep it on the shelf; DataError where a package is missing."""
    versions = versions_of(source)
    missing = [package for package, found in versions.items() if found is None]
    if missing:
        raise DataError(
            rule=f"The domain '{name}' is made with {', '.join(source.packages)}.",
            found=f"no {missing[0]} in this Python",
            fix=f"Run pip install 'sharewise[{source.extra}]', or leave the domain out."
            if source.extra
            else "Install sharewise again, with what it depends on.",
        )
    ids: dict[str, list[str]] = defaultdict(list)
    labels: dict[str, list[int]] = defaultdict(list)
    images: dict[str, list[Tensor]] = defaultdict(list)
    for split, drawn in source.draw(order):
        ids[split].append(drawn.id)
        labels[split].append(drawn.label)
        images[split].append(torch.from_numpy(drawn.pixels))
        order.drawn()
    tensors = {f"{split}/labels": torch.tensor(labels[split]) for split in SPLITS}
    tensors |= {f"{split}/inputs": stacked(images[split], order.size) for split in SPLITS}
    return shelf.write(tensors, {"versions": versions, "ids": ids})


def versions_of(source: Source) -> dict[str, str | None]:
    """Of the packages that decide the images; None for one that is not installed."""
    return {package: installed(package) for package in source.packages}


def _part(name: str, settings: Mapping[str, Any], prepared: Prepared) -> TensorData:
    def split(which: str) -> Split:
        tensors = prepared.tensors
        return tensors[f"{which}/inputs"], {name: tensors[f"{which}/labels"]}

    inputs = prepared.tensors["train/inputs"].double() / 255
    mean, deviation = inputs.mean(dim=(0, 2, 3)), inputs.std(dim=(0, 2, 3))
    part = TensorData(
        [classification(name, len(MINI_CLASSES[name]))],
        train=split("train"),
        val=split("val"),
        test=split("test"),
        name=name,
        settings=settings,
        # Rounded, so that the last bit of a sum has no say.
        prepare=Normalise(
            tuple(round(x, 4) for x in mean.tolist()),
            tuple(max(round(x, 4), 0.0001) for x in deviation.tolist()),
        ),
    )
    part.fingerprint = fingerprint_of(prepared)
    return part


def fingerprint_of(prepared: Prepared, *more: object) -> str:
    """Of all that decides the images: not of their bytes, see `decathlon_mini`."""
    facts = {key: prepared.facts[key] for key in ("settings", "versions", "ids")}
    labels = {split: prepared.tensors[f"{split}/labels"].tolist() for split in SPLITS}
    text = json.dumps([facts, labels, *more], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _check(size: int, samples: int, seed: int, domains: Sequence[str]) -> None:
    check_least("decathlon-mini", size=(size, 16), samples=(samples, 30), seed=(seed, 0))
    unknown = [name for name in domains if name not in _SOURCES]
    if unknown or not domains or len(set(domains)) < len(domains):
        raise InputError(
            rule=f"The domains of decathlon-mini are some of {', '.join(_SOURCES)}, each once.",
            found=repr(unknown[0]) if unknown else repr(list(domains)),
            fix="Correct or leave out the name.",
        )
