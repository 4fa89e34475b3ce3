"""sharewise search --method branching."""

from __future__ import annotations

from sharewise.cli._asked import Asked
from sharewise.cli._data_words import search_sizes
from sharewise.cli._folder_words import run_name
from sharewise.cli._print import cost_json, cost_table, emit
from sharewise.cli._progress import progress
from sharewise.cli._settings import read_settings

BUDGET = "macs=1.5x"
OPTIONS = ("epochs", "initialisations", "batch_size", "lr")


def branching(asked: Asked) -> None:
    """Search the tree of branches."""
    from sharewise.cli._workers import workers
    from sharewise.runs import cores
    from sharewise.search import SearchSettings, search_branching
    from sharewise.training import pick_device

    read_settings(SearchSettings, asked.more, **asked.own)  # refuses before the data are made
    data, backbone = asked.world()
    sizes = search_sizes(data, "branching", quick=asked.quick)
    settings = read_settings(SearchSettings, asked.more, sizes=sizes, **asked.own)
    folder = asked.folder(run_name(data))
    # For finalists alone: without them no process begins. A GPU takes one after another.
    count = cores() if pick_device(asked.device).type == "cpu" else 1
    with progress(f"Searching {folder}") as show, workers(count) as executor:
        result = search_branching(
            backbone,
            data,
            budget=asked.budget,
            settings=settings,
            seed=asked.seed,
            executor=executor,
            run=folder,
            resume=asked.resume,
            device=asked.device,
            progress=show,
        )
    emit(
        {
            "run": str(folder),
            "architecture": result.architecture.to_dict(),
            "num_branches": list(result.architecture.num_branches),
            "budget": asked.budget.to_dict(),
            "seed": asked.seed,
            **cost_json(result.cost, result.shared_cost),
        },
        result.architecture.draw(),
        "",
        cost_table(result.cost, result.shared_cost),
        "",
        f"Budget: {asked.budget}. Run folder: {folder}. Next: sharewise compare {folder}",
        as_json=asked.as_json,
    )
