"""What must hold for any table, any data on disk and any target for each pixel."""

from __future__ import annotations

import csv
import io
import json
import random
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sharewise.data._augment import Normalise
from sharewise.data._dense_changes import DenseChanges
from sharewise.data._dense_files import square
from sharewise.data._items import ItemData, Items, Targets
from sharewise.data._table_kinds import class_numbers, infer, said
from sharewise.data._table_rows import MISSING_WORDS, Rows, read_rows
from sharewise.data._table_samples import SHARES, _by_hash
from sharewise.tasks import binary

PLAIN = Normalise((0.0,) * 3, (1 / 255,) * 3)  # bytes as they are
# Without signs that end a line for Python but not for CSV, and without a lone surrogate.
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")))
VALUES = TEXTS.map(str.strip)


def rows_of(values: list[str | None]) -> Rows:
    return Rows(Path("labels.csv"), {"c": tuple(values)}, tuple(range(2, 2 + len(values))))


@settings(max_examples=60)
@given(st.lists(st.tuples(VALUES, VALUES, VALUES), min_size=1, max_size=8), st.sampled_from(",;\t"))
def test_what_is_written_is_read(rows: list[tuple[str, str, str]], between: str) -> None:
    wanted = [
        tuple(None if value.lower() in MISSING_WORDS else value for value in row)
        for row in rows
        if any(row)
    ]
    if not wanted:
        return
    names = ("one", "two", "three")
    with TemporaryDirectory() as folder:
        home = Path(folder)
        text = io.StringIO()
        csv.writer(text, delimiter=between).writerows([names, *rows])
        (home / "labels.csv").write_bytes(text.getvalue().encode())
        read = read_rows(home)
        assert list(zip(*read.columns.values(), strict=True)) == wanted
        (home / "labels.csv").unlink()
        lines = [json.dumps(dict(zip(names, row, strict=True))) for row in rows if any(row)]
        (home / "labels.jsonl").write_text("\n".join(lines))
        again = read_rows(home)
        assert {**again.columns} == {**read.columns}
        assert again.lines == tuple(range(1, len(wanted) + 1))


@given(st.lists(st.sampled_from(["a", "b", "c", "0", "1", "7.5", None]), min_size=1, max_size=30))
def test_a_label_is_its_class_and_a_missing_one_is_none(values: list[str | None]) -> None:
    kind = said(rows_of(values), "c", "class")
    labels = class_numbers(kind, values)
    assert [None if i == -1 else kind.classes[i] for i in labels] == values
    assert len(set(kind.classes)) == len(kind.classes)


@given(
    st.lists(st.integers(-3, 40).map(str), min_size=2, max_size=60),
    st.randoms(use_true_random=False),
)
def test_a_kind_does_not_depend_on_the_order_of_rows(
    values: list[str], chance: random.Random
) -> None:
    mixed = list(values)
    chance.shuffle(mixed)
    one, other = infer(rows_of(list(values)), "c"), infer(rows_of(list(mixed)), "c")
    assert (one.kind, one.classes) == (other.kind, other.classes)


def test_splits_have_their_shares() -> None:
    found = [_by_hash(f"row {i}") for i in range(4000)]
    for split, share in SHARES.items():
        assert abs(found.count(split) / 4000 - share) < 0.03


# --- data on disk ---


def load(item: int) -> tuple[Tensor, Targets]:
    return torch.tensor([float(item)]), {"odd": torch.tensor(item % 2)}


class Add:
    """The first of two chances is added."""

    numbers = 2

    def __call__(
        self, inputs: Tensor, targets: Targets, chances: Tensor | None
    ) -> tuple[Tensor, Targets]:
        return (inputs if chances is None else inputs + chances[:, :1]), targets


@given(
    st.integers(1, 40), st.integers(1, 50), st.integers(1, 50), st.integers(0, 9), st.integers(0, 9)
)
def test_batches_cut_one_order_whatever_their_size(
    samples: int, size: int, other: int, seed: int, epoch: int
) -> None:
    data = ItemData(
        [binary("odd")],
        {split: Items(range(samples), load) for split in ("train", "val", "test")},
        input_shape=(1,),
        settings={"name": "law"},
        content={},
        changes=Add(),
        workers=0,
    )

    def whole(batch_size: int) -> Tensor:
        passes = list(data.train(batch_size=batch_size, seed=seed, epoch=epoch))
        assert [len(each.inputs) for each in passes[:-1]] == [batch_size] * (len(passes) - 1)
        return torch.cat([each.inputs[:, 0] for each in passes])

    assert torch.equal(whole(size), whole(other))
    assert sorted(whole(size).long().tolist()) == list(range(samples))
    held = torch.cat([each.inputs[:, 0] for each in data.val(batch_size=size)])
    assert held.tolist() == list(range(samples))


# --- targets for each pixel ---


@given(
    st.integers(1, 4),
    st.integers(4, 12),
    st.integers(4, 12),
    st.integers(1, 4),
    st.booleans(),
    st.integers(0, 99),
    st.booleans(),
)
def test_a_target_stays_on_its_pixels(
    batch: int, height: int, width: int, crop: int, flip: bool, seed: int, training: bool
) -> None:
    """The labels are the red channel; whatever happens to one happens to the other."""
    draw = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 200, (batch, height, width), generator=draw, dtype=torch.uint8)
    images = torch.stack([pixels, pixels * 0, pixels * 0 + 1], dim=1)
    direction = torch.stack([pixels.float() - 100, pixels.float()], dim=1)
    changes = DenseChanges(PLAIN, ("label", "d"), ("d",), flip=flip, crop=crop)
    chances = torch.rand((batch, changes.numbers), generator=draw) if training else None
    inputs, targets = changes(images, {"label": pixels, "d": direction}, chances)
    assert inputs.shape == (batch, 3, crop, crop)
    assert torch.equal(inputs[:, 0], targets["label"].float())
    assert torch.equal(targets["d"][:, 1], inputs[:, 0])
    mirrored = torch.zeros(batch, dtype=torch.bool)
    if flip and chances is not None:
        mirrored = chances[:, 0] < 0.5
    signs = torch.where(mirrored, -1.0, 1.0)[:, None, None]
    assert torch.equal(targets["d"][:, 0], (inputs[:, 0] - 100) * signs)


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 40))
def test_a_square_holds_only_pixels_of_the_middle(height: int, width: int, size: int) -> None:
    stored = torch.arange(height * width).reshape(height, width).numpy()
    found = square(stored, size)
    assert found.shape == (size, size)
    rows, columns = found // width, found % width
    assert (rows == rows[:, :1]).all() and (columns == columns[:1]).all()
    side = min(height, width)
    for places, length in ((rows[:, 0], height), (columns[0], width)):
        assert (places[1:] >= places[:-1]).all()
        over = (length - side) / 2
        assert places.min() >= int(over) and places.max() <= length - 1 - int(over)
