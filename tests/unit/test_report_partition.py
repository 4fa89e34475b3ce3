from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _page import Text
from _partition_run import (
    DECATHLON_TASKS,
    LAYERS,
    MINI_TASKS,
    STAGES,
    MadePartition,
    write_partition_run,
)

from sharewise.architecture import Architecture, Group, Owners, Partition
from sharewise.report import write_report
from sharewise.runs import read_json, write_json

MIB = 2**20
EVERYONE = ("a", "b", "c", "d")
# Of 100 channels: a uses 60, b 50, c and d 25; a updates 60, b 30, c 25, d 10.
RUNS = (
    Owners(15, ("c",), ("c",)),
    Owners(20, ("a", "b"), ("a",)),
    Owners(10, EVERYONE, EVERYONE),
    Owners(10, (), ()),
    Owners(20, ("a", "b"), ("a", "b")),
    Owners(15, ("d",), ()),
    Owners(10, ("a",), ("a",)),
)


def divided(runs: tuple[Owners, ...], tasks: tuple[str, ...]) -> Architecture:
    """Layer 3 with these runs, everything else shared."""
    partitions = [Partition() for _ in STAGES[:-1]]
    return Architecture.partitioned(tasks, [*partitions, Partition((Group(LAYERS, runs),))])


def known(**words: Any) -> MadePartition:
    return MadePartition(
        tasks=EVERYONE,
        groups=((3, LAYERS, 100),),
        architecture=divided(RUNS, EVERYONE),
        **words,
    )


def report(
    folder: Path, made: MadePartition | None = None, *, leave_out: tuple[str, ...] = ()
) -> str:
    path = write_report(write_partition_run(folder / "run", made, leave_out=leave_out))
    return path.read_text(encoding="utf-8")


def seen(
    folder: Path, made: MadePartition | None = None, *, leave_out: tuple[str, ...] = ()
) -> str:
    return Text(report(folder, made, leave_out=leave_out)).text


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory) -> str:
    return report(tmp_path_factory.mktemp("mini"))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return report(tmp_path_factory.mktemp("known"), known())


def pictures(html: str, label: str) -> list[ET.Element]:
    """The SVG pictures whose label begins so."""
    found = re.findall(r"<svg [^>]*>.*?</svg>", html, flags=re.DOTALL)
    return [ET.fromstring(svg) for svg in found if f'aria-label="{label}' in svg.partition(">")[0]]


# --- the answer


def test_the_answer_says_who_uses_how_much_and_who_shares(page: str) -> None:
    text = Text(page).text
    assert "What 4 tasks of decathlon-mini should share" in text
    assert (
        "Where tasks may use 50 % of the channels on average, sharewise gave each of 4 tasks"
        " between 25 % and 60 % of the 100 hidden channels of layer3, 40 % on average. On the test"
        " split over 3 seeds it is better than sharing everything, where every task uses every"
        " channel (mean gain +1."
    ) in text
    assert (
        "Of these channels, 10 % serve all 4 tasks, 40 % serve some tasks, 40 % serve one task"
        " alone and 10 % serve nobody and are not built. a and b have most in common (50 % of the"
        " channels), a and c least (10 %). Tasks update 78 % of what they use; the rest they take"
        " as other tasks train it."
    ) in text
    assert "It is better than dividing the channels into equal parts (mean gain +3." in text
    assert "Random partitions of the same mean use reach +0." in text
    assert "over sharing all, which is less." in text


def test_the_answer_says_what_all_and_one_task_alone_cost(page: str, tmp_path: Path) -> None:
    text = Text(page).text
    # From the costs that the folder holds: one task alone is the mean over tasks.
    folder = write_partition_run(tmp_path / "run", known())
    rows = {row["name"]: row for row in read_json(folder / "comparison.json")["rows"]}
    alone = [task["macs"] for task in rows["found"]["costs"][0]["per_task"].values()]
    assert f"{sum(alone) / 4 / 1e6:.0f} M multiply-adds per sample on average" in text
    assert "The whole network has 5.84 M parameters (1.00× those of sharing everything" in text
    assert "and 0.25× those of 4 independent networks)" in text


@pytest.mark.parametrize(
    ("better", "sentence"),
    [
        ({"found": 0.0}, "it is no better than sharing everything"),
        ({"found": 0.0, "random": 0.0}, "these seeds do not show that the search beats chance"),
        ({"found": 0.0, "random": 3.0}, "which is more: here the search did not pay"),
        ({"found": 0.0}, "What speaks for it is its cost: 0.80× the multiply-adds of sharing"),
        ({"found": -3.0}, "it is worse than sharing everything"),
        ({"found": -3.0}, "Who can pay for every channel should share everything here."),
        ({"found": 1.0, "divided": 4.0}, "It is worse than dividing the channels into equal parts"),
        ({"found": 1.0, "independent": 4.0}, "It is worse than independent networks"),
    ],
)
def test_the_answer_is_as_honest_as_the_numbers(
    tmp_path: Path, better: dict[str, float], sentence: str
) -> None:
    assert sentence in seen(tmp_path, known(better=better))


def test_a_partition_that_gains_nothing_and_saves_nothing_has_nothing_for_it(
    tmp_path: Path,
) -> None:
    folder = write_partition_run(tmp_path / "run", known(better={"found": 0.0}))
    comparison = read_json(folder / "comparison.json")
    comparison["rows"][0]["costs"] = comparison["rows"][1]["costs"]
    write_json(folder / "comparison.json", comparison)
    text = Text(write_report(folder).read_text(encoding="utf-8")).text
    assert "Nothing measured here speaks for it against sharing everything." in text


def test_one_seed_claims_nothing(tmp_path: Path) -> None:
    text = seen(tmp_path, known(seeds=(0,)))
    assert "it scored better than sharing everything" in text
    assert "one seed cannot rule out chance" in text
    assert "which one seed cannot tell from chance" in text
    assert "What speaks for it" not in text


def test_sharing_everything_is_called_that(tmp_path: Path) -> None:
    everything = divided((Owners(100, EVERYONE, EVERYONE),), EVERYONE)
    made = MadePartition(tasks=EVERYONE, groups=((3, LAYERS, 100),), architecture=everything)
    text = seen(tmp_path, made)
    assert "all 4 tasks should use every one of the 100 hidden channels of layer3" in text
    assert "So there is no gain over sharing everything: it is the same network." in text
    assert "mean gain over sharing everything, 3 seeds" not in text
    assert "have most in common" not in text


def test_other_budgets_are_told_in_their_words(tmp_path: Path) -> None:
    text = seen(tmp_path, known(budget={"macs": 0.9}))
    assert "Under a budget of 0.9× the multiply-adds of sharing everything, sharewise gave" in text
    assert "the most that it may be" not in text  # no bound to draw


def test_layers_of_several_stages_and_two_tasks(tmp_path: Path) -> None:
    made = MadePartition(
        tasks=("left", "right"), groups=((2, ("0.conv1",), 40), (3, LAYERS, 60)), steps=3
    )
    text = seen(tmp_path, made)
    assert "of the hidden channels of layer2 and layer3" in text
    assert "serve both tasks" in text
    assert "serve some tasks" not in text
    assert "layer2: a layer of 40 channels (0.conv1)" in text
    assert "layer3: 4 layers of 60 channels, divided alike" in text


# --- which task holds which channels


def test_each_row_is_filled_as_far_as_its_task_uses_and_updates(page: str) -> None:
    rows = re.findall(r"</span>(\w)</div><div class=\"how\">(.*?)</div>(<svg.*?</svg>)", page)
    filled = {}
    for task, words, svg in rows:
        widths = {
            "light" if "opacity" in path.attrib.get("fill-opacity", "") or "fill-opacity" in
            path.attrib else "solid": sum(map(int, re.findall(r"h(\d+)v1", path.attrib["d"])))
            for path in ET.fromstring(svg).iter("path")
        }  # fmt: skip
        filled[task] = (widths.get("solid", 0), widths.get("light", 0), Text(words).text.strip())
    assert filled == {
        "a": (60, 0, "uses 60 % , updates all"),
        "b": (30, 20, "uses 50 % , updates 30 %"),
        "c": (25, 0, "uses 25 % , updates all"),
        "d": (10, 15, "uses 25 % , updates 10 %"),
    }


def test_columns_are_sorted_by_how_many_share_them_and_told_by_title(page: str) -> None:
    over = ET.fromstring(re.findall(r'<svg class="over".*?</svg>', page)[0])
    columns = [
        (int(rect.attrib["x"]), int(rect.attrib["width"]), "".join(rect.itertext()))
        for rect in over
    ]
    assert [(x, width) for x, width, _ in columns] == [
        *((0, 10), (10, 20), (30, 20), (50, 10), (60, 15), (75, 15), (90, 10))
    ]
    titles = [title.replace("\u202f", " ") for *_, title in columns]
    assert titles[0] == "10 channels (10 %): all 4 tasks"
    assert titles[1] == "20 channels (20 %): a + b"
    assert titles[2] == "20 channels (20 %): a + b; updated by a alone"
    assert "15 channels (15 %): d alone; updated by nobody" in titles
    assert titles[-1] == "10 channels (10 %): nobody"


def test_the_bar_above_says_how_many_tasks_use_a_channel(page: str) -> None:
    text = Text(page).text
    assert (
        "Channels used by all 4 tasks 10 % 2 tasks 40 % one task alone 40 % nobody, not built 10 %"
    ) in text
    bar = re.findall(r'<div class="owners">(.*?)</div>', page)[0]
    assert re.findall(r"flex-grow: (\d+)", bar) == ["10", "40", "40", "10"]
    assert Text(bar).text.split() == ["×4", "×2", "×1"]


def test_the_largest_sets_of_tasks_stand_in_words(page: str) -> None:
    text = Text(page).text
    assert "share channels used by updated by 40 % 40 a + b a, b (50 %)" in text
    assert "15 % 15 c alone c " in text
    assert "15 % 15 d alone nobody: they stay as they began" in text
    assert "10 % 10 all 4 tasks all of them" in text
    assert "10 % 10 nobody –" in text


def test_many_sets_of_tasks_are_summed_up(tmp_path: Path) -> None:
    text = seen(tmp_path, MadePartition(tasks=DECATHLON_TASKS, steps=2))
    sets, share, channels = 0, 0, 0
    found = re.search(r"(\d+) % (\d+) (\d+) smaller sets of tasks", text)
    assert found
    share, channels, sets = map(int, found.groups())
    assert share == round(100 * channels / 256)
    assert sets > 8


# --- asked and realised


def test_matrices_hold_what_the_journal_says(mini: str, tmp_path: Path) -> None:
    last = MadePartition().space
    made = MadePartition()
    wanted = [*last.matrices_of(made.vector)[0], *last.realised(made.found)[0]]
    maps = [*pictures(mini, "Used together"), *pictures(mini, "Updated together")]
    order = re.findall(r"</span>(\w+)</div><div class=\"how\">", mini)
    ranks = [sorted(MINI_TASKS).index(task) for task in order]
    assert sorted(order) == sorted(MINI_TASKS)
    # asked forward, realised forward, asked backward, realised backward
    for svg, values in zip(maps, [wanted[0], wanted[2], wanted[1], wanted[3]], strict=True):
        cells = [text.text for text in svg.iter("text") if text.text and text.text.isdigit()]
        shown = values[np.ix_(ranks, ranks)]
        assert cells == [f"{100 * value:.0f}" for value in shown.ravel()]


def test_the_mean_difference_is_said(mini: str) -> None:
    made = MadePartition()
    asked, came = made.space.matrices_of(made.vector)[0], made.space.realised(made.found)[0]
    apart = abs(asked[0] - came[0])[np.triu_indices(6, 1)]
    text = Text(mini).text
    assert f"What pairs use together differs by {100 * apart.mean():.1f} percentage points" in text
    assert f"on average, by {100 * apart.max():.1f} percentage points at most (" in text
    assert "What pairs update together differs by" in text


def test_a_matrix_for_each_group_has_maps_for_each(tmp_path: Path) -> None:
    groups = tuple((3, (f"{block}.conv1",), 24 + block) for block in range(6))
    made = MadePartition(tasks=EVERYONE, groups=groups, matrices="group", steps=2)
    html = report(tmp_path, made)
    assert len(pictures(html, "Used together")) == 2 * 4
    assert "2 more matrices are not drawn." in html
    assert "layer3, 24 channels" in html


# --- the search


def test_every_candidate_is_a_dot_and_the_stopped_ones_are_hollow(
    mini: str, tmp_path: Path
) -> None:
    folder = write_partition_run(tmp_path / "run")
    lines = (folder / "journal.jsonl").read_text().splitlines()
    candidates = [entry for entry in map(json.loads, lines) if "candidate" in entry]
    stopped = sum(entry["stopped"] for entry in candidates)
    assert stopped
    for label in ("Score of each candidate", "Score against use"):
        (svg,) = pictures(mini, label)
        hollow, solid, *_ = svg.findall("g")
        assert (len(hollow), len(solid)) == (stopped, len(candidates) - stopped)
        assert [title.text for title in svg.iter("title")].count("the chosen one") == 1
    assert f"The search judged {len(candidates)} candidates" in Text(mini).text
    assert f"{stopped} candidates that fell behind were stopped early" in Text(mini).text


def test_each_task_has_a_line_and_a_name_and_the_bound_is_drawn(mini: str) -> None:
    (svg,) = pictures(mini, "Share of the channels that each task uses")
    titles = [title.text or "" for title in svg.iter("title")]
    for task in MINI_TASKS:
        assert sum(title.startswith(f"{task}: ") for title in titles) == 1
    assert titles[0].replace("\u202f", " ") == "bound on the mean: 50 %"
    names = [text for text in svg.iter("text") if text.text in MINI_TASKS]
    heights = sorted(float(name.attrib["y"]) for name in names)
    assert len(heights) == 6
    assert min(b - a for a, b in pairwise(heights)) > 11


def test_lines_of_few_steps_are_means_over_neighbours(tmp_path: Path) -> None:
    html = report(tmp_path, MadePartition(tasks=EVERYONE, steps=1, batch=48))
    (svg,) = pictures(html, "Share of the channels that each task uses")
    lines = [path for path in svg.iter("path") if path.find("title") is not None]
    assert len(lines[-1].attrib["d"].split("L")) == 48


def test_partitions_that_need_no_search_are_marked_where_they_were_judged(tmp_path: Path) -> None:
    made = known()
    folder = write_partition_run(tmp_path / "run", made)
    text = write_report(folder).read_text(encoding="utf-8")
    assert "A diamond is" not in text
    change_journal(
        folder,
        lambda entry: (
            entry
            | {
                "architecture": made.space.share_all().digest,
                "use": dict.fromkeys(EVERYONE, 1.0),
            }
            if entry.get("candidate") == 5
            else entry
        ),
    )
    html = write_report(folder).read_text(encoding="utf-8")
    (svg,) = pictures(html, "Score against use")
    assert [text.text for text in svg.iter("text")].count("shared") == 1
    assert "A diamond is a partition that needs no search." in html


def test_names_of_presets_with_one_score_do_not_meet(tmp_path: Path) -> None:
    made = known()
    folder = write_partition_run(tmp_path / "run", made)
    digests = [made.space.share_all().digest, made.space.share_forward_only().digest]

    def equal(entry: dict[str, Any]) -> dict[str, Any]:
        if entry.get("candidate") not in (0, 1):
            return entry
        digest = digests[entry["candidate"]]
        return entry | {"architecture": digest, "use": dict.fromkeys(EVERYONE, 1.0), "score": 0.9}

    change_journal(folder, equal)
    (svg,) = pictures(write_report(folder).read_text(encoding="utf-8"), "Score against use")
    heights = [float(t.attrib["y"]) for t in svg.iter("text") if (t.text or "").startswith("shar")]
    assert len(heights) == 2
    assert abs(heights[0] - heights[1]) >= 12


def test_finalists_show_their_first_score_beside_the_mean(mini: str, tmp_path: Path) -> None:
    folder = write_partition_run(tmp_path / "run")
    entries = list(map(json.loads, (folder / "journal.jsonl").read_text().splitlines()))
    chosen = entries[-1]["chosen"]
    (candidate,) = [each for each in entries if each.get("architecture") == chosen][:1]
    row = re.search(rf'<tr class="found"><th scope="row">candidate {candidate["candidate"]}<', mini)
    assert row
    mean = entries[-1]["finalists"][chosen]
    scores = [each["score"] for each in entries if each.get("architecture") == chosen]
    spread = np.std(scores, ddof=1)
    words = (
        f"{candidate['score']:.3f} {mean:.3f} ± {spread:.3f} {100 * candidate_use(candidate):.0f} %"
    )
    assert words in Text(mini).text


def candidate_use(entry: dict[str, Any]) -> float:
    return float(np.mean(list(entry["use"].values())))


def change_journal(folder: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    lines = (folder / "journal.jsonl").read_text().splitlines()
    changed = [lines[0], *(json.dumps(change(json.loads(line))) for line in lines[1:])]
    (folder / "journal.jsonl").write_text("\n".join(changed) + "\n")


def test_a_choice_that_was_realised_exactly_is_found_by_its_vector(tmp_path: Path) -> None:
    made = known()
    folder = write_partition_run(tmp_path / "run", made)

    def exact(entry: dict[str, Any]) -> dict[str, Any]:
        if entry.get("architecture") == made.found.digest and "candidate" in entry:
            return entry | {"architecture": "c0ffee", "vector": made.vector.tolist()}
        return entry

    change_journal(folder, exact)
    (svg,) = pictures(write_report(folder).read_text(encoding="utf-8"), "Score of each candidate")
    assert [title.text for title in svg.iter("title")].count("the chosen one") == 1
