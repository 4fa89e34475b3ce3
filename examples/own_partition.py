"""Channels of a backbone of your own, divided between data sets with inputs of their own."""

from functools import partial

import torch
from torch import nn

import sharewise as sw
from sharewise.data import SeparateData, TensorData


def stage(before: int, after: int) -> nn.Module:
    """Only the last layer reads the 16 channels of the first one: these can be divided."""
    first = nn.Sequential(nn.Linear(before, 16), nn.BatchNorm1d(16), nn.ReLU())
    return nn.Sequential(*first, nn.Linear(16, after), nn.ReLU())


def machine(name: str, draw: torch.Generator) -> TensorData:
    """Made-up recordings of one machine: is it about to fail? Saws do where others do not."""
    splits = {}
    for split in ("train", "val", "test"):
        x = torch.randn(300, 6, generator=draw)  # [recordings, sensors]
        risk = x[:, 0].abs() - x[:, 1].abs()
        splits[split] = (x, {name: ((risk < 0) if name == "saw" else (risk > 0)).long()})
    return TensorData([sw.tasks.binary(name)], **splits, name=name)


def main() -> None:
    draw = torch.Generator().manual_seed(0)
    data = SeparateData([machine(name, draw) for name in ("fan", "pump", "saw")])
    stages = (sw.Stage("sensors", partial(stage, 6, 8)), sw.Stage("wear", partial(stage, 8, 8)))
    backbone = sw.Backbone("two-stages", stages, input_shape=(6,))

    short = sw.TrainSettings(epochs=5, batch_size=32, lr=1e-2)
    distil = sw.DistilSettings(steps=40, lr=0.1)
    quick = sw.PartitionSettings(evaluations=8, initial=short, teachers=short, distil=distil)
    few = sw.RandomSearch(batch=8)  # leave it out for an evolution, which wants more evaluations
    half = sw.Budget(use=0.5)  # of the channels, for a task in the mean
    found = sw.search_partitioning(backbone, data, budget=half, strategy=few, settings=quick)
    print(found.architecture.draw())

    network = found.initial.start(found.architecture, found.backbone, data.tasks)
    sw.train(network, data, settings=short)
    for task, metrics in sw.evaluate(network, data, "test").items():
        print(f"{task:5} accuracy {metrics['accuracy']:.3f}")


if __name__ == "__main__":
    main()
