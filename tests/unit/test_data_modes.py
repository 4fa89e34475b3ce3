"""Images as cameras and programs write them: sideways, with a palette, in CMYK."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from _listed_folder import write_nyuv2
from _table_folder import write_csv
from PIL import Image

from sharewise.data import nyuv2, table
from sharewise.data._dense_files import Numbers
from sharewise.data._images import Picture
from sharewise.data._listed_files import read_colours

SIDEWAYS = 6  # the EXIF orientation of a camera held upright: to be turned clockwise


def halves(size: tuple[int, int] = (40, 64)) -> Image.Image:
    """Red above, blue below."""
    image = Image.new("RGB", size, (250, 20, 20))
    image.paste((20, 20, 250), (0, size[1] // 2, *size))
    return image


def save_sideways(image: Image.Image, path: Path) -> Path:
    """As a camera does: lying on its side, with a word on how it is to be turned."""
    exif = Image.Exif()
    exif[0x0112] = SIDEWAYS
    image.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif, quality=95)
    return path


def is_upright(square: torch.Tensor) -> bool:
    """Whether [3, side, side] bytes are red above and blue below."""
    red, blue = square[0].float(), square[2].float()
    middle = len(red) // 2
    above, below = slice(None, middle - 1), slice(middle + 1, None)
    return bool((red > blue)[above].all() and (red < blue)[below].all())


@pytest.mark.parametrize("ending", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("whole", [False, True])
def test_a_picture_is_turned_as_it_says(ending: str, whole: bool, tmp_path: Path) -> None:
    path = save_sideways(halves((40, 64)), tmp_path / f"a.{ending}")
    assert is_upright(Picture(16, whole)(path))


def test_a_large_photo_is_turned_too(tmp_path: Path) -> None:
    """Decoded at a part of its size, whose last pixel lies partly outside."""
    path = save_sideways(halves((403, 643)), tmp_path / "a.jpg")
    assert is_upright(Picture(16)(path))


@pytest.mark.parametrize("ending", ["jpg", "tif"])
def test_a_target_fits_the_picture_as_it_is_shown(ending: str, tmp_path: Path) -> None:
    mask = Image.new("L", (40, 64))
    mask.paste(255, (0, 0, 40, 32))
    mask.save(tmp_path / "mask.png")
    save_sideways(halves((40, 64)), tmp_path / f"a.{ending}")
    rows = [[f"a.{ending}", "mask.png", i % 2, i] for i in range(40)]
    write_csv(tmp_path, ["image", "upper", "y", "id"], rows)
    (batch,) = table(tmp_path, size=16, types={"upper": "mask"}).val(batch_size=99)
    assert batch.targets["upper"][0, :7].eq(1).all() and batch.targets["upper"][0, 9:].eq(0).all()
    assert (batch.inputs[0, 0, :7] > batch.inputs[0, 2, :7]).all()


@pytest.mark.parametrize("mode", ["P", "CMYK", "L", "RGBA", "1"])
def test_colours_are_those_that_are_shown(mode: str, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    halves().convert(mode).save(path)
    with Image.open(path) as saved:
        assert saved.mode == mode
        assert (read_colours(str(path)) == np.array(saved.convert("RGB"))).all()


def test_a_data_set_of_palette_images_has_their_colours(tmp_path: Path) -> None:
    folder = write_nyuv2(tmp_path)
    wanted = next(nyuv2(folder, size=32).test(batch_size=99)).inputs
    for path in folder.rglob("img.png"):
        image = Image.open(path).convert("P", palette=Image.Palette.ADAPTIVE)
        image.save(path)
    found = next(nyuv2(folder, size=32).test(batch_size=99)).inputs
    assert torch.allclose(found, wanted, atol=1e-5)  # 40 colours: all of them in the palette


def test_numbers_that_are_not_finite_have_no_label(tmp_path: Path) -> None:
    numbers = np.full((8, 8), 0.5, np.float32)
    numbers[0, :3] = [np.inf, -np.inf, np.nan]
    Image.fromarray(numbers).save(tmp_path / "target.tif")
    found = Numbers(8)(tmp_path / "target.tif", ("a", (8, 8)))[0]
    assert found[0].isnan().tolist() == [True] * 3 + [False] * 5 and (found[1:] == 0.5).all()
