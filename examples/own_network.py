"""A network that exists already: cut into stages, which keep the weights that it was trained to."""

import torch
from torch import Tensor, nn

import sharewise as sw


class Block(nn.Module):
    """A residual block: [batch, channels, h, w] of the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.norm(self.conv2(torch.relu(self.conv1(x)))))


def pretrained() -> nn.Module:
    """Stands for your own: a stem, three blocks, and a classifier that is left out."""
    stem = nn.Conv2d(3, 24, 4, stride=4)
    top = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, 1000))
    return nn.Sequential(stem, Block(24), Block(24), Block(24), *top)


def main() -> None:
    data = sw.data.glyphs(variants=1)
    backbone = sw.backbones.from_module(
        pretrained(), ["1", "2"], until="3", input_shape=data.input_shape, pretrained=True
    )
    for stage, shape, layout in zip(
        backbone.stages, backbone.shapes(), backbone.layouts(), strict=True
    ):
        print(f"stage {stage.name}: {shape}, divisible {[each.name for each in layout.hidden]}")

    tasks = [task.name for task in data.tasks]
    tree = sw.Architecture.from_levels([[tasks], [tasks], [tasks[:1], tasks[1:]]])
    network = sw.build(tree, backbone, data.tasks)  # every branch starts from the weights
    sw.train(network, data, settings=sw.TrainSettings(epochs=4, lr=3e-3))
    for task, metrics in sw.evaluate(network, data, "test").items():
        print(f"{task:10}", *(f"{name} {value:.3f}" for name, value in metrics.items()))


if __name__ == "__main__":
    main()
