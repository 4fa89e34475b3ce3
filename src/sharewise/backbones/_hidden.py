"""Which layers of a stage may be partitioned, and the sizes that their cost is reckoned from."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.utils.flop_counter import FlopCounterMode

from sharewise.backbones._dry_run import dry_run
from sharewise.backbones._readers import RefusedError, find_reader, is_plain
from sharewise.backbones._trace import trace_stage
from sharewise.errors import InputError


@dataclasses.dataclass(frozen=True)
class HiddenLayer:
    """A layer whose channels only one other layer of its stage reads.

    Attributes:
        name: the module's name inside the stage, such as "0.conv1".
        channels: its output channels.
        reader: the name of the layer that reads them.
        norms: the batch norms between the two, in running order.
        block: the stage's direct child that holds both layers; "" where there is none.
    """

    name: str
    channels: int
    reader: str
    norms: tuple[str, ...]
    block: str


@dataclasses.dataclass(frozen=True)
class LayerSize:
    """One convolution or linear layer of a stage.

    `weights_per_pair` is the kernel's size (1 for linear layers), `positions` how many places the
    kernel is put on for one sample, over all runs of the layer. Multiply-adds: positions *
    weights_per_pair * inputs * outputs; parameters: weights_per_pair * inputs * outputs, and
    `outputs` more with a bias.

    `writes` is the layer's own name where it is hidden, `reads` the name of the hidden layer that
    it reads; None where there is none.
    """

    name: str
    inputs: int
    outputs: int
    weights_per_pair: int
    positions: int
    bias: bool
    writes: str | None
    reads: str | None


@dataclasses.dataclass(frozen=True)
class Layout:
    """What a stage is made of, as far as partitions and their costs go.

    Attributes:
        layers: the convolutions and linear layers without channel groups and with weights of their
            own.
        norms: {batch norm: (channels, the hidden layer it stands behind or None)}, those with
            weights (2 * channels parameters); the others cost nothing and are left out.
        hidden: the layers that may be partitioned, in running order.
        refused: {every other layer: why not}, part of a sentence.
        other_params: all parameters besides those of `layers` and `norms`.
        other_macs: all multiply-adds besides those of `layers`, by torch's own formulas; an op
            without a formula counts as zero here and is an error in `sharewise.cost`.
    """

    layers: tuple[LayerSize, ...]
    norms: Mapping[str, tuple[int, str | None]]
    hidden: tuple[HiddenLayer, ...]
    refused: Mapping[str, str]
    other_params: int
    other_macs: int


def stage_layout(module: nn.Module, shape: tuple[int, ...], *, subject: str) -> Layout:
    """The layout of a stage for inputs of `shape`, without the batch; the module is not changed.

    A layer is hidden where its output goes through nothing but batch norms, elementwise functions,
    dropout and pools into exactly one other layer of the stage: dropping one of its channels, and
    the same column of its reader, then changes no other number.

    Raises:
        InputError: the stage does not accept such inputs. The sentence names the `subject`.
    """
    outputs: dict[str, list[tuple[int, ...]]] = {name: [] for name in _layers(module)}
    flops = FlopCounterMode(display=False)
    with _watched(module, outputs):
        dry_run(module, shape, subject=subject, mode=flops)
    hidden, refused = _find_hidden(module, outputs, subject=subject)
    layers = _sizes(module, outputs, hidden)
    norms = _norms(module, hidden)
    counted = sum(_params(layer) for layer in layers) + sum(2 * n for n, _ in norms.values())
    return Layout(
        layers=layers,
        norms=norms,
        hidden=hidden,
        refused=refused,
        other_params=sum(each.numel() for each in module.parameters()) - counted,
        other_macs=flops.get_total_flops() // 2 - sum(_macs(layer) for layer in layers),
    )


def _layers(module: nn.Module) -> dict[str, nn.Module]:
    kinds = (_ConvNd, nn.Linear)
    return {name: part for name, part in module.named_modules() if isinstance(part, kinds)}


@contextlib.contextmanager
def _watched(module: nn.Module, outputs: dict[str, list[tuple[int, ...]]]) -> Iterator[None]:
    """Adds the output shape, without the batch, of each run of a layer to `outputs`."""

    def note(name: str, part: nn.Module, args: object, output: Tensor) -> None:
        outputs[name].append(tuple(output.shape[1:]))

    watches = [
        part.register_forward_hook(partial(note, name)) for name, part in _layers(module).items()
    ]
    try:
        yield
    finally:
        for watch in watches:
            watch.remove()


def _find_hidden(
    module: nn.Module, outputs: Mapping[str, list[tuple[int, ...]]], *, subject: str
) -> tuple[tuple[HiddenLayer, ...], dict[str, str]]:
    try:
        trace = trace_stage(module, subject=subject)
    except InputError as error:
        reason = str(error.__cause__)
        return (), dict.fromkeys(outputs, reason)
    hidden, refused = [], {}
    for name in outputs:
        dims = len(outputs[name][-1]) if outputs[name] else 0
        try:
            norms, reader = find_reader(module, trace.graph, name, dims=dims)
        except RefusedError as refusal:
            refused[name] = str(refusal)
            continue
        weight = module.get_submodule(name).get_parameter("weight")
        block = name.partition(".")[0]
        held = "." in name and reader.startswith(f"{block}.")
        hidden.append(HiddenLayer(name, len(weight), reader, norms, block if held else ""))
    order = {str(node.target): i for i, node in enumerate(trace.graph.nodes)}
    return tuple(sorted(hidden, key=lambda layer: order[layer.name])), refused


def _sizes(
    module: nn.Module,
    outputs: Mapping[str, list[tuple[int, ...]]],
    hidden: tuple[HiddenLayer, ...],
) -> tuple[LayerSize, ...]:
    written = {layer.name for layer in hidden}
    read = {layer.reader: layer.name for layer in hidden}
    times = Counter(id(each) for _, each in module.named_parameters(remove_duplicate=False))
    sizes = []
    for name, part in _layers(module).items():
        own = all(times[id(each)] == 1 for each in part.parameters(recurse=False))
        if not (own and is_plain(part)):
            continue
        weight = part.get_parameter("weight")
        shapes = outputs[name]
        sizes.append(
            LayerSize(
                name=name,
                inputs=weight.shape[1],
                outputs=weight.shape[0],
                weights_per_pair=math.prod(weight.shape[2:]),
                positions=sum(math.prod(shape) // weight.shape[0] for shape in shapes),
                bias=part.bias is not None,
                writes=name if name in written else None,
                reads=read.get(name),
            )
        )
    return tuple(sizes)


def _norms(module: nn.Module, hidden: tuple[HiddenLayer, ...]) -> dict[str, tuple[int, str | None]]:
    behind = {norm: layer.name for layer in hidden for norm in layer.norms}
    return {
        name: (part.num_features, behind.get(name))
        for name, part in module.named_modules()
        if isinstance(part, _BatchNorm) and part.affine
    }


def _params(layer: LayerSize) -> int:
    weights = layer.weights_per_pair * layer.inputs * layer.outputs
    return weights + layer.outputs * layer.bias


def _macs(layer: LayerSize) -> int:
    return layer.positions * layer.weights_per_pair * layer.inputs * layer.outputs
