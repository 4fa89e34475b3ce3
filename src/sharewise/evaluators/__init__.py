"""Evaluators: an architecture to an evaluation, by feature distillation or by full training."""

from __future__ import annotations

from sharewise.evaluators._distilled import Distilled
from sharewise.evaluators._evaluation import Evaluation, Evaluator
from sharewise.evaluators._features import Features
from sharewise.evaluators._initial import (
    Initial,
    begin,
    choose_source,
    train_initial,
    train_shared,
)
from sharewise.evaluators._settings import DistilSettings
from sharewise.evaluators._teachers import (
    Teachers,
    check_executor,
    train_teacher,
    train_teachers,
)
from sharewise.evaluators._trained import Trained

__all__ = [
    "DistilSettings",
    "Distilled",
    "Evaluation",
    "Evaluator",
    "Features",
    "Initial",
    "Teachers",
    "Trained",
    "begin",
    "check_executor",
    "choose_source",
    "train_initial",
    "train_shared",
    "train_teacher",
    "train_teachers",
]
