"""sharewise search --method partitioning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sharewise.cli._asked import Asked
from sharewise.cli._data_words import search_sizes
from sharewise.cli._folder_words import run_name
from sharewise.cli._print import cost_json, cost_table, emit
from sharewise.cli._progress import progress
from sharewise.cli._settings import read_settings
from sharewise.errors import InputError

if TYPE_CHECKING:
    from sharewise.strategies import Strategy

BUDGET = "use=0.5"
OPTIONS = ("evaluations", "stages", "strategy", "workers")
STRATEGIES = ("evolution", "random")


def partitioning(asked: Asked) -> None:
    """Search which channels each task uses and updates."""
    word = _check_strategy(asked.own["strategy"])
    _check_device(asked.device)
    from sharewise.cli._workers import workers
    from sharewise.runs import cores
    from sharewise.search import PartitionSettings, proposed_use, search_partitioning

    own = {
        "evaluations": asked.own["evaluations"],
        "stages": _read_stages(asked.own["stages"]),
    }
    read_settings(PartitionSettings, asked.more, **own)  # refuses before the data are made
    data, backbone = asked.world(divided=True)
    sizes = search_sizes(data, "partitioning", quick=asked.quick)
    settings = read_settings(PartitionSettings, asked.more, sizes=sizes, **own)
    use, each_task = proposed_use(asked.budget)
    strategy = make_strategy(word, settings.evaluations, use=use, per_task_use=each_task)
    folder = asked.folder(f"{run_name(data)}-partitioning")
    with (
        progress(f"Searching {folder}") as show,
        workers(asked.own["workers"] or cores()) as executor,
    ):
        result = search_partitioning(
            backbone,
            data,
            budget=asked.budget,
            strategy=strategy,
            settings=settings,
            seed=asked.seed,
            executor=executor,
            run=folder,
            resume=asked.resume,
            progress=show,
        )
    architecture = result.architecture
    emit(
        {
            "run": str(folder),
            "architecture": architecture.to_dict(),
            "budget": asked.budget.to_dict(),
            "seed": asked.seed,
            "source": result.initial.source,
            **cost_json(result.cost, result.shared_cost, use=architecture.use),
        },
        architecture.draw(),
        "",
        cost_table(result.cost, result.shared_cost, use=architecture.use),
        "",
        f"Budget: {asked.budget}. Run folder: {folder}. Next: sharewise compare {folder}",
        as_json=asked.as_json,
    )


def make_strategy(
    word: str, evaluations: int, *, use: float | None, per_task_use: bool = False
) -> Strategy:
    """The strategy of a word, its rounds small enough for so many evaluations.

    An evolution learns from at most a third of them, so that two rounds at least are left.
    """
    from sharewise.strategies import Evolution, Modelled, RandomSearch

    if word == "random":
        rounds = -(-evaluations // RandomSearch().batch)
        return RandomSearch(batch=evaluations // rounds, use=use, per_task_use=per_task_use)
    part = max(1, evaluations // 3)
    usual = Modelled()
    if part >= usual.offspring:
        return Evolution(draws=min(Evolution().draws, part), use=use, per_task_use=per_task_use)
    step = Modelled(offspring=part, mutants=part * usual.mutants // usual.offspring)
    return Evolution(draws=part, use=use, per_task_use=per_task_use, step=step)


def _check_strategy(word: str | None) -> str:
    if word is not None and word not in STRATEGIES:
        raise InputError(
            rule=f"A search strategy is one of {', '.join(STRATEGIES)}.",
            found=repr(word),
            fix="Leave --strategy out.",
        )
    return word or STRATEGIES[0]


def _check_device(device: str) -> None:
    if device not in ("auto", "cpu"):
        raise InputError(
            rule="A partitioning search computes on the CPU, on as many cores as it has --workers.",
            found=f"--device {device}",
            fix="Leave --device out.",
        )


def _read_stages(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(part.strip() for part in text.split(","))
