"""The report's table of tasks with several metrics each: what it shows, and how wide it is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from _page import Text, on_a_phone
from _run_folder import Made, write_run

from sharewise.report import write_report
from sharewise.report._words import score
from sharewise.runs import read_json, write_json

METRICS = {
    "depth": ["abs_error", "rel_error", "within_1", "within_2", "within_3"],
    "edges": ["l1"],
    "keypoints": ["l1"],
    "normals": ["mean_angle", "median_angle", "within_11", "within_22", "within_30"],
    "segmentation": ["miou", "pixel_accuracy"],
}
NAMES = list(METRICS)
LOWER = ("_error", "_angle", "l1")
MORE = ("published", "a_tree_of_my_own")


def value(row: int, seed: int, metric: str) -> float:
    """Better from row to row, but for the last: the one before it is the best of all."""
    better = (0.02 * row if row < 5 else 0.01) + 0.013 * seed
    if metric.endswith("_angle"):
        return 40.0 * (1 - better)
    return 0.4 - better if metric.endswith(LOWER) else 0.4 + better


def dense_run(folder: Path, metrics: dict[str, list[str]], budget: dict[str, float]) -> Path:
    """Six networks, three seeds."""
    levels = [[NAMES]] * 4 + [[NAMES[:2], NAMES[2:]]]
    write_run(folder, Made(levels=levels, budget=budget), leave_out=("scores.json",))
    comparison = read_json(folder / "comparison.json")
    rows: list[dict[str, Any]] = comparison["rows"]
    rows += [{**rows[0], "name": name} for name in MORE]
    for place, row in enumerate(rows):
        row["test"] = {
            str(seed): {
                task: {metric: value(place, seed, metric) for metric in several}
                for task, several in metrics.items()
            }
            for seed in range(3)
        }
    names = {metric for several in metrics.values() for metric in several}
    comparison["lower_is_better"] = {name: name.endswith(LOWER) for name in names}
    write_json(folder / "comparison.json", comparison)
    return folder


def page_of(folder: Path, metrics: dict[str, list[str]] = METRICS) -> str:
    run = dense_run(folder / "run", metrics, {"macs": 1.5})
    return write_report(run).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return page_of(tmp_path_factory.mktemp("dense"))


def table_rows(html: str, label: str) -> list[str]:
    """The texts of a table's rows, heads first."""
    table = html[html.index(f'aria-label="{label}') :].partition("</table>")[0]
    return [Text(row).text.strip() for row in re.findall(r"<tr.*?</tr>", table)]


# --- what it shows


def test_each_task_has_a_row_with_its_first_metric(page: str) -> None:
    head, *rows = table_rows(page, "Test scores of each task")
    assert head.split() == [
        *("task", "found", "shared", "independent", "random"),
        *("published", "a_", "tree_", "of_", "my_", "own"),  # where it may be broken
    ]
    assert [" ".join(row.split()[:3]) for row in rows] == [
        "depth abs_error ↓",
        "edges l1 ↓",
        "keypoints l1 ↓",
        "normals mean_angle ↓",
        "segmentation miou ↑",
    ]
    assert "Of each task its first metric." in Text(page).text


def test_all_metrics_of_tasks_with_several_are_unfolded(page: str) -> None:
    (details,) = re.findall(r"<details>.*?</details>", page, re.DOTALL)
    assert "All metrics of depth, normals and segmentation" in Text(details).text
    _, *rows = table_rows(details, "All metrics of")
    wanted = [
        words for task in ("depth", "normals", "segmentation") for words in (task, *METRICS[task])
    ]
    assert [row.split()[0] for row in rows] == wanted
    assert next(row for row in rows if "within_11" in row).startswith(
        "within_11 ↑ pixels off by less than 11.25° 41.3 ± 1.3 % 43.3 ± 1.3 %"
    )
    assert next(row for row in rows if "abs_error" in row).startswith(
        "abs_error ↓ mean distance, in the labels' unit 0.387 ± 0.013"
    )


def test_the_best_network_stands_out_in_every_row(page: str) -> None:
    for table in re.findall(r'aria-label="(?:Test scores|All metrics).*?</table>', page):
        for row in re.findall(r"<tr>.*?</tr>", table)[1:]:
            cells = re.findall("<td[^>]*>", row)
            assert [i for i, cell in enumerate(cells) if "best" in cell] == [4]


def test_a_metric_of_the_users_is_not_explained(tmp_path: Path) -> None:
    text = Text(page_of(tmp_path, {**METRICS, "depth": ["abs_error", "within_1"]})).text
    assert "within_1 ↑" in text
    assert "in the labels' unit" not in text
    assert "within_11 ↑ pixels off" in text


def test_tasks_with_one_metric_have_nothing_to_unfold(tmp_path: Path) -> None:
    html = page_of(tmp_path, {name: ["l1"] for name in NAMES})
    assert "<details>" not in html
    assert "first metric" not in html
    assert table_rows(html, "Test scores")[0].startswith("task l1 ↓ found")


def test_the_large_figures_are_about_the_budget(page: str) -> None:
    text = Text(page).text
    assert "the multiply-adds of sharing everything (budget 1.5×)" in text
    assert "the multiply-adds of 5 independent networks" in text


def test_units_are_those_of_the_metric() -> None:
    written = [
        score("mean_angle", [20.0, 22.0]),
        score("median_angle", [21.26]),
        score("miou", [0.25]),
        score("within_1", [0.5, 0.52]),
        score("mse", [1513.4]),
        score("within_a_year", [3.0]),
    ]
    assert [text.replace("\u202f", " ") for text in written] == [
        *("21.0 ± 1.4°", "21.3°", "25.0 %", "51.0 ± 1.4 %", "1513", "3"),
    ]


# --- how wide it is

_WIDTHS = """<script>
document.querySelectorAll("details").forEach(each => { each.open = true; });
const tables = [...document.querySelectorAll(".scroll")].filter(e => e.querySelector("table"));
parent.postMessage({tables: tables.length, window: innerWidth,
  hidden: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  scrolled: tables.filter(e => e.scrollWidth > e.clientWidth).map(e => e.ariaLabel)}, "*");
</script>"""


def test_six_networks_fit_a_window_of_1000_pixels(tmp_path: Path, page: str) -> None:
    measured = on_a_phone(tmp_path, page, _WIDTHS, width=1000)
    assert measured == {"tables": 3, "window": 1000, "hidden": 0, "scrolled": []}


def test_on_a_phone_a_table_scrolls_by_itself(tmp_path: Path, page: str) -> None:
    measured = on_a_phone(tmp_path, page, _WIDTHS)
    assert (measured["window"], measured["hidden"]) == (420, 0)
