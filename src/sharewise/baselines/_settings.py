"""The choices of a comparison."""

from __future__ import annotations

import dataclasses

from sharewise.errors import InputError
from sharewise.settings import Settings, check_count
from sharewise.training import TrainSettings


@dataclasses.dataclass(frozen=True)
class CompareSettings(Settings):
    """How networks are compared: every one is trained with the same settings and seeds.

    Attributes:
        seeds: One training of every network for each; a seed decides initial weights, the order
            of batches, and which random trees are drawn.
        random_trees: Random trees for each seed; 0 leaves the row "random" out. A seed's scores
            are the means over its trees.
        train: The settings of every training.
        shared: Those of a network that shares everything, trained first with each seed: every
            network then starts from its weights, as finalists of a search do, and is trained on by
            `train`. None: networks start from the common initialisation, or else from scratch.
        workers: Processes that train at the same time; 1 trains in this one. It changes no score.

    Raises:
        InputError: A value outside these bounds, or a seed given twice.
    """

    seeds: tuple[int, ...] = (0, 1, 2)
    random_trees: int = 1
    train: TrainSettings = dataclasses.field(default_factory=TrainSettings)
    shared: TrainSettings | None = None
    workers: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "seeds", _read_seeds(self.seeds))
        check_count("random_trees", self.random_trees, least=0)
        check_count("workers", self.workers, least=1)


def _read_seeds(seeds: object) -> tuple[int, ...]:
    found = tuple(seeds) if isinstance(seeds, tuple | list | range) else ()
    if not found or any(type(seed) is not int for seed in found) or len(set(found)) < len(found):
        raise InputError(
            rule="seeds are different whole numbers, at least one.",
            found=f"seeds={seeds!r}",
            fix="Give seeds=(0, 1, 2), for example.",
        )
    return found
