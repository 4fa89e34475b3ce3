"""QM9: small organic molecules and twelve of their properties.

Ramakrishnan, Dral, Rupp and von Lilienfeld, Scientific Data 2014: 130 831 molecules whose geometry
is consistent, of up to nine atoms of C, N, O and F. Features: Rupp et al., PRL 2012.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharewise.data._items import check_splits
from sharewise.data._mini_cache import Prepared, Shelf, cache_folder, installed
from sharewise.data._protocol import fraction
from sharewise.data._qm9_rows import CHARGES, TARGETS, Molecule, molecules, source_files
from sharewise.data._tensors import Split, TensorData
from sharewise.data._units import mean_and_deviation, measured
from sharewise.errors import InputError

NAME = "qm9"
PACKAGE = "qm9pack"
MOST_ATOMS = 29
BOHR = 0.529177210903
"""In Angstrom."""
_SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}
_CHUNK = 2048

Progress = Callable[[Mapping[str, Any]], None]


def qm9(
    *,
    samples: int | None = 20_000,
    targets: tuple[str, ...] | list[str] | None = None,
    folder: str | os.PathLike[str] | None = None,
    cache: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> TensorData:
    """QM9: twelve numbers to be told from a molecule, each a task.

    The molecules come with the package qm9pack (`pip install 'sharewise[molecules]'`), or lie in a
    folder as its qm9_part1.csv, qm9_part2.csv and qm9_part3.csv. Inputs are 34 numbers a molecule:
    how many atoms of H, C, N, O, F, and the eigenvalues of its Coulomb matrix (.5 Z^2.4 on the
    diagonal, Z_i Z_j / |R_i - R_j| in atomic units beside it), by falling size, filled up with 0 to
    29 atoms; each number is brought to mean 0 and deviation 1 over the training molecules. That is
    simple on purpose: good networks for molecules read their geometry.

    Tasks, scored by "mae" in their unit: mu (D), alpha (bohr^3), homo, lumo, gap (eV), r2 (bohr^2),
    zpve, u0, u298, h298, g298 (eV), cv (cal / mol K). Energies are total ones, not of atomisation;
    the features count the atoms, of which the greater part follows.

    A molecule's split follows from its index alone: 80 % train, 10 % val, 10 % test.

    Args:
        samples: How many molecules, chosen by a hash of their index; None for all 130 831.
        targets: Names of tasks; None for all twelve.
        folder: Where the CSV files lie; None for the installed package.
        cache: Where the numbers are kept once computed (a minute for all); None for
            $SHAREWISE_CACHE, or the user's cache folder.
        progress: Called with {"sample": int, "samples": int} while they are computed.

    Raises:
        InputError: Fewer than 30 samples, a target that is none or twice, or the package is
            missing.
        DataError: A file that is missing, or a line that is wrong; named, and further ones counted.
    """
    if samples is not None and samples < 30:
        raise InputError(
            rule="QM9 is read with 30 molecules or more.",
            found=f"samples={samples}",
            fix="Give a larger number, or None for all.",
        )
    names = tuple(TARGETS) if targets is None else _chosen(targets)
    where = None if folder is None else str(folder)
    prepared = _prepared(where, samples, cache, progress or _quiet)
    inputs, labels = prepared.tensors["inputs"], prepared.tensors["labels"]
    ids = _splits(prepared.tensors["index"])
    check_splits({split: len(each) for split, each in ids.items()}, NAME)
    columns = {name: labels[:, place].double() for place, name in enumerate(TARGETS)}
    mean, spread = inputs[ids["train"]].mean(dim=0), inputs[ids["train"]].std(dim=0, correction=0)
    scaled = ((inputs - mean) / torch.where(spread > 0, spread, 1.0)).float()

    def part(split: str) -> Split:
        return scaled[ids[split]], {name: columns[name][ids[split]].float() for name in names}

    tasks = []
    for name in names:
        average, deviation = mean_and_deviation(columns[name][ids["train"]])
        tasks.append(measured(name, mean=average, deviation=deviation))
    data = TensorData(
        tasks,
        train=part("train"),
        val=part("val"),
        test=part("test"),
        name=NAME,
        settings={"name": NAME, "samples": samples, "targets": list(names), "folder": where},
    )
    # Not of the inputs: the last bit of an eigenvalue may differ between machines.
    which = [samples, names, prepared.tensors["index"].tolist()]
    digest = hashlib.sha256(json.dumps(which).encode())
    digest.update(labels.numpy().tobytes())
    data.fingerprint = digest.hexdigest()[:16]
    return data


def _quiet(step: Mapping[str, Any]) -> None:
    return None


def _chosen(targets: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    unknown = [name for name in targets if name not in TARGETS]
    if unknown or len(set(targets)) < len(targets) or not targets:
        raise InputError(
            rule=f"The targets of QM9 are some of {', '.join(TARGETS)}, each once.",
            found=repr(unknown[0]) if unknown else repr(list(targets)),
            fix="Correct or leave out the name.",
        )
    return tuple(targets)


def _prepared(
    folder: str | None,
    samples: int | None,
    cache: str | os.PathLike[str] | None,
    progress: Progress,
) -> Prepared:
    """Numbers out of the cache, or computed and kept there."""
    version = {} if folder is not None else {PACKAGE: installed(PACKAGE)}
    files = None if folder is None else source_files(Path(folder))
    settings: dict[str, Any] = {"samples": samples}
    if files is not None:
        # Other files of the same length would have to be made on purpose.
        settings["files"] = [[str(file.resolve()), file.stat().st_size] for file in files]
    shelf = Shelf(cache_folder(cache), NAME, settings)
    kept = shelf.read(version)
    if kept is not None:
        return kept
    if files is None:
        files = source_files(_package_folder())
    chosen = [each for each in molecules(files) if _is_chosen(each.index, samples)]
    return shelf.write(_numbers(chosen, progress), {"versions": version})


def _is_chosen(index: int, samples: int | None) -> bool:
    # By share, so that the choice for one molecule needs no other; about `samples` are chosen.
    return samples is None or fraction(NAME, index) < samples / 130_831


def _package_folder() -> Path:
    from importlib.util import find_spec

    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise InputError(
            rule=f"QM9 comes with the package {PACKAGE}.",
            found="it not installed",
            fix="Run pip install 'sharewise[molecules]' (104 MB), or give a folder with its CSV"
            " files.",
        )
    return Path(spec.submodule_search_locations[0]) / "data"


def _splits(index: Tensor) -> dict[str, list[int]]:
    """The rows of each split."""
    bounds = {"train": _SHARES["train"], "val": _SHARES["train"] + _SHARES["val"], "test": 1.0}
    places = [fraction(NAME, "split", number) for number in index.tolist()]
    found = [next(split for split, bound in bounds.items() if p < bound) for p in places]
    return {split: [i for i, each in enumerate(found) if each == split] for split in bounds}


def _numbers(chosen: list[Molecule], progress: Progress) -> dict[str, Tensor]:
    """{"inputs": [molecules, 34], "labels": [molecules, 12], both float64, "index": int64}."""
    inputs = []
    for start in range(0, len(chosen), _CHUNK):
        progress({"sample": start, "samples": len(chosen)})
        inputs.append(features(chosen[start : start + _CHUNK]))
    return {
        "inputs": torch.cat(inputs) if inputs else torch.zeros(0, 34, dtype=torch.float64),
        "labels": torch.tensor([each.labels for each in chosen], dtype=torch.float64),
        "index": torch.tensor([each.index for each in chosen]),
    }


def features(chosen: list[Molecule]) -> Tensor:
    """Atom counts and eigenvalues of Coulomb matrices, float64 [molecules, 5 + 29].

    They do not depend on the order of the atoms, nor on where the molecule lies.
    """
    counts = [[each.elements.count(element) for element in CHARGES] for each in chosen]
    matrices = np.zeros((len(chosen), MOST_ATOMS, MOST_ATOMS))
    for matrix, molecule in zip(matrices, chosen, strict=True):
        atoms = len(molecule.elements)
        matrix[:atoms, :atoms] = coulomb(molecule)
    values = torch.linalg.eigvalsh(torch.from_numpy(matrices))
    order = values.abs().argsort(dim=1, descending=True)
    return torch.cat([torch.tensor(counts, dtype=torch.float64), values.gather(1, order)], dim=1)


def coulomb(molecule: Molecule) -> NDArray[np.float64]:
    """The Coulomb matrix in atomic units, [atoms, atoms]; Rupp et al., equation 1."""
    charges = np.array([CHARGES[element] for element in molecule.elements], dtype=float)
    places = np.array(molecule.places) / BOHR
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(apart, 1.0)
    matrix = charges[:, None] * charges[None] / apart
    np.fill_diagonal(matrix, 0.5 * charges**2.4)
    return matrix
