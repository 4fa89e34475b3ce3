"""What compare() keeps of the found network's answers to a few test images."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from _dense import DENSE, NAMES, SIZE, chance, make_backbone, make_data, make_images, make_split
from safetensors import safe_open
from torch import Tensor

from sharewise.architecture import Architecture
from sharewise.baselines import CompareSettings, compare
from sharewise.baselines._predictions import even_places, picture_kinds
from sharewise.data import SCENE_CLASSES, SeparateData, TaskData, TensorData
from sharewise.evaluation import Budget
from sharewise.networks import build
from sharewise.tasks import classification, depth, edges, regression, resized, segmentation
from sharewise.training import TrainSettings, load_weights

SHARED = Architecture.shared(NAMES, 2)
SEED = 3


def compared(run: Path, data: TaskData) -> None:
    names = [task.name for task in data.tasks]
    settings = CompareSettings(
        seeds=(SEED,), random_trees=0, train=TrainSettings(epochs=1, batch_size=4)
    )
    compare(
        Architecture.shared(names, 2),
        make_backbone(),
        data,
        budget=Budget(params=5),
        settings=settings,
        run=run,
        device="cpu",
    )


def read(run: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    with safe_open(run / "comparison" / "predictions.safetensors", framework="pt") as file:
        content = json.loads(file.metadata()["sharewise"])
        return content, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "dense"
    compared(folder, make_data())
    return folder


# --- what is kept


def test_the_answers_are_the_trained_networks(run: Path) -> None:
    content, arrays = read(run)
    assert (content["architecture"], content["seed"]) == (SHARED.digest, SEED)
    network = build(SHARED, make_backbone(), DENSE)
    folder = run / "comparison" / f"{SHARED.digest}-seed{SEED}"
    load_weights(network, folder / "network.safetensors")
    images, targets = make_split(8, 200)  # the test split
    with torch.no_grad():
        outputs = network.eval()(images)
    for number, place in enumerate(content["places"]):
        found = {name: resized(output, (SIZE, SIZE))[place] for name, output in outputs.items()}
        classes = arrays[f"{number}.segmentation.output"]
        assert (classes == found["segmentation"].argmax(0)).float().mean() > 0.99  # near ties
        close = torch.testing.assert_close
        close(arrays[f"{number}.depth.output"].float(), found["depth"][0], atol=2e-3, rtol=2e-3)
        vectors = arrays[f"{number}.normals.output"].float()
        close(vectors.square().sum(0), torch.ones(SIZE, SIZE), atol=5e-3, rtol=0)
        close(
            vectors * found["normals"].square().sum(0).sqrt(),
            found["normals"],
            atol=5e-3,
            rtol=5e-3,
        )
        label = targets["segmentation"][place].long()
        assert torch.equal(
            arrays[f"{number}.segmentation.target"].long(), label.masked_fill(label == 255, -1)
        )
        kept, given = arrays[f"{number}.edges.target"], targets["edges"][place, 0]
        assert torch.equal(kept.isnan(), given.isnan())
        close(kept.float(), given, atol=1e-3, rtol=1e-3, equal_nan=True)


def test_an_input_goes_from_its_darkest_to_its_brightest_value(run: Path) -> None:
    content, arrays = read(run)
    images, _ = make_split(8, 200)
    for number, place in enumerate(content["places"]):
        kept = arrays[f"{number}.input"]
        assert (kept.dtype, kept.shape) == (torch.uint8, (3, SIZE, SIZE))
        assert (int(kept.min()), int(kept.max())) == (0, 255)
        assert int(kept.flatten().argmax()) == int(images[place].flatten().argmax())


def test_the_file_is_made_once(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = run / "comparison" / "predictions.safetensors"
    before = path.stat().st_mtime_ns
    with monkeypatch.context() as patch:
        # Trained and drawn already: the test split is opened no more.
        patch.setattr(TensorData, "test", lambda *_, **__: pytest.fail("the test split was read"))
        compared(run, make_data())
    assert path.stat().st_mtime_ns == before
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    compared(run, make_data())
    assert path.read_bytes() == whole


def test_without_weights_there_are_no_pictures(run: Path, tmp_path: Path) -> None:
    compared(tmp_path, make_data())
    (tmp_path / "comparison" / "predictions.safetensors").unlink()
    folder = tmp_path / "comparison" / f"{SHARED.digest}-seed{SEED}"
    (folder / "network.safetensors").unlink()
    compared(tmp_path, make_data())
    assert not (tmp_path / "comparison" / "predictions.safetensors").exists()


def test_tasks_without_images_are_left_out(tmp_path: Path) -> None:
    def split(samples: int, seed: int) -> tuple[Tensor, dict[str, Tensor]]:
        return make_images(samples, seed), {"left": torch.randn(samples, 1, generator=chance(seed))}

    data = TensorData((regression("left"),), train=split(8, 0), val=split(4, 1), test=split(4, 2))
    compared(tmp_path, data)
    assert not list((tmp_path / "comparison").glob("predictions*"))


def test_an_image_has_the_tasks_that_its_own_data_hold(tmp_path: Path) -> None:
    parts = [make_data(tuple(t for t in DENSE if t.name == n)) for n in ("depth", "edges")]
    compared(tmp_path, SeparateData(parts))
    _, arrays = read(tmp_path)
    tasks = [{name.split(".")[1] for name in arrays if name[0] == str(i)} for i in range(4)]
    assert tasks == [{"input", "depth"}] * 2 + [{"input", "edges"}] * 2


def test_large_images_are_thinned_out(tmp_path: Path) -> None:
    def split(samples: int, seed: int) -> tuple[Tensor, dict[str, Tensor]]:
        images = torch.randn(samples, 3, 40, 260, generator=chance(seed))
        number = torch.arange(40 * 260).reshape(1, 1, 40, 260) % 1999  # exact as float16
        return images, {"depth": number.expand(samples, -1, -1, -1).float()}

    data = TensorData((depth(),), train=split(2, 0), val=split(1, 1), test=split(1, 2))
    compared(tmp_path, data)
    content, arrays = read(tmp_path)
    assert content["places"] == [0]
    assert arrays["0.input"].shape == (3, 14, 87)
    kept, whole = arrays["0.depth.target"], split(1, 2)[1]["depth"][0, 0]
    assert torch.equal(kept.float(), whole[::3, ::3])
    assert arrays["0.depth.output"].shape == kept.shape


@pytest.mark.parametrize("name", ["scenes", "mine"])
def test_it_is_said_whether_depth_is_in_metres(tmp_path: Path, name: str) -> None:
    images, targets = make_split(4, 0)
    part = (images, {"depth": targets["depth"]})
    data = TensorData((depth(),), train=part, val=part, test=part, name=name)
    compared(tmp_path, data)
    assert read(tmp_path)[0]["in_metres"] == (name == "scenes")


# --- which pictures


def test_pictures_are_told_by_metrics() -> None:
    kinds = picture_kinds(DENSE, make_backbone(), "mine")
    assert {task: kind["picture"] for task, kind in kinds.items()} == {
        "segmentation": "classes",
        "normals": "normals",
        "depth": "depth",
        "keypoints": "numbers",
        "edges": "numbers",
    }
    assert kinds["segmentation"]["classes"] == ["0", "1", "2", "3"]
    others = (classification("kind", 3), dataclasses.replace(edges(), name="heat"))
    assert list(picture_kinds(others, make_backbone(), "mine")) == ["heat"]


def test_classes_have_names_where_the_data_have() -> None:
    task = segmentation("segmentation", len(SCENE_CLASSES))
    named = picture_kinds((task,), make_backbone(), "scenes")
    assert named["segmentation"]["classes"] == list(SCENE_CLASSES)
    fewer = picture_kinds((segmentation("segmentation", 2),), make_backbone(), "scenes")
    assert fewer["segmentation"]["classes"] == ["0", "1"]


@pytest.mark.parametrize(
    ("samples", "places"), [(500, [62, 187, 312, 437]), (4, [0, 1, 2, 3]), (2, [0, 1]), (1, [0])]
)
def test_places_are_even(samples: int, places: list[int]) -> None:
    assert even_places(samples, 4) == places
