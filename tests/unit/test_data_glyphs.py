from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import torch
from _split import all_of
from matplotlib.ft2font import FT2Font, LoadFlags
from scipy import ndimage

from sharewise.data import GLYPH_CLASSES, TaskData, TensorData, glyphs
from sharewise.data._glyphs import CHARACTERS, FONTS, _Font, _labels
from sharewise.errors import DataError, InputError

FOLDER = Path(matplotlib.get_data_path()) / "fonts" / "ttf"


@pytest.fixture(scope="module")
def data() -> TensorData:
    return glyphs(seed=0, variants=2)


def test_it_is_task_data_of_eight_tasks(data: TensorData) -> None:
    assert isinstance(data, TaskData)
    assert [task.name for task in data.tasks] == list(GLYPH_CLASSES)
    assert [len(classes) for classes in GLYPH_CLASSES.values()] == [62, 3, 3, 2, 2, 2, 2, 5]
    assert data.input_shape == (3, 32, 32)
    assert sum(data.sizes().values()) == 22 * 62 * 2


def test_images_have_about_zero_mean_and_unit_deviation(data: TensorData) -> None:
    images, _ = all_of(data, "train")
    assert images.dtype == torch.float32
    assert abs(images.mean().item()) < 0.1
    assert images.std().item() == pytest.approx(1, abs=0.1)
    assert torch.equal(images[:, 0], images[:, 2])


def test_every_class_is_in_training_and_in_both_other_splits(data: TensorData) -> None:
    for split in ("train", "val", "test"):
        _, targets = all_of(data, split)
        for task, classes in GLYPH_CLASSES.items():
            found = len(targets[task].unique())
            # A character or two may be absent from the small splits, never from training.
            assert found == len(classes) or (task == "character" and split != "train")
            assert found >= len(classes) - 2


def test_the_splits_are_of_about_the_shares_said(data: TensorData) -> None:
    sizes = data.sizes()
    total = sum(sizes.values())
    assert [sizes[split] / total for split in ("train", "val", "test")] == pytest.approx(
        [0.7, 0.15, 0.15], abs=0.03
    )


def test_a_pair_of_font_and_character_belongs_to_one_split_whatever_the_seed(
    data: TensorData,
) -> None:
    other = glyphs(seed=1, variants=2)
    for split in ("train", "val", "test"):
        # Weight, slant, family and the rest tell fonts of the same character apart.
        labels, same = all_of(data, split)[1], all_of(other, split)[1]
        rows = [torch.stack([each[task] for task in GLYPH_CLASSES], 1) for each in (labels, same)]
        counts = [Counter(map(tuple, row.tolist())) for row in rows]
        assert counts[0] == counts[1]
    # Only fonts of Computer Modern share all labels: its two italics, and some upright digits.
    train, test = (
        {tuple(row) for row in torch.stack(list(all_of(data, split)[1].values()), 1).tolist()}
        for split in ("train", "test")
    )
    assert {GLYPH_CLASSES["family"][row[-1]] for row in train & test} == {"Computer Modern"}


def test_the_seed_alone_decides(data: TensorData) -> None:
    again, other = glyphs(seed=0, variants=2), glyphs(seed=1, variants=2)
    assert again.fingerprint == data.fingerprint != other.fingerprint
    assert torch.equal(all_of(again, "val")[0], all_of(data, "val")[0])
    assert not torch.equal(all_of(other, "val")[0], all_of(data, "val")[0])


def test_variants_of_a_pair_differ(data: TensorData) -> None:
    images, targets = all_of(data, "val")
    assert torch.equal(targets["character"][::2], targets["character"][1::2])
    assert (images[::2] - images[1::2]).abs().amax(dim=(1, 2, 3)).min() > 1


def test_letters_are_complete(data: TensorData) -> None:
    """Drawn at another size of image, the same letter covers the same share of it: none is cut."""
    large = glyphs(seed=0, size=48, variants=2)
    for split in ("train", "val"):
        ink = [(all_of(each, split)[0][:, 0] > 2).float().mean() for each in (data, large)]
        assert ink[0].item() == pytest.approx(ink[1].item(), rel=0.15)


def test_settings_are_json_and_make_the_data_again() -> None:
    data = glyphs(seed=3, size=24, variants=1)
    settings = json.loads(json.dumps(data.settings))
    assert settings.pop("name") == "glyphs"
    assert glyphs(**settings).fingerprint == data.fingerprint
    assert data.input_shape == (3, 24, 24)


@pytest.mark.parametrize("font", FONTS, ids=[font.file for font in FONTS])
def test_labels_written_by_hand_agree_with_the_font_file(font: _Font) -> None:
    """What the file says of itself, and holes counted in letters drawn large."""
    face = FT2Font(str(FOLDER / f"{font.file}.ttf"))
    assert set(map(ord, CHARACTERS)) <= set(face.get_charmap())
    if not font.file.startswith("cm"):  # these say nothing of themselves
        assert bool("Bold" in face.style_name) == font.bold
        assert bool({"Oblique", "Italic"} & set(face.style_name.split())) == font.slanted
    face.set_size(300, 72)
    widths = set()
    for character in CHARACTERS:
        face.set_text(character, 0.0, flags=LoadFlags.NO_HINTING)
        face.draw_glyphs_to_bitmap()
        paper = np.pad(face.get_image(), 2) < 128
        # Areas of a few pixels are corners that touch, not holes.
        areas, count = ndimage.label(paper)
        sizes = ndimage.sum(paper, areas, range(1, count + 1))
        assert sum(sizes > 50) - 1 == _labels(font, character)["holes"], character
        widths.add(face.load_char(ord(character)).linearHoriAdvance)
    assert (len(widths) == 1) == font.mono


def test_digits_of_the_mathematical_italic_stand_upright() -> None:
    (font,) = (font for font in FONTS if font.file == "cmmi10")
    assert _labels(font, "a")["slant"] == 1
    assert _labels(font, "7")["slant"] == 0


def test_numbers_out_of_range_are_named() -> None:
    with pytest.raises(InputError) as caught:
        glyphs(size=8)
    assert str(caught.value) == (
        "The size of glyphs is 16 or more. Found size=8. Give a larger number."
    )
    with pytest.raises(InputError, match=r"The variants of glyphs is 1 or more\. Found variants=0"):
        glyphs(variants=0)


def test_a_matplotlib_without_fonts_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matplotlib, "get_data_path", lambda: str(tmp_path))
    with pytest.raises(DataError) as caught:
        glyphs()
    assert str(caught.value) == (
        "Glyphs are drawn with fonts that matplotlib carries. "
        "Found no DejaVuSans.ttf among them. "
        "Install matplotlib from PyPI; some distributions leave its fonts out."
    )
