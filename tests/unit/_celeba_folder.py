"""A folder of CelebA in exactly the published format, with a few faces."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

PUBLISHED = (
    "5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose"
    " Black_Hair Blond_Hair Blurry Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses Goatee"
    " Gray_Hair Heavy_Makeup High_Cheekbones Male Mouth_Slightly_Open Mustache Narrow_Eyes No_Beard"
    " Oval_Face Pale_Skin Pointy_Nose Receding_Hairline Rosy_Cheeks Sideburns Smiling Straight_Hair"
    " Wavy_Hair Wearing_Earrings Wearing_Hat Wearing_Lipstick Wearing_Necklace Wearing_Necktie"
    " Young"
)
NAMES = PUBLISHED.split()
COUNTS = (12, 5, 4)


def labels_of(number: int) -> list[int]:
    return [1 if (number >> (i % 5)) & 1 else -1 for i in range(40)]


def write_celeba(folder: Path) -> Path:
    """Face n is a grey of 5 n with a white left half."""
    (folder / "img_align_celeba").mkdir(parents=True)
    rows, splits = [], []
    for number in range(1, 1 + sum(COUNTS)):
        name = f"{number:06d}.jpg"
        face = Image.new("RGB", (178, 218), (5 * number,) * 3)
        face.paste((255, 255, 255), (0, 0, 89, 218))
        face.save(folder / "img_align_celeba" / name)
        # The published file fills values to a width, so there are two blanks before a 1.
        rows.append(name + "".join(f"{value:3d}" for value in labels_of(number)))
        split = 0 if number <= COUNTS[0] else 1 if number <= sum(COUNTS[:2]) else 2
        splits.append(f"{name} {split}")
    header = [str(len(rows)), " ".join(NAMES) + " "]
    (folder / "list_attr_celeba.txt").write_text("\n".join([*header, *rows]) + "\n")
    (folder / "list_eval_partition.txt").write_text("\n".join(splits) + "\n")
    return folder
