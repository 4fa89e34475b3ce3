"""Laws 7 and 8 for search_partitioning(): killed, or spread over processes, the same bytes."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
import torch
from _small_search import SETTINGS, SPACE, files, search
from hypothesis import given
from hypothesis import strategies as st

from sharewise.architecture import Architecture
from sharewise.backbones import mlp
from sharewise.costs import CostTable
from sharewise.evaluation import Budget
from sharewise.search._partition_plan import Plan
from sharewise.spaces import HiddenGroup, Partitioning

SCRIPT = """
import sys
from pathlib import Path
from _small_search import search

def say(event):
    print(event["part"], event.get("done", 0), flush=True)

search(Path(sys.argv[1]), progress=say)
"""
UNIT = Path(__file__).parents[1] / "unit"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "whole"
    search(run)
    return run


def kill_at(run: Path, *moment: str) -> None:
    """Begin or resume the search in another process, and kill it when it comes to a moment."""
    paths = [str(UNIT), *filter(None, sys.path)]
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(run)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths), "PYTHONHASHSEED": "7"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.split() == list(moment):
            process.send_signal(signal.SIGKILL)
            break
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL


def test_killed_searches_resume_to_the_same_bytes(whole: Path, tmp_path: Path) -> None:
    # The first process is killed among the teachers, the next among candidates, and so on.
    kill_at(tmp_path, "teachers", "1")
    assert not (tmp_path / "features" / "sign").exists()
    kill_at(tmp_path, "candidates", "2")
    assert 2 <= len((tmp_path / "journal.jsonl").read_text().splitlines()) - 1 < 5 + 4
    kill_at(tmp_path, "finalists", "2")
    assert not (tmp_path / "architecture.json").exists()
    search(tmp_path)
    assert files(tmp_path) == files(whole)
    for name in ("initial", "teachers/kind", "teachers/sign"):
        path = Path(name) / "network.safetensors"
        assert (tmp_path / path).read_bytes() == (whole / path).read_bytes()


def test_processes_side_by_side_write_the_same_journal(whole: Path, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as executor:
        search(tmp_path, executor=executor)
    assert files(tmp_path) == files(whole)


def test_the_number_of_threads_and_the_random_state_of_the_caller_do_not_matter(
    whole: Path, tmp_path: Path
) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(99)
            search(tmp_path)
    finally:
        torch.set_num_threads(before)
    assert files(tmp_path) == files(whole)


def test_what_comes_out_is_what_the_journal_says(whole: Path) -> None:
    *_, choice = map(json.loads, (whole / "journal.jsonl").read_text().splitlines())
    architecture = Architecture.from_json((whole / "architecture.json").read_text())
    assert architecture.digest == choice["chosen"]
    assert architecture in SPACE
    assert architecture.mean_use <= 0.6
    assert choice["chosen"] in choice["finalists"]
    assert len(choice["finalists"]) == SETTINGS.finalists


# --- hard budgets, for every vector


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """A space of one or two groups, and a budget that may bound several costs at once."""
    tasks = ["a", "b", "c", "d"][: draw(st.integers(1, 4))]
    hidden, stages = draw(st.integers(2, 24)), draw(st.integers(1, 2))
    backbone = mlp(5, widths=(3,) * stages, hidden=hidden)
    groups = [HiddenGroup(stage, ("0",), hidden) for stage in range(stages)]
    matrices = draw(st.sampled_from(["network", "group"]))
    space = Partitioning(tasks, stages, groups, matrices=matrices)
    table = CostTable.measure(backbone)
    shared = table.of(space.share_all())
    least = table.of(Plan(space, table, Budget(use=1.0)).decode(_least(space), seed=0))
    bounds = {}
    for word in draw(st.sets(st.sampled_from(["use", "params", "macs"]), min_size=1)):
        part = draw(st.floats(0, 1) | st.sampled_from([0.0, 0.02]))  # the least, and nearly it
        lowest = least.use if word == "use" else getattr(least, word) / getattr(shared, word)
        assert lowest is not None
        bounds[word] = lowest + part * (1 - lowest)
    return Plan(space, table, Budget(**bounds))


def _least(space: Partitioning) -> list[float]:
    """All tasks use the same few channels: nothing costs less."""
    vector = [1.0] * space.size
    for index in space.forward_diagonal:
        vector[index] = max(0.05, 0.501 / space.groups[0].channels)
    return vector


@given(plan=plans(), data=st.data(), seed=st.integers(0, 2**20))
def test_every_vector_is_brought_inside_every_possible_budget(
    plan: Plan, data: st.DataObject, seed: int
) -> None:
    numbers = st.floats(0, 1) | st.sampled_from([0.0, 0.05, 1.0])
    size = plan.space.size
    vector = data.draw(st.lists(numbers, min_size=size, max_size=size))
    found = plan.decode(vector, seed=seed)
    assert found in plan.space
    assert plan.budget.allows(plan.table.of(found), plan.shared)
    assert plan.decode(vector, seed=seed) == found
