"""The parts that pages about partitions are made of: regions, fronts, words and proxies."""

from __future__ import annotations

import dataclasses
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _page import Text
from _partition_run import LAYERS, MadePartition, write_partition_run

from sharewise.architecture import Architecture, Group, Owners, Partition
from sharewise.report import write_report
from sharewise.report._candidates import pareto_front
from sharewise.report._holdings import union_words
from sharewise.report._read import Row
from sharewise.report._regions import (
    mean_counts,
    shared_shares,
    shown_groups,
    similar_order,
    updated_part,
)
from sharewise.report._trail import Candidate, read_trail
from sharewise.report._verdicts import paired
from sharewise.runs import read_json, write_json

TASKS = ("a", "b", "c", "d", "e", "f")


def one_layer(use: np.ndarray[Any, Any], layers: tuple[str, ...] = ("0",)) -> Architecture:
    tasks = TASKS[: len(use)]
    return Architecture.partitioned(
        tasks, [Partition((Group.from_masks(layers, tasks, use, use),))]
    )


def masks(seed: int, num_tasks: int = 6, channels: int = 48) -> np.ndarray[Any, Any]:
    use = np.random.default_rng(seed).random((num_tasks, channels)) < 0.5
    use[:, 0] = True
    return use


# --- the order of the tasks


def test_tasks_that_share_much_are_neighbours() -> None:
    use = np.zeros((6, 60), bool)
    for row, block in enumerate((0, 1, 2, 0, 1, 2)):  # a and d, b and e, c and f
        use[row, 20 * block : 20 * block + 18 + row % 2] = True
    order = similar_order(one_layer(use))
    pairs = {frozenset(pair) for pair in pairwise(order)}
    assert {frozenset("ad"), frozenset("be"), frozenset("cf")} <= pairs


def test_the_order_names_every_task_once_and_keeps_a_tie_as_it_is() -> None:
    for seed in range(20):
        order = similar_order(one_layer(masks(seed)))
        assert sorted(order) == list(TASKS)
        assert TASKS.index(order[0]) < TASKS.index(order[-1])
    everything = np.ones((6, 8), bool)
    assert similar_order(one_layer(everything)) == TASKS
    assert similar_order(one_layer(np.eye(6, dtype=bool))) == TASKS
    assert similar_order(one_layer(masks(0, 2))) == ("a", "b")
    assert similar_order(Architecture.shared(TASKS, 3)) == TASKS


# --- regions


def test_regions_split_all_channels_by_who_uses_them() -> None:
    for seed in range(20):
        use = masks(seed)
        architecture = one_layer(use)
        order = similar_order(architecture)
        (shown,) = shown_groups(architecture, order)
        regions = shown.regions(order)
        assert sum(region.channels for region in regions) == 48
        columns = ["".join(np.array(TASKS)[column]) for column in use.T]
        for region in regions:
            assert columns.count("".join(sorted(region.use))) == region.channels
            assert region.updates == dict.fromkeys(region.use, region.channels)
        counts = [len(region.use) for region in regions]
        assert counts == sorted(counts, reverse=True)
        for task, row in zip(TASKS, use, strict=True):
            assert shown.used(task) == row.mean()


def test_updates_are_counted_inside_regions() -> None:
    runs = (Owners(3, ("a", "b"), ("a",)), Owners(4, ("a",), ()), Owners(5, ("a", "b"), ("b",)))
    architecture = Architecture.partitioned(("a", "b"), [Partition((Group(("0",), runs),))])
    (shown,) = shown_groups(architecture, ("a", "b"))
    both, alone = shown.regions(("a", "b"))
    assert (both.channels, both.updates) == (8, {"a": 3, "b": 5})
    assert (alone.channels, alone.updates) == (4, {"a": 0})
    assert (shown.used("a"), shown.updated("a")) == (1.0, 3 / 12)
    assert updated_part(architecture) == 8 / 20


def test_groups_of_a_stage_with_equal_owners_are_one_picture() -> None:
    runs, others = (Owners(4, ("a", "b"), ("a",)),), (Owners(4, ("a", "b"), ()),)
    stage = Partition((Group(("0",), runs), Group(("1", "2"), runs), Group(("3",), others)))
    architecture = Architecture.partitioned(("a", "b"), [stage, Partition((Group(("0",), runs),))])
    shown = shown_groups(architecture, ("a", "b"))
    assert [(each.stage, each.layers) for each in shown] == [
        *((0, ("0", "1", "2")), (0, ("3",)), (1, ("0",)))
    ]


def test_shares_are_weighted_by_layers() -> None:
    wide = Group(("0", "1"), (Owners(10, ("a", "b"), ()), Owners(10, ("a",), ())))
    narrow = Group(("2",), (Owners(8, ("a",), ()), Owners(2, ("b",), ())))
    architecture = Architecture.partitioned(("a", "b"), [Partition((wide, narrow))])
    together = shared_shares(architecture)
    assert together is not None
    assert together[0, 1] == pytest.approx(20 / 50)
    assert np.diagonal(together) == pytest.approx([48 / 50, 22 / 50])
    assert mean_counts(architecture) == {2: 20 / 50, 1: 30 / 50}
    assert shared_shares(Architecture.shared(("a", "b"), 2)) is None


@pytest.mark.parametrize(
    ("tasks", "words"),
    [
        ("abcdefg", "all 7 tasks"),
        ("abcdef", "all but g"),
        ("abcde", "all but f and g"),
        ("abcd", "a + b + c + d"),
        ("ab", "a + b"),
        ("a", "a alone"),
        ("", "nobody"),
    ],
)
def test_a_set_of_tasks_is_told_by_who_is_in_it_or_who_is_not(tasks: str, words: str) -> None:
    assert union_words(list(tasks), list("abcdefg")) == words


def test_a_large_set_of_many_tasks_is_counted() -> None:
    everyone = [f"t{i}" for i in range(20)]
    assert union_words(everyone[:9], everyone) == "t0 + t1 + t2 + t3 + 5 more"
    assert union_words(["t0", "t1"], ["t0", "t1"]) == "both tasks"
    assert union_words(["t0"], ["t0"]) == "t0 alone"


# --- candidates


def candidate(number: int, use: float, score: float) -> Candidate:
    return Candidate(
        *(number, 0, f"{number}", ()),
        use={"a": use, "b": use},
        params=1,
        macs=1,
        score=score,
        stopped=False,
    )


def test_the_front_holds_whom_nobody_beats() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        points = rng.integers(0, 6, (12, 2)) / 6
        several = [candidate(i, *point) for i, point in enumerate(points.tolist())]
        found = {(each.mean_use, each.score) for each in pareto_front(several)}
        best = {
            (one.mean_use, one.score)
            for one in several
            if not any(
                other.mean_use <= one.mean_use
                and other.score >= one.score
                and (other.mean_use, other.score) != (one.mean_use, one.score)
                for other in several
            )
        }
        assert found == best


def test_a_partition_that_was_proposed_twice_counts_with_its_better_score() -> None:
    entry = {
        "step": 0,
        "architecture": "x",
        "use": {"a": 0.5},
        "params": 1,
        "macs": 1,
    }
    trail = read_trail(
        [
            {**entry, "candidate": 0, "score": 0.7},
            {**entry, "candidate": 1, "score": 0.9},
            {"finalist": 0, "again": 1, "architecture": "x", "score": 0.8},
            {"finalist": 0, "again": 2, "architecture": "x", "score": 0.6},
            {"epoch": 1},
        ]
    )
    assert trail.judged == {"x": (0.9, 0.8, 0.6)}
    assert (trail.chosen, trail.winner, trail.matrices) == (None, None, ())


# --- gains


def row(gain: dict[str, float], seeds: tuple[str, ...] = ("0", "1", "2")) -> Row:
    test: dict[str, Any] = {seed: {} for seed in seeds}
    return Row("x", (), (), None, test, gain, (None, None), (None, None))


def test_gains_are_compared_seed_by_seed() -> None:
    one, other = row({"0": 5.0, "1": 1.0, "2": 3.0}), row({"2": 2.0, "1": 0.0, "0": 4.0})
    assert paired(one, other) == (1.0, 0.0)
    assert paired(other, one) == (-1.0, 0.0)
    assert paired(row({"0": 1.0}, ("0",)), other) == (-3.0, None)
    assert paired(row({"0": 1.0, "1": 2.0}), other) == (None, None)  # one seed has no gain


# --- the quick score against full training


def page(folder: Path, proxy: dict[str, Any] | None = None, **words: Any) -> str:
    made = MadePartition(tasks=TASKS[:3], groups=((3, LAYERS, 24),), steps=2, **words)
    write_partition_run(folder, made)
    if proxy is not None:
        write_json(folder / "proxy.json", proxy)
    return write_report(folder).read_text(encoding="utf-8")


def points(proxy: list[float], trained: list[float]) -> list[dict[str, Any]]:
    return [
        {"architecture": f"{i}", "proxy": x, "trained": y, "spread": 0.01}
        for i, (x, y) in enumerate(zip(proxy, trained, strict=True))
    ]


def scatter(html: str) -> str:
    return html[html.index("Quick score against full training") :].partition("</section>")[0]


def test_a_written_study_is_drawn_and_told(tmp_path: Path) -> None:
    study = points([0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.55, 0.7])
    html = page(
        tmp_path / "run",
        {"points": study, "spearman": 0.8, "interval": [0.3, 0.95], "kendall": 0.67},
    )
    text = Text(scatter(html)).text
    assert "4 partitions were judged by the search's quick score and trained in full." in text
    assert "(Spearman) is 0.80, with an interval from 0.30 to 0.95; Kendall's is 0.67." in text
    assert "do not show that the quick score helps" not in text
    assert scatter(html).count("<circle") == 4
    assert "A bar is the spread over seeds." in text


def test_an_interval_that_holds_0_is_admitted(tmp_path: Path) -> None:
    study = points([0.1, 0.2, 0.3], [0.5, 0.4, 0.45])
    html = page(tmp_path / "run", {"points": study, "spearman": -0.5, "interval": [-0.9, 0.4]})
    text = Text(scatter(html)).text
    assert "is −0.50, with an interval from −0.90 to 0.40" in text
    assert "these points do not show that the quick score helps" in text


def test_a_study_without_correlations_is_worked_out(tmp_path: Path) -> None:
    study = points([0.1, 0.2, 0.3, 0.4], [4.0, 3.0, 2.0, 1.0])
    text = Text(scatter(page(tmp_path / "run", {"points": study}))).text
    assert "(Spearman) is −1.00; Kendall's is −1.00." in text
    assert "So few points cannot rule out chance." in text


def test_equal_scores_have_no_order(tmp_path: Path) -> None:
    study = points([0.1, 0.1, 0.1], [4.0, 3.0, 2.0])
    text = Text(scatter(page(tmp_path / "run", {"points": study}))).text
    assert "All scores of one side are equal, so there is no order to compare." in text


def test_nothing_to_compare_is_a_sentence(tmp_path: Path) -> None:
    text = Text(scatter(page(tmp_path / "run"))).text
    assert "not known for this run: one partition was judged by the search and trained" in text
    folder = tmp_path / "other"
    write_partition_run(folder, MadePartition(steps=1), leave_out=("comparison.json",))
    text = Text(scatter(write_report(folder).read_text(encoding="utf-8"))).text
    assert "no partition was judged by the search and trained in full" in text


@pytest.mark.parametrize("metric", ["accuracy", "mse"])
def test_networks_of_the_comparison_count_where_the_search_judged_them(
    tmp_path: Path, metric: str
) -> None:
    page(tmp_path / "run", metric=metric)
    comparison = read_json(tmp_path / "run" / "comparison.json")
    digests = [
        Architecture.from_dict(value).digest
        for row in comparison["rows"]
        if row["name"] in ("divided", "random")
        for value in row["architectures"]
    ]
    lines = (tmp_path / "run" / "journal.jsonl").read_text().splitlines()
    for place, digest in enumerate(digests, start=1):
        lines[place] = re.sub(r'"architecture": "\w+"', f'"architecture": "{digest}"', lines[place])
    (tmp_path / "run" / "journal.jsonl").write_text("\n".join(lines) + "\n")
    html = scatter(write_report(tmp_path / "run").read_text(encoding="utf-8"))
    text = Text(html).text
    assert "5 partitions were judged" in text  # found, divided, and one random one for each seed
    assert len(re.findall("<title>", html)) == 5
    assert ("mean gain over sharing everything after full training, %" in text) is (metric == "mse")


def test_several_random_partitions_of_a_seed_have_one_score_and_so_no_dot(tmp_path: Path) -> None:
    page(tmp_path / "run")
    comparison = read_json(tmp_path / "run" / "comparison.json")
    random = next(row for row in comparison["rows"] if row["name"] == "random")
    random["architectures"] *= 2
    random["costs"] *= 2
    write_json(tmp_path / "run" / "comparison.json", comparison)
    digest = Architecture.from_dict(random["architectures"][0]).digest
    lines = (tmp_path / "run" / "journal.jsonl").read_text().splitlines()
    lines[1] = re.sub(r'"architecture": "\w+"', f'"architecture": "{digest}"', lines[1])
    (tmp_path / "run" / "journal.jsonl").write_text("\n".join(lines) + "\n")
    text = Text(write_report(tmp_path / "run").read_text(encoding="utf-8")).text
    assert "one partition was judged by the search and trained in full" in text


def test_rows_know_what_one_task_alone_costs(tmp_path: Path) -> None:
    bare = row({})
    assert (bare.use, bare.alone) == (None, None)
    made = MadePartition(tasks=TASKS[:3], groups=((3, LAYERS, 24),))
    cost = made.cost(made.found)
    several = dataclasses.replace(bare, costs=(cost, cost))
    assert several.use == made.found.mean_use
    assert several.alone is not None
    assert several.alone[1] == pytest.approx(np.mean([c.macs for c in cost.per_task.values()]))
