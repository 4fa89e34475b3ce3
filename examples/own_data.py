"""Data of your own: tensors in memory, three kinds of task, labels that are partly missing."""

import torch

import sharewise as sw
from sharewise.data import Split

TASKS = (
    sw.tasks.regression("price"),
    sw.tasks.regression("rent"),
    sw.tasks.binary("quiet"),
    sw.tasks.classification("noise", classes=3),
)


def houses(count: int, draw: torch.Generator) -> Split:
    """Made-up houses: two tasks ask what they are worth, two how loud the street is."""
    x = torch.randn(count, 8, generator=draw)  # [houses, measurements]
    worth, loud = torch.tanh(2 * x[:, 0] * x[:, 1] + x[:, 2]), torch.tanh(2 * x[:, 2] * x[:, 3])
    rent = worth + 0.1 * x[:, 0]
    rent[torch.rand(count, generator=draw) < 0.3] = torch.nan  # a third is not for rent
    noise = torch.bucketize(loud, torch.tensor([-0.4, 0.4]))  # 0, 1 or 2
    return x, {"price": worth, "rent": rent, "quiet": (loud < 0).long(), "noise": noise}


def main() -> None:
    draw = torch.Generator().manual_seed(0)
    splits = {name: houses(2000, draw) for name in ("train", "val", "test")}
    data = sw.data.TensorData(TASKS, **splits, name="houses")
    mlp = sw.backbones.mlp(in_features=8, widths=(16, 16))
    found = sw.search_branching(mlp, data, budget=sw.Budget(params=2))
    print(found.architecture.draw())
    network = sw.build(found.architecture, mlp, data.tasks)
    sw.train(network, data, settings=sw.TrainSettings(epochs=20, lr=3e-3))
    print(sw.evaluate(network, data, "test"))


if __name__ == "__main__":
    main()
