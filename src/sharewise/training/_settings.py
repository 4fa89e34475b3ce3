"""The choices of a training, as one frozen value that a journal can keep."""

from __future__ import annotations

import dataclasses

from sharewise.settings import Settings, check_count, check_number, check_word

SCHEDULES = ("cosine", "constant")
SELECTIONS = ("best", "last")
TURNS = ("all", "uniform", "curriculum")


@dataclasses.dataclass(frozen=True, slots=True)
class TrainSettings(Settings):
    """How a network is trained, apart from the seed.

    Attributes:
        epochs: passes over the train split, at least 1.
        batch_size: samples per step, at least 1.
        lr: Adam's learning rate at the first step, above 0.
        weight_decay: Adam's L2 penalty, at least 0.
        schedule: "cosine" lets the learning rate fall to 0 at the end of the last epoch along half
            a cosine (Loshchilov and Hutter, SGDR, ICLR 2017, equation 5, one period); "constant"
            keeps it.
        select: "best" ends with the weights of the epoch whose weighted validation loss is lowest
            (the earliest of equals), "last" with those of the last epoch. The test split never
            decides.
        turns: which data set a step belongs to, where tasks have inputs of their own: "all" visits
            every sample once an epoch; "uniform" draws each step's data set with equal chances;
            "curriculum" draws hard ones more often (Newell et al. 2019, see `training/_turns.py`).
            An epoch has the same number of steps in all three.

    Raises:
        InputError: a value outside these bounds.
    """

    epochs: int = 10
    batch_size: int = 64
    lr: float = 1e-3
    weight_decay: float = 0.0
    schedule: str = "cosine"
    select: str = "best"
    turns: str = "all"

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            check_count(name, getattr(self, name))
        check_number("lr", self.lr, above=True)
        check_number("weight_decay", self.weight_decay)
        check_word("schedule", self.schedule, SCHEDULES)
        check_word("select", self.select, SELECTIONS)
        check_word("turns", self.turns, TURNS)
