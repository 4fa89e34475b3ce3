"""Do networks of torchvision and timm become stages? The table of docs/backbones.md.

Each network, at 64 x 64 pixels and without its classifier, is cut into four stages of about equal
cost. Compared with the whole network are the pieces' outputs (in eval and in training mode, and the
gradient that reaches the input; largest difference over the largest number), multiply-adds and
parameters. Counted are the layers that a partition may divide. Then a branching search runs one
epoch on 32 images of noise, from the author's initialisation.

    python experiments/backbones.py [--json] [--only NAME]

It needs the [vision] extra, and downloads nothing. torchvision's wheel for CUDA beside a torch for
CPUs alone lacks two operators (of boxes, which no network here runs); they are declared here.
"""

from __future__ import annotations

import argparse
import copy
import importlib
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import sharewise as sw
from sharewise.costs import stage_costs

SHAPE = (3, 64, 64)
LIMIT = 1e-5
STAGES = 4
NAMES = ("bright", "left")
HEADS = (
    "network", "stages end at", "apart", "multiply-adds", "parameters", "divisible", "branches",
)  # fmt: skip


def declare_box_operators() -> torch.library.Library:
    """What torchvision asks for when it is imported; keep the result for as long as it is used."""
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library


def torchvision_network(name: str, **options: Any) -> nn.Module:
    made: nn.Module = importlib.import_module("torchvision.models").get_model(name, **options)
    return made


def torchvision_vit() -> nn.Module:
    """A small one of the class behind vit_b_16, without its classifier."""
    made: nn.Module = importlib.import_module("torchvision.models").VisionTransformer(
        image_size=64, patch_size=8, num_layers=8, num_heads=3, hidden_dim=96, mlp_dim=384
    )
    made.heads = nn.Identity()
    return made


def timm_network(name: str, **options: Any) -> nn.Module:
    made: nn.Module = importlib.import_module("timm").create_model(name, num_classes=0, **options)
    return made


@dataclass(frozen=True)
class Row:
    """A network, how it is made, and the submodule that ends its features."""

    name: str
    make: Callable[[], nn.Module]
    until: str | None = None


def torchvision_row(name: str, until: str, **options: Any) -> Row:
    return Row(f"torchvision {name}", partial(torchvision_network, name, **options), until)


def timm_row(name: str, **options: Any) -> Row:
    return Row(f"timm {name}", partial(timm_network, name, **options))


ROWS = (
    torchvision_row("resnet18", "layer4"),
    torchvision_row("vgg11_bn", "features"),
    torchvision_row("mobilenet_v2", "features", width_mult=0.5),
    torchvision_row("mobilenet_v3_small", "features"),
    torchvision_row("efficientnet_b0", "features"),
    torchvision_row("convnext_tiny", "features"),
    torchvision_row("regnet_x_400mf", "trunk_output"),
    torchvision_row("densenet121", "features"),
    Row("torchvision VisionTransformer", torchvision_vit),
    torchvision_row("swin_t", "permute"),
    timm_row("resnet26"),
    timm_row("convnext_atto"),
    timm_row("mobilenetv3_small_050"),
    timm_row("efficientnet_b0"),
    timm_row("vit_tiny_patch16_224", img_size=64, depth=8),
    timm_row("swin_tiny_patch4_window7_224", img_size=64),
    timm_row("mixer_s16_224", img_size=64),
)


def whole(row: Row, network: nn.Module, x: Tensor) -> Tensor:
    """Runs the network, and gives what it has where the backbone ends."""
    seen: list[Tensor] = []
    watch = network.get_submodule(row.until or "").register_forward_hook(
        lambda part, args, output: seen.append(output * 1.0)
    )
    torch.manual_seed(1)
    network(x)
    watch.remove()
    return seen[0]


def pieces(backbone: sw.Backbone, x: Tensor, *, training: bool) -> Tensor:
    features = x
    torch.manual_seed(1)
    for stage in backbone.stages:
        features = stage.make().train(training)(features)
    return features


def counted(row: Row, network: nn.Module) -> tuple[int, int]:
    """Multiply-adds and parameters of the network as it is, up to where the backbone ends.

    On the meta device: torch has no formula for the attention that it fuses on a CPU.
    """
    network = copy.deepcopy(network).to("meta").eval()
    counter = FlopCounterMode(display=False)
    seen: list[tuple[Tensor, int]] = []
    network.get_submodule(row.until or "").register_forward_hook(
        lambda part, args, output: seen.append((output * 1.0, counter.get_total_flops() // 2))
    )
    with torch.device("meta"):
        x = torch.empty(1, *SHAPE)
        with counter:
            network(x)
        features, macs = seen[0]
        features.sum().backward()
    return macs, sum(each.numel() for each in network.parameters() if each.grad is not None)


def apart(one: Tensor, other: Tensor) -> float:
    return ((one - other).abs().max() / other.abs().max()).item()


def searched(backbone: sw.Backbone) -> sw.Architecture:
    """The tree after one epoch on noise."""
    inputs = torch.randn(32, *SHAPE, generator=torch.Generator().manual_seed(0))
    targets = {
        "bright": (inputs.mean((1, 2, 3)) > 0).long(),
        "left": (inputs[..., :32].mean((1, 2, 3)) > 0).long(),
    }
    split = (inputs, targets)
    tasks = [sw.tasks.binary(name) for name in NAMES]
    data = sw.data.TensorData(tasks, train=split, val=split, test=split)
    quick = sw.SearchSettings(epochs=1, initialisations=1, nodes=2, batch_size=16)
    return sw.search_branching(
        backbone, data, budget=sw.Budget(params=1.9), settings=quick, device="cpu"
    ).architecture


def measure(row: Row) -> dict[str, Any]:
    """One line of the table."""
    torch.manual_seed(0)
    network = row.make()
    cut = partial(sw.backbones.from_module, stages=STAGES, until=row.until, input_shape=SHAPE)
    backbone = cut(network, pretrained=True)
    most = 0.0
    for training in (False, True):
        copied = copy.deepcopy(network).train(training)
        x = torch.randn(2, *SHAPE, generator=torch.Generator().manual_seed(2)).requires_grad_()
        expected, found = whole(row, copied, x), pieces(backbone, x, training=training)
        gradients = [torch.autograd.grad(each.square().sum(), x)[0] for each in (found, expected)]
        most = max(most, apart(found.detach(), expected.detach()), apart(*gradients))
    macs, params = counted(row, network)
    costs = stage_costs(backbone)
    return {
        "name": row.name,
        "stages": [stage.name for stage in backbone.stages],
        "apart": most,
        "macs": (sum(cost.macs for cost in costs), macs),
        "params": (sum(cost.params for cost in costs), params),
        "hidden": sum(len(layout.hidden) for layout in backbone.layouts()),
        "branches": sum(searched(cut(row.make)).num_branches),
    }


def figures(line: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One JSON object a figure."""

    def figure(what: str, value: float, unit: str, limit: float | None) -> dict[str, Any]:
        name = f"{line['name']}, {what}"
        return {
            "name": name, "value": value, "unit": unit, "spread": None, "limit": limit,
            "goal": None,
        }  # fmt: skip

    yield figure("outputs and gradients apart", line["apart"], "of the largest", LIMIT)
    for what, (found, expected) in (
        ("multiply-adds", line["macs"]),
        ("parameters", line["params"]),
    ):
        yield figure(f"{what} of the pieces", found, what, expected)
    yield figure("layers to partition", line["hidden"], "layers", None)
    yield figure("branches after an epoch of search", line["branches"], "branches", None)


def print_line(line: dict[str, Any]) -> None:
    """One row of the Markdown table."""
    counts = [
        f"{found / 1e6:.2f} M" + ("" if found == expected else f" (whole {expected / 1e6:.2f} M)")
        for found, expected in (line["macs"], line["params"])
    ]
    ends = ", ".join(f"`{name}`" for name in line["stages"])
    cells = [
        line["name"],
        ends,
        f"{line['apart']:.0e}" if line["apart"] else "0",
        *counts,
        line["hidden"],
        line["branches"],
    ]
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Networks of torchvision and timm as stages")
    parser.add_argument("--json", action="store_true", help="one JSON object a figure")
    parser.add_argument("--only", help="the networks whose names hold this word")
    given = parser.parse_args()
    operators = declare_box_operators()
    rows = [row for row in ROWS if given.only is None or given.only in row.name]
    if not given.json:
        print(f"| {' | '.join(HEADS)} |")
        print("|---" * len(HEADS) + "|")
    failed = []
    for row in rows:
        line = measure(row)
        if given.json:
            for figure in figures(line):
                print(json.dumps(figure), flush=True)
        else:
            print_line(line)
        same = line["macs"][0] == line["macs"][1] and line["params"][0] == line["params"][1]
        if line["apart"] > LIMIT or not same:
            failed.append(row.name)
    del operators
    if failed:
        sys.exit(f"not as the whole: {', '.join(failed)}")


if __name__ == "__main__":
    main()
