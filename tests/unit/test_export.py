"""Exported files: what they hold, that they are checked, and that they are written whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from sharewise.architecture import Architecture
from sharewise.backbones import Backbone, mlp, resnet18
from sharewise.errors import FormatError, InputError, RunError
from sharewise.networks import Exported, Network, build, export
from sharewise.networks import _export as room
from sharewise.tasks import binary, classification
from sharewise.training import load_weights

TASKS = (classification("kind", 3), binary("old"))
TREE = Architecture.from_levels([[["kind", "old"]], [["kind"], ["old"]]])


def made() -> tuple[Network, Backbone]:
    backbone = mlp(5, (6, 4))
    return build(TREE, backbone, TASKS, seed=1), backbone


def images() -> tuple[Network, Backbone]:
    backbone = resnet18(0.07, 1, input_size=16, stem="small")
    tree = Architecture.shared(["kind", "old"], 5)
    return build(tree, backbone, TASKS, seed=1), backbone


def expect(network: Network, inputs: Tensor) -> Mapping[str, Tensor]:
    network.eval()
    with torch.no_grad():
        outputs: Mapping[str, Tensor] = network(inputs)
        return outputs


def assert_equal(there: Mapping[str, Tensor], here: Mapping[str, Tensor]) -> None:
    assert set(there) == set(here)
    for task in here:
        torch.testing.assert_close(there[task], here[task], rtol=1e-4, atol=1e-5)


def check_report(exported: Exported, path: Path, to: str) -> None:
    assert (exported.path, exported.to) == (path, to)
    assert exported.size == path.stat().st_size
    assert 0 <= exported.difference < 1e-4
    assert exported.samples == 3


def test_pt2_gives_every_tasks_output_for_any_batch(tmp_path: Path) -> None:
    network, backbone = images()
    path = tmp_path / "network.pt2"
    check_report(export(network, path, to="pt2", backbone=backbone), path, "pt2")
    program = torch.export.load(str(path)).module()
    for samples in (1, 7):
        inputs = torch.randn(samples, *backbone.input_shape)
        assert_equal(program(inputs), expect(network, inputs))


def test_onnx_gives_every_tasks_output_for_any_batch(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    network, backbone = images()
    path = tmp_path / "network.onnx"
    check_report(export(network, path, to="onnx", backbone=backbone), path, "onnx")
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    assert [each.name for each in session.get_outputs()] == ["kind", "old"]
    for samples in (1, 7):
        inputs = torch.randn(samples, *backbone.input_shape)
        arrays = session.run(["kind", "old"], {"inputs": inputs.numpy()})
        there = dict(zip(("kind", "old"), map(torch.from_numpy, arrays), strict=True))
        assert_equal(there, expect(network, inputs))


def test_safetensors_carries_architecture_backbone_and_tasks(tmp_path: Path) -> None:
    network, backbone = made()
    path = tmp_path / "network.safetensors"
    check_report(export(network, path, to="safetensors", backbone=backbone), path, "safetensors")
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    assert Architecture.from_json(metadata["architecture"]) == TREE
    assert json.loads(metadata["backbone"]) == backbone.settings
    assert json.loads(metadata["tasks"]) == ["kind", "old"]
    again = build(TREE, backbone, TASKS, seed=2)
    load_weights(again, path)
    inputs = torch.randn(4, 5)
    assert_equal(expect(again, inputs), expect(network, inputs))


def test_export_says_nothing_and_leaves_the_network_as_it_was(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime")
    network, backbone = made()
    network.train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    state = torch.random.get_rng_state()
    for to in room.FORMATS:
        export(network, tmp_path / to, to=to, backbone=backbone)
    assert capfd.readouterr() == ("", "")
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), state)


def test_another_format_is_refused(tmp_path: Path) -> None:
    network, backbone = made()
    with pytest.raises(InputError) as error:
        export(network, tmp_path / "network.pkl", to="pickle", backbone=backbone)
    assert str(error.value) == (
        "A network is exported to one of onnx, pt2, safetensors. Found 'pickle'. "
        "Give to='pt2', for example."
    )


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    network, backbone = made()
    monkeypatch.setattr(room.importlib, "import_module", missing)
    with pytest.raises(InputError) as error:
        export(network, tmp_path / "network.onnx", to="onnx", backbone=backbone)
    assert str(error.value) == (
        "ONNX files are written and checked with onnx, onnxscript and onnxruntime. "
        "Found no onnx. Install them: pip install 'sharewise[onnx]'."
    )
    assert not list(tmp_path.iterdir())


def test_a_network_above_the_limit_of_onnx_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    network, backbone = made()
    monkeypatch.setattr(room, "_ONNX_BYTES", 100)
    with pytest.raises(InputError, match=r"One ONNX file holds at most 2 GB\. Found weights of"):
        export(network, tmp_path / "network.onnx", to="onnx", backbone=backbone)
    assert not list(tmp_path.iterdir())


def test_a_file_that_computes_something_else_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, backbone = made()
    load = room.load
    monkeypatch.setattr(
        room, "load", lambda content: {name: 2 * each for name, each in load(content).items()}
    )
    with pytest.raises(FormatError) as error:
        export(network, tmp_path / "network.safetensors", to="safetensors", backbone=backbone)
    assert str(error.value).startswith(
        "An exported file computes what its network computes. Found outputs that differ by "
    )
    assert str(error.value).endswith("Export to onnx or pt2 instead.")
    assert not list(tmp_path.iterdir())


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    network, backbone = made()
    with torch.no_grad():
        next(network.parameters()).fill_(float("nan"))
    with pytest.raises(FormatError, match="outputs that differ by nan"):
        export(network, tmp_path / "network.safetensors", to="safetensors", backbone=backbone)


def test_a_disk_that_refuses_leaves_the_old_file(tmp_path: Path) -> None:
    network, backbone = made()
    blocked = tmp_path / "file"
    blocked.write_text("old")
    with pytest.raises(RunError, match="Not a directory"):
        export(network, blocked / "network", to="safetensors", backbone=backbone)
    assert blocked.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
