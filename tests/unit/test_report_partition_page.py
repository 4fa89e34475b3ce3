"""The page about a partition as a whole: its tables, missing and broken files, browsers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _page import Text, on_a_phone
from _partition_run import DECATHLON_TASKS, LAYERS, MadePartition, write_partition_run
from _run_folder import write_run

from sharewise.architecture import Architecture, Group, Partition
from sharewise.errors import FormatError
from sharewise.report import write_report
from sharewise.runs import read_json, write_json

MIB = 2**20
LONG = ("aeroplane-variants", "handwritten-characters-of-fifty-alphabets", "traffic-signs-at-night")


def page(
    folder: Path, made: MadePartition | None = None, *, leave_out: tuple[str, ...] = ()
) -> str:
    path = write_report(write_partition_run(folder / "run", made, leave_out=leave_out))
    return path.read_text(encoding="utf-8")


def small(**words: Any) -> MadePartition:
    return MadePartition(tasks=("a", "b", "c"), groups=((3, LAYERS, 24),), **{"steps": 2, **words})


@pytest.fixture(scope="module")
def decathlon(tmp_path_factory: pytest.TempPathFactory) -> str:
    return page(tmp_path_factory.mktemp("decathlon"), MadePartition(tasks=DECATHLON_TASKS))


# --- the tables


def network_rows(html: str) -> dict[str, list[str]]:
    """{name: cells} of the table of networks."""
    table = html[html.index('aria-label="Gains and costs') :].partition("</table>")[0]
    rows = re.findall(r"<tr[^>]*>(<th scope=\"row\">.*?)</tr>", table)
    cells = [re.split(r"</t[hd]>", row) for row in rows]
    texts = [[Text(cell.replace("<br>", " ")).text.strip() for cell in row[:-1]] for row in cells]
    return {row[0].split()[0]: row for row in texts}


def test_the_networks_stand_in_an_order_that_explains_itself(tmp_path: Path) -> None:
    html = page(tmp_path, small())
    rows = network_rows(html)
    assert list(rows) == ["found", "shared", "divided", "random", "independent"]
    assert [row[0] for row in rows.values()] == [
        "found by sharewise",
        "shared every task uses every channel",
        "divided an equal part of the channels each",
        "random random partitions, same mean use",
        "independent a network for each task",
    ]
    heads = re.findall(r'<th scope="col">([^<]*)', html[html.index("Gains and costs") :])[:8]
    assert heads == [
        *("network", "mean accuracy", "gain over shared", "gain over independent", "use"),
        *("parameters", "multiply-adds of a task", "latency"),
    ]


def test_use_and_accuracy_are_those_of_the_files(tmp_path: Path) -> None:
    rows = network_rows(page(tmp_path, small()))
    written = {row["name"]: row for row in read_json(tmp_path / "run" / "comparison.json")["rows"]}
    for name, cells in rows.items():
        uses = [cost["use"] for cost in written[name]["costs"] if cost["use"] is not None]
        assert cells[4] == (f"{100 * np.mean(uses):.0f} %" if uses else "–")
        means = [
            np.mean([task["accuracy"] for task in scores.values()])
            for scores in written[name]["test"].values()
        ]
        spread = f"{100 * np.mean(means):.1f} ± {100 * np.std(means, ddof=1):.1f} %"
        assert cells[1] == spread
    assert rows["shared"][4] == "100 %"
    assert rows["divided"][4] == "33 %"
    assert rows["independent"][4] == "–"


def test_other_metrics_have_no_mean_accuracy(tmp_path: Path) -> None:
    text = Text(page(tmp_path, small(metric="mse"))).text
    assert "mean accuracy" not in text
    assert "task mse ↓" in text


def test_networks_that_are_left_out_leave_no_trace(tmp_path: Path) -> None:
    folder = write_partition_run(tmp_path / "run", small())
    comparison = read_json(folder / "comparison.json")
    comparison["rows"] = [row for row in comparison["rows"] if row["name"] in ("found", "shared")]
    write_json(folder / "comparison.json", comparison)
    html = write_report(folder).read_text(encoding="utf-8")
    assert list(network_rows(html)) == ["found", "shared"]
    text = Text(html).text
    assert "Random partitions" not in text
    assert "equal parts" not in text


def test_gains_are_drawn_against_multiply_adds(tmp_path: Path) -> None:
    html = page(tmp_path, small())
    assert 'aria-label="Gain of each network against its multiply-adds"' in html
    assert "0.75×" in html  # a part of what sharing everything costs
    assert "budget 0.5×" not in html  # a bound on use is none on this axis


def test_the_settings_of_all_parts_are_told(decathlon: str) -> None:
    text = Text(decathlon).text
    for words in (
        "method partitioning",
        "layers layer3: 0.conv1, 1.conv1, 2.conv1, 3.conv1 (256 channels)",
        "strategy name Evolution batch 16 lr 0.25 use 0.5",
        "initial weights epochs 12 batch_size 64",
        "teachers epochs 8",
        "distillation steps 600 batch_size 16 lr 1.0 score accuracy",
        "0c4f7d21b9a8e653",
        "comparison seeds 0, 1, 2",
    ):
        assert words in text
    assert "stage_params" not in text
    assert "{" not in text[text.index("What was run") :]


def test_the_score_is_explained_as_it_was_set(tmp_path: Path) -> None:
    folder = write_partition_run(tmp_path / "run", small())
    for score, words in (
        ("accuracy", "how accurate the teachers' heads are on its features"),
        ("features", "how much of the teachers' features it explains"),
        ("loss", "the teachers' loss on their own features, over that of their heads"),
        ("other", "Its score is how well that works"),
    ):
        settings = read_json(folder / "settings.json")
        settings["search"]["distil"]["score"] = score
        write_json(folder / "settings.json", settings)
        assert words in Text(write_report(folder).read_text(encoding="utf-8")).text


# --- files that are missing or broken


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        ("architecture.json", "which task holds which channels is not decided yet"),
        ("comparison.json", "There is no comparison.json in this run"),
        ("journal.jsonl", "There is no journal.jsonl with a candidate in this run"),
        ("journal.jsonl", "has no last line yet: what was asked"),
        ("finalists", "The search has not ended: the best candidates have yet to be judged again"),
        ("choice", "The search has not ended"),
        ("scores.json", "There is no scores.json in this run"),
    ],
)
def test_what_is_missing_leaves_a_sentence(tmp_path: Path, file: str, sentence: str) -> None:
    assert sentence in Text(page(tmp_path, small(), leave_out=(file,))).text


def test_a_search_that_is_half_way_says_how_far_it_is(tmp_path: Path) -> None:
    names = ("architecture.json", "comparison.json", "scores.json", "finalists")
    text = Text(page(tmp_path, small(), leave_out=names)).text
    assert "This search is not finished: its journal holds 32 candidates, the best with" in text
    assert "The search judged 32 candidates" in text
    assert "Load it in Python" not in text


def test_settings_alone_make_a_page(tmp_path: Path) -> None:
    names = ("architecture.json", "comparison.json", "scores.json", "journal.jsonl")
    assert "This search has found nothing yet" in Text(page(tmp_path, leave_out=names)).text


def test_one_candidate_makes_a_page(tmp_path: Path) -> None:
    made = small(steps=1, batch=1, finalists=1, rejudged=0)
    text = Text(page(tmp_path, made)).text
    assert "The search judged 1 candidate " in text
    assert "The best of many noisy scores" not in text  # nothing was judged again


def test_costs_without_a_comparison_come_from_the_journal(tmp_path: Path) -> None:
    text = Text(page(tmp_path, small(), leave_out=("comparison.json",))).text
    assert "The whole network has 5.83 M parameters." in text
    assert "One task alone" not in text


@pytest.mark.parametrize(
    ("file", "broken"),
    [
        ("journal.jsonl", '{"kind": "search"}\n{"candidate": 0, "step": 0}\n'),
        ("journal.jsonl", '{"kind": "search"}\n{"chosen": "x", "targets": [[[[1]], [[1]]]]}\n'),
        (
            "journal.jsonl",
            '{"kind": "search"}\n{"chosen": "x", "targets": [[[[1, 2]], [[1]]]],'
            ' "realised": [[[[1]], [[1]]]]}\n',
        ),
        (
            "journal.jsonl",
            '{"kind": "search"}\n{"candidate": 0, "step": 0, "architecture": "x", "use": {},'
            ' "params": 1, "macs": 1, "score": 1}\n',
        ),
        ("proxy.json", '{"points": [{"proxy": 1}]}'),
        ("proxy.json", "[1]"),
        ("settings.json", '{"method": "partitioning", "groups": 3}'),
    ],
)
def test_a_broken_file_is_an_error_and_not_a_wrong_picture(
    tmp_path: Path, file: str, broken: str
) -> None:
    folder = write_partition_run(tmp_path / "run", small())
    (folder / file).write_text(broken)
    with pytest.raises(FormatError):
        write_report(folder)


# --- one page that needs nothing else


def test_the_same_files_make_the_same_page(tmp_path: Path) -> None:
    folder = write_partition_run(tmp_path / "run", small())
    first = write_report(folder).read_bytes()
    assert write_report(folder).read_bytes() == first


def test_nothing_is_loaded_from_elsewhere(decathlon: str) -> None:
    text = Text(decathlon)
    assert "script" not in {tag for tag, _ in text.tags}
    assert not re.search(r"https?:|//[a-z]|url\(|@import", decathlon)
    loads = [v for _, names in text.tags for n, v in names.items() if n in ("src", "href")]
    assert loads == ["data:,"]


def test_a_report_of_a_tree_has_no_styles_of_partitions(tmp_path: Path) -> None:
    html = write_report(write_run(tmp_path / "run")).read_text(encoding="utf-8")
    assert ".holds" not in html
    assert "Which task holds which channels" not in html
    assert ".holds" in page(tmp_path / "other", small())


def test_every_picture_has_a_label_or_is_hidden_from_readers(decathlon: str) -> None:
    pictures = [attributes for tag, attributes in Text(decathlon).tags if tag == "svg"]
    assert len(pictures) == 11 + 4 + 1 + 3  # rows and titles, matrices, costs, the search
    for each in pictures:
        assert each.get("aria-label") if each.get("role") == "img" else each["aria-hidden"]


def test_words_from_files_are_escaped(tmp_path: Path) -> None:
    evil = "<i>&"
    made = MadePartition(
        tasks=("a", "b", "c"),
        groups=((3, (evil,), 24),),
        steps=2,
        metric=evil,
        data={"name": evil},
        backbone={"name": evil},
    )
    folder = write_partition_run(tmp_path / "run", made)
    settings = read_json(folder / "settings.json")
    settings["stages"][3] = settings["strategy"]["name"] = evil
    write_json(folder / "settings.json", settings)
    comparison = read_json(folder / "comparison.json")
    comparison["rows"][3]["name"] = evil
    write_json(folder / "comparison.json", comparison)
    points = [{"architecture": evil, "proxy": i, "trained": i * i} for i in range(3)]
    write_json(folder / "proxy.json", {"points": points})
    html = write_report(folder).read_text(encoding="utf-8")
    assert evil not in html
    assert html.count("&lt;i&gt;&amp;") > 10


def test_forty_tasks_stay_below_two_megabytes(tmp_path: Path) -> None:
    tasks = tuple(f"task-{i:02d}" for i in range(40))
    rng = np.random.default_rng(0)
    use = rng.random((40, 256)) < 0.5
    groups = [(stage, ("0.conv1",), 256) for stage in (1, 2, 3)]
    made = MadePartition(
        tasks=tasks,
        groups=groups,
        architecture=Architecture.partitioned(
            tasks,
            [
                Partition(),
                *(Partition((Group.from_masks(("0.conv1",), tasks, use, use),)) for _ in groups),
            ],
        ),
    )
    html = page(tmp_path, made, leave_out=("comparison.json", "scores.json"))
    assert len(html.encode()) < 2 * MIB


# --- in a browser


@pytest.mark.parametrize("tasks", [DECATHLON_TASKS, (*LONG, "a", "b", "c")])
def test_a_phone_shows_the_page_without_scrolling_sideways(
    tmp_path: Path, tasks: tuple[str, ...]
) -> None:
    measured = on_a_phone(tmp_path, page(tmp_path, MadePartition(tasks=tasks, steps=3)))
    assert measured["window"] == 420
    assert measured["hidden"] == 0
    assert measured["wide"] == 0
    assert measured["height"] > 3000


_ALIGNED = """<script>
document.body.style.width = "1000px";
document.head.insertAdjacentHTML("beforeend",
  "<style>.holds { grid-template-columns: 150px 500px 150px !important }</style>");
const boxes = [".bar", ".over"].map(name => {
  const box = document.querySelector(name).getBoundingClientRect();
  return [box.left, box.right];
});
parent.postMessage({boxes}, "*");
</script>"""


def test_titles_lie_over_the_columns_that_they_are_about(tmp_path: Path) -> None:
    html = page(tmp_path, small()).replace("(max-width: 560px)", "(max-width: 10px)")
    bar, over = on_a_phone(tmp_path, html, _ALIGNED)["boxes"]
    assert bar == over


# --- the words that load the network


def test_the_python_words_build_the_network_and_take_a_task_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_model

    from sharewise import backbones, data, networks

    planted = data.planted([2, 1], samples=30, inputs=6, outputs=2, stages=4)
    backbone = backbones.mlp(6, (4, 4, 4, 4), hidden=8)
    made = MadePartition(
        tasks=tuple(task.name for task in planted.tasks),
        groups=((3, ("0",), 8),),
        steps=1,
        data=dict(planted.settings),
        backbone=dict(backbone.settings),
    )
    html = page(tmp_path, made)
    network = networks.build(made.found, backbone, planted.tasks, seed=4).eval()
    save_model(network, str(tmp_path / "run" / "network.safetensors"))
    code = "".join(Text(html[html.index("<pre>") : html.index("</pre>")]).words)
    monkeypatch.chdir(tmp_path / "run")
    inputs = torch.ones(2, 6)
    known: dict[str, Any] = {"inputs": inputs}
    exec(code, known)
    wanted = network(inputs)
    assert all(torch.equal(known["outputs"][task], wanted[task]) for task in wanted)
    (task,) = known["alone"].tasks
    assert torch.allclose(known["alone"].eval()(inputs)[task], wanted[task], atol=1e-6)


def test_the_small_decathlon_is_called_by_its_function(decathlon: str) -> None:
    assert "data = sw.data.decathlon_mini(seed=0, size=32, samples=900)" in Text(decathlon).text
