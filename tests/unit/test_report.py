from __future__ import annotations

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
from _page import Text, on_a_phone
from _run_folder import (
    GLYPH_LEVELS,
    GLYPH_TASKS,
    RESNET_PARAMS,
    RESNET_STAGES,
    Made,
    nested,
    write_run,
)

from sharewise.architecture import Architecture
from sharewise.errors import FormatError, InputError, RunError
from sharewise.report import draw_tree_svg, write_report
from sharewise.report._answer import sharing
from sharewise.report._settings import snippet
from sharewise.report._tree import task_colours, tree_order
from sharewise.report._verdicts import verdict
from sharewise.report._words import milliseconds, quantity, score, share, signed, times
from sharewise.runs import read_json, write_json

MIB = 2**20
LARGE = 40
DEEP = 18


def report(folder: Path, made: Made | None = None, *, leave_out: tuple[str, ...] = ()) -> str:
    path = write_report(write_run(folder / "run", made, leave_out=leave_out))
    assert path == folder / "run" / "report.html"
    return path.read_text(encoding="utf-8")


def seen(folder: Path, made: Made | None = None, *, leave_out: tuple[str, ...] = ()) -> str:
    return Text(report(folder, made, leave_out=leave_out)).text


@pytest.fixture(scope="module")
def glyphs(tmp_path_factory: pytest.TempPathFactory) -> str:
    return report(tmp_path_factory.mktemp("glyphs"))


def large(num_stages: int = DEEP, levels: list[list[list[str]]] | None = None) -> Made:
    return Made(
        levels=levels or nested(LARGE, num_stages, seed=3),
        stages=None,
        params=[100_000 * (stage + 1) for stage in range(num_stages)],
        macs=[10_000_000] * num_stages,
        epochs=16,
    )


# --- the answer


def test_the_answer_says_what_is_shared_what_it_costs_and_how_it_scores(glyphs: str) -> None:
    text = Text(glyphs).text
    assert "What 8 tasks of glyphs should share" in text
    assert (
        "Under a budget of 3.5× the parameters of sharing everything, sharewise found a tree in"
        " which all 8 tasks share stem and layer1. On the test split over 3 seeds it is better"
        " than sharing everything (mean gain +1.5 ± 0.2 %)."
    ) in text
    assert (
        "At layer2, the 8 tasks split into 2 branches, one for case, character and holes, and one"
        " for the other 5 tasks. At layer4, case, character and holes split into 2 branches, one"
        " for case and one for character and holes."
    ) in text
    assert (
        "It has 39.0 M parameters (3.48× those of sharing everything and 0.44× those of 8"
        " independent networks) and needs 3.87 G multiply-adds per sample."
    ) in text
    assert "Random trees under the same budget reach +0.3 ± 0.2 %, which is less." in text


@pytest.mark.parametrize(
    ("gains", "words"),
    [
        ((1.3, 0.4), "is better than X (mean gain +1.3 ± 0.4 %)"),
        ((0.3, 0.4), "is no better than X (mean gain +0.3 ± 0.4 %, within the spread over seeds)"),
        ((-0.3, 0.4), "is no better than X (mean gain −0.3 ± 0.4 %, within the spread over seeds)"),
        ((-1.3, 0.4), "is worse than X (mean gain −1.3 ± 0.4 %)"),
        ((2.0, None), "scored better than X (mean gain +2.0 %), but one seed cannot rule out"),
        ((-2.0, None), "scored no better than X (mean gain −2.0 %), but one seed cannot"),
        ((None, None), "has no measured gain over X"),
    ],
)
def test_a_verdict_is_as_honest_as_its_spread(
    gains: tuple[float | None, float | None], words: str
) -> None:
    assert verdict("X", gains).replace("\u202f", " ").startswith(words)


def test_a_gain_within_the_spread_is_called_no_better(tmp_path: Path) -> None:
    text = seen(tmp_path, Made(gain=0.0))
    assert "it is no better than sharing everything" in text
    assert "these seeds do not show that the search beats chance" in text


def test_a_loss_is_called_worse(tmp_path: Path) -> None:
    text = seen(tmp_path, Made(gain=-2.0))
    assert "it is worse than sharing everything (mean gain −1.9" in text
    assert "which is more: here the search did not pay" in text


def test_one_seed_claims_no_spread(tmp_path: Path) -> None:
    text = seen(tmp_path, Made(seeds=(0,)))
    assert "over 1 seed it scored better than sharing everything" in text
    assert "one seed cannot rule out chance" in text
    assert "sample standard deviation" not in text


def test_the_fully_shared_answer(tmp_path: Path) -> None:
    text = seen(tmp_path, Made(levels=[[list(GLYPH_TASKS)]] * 5))
    assert "all 8 tasks share every stage. So there is no gain over sharing everything" in text
    assert "split into" not in text


def test_the_independent_answer(tmp_path: Path) -> None:
    text = seen(tmp_path, Made(levels=[[[task] for task in GLYPH_TASKS]] * 5))
    assert "found 8 independent networks: no stage is shared" in text
    assert "better than independent networks" not in text


def test_many_splits_are_counted_not_told() -> None:
    architecture = Architecture.from_levels(nested(LARGE, 6, seed=2))
    sentences = list(sharing(architecture, [f"s{i}" for i in range(6)]))
    assert 4 <= len(sentences) <= 5
    assert re.fullmatch(r"\d+ more splits follow\.", sentences[3])


# --- numbers


def test_numbers_have_sensible_digits_and_units() -> None:
    written = [
        quantity(11_176_512),
        quantity(999_960),
        quantity(512),
        times(1.268),
        times(12.34),
        times(0.1251),
        share(0.002),
        share(0.217),
        milliseconds(0.983),
        milliseconds(12.345),
        signed(-0.02, 0.4),
        signed(0.0, 0.0),
        score("accuracy", [0.90, 0.91, 0.92]),
        score("mse", [0.1234, 0.1256]),
        score("mse", [0.12345]),
    ]
    assert [text.replace("\u202f", " ") for text in written] == [
        *("11.2 M", "1.00 M", "512", "1.27×", "12.3×", "0.13×", "<1 %", "22 %", "0.98 ms"),
        *("12.3 ms", "+0.0 ± 0.4 %", "0 %", "91.0 ± 1.0 %", "0.1245 ± 0.0016", "0.123"),
    ]


# --- the tables and pictures


def test_tables_show_every_network_and_task(glyphs: str) -> None:
    text = Text(glyphs).text
    for words in ("found by sharewise", "everything shared", "independent networks"):
        assert words in text
    assert "3 random trees, same budget" in text
    assert "task accuracy ↑" in text
    assert "1.10 ms" in text
    rows = re.findall(r'<th scope="row"><span[^>]*><span[^>]*></span>([a-z]+)</span></th>', glyphs)
    assert rows[:8] == list(tree_order(Architecture.from_levels(GLYPH_LEVELS)))


def test_metrics_that_differ_are_named_in_their_rows(tmp_path: Path) -> None:
    text = seen(tmp_path, Made(metric="mse"))
    assert "task mse ↓" in text
    folder = tmp_path / "run"
    comparison = read_json(folder / "comparison.json")
    for row in comparison["rows"]:
        for scores in row["test"].values():
            scores["case"] = {"accuracy": 0.5}
    write_json(folder / "comparison.json", comparison)
    text = Text(write_report(folder).read_text(encoding="utf-8")).text
    assert "case accuracy ↑" in text
    assert "holes mse ↓" in text


def test_gains_that_are_missing_leave_a_dash(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    comparison = read_json(folder / "comparison.json")
    for row in comparison["rows"]:
        row["gain"] = dict.fromkeys(row["gain"])
        row["gain_mean"] = row["gain_spread"] = row["latency_ms"] = None
    write_json(folder / "comparison.json", comparison)
    text = Text(write_report(folder).read_text(encoding="utf-8")).text
    assert "it has no measured gain over sharing everything" in text
    assert "What each network gains for what it costs" not in text


def test_every_picture_has_a_label_and_a_caption(glyphs: str) -> None:
    tags = Text(glyphs).tags
    pictures = [attributes for tag, attributes in tags if tag == "svg"]
    assert len(pictures) == 1 + 1 + 5 + 5 + 4  # tree, costs, lines, heat maps, curves
    assert all(each["role"] == "img" and each["aria-label"] for each in pictures)
    captions = sum(tag == "figcaption" for tag, _ in tags)
    assert captions == sum(tag == "figure" for tag, _ in tags) == 6


def test_pairs_are_coloured_by_whether_they_end_together(glyphs: str) -> None:
    lines = re.findall(r'stroke="var\((--accent|--faint)\)"[^>]*><title>(\w+) and (\w+):', glyphs)
    assert len(lines) == 5 * 28
    last = [line for line in lines[4 * 28 :] if line[0] == "--accent"]
    together = [("character", "holes"), ("family", "mono"), ("family", "serif"), ("mono", "serif")]
    assert sorted(pair for _, *pair in last) == sorted(map(list, [*together, ("slant", "weight")]))


def test_finalists_are_told_with_their_gains_and_the_answer_stands_out(tmp_path: Path) -> None:
    folder = write_run(tmp_path)
    journal = folder / "journal.jsonl"
    *lines, last = journal.read_text().splitlines()
    entry = json.loads(last)
    trees = entry["read_off"]["candidates"][:2]  # the found one, and sharing all
    gains = ([0.5, 1.5], [0.0, 0.0])
    entry["read_off"]["finalists"] = [
        {**tree, "gain": sum(each) / 2, "gains": each}
        for tree, each in zip(trees, gains, strict=True)
    ]
    journal.write_text("\n".join([*lines, json.dumps(entry)]) + "\n")
    page = Text(write_report(folder).read_text(encoding="utf-8")).text
    assert "What the first trees gained" in page
    assert "case, character and holes | family, mono, serif, slant and weight from layer2" in page
    assert "+1.0 ± 0.7" in page
    assert "everything shared 0" in page
    assert (
        "2 trees that the initialisations agree on, the first of each shape before others: each"
        in page
    )
    assert "with 2 seeds that no comparison takes" in page


def test_changes_of_the_best_finalist_are_counted_apart(tmp_path: Path) -> None:
    folder = write_run(tmp_path)
    settings = read_json(folder / "settings.json")
    settings["search"]["finalists"] = 2
    write_json(folder / "settings.json", settings)
    *lines, last = (folder / "journal.jsonl").read_text().splitlines()
    entry = json.loads(last)
    trees = entry["read_off"]["candidates"][:3]
    entry["read_off"]["finalists"] = [{**tree, "gain": 0.0, "gains": [0.0]} for tree in trees]
    (folder / "journal.jsonl").write_text("\n".join([*lines, json.dumps(entry)]) + "\n")
    page = Text(write_report(folder).read_text(encoding="utf-8")).text
    assert "2 trees that the initialisations agree on" in page
    assert "and 1 small change of the best: each trained on from a network that shares" in page


def test_settings_seeds_and_fingerprints_are_told(glyphs: str) -> None:
    text = Text(glyphs).text
    digest = Architecture.from_levels(GLYPH_LEVELS).digest
    for words in ("5b1d0c9e8f7a6b21", "width 1.0", "initialisations 8", "0, 1, 2", digest):
        assert words in text


def test_the_same_files_make_the_same_page(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    first = write_report(folder).read_bytes()
    assert write_report(folder).read_bytes() == first


# --- the tree


@pytest.mark.parametrize(
    "levels",
    [
        GLYPH_LEVELS,
        [[["a", "b"]]],
        [[["a"], ["b"]]],
        [[["only"]]] * 3,
        [[list(GLYPH_TASKS)]] * 18,
        [[[task] for task in GLYPH_TASKS]] * 18,
        nested(40, 18),
        nested(40, 1, seed=5),
    ],
)
def test_a_tree_is_drawn_with_a_bar_for_each_branch_inside_the_picture(
    levels: list[list[list[str]]],
) -> None:
    architecture = Architecture.from_levels(levels)
    root = ET.fromstring(draw_tree_svg(architecture))
    space = "{http://www.w3.org/2000/svg}"
    ground, *bars = root.iter(f"{space}rect")
    width, height = float(ground.attrib["width"]), float(ground.attrib["height"])
    assert len(bars) == 1 + sum(architecture.num_branches)  # and the input
    boxes = [[float(bar.attrib[k]) for k in ("x", "y", "width", "height")] for bar in bars]
    assert all(x >= 0 and x + w <= width and y >= 0 and y + h <= height for x, y, w, h in boxes)
    for column in {box[0] for box in boxes}:  # bars of one stage do not touch
        stack = sorted((y, h) for x, y, _, h in boxes if x == column)
        assert all(y + h < below for (y, h), (below, _) in pairwise(stack))
    texts = ["".join(text.itertext()) for text in root.iter(f"{space}text")]
    assert set(architecture.tasks) <= set(texts)
    assert "var(" not in ET.tostring(root, encoding="unicode")


def test_bars_are_as_high_as_their_tasks_and_show_their_share() -> None:
    architecture = Architecture.from_levels(GLYPH_LEVELS)
    svg = draw_tree_svg(architecture, stage_names=RESNET_STAGES, costs=RESNET_PARAMS)
    heights = {
        title: float(height)
        for height, title in re.findall(r'height="([\d.]+)" rx="6.0"[^>]*><title>([^<]*)<', svg)
    }
    one = heights["layer4: case (22\u202f% of the cost)"]
    three = heights["layer4: family, mono, serif (22\u202f% of the cost)"]
    assert three > 2.9 * one
    assert ">22\u202f%</text>" in svg
    assert ">4 branches</text>" in svg


def test_a_group_has_a_colour_from_its_first_split_on() -> None:
    colours = task_colours(Architecture.from_levels(GLYPH_LEVELS))
    assert {task for task, colour in colours.items() if colour == 0} == {
        *("case", "character", "holes")
    }
    assert set(colours.values()) == {0, 1}
    assert set(task_colours(Architecture.shared(GLYPH_TASKS, 3)).values()) == {0}
    assert len(set(task_colours(Architecture.independent(GLYPH_TASKS, 3)).values())) == 8
    many = [f"t{i:02d}" for i in range(40)]
    assert len(set(task_colours(Architecture.independent(many, 3)).values())) == 8


def test_names_and_costs_are_one_for_each_stage() -> None:
    architecture = Architecture.shared(["a", "b"], 2)
    with pytest.raises(InputError, match=r"one name for each of its stages\. Found 1 for 2 stages"):
        draw_tree_svg(architecture, stage_names=["stem"])
    with pytest.raises(InputError, match="one cost for each"):
        draw_tree_svg(architecture, costs=[1.0, 2.0, 3.0])


def test_stage_names_are_escaped_and_costs_of_nothing_are_left_out() -> None:
    svg = draw_tree_svg(Architecture.shared(["a"], 1), stage_names=["<s&p>"], costs=[0])
    ET.fromstring(svg)
    assert "&lt;s&amp;p&gt;" in svg
    assert "%" not in svg


# --- files that are missing or broken


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        ("architecture.json", "There is no architecture.json in this run"),
        ("comparison.json", "There is no comparison.json in this run"),
        ("journal.jsonl", "There is no journal.jsonl with an epoch"),
        ("scores.json", "There is no scores.json in this run"),
    ],
)
def test_a_missing_file_leaves_a_sentence(tmp_path: Path, file: str, sentence: str) -> None:
    assert sentence in seen(tmp_path, leave_out=(file,))


def test_an_unfinished_search_says_so(tmp_path: Path) -> None:
    text = seen(tmp_path, leave_out=("architecture.json", "comparison.json", "scores.json"))
    assert "This search is not finished: its journal holds 12 epochs" in text
    assert "Load it in Python" not in text


def test_settings_alone_make_a_page(tmp_path: Path) -> None:
    names = ("architecture.json", "comparison.json", "scores.json", "journal.jsonl")
    assert "found nothing yet" in seen(tmp_path, leave_out=names)


def test_costs_are_known_without_a_comparison(tmp_path: Path) -> None:
    text = seen(tmp_path, leave_out=("comparison.json",))
    assert "It has 39.0 M parameters (3.48× those of sharing everything)" in text
    assert "22 %" in text  # what each stage costs, worked out from the candidates


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"settings\.json"):
        write_report(tmp_path)


@pytest.mark.parametrize(
    ("file", "text", "found"),
    [
        ("comparison.json", '{"rows": [{"name": "found"}]}', "comparison.json has the form"),
        ("comparison.json", '{"rows": [', "comparison.json is one JSON value"),
        ("architecture.json", '{"format": 99}', "format 1"),
        ("scores.json", "[1]", "scores.json has the form"),
        ("journal.jsonl", '{"kind": "search"}\n{"epoch": 1, "sharing": [[1]]}\n', "files of a run"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, file: str, text: str, found: str) -> None:
    folder = write_run(tmp_path / "run")
    (folder / file).write_text(text)
    with pytest.raises(FormatError, match=found):
        write_report(folder)


# --- one page that needs nothing else


def test_nothing_is_loaded_from_elsewhere(glyphs: str) -> None:
    text = Text(glyphs)
    assert "script" not in {tag for tag, _ in text.tags}
    loads = [
        value
        for _, attributes in text.tags
        for name, value in attributes.items()
        if name in ("src", "href", "srcset", "data", "poster", "xlink:href")
    ]
    assert loads == ["data:,"]  # no icon is asked for
    assert not re.search(r"https?:|//[a-z]|url\(|@import", glyphs)


def test_words_from_files_are_escaped(tmp_path: Path) -> None:
    evil = '<script>alert("1")</script>&'
    made = Made(
        stages=[evil, *RESNET_STAGES[1:]],
        metric=evil,
        data={"name": evil, evil: evil},
        backbone={"name": evil, evil: 1},
    )
    folder = write_run(tmp_path / "run", made)
    comparison = read_json(folder / "comparison.json")
    comparison["rows"][3]["name"] = evil
    comparison["train"] = {evil: evil}
    write_json(folder / "comparison.json", comparison)
    html = write_report(folder).read_text(encoding="utf-8")
    assert "script" not in {tag for tag, _ in Text(html).tags}
    assert evil not in html
    assert "What 8 tasks of &lt;script&gt;" in html


def test_tasks_of_an_unfinished_run_are_escaped(tmp_path: Path) -> None:
    names = ("architecture.json", "comparison.json", "scores.json")
    folder = write_run(tmp_path / "run", leave_out=names)
    settings = read_json(folder / "settings.json")
    settings["tasks"][0] = "<b>&"
    write_json(folder / "settings.json", settings)
    html = write_report(folder).read_text(encoding="utf-8")
    assert "<b>" not in html
    assert "&lt;b&gt;&amp;" in html


@pytest.mark.parametrize("kind", ["tree", "shared", "independent"])
def test_forty_tasks_over_eighteen_stages_stay_below_two_megabytes(
    tmp_path: Path, kind: str
) -> None:
    tasks = [f"task-{i:02d}" for i in range(LARGE)]
    levels = {
        "tree": None,
        "shared": [[tasks]] * DEEP,
        "independent": [[[task] for task in tasks]] * DEEP,
    }[kind]
    html = report(tmp_path, large(levels=levels))
    assert len(html.encode()) < 2 * MIB
    assert re.search(r"Of 780 pairs, \d+ evenly chosen ones are drawn", html)


def test_the_room_needs_no_torch() -> None:
    code = f"import sys; sys.path[:] = {sys.path!r}; import sharewise.report; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "sharewise.report" in done.stdout.split()
    assert not {"torch", "matplotlib"} & set(done.stdout.split())


# --- the words that load the network


def test_the_python_words_build_and_load_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_model

    from sharewise import backbones, data, networks

    planted = data.planted([2, 1], samples=30, inputs=6, outputs=2, stages=2)
    backbone = backbones.mlp(6, (4, 4))
    levels = [[["t0", "t1", "t2"]], [["t0", "t2"], ["t1"]]]
    made = Made(
        levels=levels,
        stages=("layer1", "layer2"),
        params=(28, 20),
        macs=(24, 16),
        data=dict(planted.settings),
        backbone=dict(backbone.settings),
    )
    text = report(tmp_path, made)
    network = networks.build(made.architecture, backbone, planted.tasks, seed=4).eval()
    save_model(network, str(tmp_path / "run" / "network.safetensors"))
    code = Text(text[text.index("<pre>") : text.index("</pre>")]).words
    monkeypatch.chdir(tmp_path / "run")
    inputs = torch.ones(2, 6)
    known = {"inputs": inputs}
    exec("".join(code), known)
    wanted = network(inputs)
    outputs = known["outputs"]
    assert all(torch.equal(outputs[task], wanted[task]) for task in wanted)  # type: ignore[call-overload]


def loaded(text: str) -> object:
    """What the words of a page make of the data."""
    import sharewise as sw

    (call,) = re.findall(r"^data = (.*?)^backbone", "".join(Text(text).words), re.M | re.S)
    return eval(f"({call})", {"sw": sw})


def test_the_data_of_a_table_are_loaded_whatever_its_columns_are_called(tmp_path: Path) -> None:
    data = pytest.importorskip("sharewise.data")
    names = [f'a column-with words that-no line may-end in, "{letter}"' for letter in "abc"]
    rows = [f"{i},{i % 7},{i % 2},{i / 8},{i % 3}" for i in range(60)]
    quoted = [name.replace('"', '""') for name in names]
    header = ",".join(["input1", "input2", *(f'"{name}"' for name in quoted)])
    (tmp_path / "labels.csv").write_text("\n".join([header, *rows]) + "\n")
    made = data.table(tmp_path)
    text = report(tmp_path, Made(data=dict(made.settings)))
    assert loaded(text).fingerprint == made.fingerprint  # type: ignore[attr-defined]
    assert "as seen from where the search was started" not in text


def test_rooms_are_loaded_and_a_relative_folder_is_pointed_out(tmp_path: Path) -> None:
    data = pytest.importorskip("sharewise.data")
    made = data.scenes(size=16, samples=3)
    text = report(tmp_path / "a", Made(data=dict(made.settings)))
    assert loaded(text).fingerprint == made.fingerprint  # type: ignore[attr-defined]
    where = {"name": "cityscapes", "folder": "streets", "size": 64, "shrink": 1, "flip": True}
    text = seen(tmp_path / "b", Made(data=where))
    assert (
        "# The data's folder, as seen from where the search was started:"
        ' data = sw.data.cityscapes(folder="streets", size=64, shrink=1, flip=True)'
    ) in text


def test_everything_that_the_command_line_makes_is_loaded_by_a_call(tmp_path: Path) -> None:
    words = pytest.importorskip("sharewise.cli._data_words")
    backbones = pytest.importorskip("sharewise.cli._backbone_words")
    for room, names in (("data", words.DATA), ("backbones", backbones.BACKBONES)):
        for name in names:
            settings = {"settings": {"name": name}} if room == "data" else {"name": name}
            facts = SimpleNamespace(settings={room.rstrip("s"): settings}, is_partitioning=False)
            assert f"sw.{room}.{name.replace('-', '_')}()" in snippet(facts)  # type: ignore[arg-type]


def test_data_of_the_users_own_leaves_a_place_to_fill_in(tmp_path: Path) -> None:
    text = seen(tmp_path, Made(data={"name": "photos"}, backbone={"name": "mine"}))
    assert "data = ... # your TaskData" in text
    assert "backbone = ... # your Backbone" in text


# --- in a browser


def test_a_phone_shows_the_page_without_scrolling_sideways(tmp_path: Path, glyphs: str) -> None:
    measured = on_a_phone(tmp_path, glyphs)
    assert measured["window"] == 420
    assert measured["hidden"] == 0
    assert measured["wide"] == 0
    assert measured["height"] > 2000
