"""The CSV files of QM9 as qm9pack has them."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from sharewise.data._faults import refuse
from sharewise.data._files import find_file
from sharewise.errors import DataError

FILES = ("qm9_part1.csv", "qm9_part2.csv", "qm9_part3.csv")
CHARGES: Mapping[str, int] = MappingProxyType({"H": 1, "C": 6, "N": 7, "O": 8, "F": 9})
HARTREE = 27.211386245988
"""In eV."""
TARGETS: Mapping[str, tuple[str, float]] = MappingProxyType(
    {
        "mu": ("Dipole_debye", 1.0),
        "alpha": ("Polarizability_bohr3", 1.0),
        "homo": ("HOMO_au", HARTREE),
        "lumo": ("LUMO_au", HARTREE),
        "gap": ("HOMO_LUMO_gap_au", HARTREE),
        "r2": ("R2_bohr2", 1.0),
        "zpve": ("ZPVE_au", HARTREE),
        "u0": ("InternalEnergy_0K_au", HARTREE),
        "u298": ("InternalEnergy_298K_au", HARTREE),
        "h298": ("Enthalphy_298K_au", HARTREE),  # as the file spells it
        "g298": ("GibbsFreeEnergy_298K_au", HARTREE),
        "cv": ("Heatcapacity_Cv_cal_mol_K", 1.0),
    }
)
"""{task: (column, what it is multiplied with)}."""
UNITS: Mapping[str, str] = MappingProxyType(
    {name: "eV" for name, (_, factor) in TARGETS.items() if factor != 1.0}
    | {"mu": "D", "alpha": "bohr^3", "r2": "bohr^2", "cv": "cal / mol K"}
)
_COLUMNS = ("Index", "Elements", "XYZ_Ang", *(column for column, _ in TARGETS.values()))
_AGAIN = "Install the package again, or copy the file again."
_MOST_ATOMS = 29


@dataclass(frozen=True)
class Molecule:
    """elements: of its atoms. places: of its atoms, in Angstrom. labels: as TARGETS."""

    index: int
    elements: tuple[str, ...]
    places: tuple[tuple[float, float, float], ...]
    labels: tuple[float, ...]


def source_files(folder: Path) -> list[Path]:
    """The three files; DataError where one or the folder is missing."""
    return [find_file(folder, name) for name in FILES]


def molecules(files: Sequence[Path]) -> Iterator[Molecule]:
    """Every molecule, in the order of the files.

    Raises DataError for a header without one of the columns, a line that is wrong, or an index that
    comes twice; names the file and the line, and counts further ones.
    """
    seen: dict[int, str] = {}
    twice = []
    for path in files:
        wrong: list[str] = []
        for line, found in _lines(path):
            place = f"{path}, line {line}"
            if isinstance(found, str):
                wrong.append(f"{found} in {place}")
                continue
            if found.index in seen:
                twice.append(f"{found.index} in {seen[found.index]} and in {place}")
            seen[found.index] = place
            yield found
        refuse(
            wrong,
            rule="A line of QM9 is a molecule: its index, elements, coordinates and targets.",
            fix=_AGAIN,
        )
    refuse(twice, rule="An index of QM9 stands for one molecule.", fix=_AGAIN)


def _lines(path: Path) -> Iterator[tuple[int, Molecule | str]]:
    """Each molecule, or what is wrong with its line."""
    with path.open("rb") as file:
        reader = csv.reader(line.decode() for line in file)
        try:
            header = next(reader, [])
            places = _places_of_columns(header, path)
            for row in reader:
                if len(row) != len(header):
                    yield reader.line_num, f"{len(row)} values for {len(header)} columns"
                else:
                    yield reader.line_num, _molecule([row[place] for place in places])
        except (UnicodeDecodeError, csv.Error) as error:
            raise DataError(
                rule="The files of QM9 are CSV in UTF-8.",
                found=f"{path}, line {reader.line_num + 1} ({error})",
                fix=_AGAIN,
            ) from error


def _places_of_columns(header: Sequence[str], path: Path) -> list[int]:
    missing = [column for column in _COLUMNS if column not in header]
    if missing:
        raise DataError(
            rule=f"The files of QM9 have the columns {', '.join(_COLUMNS)}.",
            found=f"no {missing[0]} in {path}, line 1",
            fix=_AGAIN,
        )
    return [header.index(column) for column in _COLUMNS]


def _places(text: str) -> tuple[tuple[float, float, float], ...]:
    """Coordinates as the files write them: [[0.5,0.,1.],[...]], which JSON would refuse."""
    atoms = text.strip().removeprefix("[[").removesuffix("]]").split("],[")
    return tuple((float(x), float(y), float(z)) for x, y, z in (a.split(",") for a in atoms))


def _molecule(values: Sequence[str]) -> Molecule | str:
    index, elements, coordinates, *targets = values
    try:
        atoms = tuple(json.loads(elements.replace("'", '"')))
        found = _places(coordinates)
        factors = [factor for _, factor in TARGETS.values()]
        labels = tuple(float(text) * by for text, by in zip(targets, factors, strict=True))
        number = int(index)
    except (ValueError, TypeError) as error:
        return str(error)
    if not 1 <= len(atoms) <= _MOST_ATOMS or len(atoms) != len(found) or not {*atoms} <= {*CHARGES}:
        return f"{len(found)} coordinates for the atoms {elements}"
    if not all(math.isfinite(label) for label in labels):
        return "a target that is no finite number"
    return Molecule(number, atoms, found, labels)
