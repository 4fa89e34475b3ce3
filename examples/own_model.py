"""A backbone of your own: modules in a row, of which each may be shared or split."""

from functools import partial

from torch import nn

import sharewise as sw


def block(before: int, after: int) -> nn.Module:
    """Halves height and width: [batch, before, h, w] -> [batch, after, h / 2, w / 2]."""
    conv = nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(after), nn.ReLU())


def main() -> None:
    stages = (
        sw.Stage("edges", partial(block, 3, 16)),
        sw.Stage("strokes", partial(block, 16, 32)),
        sw.Stage("letters", partial(block, 32, 64)),
    )
    backbone = sw.Backbone("three-blocks", stages, input_shape=(3, 32, 32))
    data = sw.data.glyphs(variants=1)

    quick = sw.SearchSettings(epochs=3, initialisations=2, batch_size=64)
    found = sw.search_branching(backbone, data, budget=sw.Budget(params=2), settings=quick)
    print(found.architecture.draw())
    print(f"{found.cost.params:,} parameters; fully shared {found.shared_cost.params:,}")

    network = sw.build(found.architecture, backbone, data.tasks)  # a plain nn.Module
    sw.train(network, data, settings=sw.TrainSettings(epochs=8, lr=3e-3))
    for task, metrics in sw.evaluate(network, data, "test").items():
        print(f"{task:10}", *(f"{name} {value:.3f}" for name, value in metrics.items()))


if __name__ == "__main__":
    main()
