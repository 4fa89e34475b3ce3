"""QM9 on three small files in exactly the form that qm9pack has."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from _qm9_folder import NAMES, write_qm9

from sharewise.data import TensorData, qm9
from sharewise.data._qm9 import BOHR, coulomb, features
from sharewise.data._qm9_rows import TARGETS, UNITS, Molecule
from sharewise.errors import DataError, InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "qm9").mkdir()
    return write_qm9(tmp_path / "qm9")


def make(folder: Path, **more: Any) -> TensorData:
    return qm9(**{"samples": None, "folder": folder, "cache": folder.parent / "cache", **more})


def all_targets(data: TensorData) -> dict[str, list[float]]:
    batches = [
        next(data.train(batch_size=999, seed=0, epoch=0)),
        next(data.val(batch_size=999)),
        next(data.test(batch_size=999)),
    ]
    return {
        task.name: [float(v) for batch in batches for v in batch.targets[task.name]]
        for task in data.tasks
    }


def test_twelve_tasks_in_their_units(folder: Path) -> None:
    data = make(folder)
    assert [task.name for task in data.tasks] == NAMES == list(TARGETS)
    assert data.input_shape == (34,)
    assert sum(data.sizes().values()) == 60
    found = all_targets(data)
    for place, name in enumerate(NAMES):
        factor = 27.211386 if UNITS[name] == "eV" else 1.0
        wanted = [factor * (index + place / 100) for index in range(1, 61)]
        assert sorted(found[name]) == pytest.approx(wanted, rel=1e-5)
    assert [task.metrics[0].name for task in data.tasks] == ["mae"] * 12


def test_inputs_are_standardised_over_the_training_molecules(folder: Path) -> None:
    (batch,) = make(folder).train(batch_size=999, seed=0, epoch=0)
    assert torch.allclose(batch.inputs.mean(dim=0), torch.zeros(34), atol=1e-5)
    spread = batch.inputs.std(dim=0, correction=0)
    assert ((spread - 1).abs() < 1e-3).logical_or(spread == 0).all() and (spread > 0).any()


def test_the_coulomb_matrix_of_hydrogen() -> None:
    """Two atoms at 1 bohr: .5 on the diagonal and 1 beside it; eigenvalues 1.5 and -.5."""
    hydrogen = Molecule(1, ("H", "H"), ((0, 0, 0), (0, 0, BOHR)), ())
    assert coulomb(hydrogen).ravel().tolist() == pytest.approx([0.5, 1.0, 1.0, 0.5])
    found = features([hydrogen])[0]
    assert found[:5].tolist() == [2, 0, 0, 0, 0]
    assert found[5:7].tolist() == pytest.approx([1.5, -0.5])
    assert found[7:].abs().max() < 1e-12


def test_features_depend_on_neither_order_nor_place() -> None:
    elements = ("C", "O", "H", "F", "N")
    places = ((0.0, 0.0, 0.0), (1.2, 0.0, 0.1), (-0.5, 0.9, 0.0), (0.0, -1.3, 0.4), (2.0, 1.0, 1.0))
    turned = tuple((-y + 3, x - 1, z + 7) for x, y, z in places)
    one = Molecule(1, elements, places, ())
    other = Molecule(2, elements[::-1], turned[::-1], ())
    both = features([one, other])
    assert torch.allclose(both[0], both[1], atol=1e-9)
    assert both[0, :5].tolist() == [1] * 5
    assert torch.equal(both[0, 5:].abs().sort(descending=True)[0], both[0, 5:].abs())
    trace = sum(0.5 * charge**2.4 for charge in (6, 8, 1, 9, 7))
    assert float(both[0, 5:].sum()) == pytest.approx(trace)


def test_a_molecules_split_and_choice_need_no_other(tmp_path: Path) -> None:
    whole, part = tmp_path / "whole", tmp_path / "part"
    for place, count in ((whole, 90), (part, 60)):
        place.mkdir()
        write_qm9(place, count)

    def splits(place: Path) -> dict[int, str]:
        data = make(place, targets=["mu"])
        found = {}
        for split in ("train", "val", "test"):
            how = {"seed": 0, "epoch": 0} if split == "train" else {}
            for batch in getattr(data, split)(batch_size=999, **how):
                found |= {round(float(value)): split for value in batch.targets["mu"]}
        return found

    large, small = splits(whole), splits(part)
    assert len(large) == 90 and {i: large[i] for i in small} == small
    assert set(small.values()) == {"train", "val", "test"}


def test_numbers_are_computed_once(folder: Path) -> None:
    steps: list[Any] = []
    first = make(folder, progress=steps.append)
    assert steps == [{"sample": 0, "samples": 60}]
    again = make(folder, progress=steps.append)
    assert len(steps) == 1
    assert again.fingerprint == first.fingerprint
    assert all_targets(again) == all_targets(first)
    write_qm9(folder, 75)
    assert make(folder, progress=steps.append).fingerprint != first.fingerprint
    assert len(steps) == 2


def test_settings_make_the_data_again(folder: Path) -> None:
    data = make(folder, targets=["gap", "mu"])
    settings = json.loads(json.dumps(data.settings))
    assert settings.pop("name") == "qm9"
    again = qm9(**settings, cache=folder.parent / "cache")
    assert again.fingerprint == data.fingerprint != make(folder).fingerprint
    moved = write_qm9(folder.parent)
    assert make(moved, targets=["gap", "mu"], cache=moved).fingerprint == data.fingerprint
    assert [task.name for task in again.tasks] == ["gap", "mu"]


def test_about_as_many_molecules_as_asked_for(tmp_path: Path) -> None:
    """Of 131 thousand half are about 65 thousand; here, of 240 about 120."""
    write_qm9(tmp_path, 240)
    sizes = qm9(samples=65_415, folder=tmp_path, cache=tmp_path / "cache").sizes()
    assert 90 <= sum(sizes.values()) <= 150


# --- refusals ---


def edit(old: str, new: str, times: int = 1) -> Callable[[Path], object]:
    def spoil(folder: Path) -> None:
        path = folder / "qm9_part2.csv"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, times))

    return spoil


LINE = "A line of QM9 is a molecule: its index, elements, coordinates and targets. Found "
AGAIN = "Install the package again, or copy the file again."


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (
            lambda folder: (folder / "qm9_part3.csv").unlink(),
            "These data have qm9_part3.csv in their folder. Found no {folder}/qm9_part3.csv. Copy "
            "it there, or correct the path of the folder.",
        ),
        (
            edit("LUMO_au", "Lumo"),
            "no LUMO_au in {folder}/qm9_part2.csv, line 1. " + AGAIN,
        ),
        (edit(",2.0200,", ",high,"), LINE + "could not convert string to float: 'high' in "
         "{folder}/qm9_part2.csv, line 2. " + AGAIN),
        (edit(",2.0200,", ",nan,"), LINE + "a target that is no finite number in "
         "{folder}/qm9_part2.csv, line 2. " + AGAIN),
        (edit(",'H'", ",'Cl'", 30), LINE + "5 coordinates for the atoms ['C','Cl','Cl','Cl','Cl'] "
         "in {folder}/qm9_part2.csv, line 2 and "),
        (edit(",157.7", "", 7), LINE + "22 values for 25 columns in {folder}/qm9_part2.csv, line 2 "
         "and 2 more. " + AGAIN),
        (lambda folder: (folder / "qm9_part2.csv").open("ab").write(b"caf\xe9\n"),
         "The files of QM9 are CSV in UTF-8. Found {folder}/qm9_part2.csv, line 22 ('utf-8' codec "
         "can't decode byte 0xe9"),
        (edit('.xyz",5,', '.xyz",1,'), "An index of QM9 stands for one molecule. Found 1 in "
         "{folder}/qm9_part1.csv, line 2 and in {folder}/qm9_part2.csv, line 3. " + AGAIN),
    ],
)  # fmt: skip
def test_bad_files_are_named(spoil: Callable[[Path], object], sentence: str, folder: Path) -> None:
    spoil(folder)
    with pytest.raises(DataError) as caught:
        make(folder)
    assert sentence.format(folder=folder) in str(caught.value)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"samples": 3}, "QM9 is read with 30 molecules or more. Found samples=3. Give a larger "
         "number, or None for all."),
        ({"targets": ["mass"]}, f"The targets of QM9 are some of {', '.join(NAMES)}, each once. "
         "Found 'mass'. Correct or leave out the name."),
        ({"targets": ["mu", "mu"]}, f"The targets of QM9 are some of {', '.join(NAMES)}, each once."
         " Found ['mu', 'mu']. Correct or leave out the name."),
    ],
)  # fmt: skip
def test_wrong_choices_are_refused(said: dict[str, Any], sentence: str, folder: Path) -> None:
    with pytest.raises(InputError) as caught:
        make(folder, **said)
    assert str(caught.value) == sentence


def test_without_the_package_the_way_to_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError) as caught:
        qm9(cache=tmp_path)
    assert str(caught.value) == (
        "QM9 comes with the package qm9pack. Found it not installed. Run pip install "
        "'sharewise[molecules]' (104 MB), or give a folder with its CSV files."
    )


def test_the_package_is_found_where_it_is(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site" / "qm9pack"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('it is not to be imported')")
    folder.rename(package / "data")
    monkeypatch.syspath_prepend(str(package.parent))
    data = qm9(samples=None, cache=tmp_path / "cache")
    assert sum(data.sizes().values()) == 60
    assert data.settings["folder"] is None
    assert math.isfinite(float(all_targets(data)["mu"][0]))
