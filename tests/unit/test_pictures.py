"""Photos that are far larger than they are needed: decoded small, and the same picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sharewise.data._images import Picture


def soft(width: int, height: int) -> Image.Image:
    """Colours that change slowly, as in a photo out of focus."""
    rough = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(rough).resize((width, height), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("size", [(640, 480), (601, 997)])
def test_a_large_photo_is_the_same_picture(
    tmp_path: Path, size: tuple[int, int], whole: bool
) -> None:
    photo = soft(*size)
    photo.save(tmp_path / "photo.jpg", quality=95)
    photo.save(tmp_path / "photo.png")
    read = Picture(32, whole=whole)
    small, exact = read(tmp_path / "photo.jpg").float(), read(tmp_path / "photo.png").float()
    assert small.shape == (3, 32, 32)
    assert float((small - exact).abs().mean()) < 1.0  # of 255
    assert float((small - exact).abs().max()) < 8.0


def test_a_photo_that_is_not_far_larger_is_decoded_whole(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 256, (120, 120, 3), dtype=np.uint8))
    noise.save(tmp_path / "photo.jpg")
    with Image.open(tmp_path / "photo.jpg") as photo:
        photo.save(tmp_path / "decoded.png")  # pixel for pixel
    sizes = {s: (Picture(s)(tmp_path / "photo.jpg"), Picture(s)(tmp_path / "decoded.png"))
             for s in (32, 30)}  # fmt: skip
    assert torch.equal(*sizes[32])
    assert not torch.equal(*sizes[30])  # four times as large: decoded at a half


def test_a_large_grey_photo_becomes_colours(tmp_path: Path) -> None:
    soft(256, 256).convert("L").save(tmp_path / "grey.jpg")
    found = Picture(16)(tmp_path / "grey.jpg")
    assert found.shape == (3, 16, 16) and torch.equal(found[0], found[2])
