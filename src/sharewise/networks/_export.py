"""A trained network as one file for other programs, checked before it is written."""

from __future__ import annotations

import contextlib
import copy
import importlib
import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from sharewise.backbones import Backbone
from sharewise.errors import FormatError, InputError
from sharewise.networks._compact import Network
from sharewise.runs import write_atomic

FORMATS = ("onnx", "pt2", "safetensors")
_SAMPLES = 3  # of the check; another number than the example's, so that a fixed batch is noticed
_TOLERANCE = 1e-3  # relative to the largest output; float32 kernels differ by about 1e-6
_ONNX_BYTES = 2**31 - 2**20  # protobuf's limit on one file, less room for the graph

Outputs = Mapping[str, Tensor]


@dataclass(frozen=True)
class Exported:
    """A file that was written, and how far its outputs are from the network's.

    Attributes:
        path: The file.
        to: "onnx", "pt2" or "safetensors".
        size: In bytes.
        difference: The largest absolute difference of an output, over a random batch.
        samples: Of that batch.
    """

    path: Path
    to: str
    size: int
    difference: float
    samples: int


def export(network: Network, path: str | Path, *, to: str, backbone: Backbone) -> Exported:
    """Write the network, in eval mode, as one file; the network itself stays as it is.

    onnx: inputs [batch, ...] -> one output per task, named as the task. pt2: a torch.export
    program, inputs -> {task: output}. Both take any batch size. safetensors: the weights, with the
    metadata architecture (its JSON), backbone (its settings) and tasks (names), each JSON. That of
    a network from `extract` also has extracted_from, the joint network's architecture:
    `extract(build(...))` with that one makes a network that loads these weights.

    The content is loaded again and compared with the network before the file is written.

    Args:
        network: From `build`.
        path: The file; an older one is replaced whole.
        to: One of `FORMATS`.
        backbone: What the network was built with; tells the input shape.

    Raises:
        InputError: Another format; the extra `onnx` is not installed; more than 2 GB for ONNX.
        FormatError: What was loaded again computes something else.
        RunError: The disk refuses.
    """
    if to not in FORMATS:
        raise InputError(
            rule=f"A network is exported to one of {', '.join(FORMATS)}.",
            found=repr(to),
            fix="Give to='pt2', for example.",
        )
    plain = copy.deepcopy(network).cpu().eval()
    make = {"onnx": _onnx, "pt2": _pt2, "safetensors": _safetensors}[to]
    with torch.no_grad():
        content, again = make(plain, backbone)
        inputs = _inputs(backbone, _SAMPLES)
        difference = _difference(again(inputs), plain(inputs), to=to)
    write_atomic(Path(path), content)
    return Exported(Path(path), to, len(content), difference, _SAMPLES)


class _Tuple(nn.Module):
    """The outputs in the order of the tasks: ONNX has no dictionaries."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.network(inputs).values())


def _onnx(network: Network, backbone: Backbone) -> tuple[bytes, Callable[[Tensor], Outputs]]:
    _need_onnx()
    size = sum(tensor.nbytes for tensor in network.state_dict().values())
    if size > _ONNX_BYTES:
        raise InputError(
            rule="One ONNX file holds at most 2 GB.",
            found=f"weights of {size / 2**30:.1f} GB",
            fix="Export to pt2 or safetensors.",
        )
    with _silence():
        program = torch.onnx.export(
            _Tuple(network),
            (_inputs(backbone, 2),),
            dynamo=True,
            dynamic_shapes={"inputs": {0: torch.export.Dim("batch")}},
            input_names=["inputs"],
            output_names=list(network.tasks),
            verbose=False,
        )
    if program is None:
        raise AssertionError("torch.onnx.export(dynamo=True) gives a program")
    content: bytes = program.model_proto.SerializeToString()

    def again(inputs: Tensor) -> Outputs:
        import onnxruntime

        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(
            content, settings, providers=["CPUExecutionProvider"]
        )
        arrays = session.run(list(network.tasks), {"inputs": inputs.numpy()})
        return dict(zip(network.tasks, map(torch.from_numpy, arrays), strict=True))

    return content, again


def _pt2(network: Network, backbone: Backbone) -> tuple[bytes, Callable[[Tensor], Outputs]]:
    shapes = {"inputs": {0: torch.export.Dim("batch")}}
    buffer = io.BytesIO()
    with _silence():
        program = torch.export.export(network, (_inputs(backbone, 2),), dynamic_shapes=shapes)
        torch.export.save(program, buffer)

    def again(inputs: Tensor) -> Outputs:
        with _silence():
            module = torch.export.load(io.BytesIO(buffer.getvalue())).module()
        outputs: Outputs = module(inputs)
        return outputs

    return buffer.getvalue(), again


def _safetensors(network: Network, backbone: Backbone) -> tuple[bytes, Callable[[Tensor], Outputs]]:
    # Copies: safetensors refuses two names for one memory (tied weights).
    weights = {name: each.clone().contiguous() for name, each in network.state_dict().items()}
    metadata = {
        "architecture": network.architecture.to_json(),
        "backbone": json.dumps(dict(backbone.settings)),
        "tasks": json.dumps(list(network.tasks)),
    }
    if network.extracted_from is not None:
        metadata["extracted_from"] = network.extracted_from.to_json()
    content = save(weights, metadata)

    def again(inputs: Tensor) -> Outputs:
        empty = copy.deepcopy(network)
        for tensor in empty.state_dict().values():
            tensor.zero_()
        empty.load_state_dict(load(content))
        outputs: Outputs = empty(inputs)
        return outputs

    return content, again


def _inputs(backbone: Backbone, samples: int) -> Tensor:
    """Random inputs [samples, *input_shape]."""
    generator = torch.Generator().manual_seed(samples)
    return torch.randn((samples, *backbone.input_shape), generator=generator)


def _difference(there: Outputs, here: Outputs, *, to: str) -> float:
    """The largest absolute difference; FormatError where it is more than rounding."""
    difference = max(float((there[task] - here[task]).abs().max()) for task in here)
    largest = max(float(output.abs().max()) for output in here.values())
    if not difference <= _TOLERANCE * max(1.0, largest):  # so written, nan is an error, too
        raise FormatError(
            rule="An exported file computes what its network computes.",
            found=f"outputs that differ by {difference:.3g} where the largest is {largest:.3g}",
            fix=f"Export to {' or '.join(name for name in FORMATS if name != to)} instead.",
        )
    return difference


def _need_onnx() -> None:
    for package in ("onnx", "onnxscript", "onnxruntime"):
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise InputError(
                rule="ONNX files are written and checked with onnx, onnxscript and onnxruntime.",
                found=f"no {package}",
                fix="Install them: pip install 'sharewise[onnx]'.",
            ) from error


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Without the exporters' notes on their own progress; their errors are raised as ever."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
