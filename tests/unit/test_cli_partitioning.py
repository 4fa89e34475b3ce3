"""A partitioning search on the command line: the whole path, and what cannot be done."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from _commands import call, make_run, refused
from _small import TASKS, make_part
from rich.console import Console

import sharewise
from sharewise.architecture import Architecture, Group, Owners, Partition
from sharewise.backbones import Backbone, mlp
from sharewise.cli import _progress, app
from sharewise.cli._backbone_words import backbone_from, read_backbone
from sharewise.cli._data_words import default_backbone
from sharewise.cli._folders import forget_run
from sharewise.cli._quick import COMPARE, FROM_INITIAL, QUICK_SEARCH
from sharewise.cli._rebuild import fully_shared, rebuild, training_sizes
from sharewise.cli._search_partitioning import make_strategy
from sharewise.cli._settings import read_settings
from sharewise.costs import cost
from sharewise.data import SeparateData, TaskData, planted
from sharewise.errors import InputError
from sharewise.evaluation import Cost
from sharewise.evaluators import DistilSettings, Initial, choose_source
from sharewise.networks import build
from sharewise.runs import Journal, Run
from sharewise.search import PartitionSettings
from sharewise.spaces import HiddenGroup, Partitioning
from sharewise.strategies import Evolution, Judged, Strategy
from sharewise.training import TrainSettings, load_weights, train

CAPSYS = pytest.CaptureFixture[str]
DATA = "planted:groups=2+1,samples=64,outputs=4,inputs=8"
PARTITIONING = ("--method", "partitioning")
SIZES = (
    *("--evaluations", "6", "--workers", "1"),
    *("--set", "initial.epochs=1,teachers.epochs=1,distil.steps=15,distil.batch_size=8"),
)
# One candidate a group, so that the journal grows line by line; and two finalists judged again.
SMALL = (*SIZES[:-1], SIZES[-1] + ",distil.group=1,finalists=2,rejudged=1")


def search_words(run: Path, *more: str) -> tuple[str, ...]:
    return ("search", DATA, *PARTITIONING, "--run", str(run), *SMALL, *more)


def data() -> TaskData:
    return planted((2, 1), samples=64, outputs=4, inputs=8)


def backbone() -> Backbone:
    """The default one for these data."""
    return mlp(8, (4, 4, 4), hidden=16)


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a search; it stays as it is."""
    folder = tmp_path_factory.mktemp("partitioning") / "run"
    with contextlib.redirect_stderr(io.StringIO()) as told, pytest.raises(SystemExit) as end:
        app([*search_words(folder), "--json"], prog_name="sharewise")
    assert end.value.code in (0, None), told.getvalue()
    return folder


@pytest.fixture
def run(searched: Path, tmp_path: Path) -> Path:
    """The same folder, to work in."""
    return Path(shutil.copytree(searched, tmp_path / "run"))


def found(run: Path) -> Architecture:
    return Architecture.from_json((run / "architecture.json").read_text())


def initial_of(run: Path) -> Initial:
    source = choose_source(data(), backbone())
    return Initial.load(run / "initial" / "network.safetensors", backbone(), data(), source=source)


# --- search ---


def test_a_search_leaves_a_run_with_its_partition(run: Path) -> None:
    settings = json.loads((run / "settings.json").read_text())
    assert settings["method"] == "partitioning"
    assert settings["budget"] == {"use": 0.5}  # the default
    assert settings["backbone"] == dict(backbone().settings)
    assert settings["search"]["initial"]["epochs"] == 1
    assert settings["search"]["distil"]["steps"] == 15
    assert settings["strategy"]["name"] == "Evolution"
    architecture = found(run)
    assert [len(each.groups) for each in architecture.partitions.values()] == [0, 0, 1]
    assert architecture.mean_use <= 0.5
    assert {path.name for path in run.iterdir()} >= {"initial", "teachers", "features"}
    candidates = [line for line in Journal.read(run / "journal.jsonl").entries if "step" in line]
    assert len(candidates) == 6


def test_a_search_prints_the_partition_and_what_it_costs(capsys: CAPSYS, run: Path) -> None:
    architecture = found(run)
    told = call(capsys, *search_words(run, "--resume"))
    assert told.code == 0
    assert architecture.draw() in told.out
    assert f"Next: sharewise compare {run}" in told.out
    shown = call(capsys, *search_words(run, "--resume", "--json")).json
    assert Architecture.from_dict(shown["architecture"]) == architecture
    assert shown["use"] == architecture.use
    assert shown["source"] == initial_of(run).source
    whole = Partitioning(
        architecture.tasks, 3, [HiddenGroup(2, ("0",), 16)]
    ).share_all()  # what relative costs refer to
    tasks = data().tasks
    ours, shared = (cost(each, backbone(), tasks) for each in (architecture, whole))
    assert shown["relative"]["macs"] == ours.macs / shared.macs < 1
    line = next(line for line in told.out.splitlines() if line.startswith(" all tasks"))
    assert line.split()[-2:] == [f"{100 * architecture.mean_use:.0f}", "%"]


def test_the_default_folder_is_not_that_of_a_branching_search_and_parts_are_told(
    capsys: CAPSYS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("search", DATA, *PARTITIONING, "--seed", "3", "--json", *SIZES[:4])
    sizes = "initial.epochs=1,teachers.epochs=1,distil.steps=1"
    told = call(capsys, *words, "--set", sizes)
    run = "runs/planted-partitioning-3"
    assert told.json["run"] == run
    assert (tmp_path / run / "architecture.json").is_file()
    parts = ("common initialisation", "teachers", "features of the teachers")
    more = ("candidates", "fixed partitions", "finalists")
    assert told.err.splitlines()[1:] == [
        f"Searching {run} ...",
        *(f"Searching {run}: {part} ..." for part in (*parts, *more)),
    ]


def test_stages_strategy_and_budget_are_given(capsys: CAPSYS, tmp_path: Path) -> None:
    words = ("search", DATA, *PARTITIONING, "--run", tmp_path / "run", *SIZES[:4])
    more = ("--stages", "layer1,layer3", "--strategy", "random", "--budget", "macs=0.9x")
    sizes = "initial.epochs=1,teachers.epochs=1,distil.steps=3,matrices=group,finalists=1,source=t1"
    told = call(capsys, *words, *more, "--set", sizes, "--json")
    assert told.code == 0, told.err
    assert told.json["relative"]["macs"] <= 0.9
    partitions = found(tmp_path / "run").partitions.values()
    assert [len(each.groups) for each in partitions] == [1, 0, 1]
    settings = json.loads((tmp_path / "run" / "settings.json").read_text())
    assert settings["strategy"]["name"] == "RandomSearch"
    assert settings["search"]["matrices"] == "group"
    assert told.json["source"] == "t1"
    assert choose_source(data(), backbone()) != "t1"
    assert call(capsys, "train", tmp_path / "run", "--epochs", "1").code == 0  # from t1's, too


def test_a_quick_search_is_small_where_nothing_else_is_said(capsys: CAPSYS, tmp_path: Path) -> None:
    words = ("search", DATA, *PARTITIONING, "--run", tmp_path / "run", "--quick")
    sizes = "distil.steps=2,teachers.epochs=1"
    more = ("--evaluations", "1", "--workers", "1", "--set", sizes)
    assert call(capsys, *words, *more).code == 0
    settings = json.loads((tmp_path / "run" / "settings.json").read_text())["search"]
    assert settings["initial"]["epochs"] == QUICK_SEARCH["partitioning"]["initial.epochs"]
    assert (settings["evaluations"], settings["teachers"]["epochs"]) == (1, 1)
    assert (settings["distil"]["steps"], settings["initial"]["lr"]) == (2, FROM_INITIAL["lr"])


def test_a_quick_branching_search_is_small(capsys: CAPSYS, tmp_path: Path) -> None:
    words = ("search", DATA, "--quick", "--run", tmp_path / "run", "--epochs", "1")
    assert call(capsys, *words).code == 0
    settings = json.loads((tmp_path / "run" / "settings.json").read_text())["search"]
    assert settings["initialisations"] == QUICK_SEARCH["branching"]["initialisations"]
    assert settings["epochs"] == 1


# --- the same journal ---


KILLED_AFTER_THREE = """
import os, signal
from sharewise.cli import app
from sharewise.runs import Journal
write = Journal.append
def append(self, entry):
    write(self, entry)
    if len(self.entries) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
Journal.append = append
"""


def test_a_killed_search_goes_on_to_the_same_journal(
    capsys: CAPSYS, searched: Path, tmp_path: Path
) -> None:
    run = tmp_path / "killed"
    source = str(Path(sharewise.__file__).parents[1])
    code = f"{KILLED_AFTER_THREE}app({list(search_words(run))!r})"
    process = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": source, "PYTHONHASHSEED": "7"},
        capture_output=True,
        check=False,
    )
    assert process.returncode == -signal.SIGKILL, process.stderr
    assert len(Journal.read(run / "journal.jsonl").entries) == 3
    assert not (run / "architecture.json").exists()
    assert call(capsys, *search_words(run, "--resume")).code == 0
    for name in ("journal.jsonl", "architecture.json", "settings.json"):
        assert (run / name).read_bytes() == (searched / name).read_bytes()


def test_features_that_are_not_all_there_are_computed_once_more(
    capsys: CAPSYS, searched: Path, run: Path
) -> None:
    Journal.read(run / "journal.jsonl").truncate(2)
    (run / "architecture.json").unlink()
    (run / "features" / "identity.json").write_text('{"format": 1}')  # as while they are written
    told = call(capsys, *search_words(run, "--resume"))
    assert told.code == 0
    assert _progress.REBUILT in told.err
    assert (run / "journal.jsonl").read_bytes() == (searched / "journal.jsonl").read_bytes()


def test_two_workers_write_the_same_journal(capsys: CAPSYS, searched: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert call(capsys, *search_words(run, "--workers", "2")).code == 0
    assert (run / "journal.jsonl").read_bytes() == (searched / "journal.jsonl").read_bytes()


# --- after the search ---


def test_train_starts_from_the_runs_common_initialisation(capsys: CAPSYS, run: Path) -> None:
    told = call(capsys, "train", run, "--epochs", "1", "--json")
    network = initial_of(run).start(found(run), backbone(), data().tasks)
    scores = train(network, data(), settings=TrainSettings(**{**FROM_INITIAL, "epochs": 1}))
    assert told.json["scores"] == scores
    again = build(found(run), backbone(), data().tasks, seed=9)
    load_weights(again, run / "network.safetensors")
    inputs = torch.randn(3, 8)
    for task, output in network.eval()(inputs).items():
        assert torch.equal(again.eval()(inputs)[task], output)


def test_train_without_the_common_initialisation(capsys: CAPSYS, run: Path) -> None:
    shutil.rmtree(run / "initial")
    sentence = refused(capsys, "train", run)
    assert str(run / "initial" / "network.safetensors") in sentence
    assert not (run / "training").exists()


def test_turns_are_for_tasks_with_samples_of_their_own(capsys: CAPSYS, run: Path) -> None:
    for command in ("train", "compare"):
        assert refused(capsys, command, run, "--turns", "luck").startswith("turns is one of 'all'")
    sentence = refused(capsys, "train", run, "--turns", "uniform")
    assert sentence.startswith("Data sets take turns where tasks have inputs of their own")


def test_data_sets_with_accuracies_take_turns_by_the_curriculum(run: Path) -> None:
    searched = rebuild(run, lambda event: None)
    apart = SeparateData([make_part(each) for each in TASKS], name="decathlon-mini")
    assert training_sizes(searched) == FROM_INITIAL
    assert training_sizes(dataclasses.replace(searched, data=apart))["turns"] == "curriculum"
    settings = {**searched.settings, "method": "branching", "search": {}}
    assert training_sizes(dataclasses.replace(searched, settings=settings, data=apart)) == {}


def test_from_scratch_leaves_the_common_initialisation_out(
    capsys: CAPSYS, run: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    shutil.copytree(run, own)
    shutil.rmtree(own / "initial")
    words = ("--from-scratch", "--epochs", "1", "--json")
    trained = call(capsys, "train", own, *words).json
    assert trained["settings"]["lr"] == TrainSettings().lr  # not that of networks from there
    told = call(capsys, "compare", own, *words, "--seeds", "1", "--workers", "1").json
    rows = {row["name"]: row for row in told["rows"]}
    assert rows["found"]["val"]["0"] == trained["scores"]
    assert call(capsys, "report", own).code == 0
    assert "from scratch" in (own / "report.html").read_text()


def test_a_training_goes_on_from_where_it_began_alone(
    capsys: CAPSYS, run: Path, tmp_path: Path
) -> None:
    """The same settings from other weights are another training."""
    own = tmp_path / "own"
    shutil.copytree(run, own)
    words = ("train", own, "--epochs", "1", "--batch-size", "32", "--lr", "0.001", "--json")
    warm = call(capsys, *words).json["scores"]
    text = refused(capsys, *words, "--from-scratch")
    assert "initial" in text and "--fresh" in text
    cold = call(capsys, *words, "--from-scratch", "--fresh").json["scores"]
    assert cold != warm
    assert "--fresh" in refused(capsys, *words)
    assert call(capsys, *words, "--from-scratch").json["scores"] == cold


def test_a_setting_is_given_once(capsys: CAPSYS, tmp_path: Path) -> None:
    words = ("search", "planted", "--method", "partitioning", "--run", tmp_path / "new")
    assert refused(capsys, *words, "--evaluations", "4", "--set", "evaluations=3") == (
        "A setting is given once. Found evaluations in --set, and as --evaluations. Leave one of "
        "them out."
    )
    assert not (tmp_path / "new").exists()


def test_compare_and_report(capsys: CAPSYS, run: Path) -> None:
    words = ("compare", run, "--quick", "--epochs", "1", "--workers", "1")
    told = call(capsys, *words, "--json")
    assert told.code == 0, told.err
    names = [row["name"] for row in told.json["rows"]]
    assert sorted(names) == ["divided", "found", "independent", "random", "shared"]
    assert told.json["seeds"] == [0]
    assert told.json["train"]["batch_size"] == FROM_INITIAL["batch_size"]
    jobs = [json.loads(path.read_text()) for path in run.glob("comparison/*/settings.json")]
    wanted = {"task": initial_of(run).source, "weights": initial_of(run).digest}
    assert jobs
    assert all(job["initial"] == wanted for job in jobs)
    lines = call(capsys, *words).out.splitlines()
    assert lines[0].split() == ["network", "found", "shared", "divided", "random", "independent"]
    (use,) = (line.split() for line in lines if line.startswith("use"))
    assert use[1:] == [
        f"{found(run).mean_use:.3f}",
        "1.000",
        *(
            f"{statistics.fmean(cost['use'] for cost in row['costs']):.3f}"
            for row in sorted(told.json["rows"], key=lambda row: row["name"])
            if row["name"] in ("divided", "random")
        ),
        "–",
    ]
    assert call(capsys, "report", run).out == f"{run / 'report.html'}\n"
    assert (run / "report.html").stat().st_size > 1000


def test_a_quick_comparison_of_a_branching_run(capsys: CAPSYS, tmp_path: Path) -> None:
    told = call(
        capsys, "compare", make_run(tmp_path / "run"), "--quick", "--workers", "1", "--json"
    )
    assert told.json["train"]["epochs"] == COMPARE["epochs"]
    assert told.json["train"]["lr"] == TrainSettings().lr
    assert told.json["seeds"] == [0]


def test_show_and_cost_say_how_much_tasks_use(capsys: CAPSYS, run: Path) -> None:
    file = run / "architecture.json"
    shown = call(capsys, "show", run, "--json").json
    counted = cost(found(run), backbone(), data().tasks)
    assert Cost.from_dict(shown["cost"]) == counted
    assert shown["use"] == found(run).use
    text = call(capsys, "show", run, "--svg", run / "tree.svg").out
    assert found(run).draw() in text
    assert "Budget: use=0.5. Seed: 0." in text
    assert "<svg" in (run / "tree.svg").read_text()
    assert call(capsys, "show", file).out == found(run).draw() + "\n"

    words = ("cost", file, "--backbone", "mlp:widths=4+4+4,hidden=16", "--input-size", "8")
    without = call(capsys, *words, "--json").json
    assert Cost.from_dict(without["cost"]) == cost(found(run), backbone())
    assert without["use"] == found(run).use
    assert " use" in call(capsys, *words).out.splitlines()[0]
    assert Cost.from_dict(call(capsys, "cost", file, "--data", DATA, "--json").json["cost"]) == (
        counted
    )


def test_export_of_one_task_gives_its_part_of_the_joint_network(capsys: CAPSYS, run: Path) -> None:
    assert call(capsys, "train", run, "--epochs", "1").code == 0
    told = call(capsys, "export", run, "--to", "pt2", "--task", "t1", "--json")
    assert told.json["path"] == str(run / "export-t1.pt2")
    assert told.json["tasks"] == ["t1"]
    joint = build(found(run), backbone(), data().tasks)
    load_weights(joint, run / "network.safetensors")
    inputs = torch.randn(5, 8)
    alone = torch.export.load(run / "export-t1.pt2").module()(inputs)
    assert list(alone) == ["t1"]
    torch.testing.assert_close(alone["t1"], joint.eval()(inputs)["t1"])
    whole = call(capsys, "export", run, "--to", "safetensors", "--json").json
    assert whole["path"] == str(run / "export.safetensors")
    assert whole["tasks"] == ["t0", "t1", "t2"]
    sentence = refused(capsys, "export", run, "--to", "pt2", "--task", "t9")
    assert "Found task 't9' and a network for ['t0', 't1', 't2']." in sentence


def test_all_that_belongs_to_a_run_can_be_forgotten(run: Path) -> None:
    (run / "mine.txt").write_text("the user's own")
    forget_run(Run(run))
    assert [path.name for path in run.iterdir()] == ["mine.txt"]


# --- what cannot be done ---


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ("--strategy", "luck"),
            "A search strategy is one of evolution, random. Found 'luck'. Leave --strategy out.",
        ),
        (
            ("--epochs", "3"),
            "--epochs is an option of --method branching. Found it with --method partitioning. "
            "Leave it out: partitioning has --evaluations, --stages, --strategy, --workers, and "
            "--set for more.",
        ),
        (
            ("--batch-size", "3"),
            "--batch-size is an option of --method branching. Found it with",
        ),
        (("--stages", "layer9"), "The stages of backbone 'mlp' are layer1, layer2, layer3."),
        (("--backbone", "mlp:widths=4+4"), "A partition needs a hidden layer: one that a single"),
        (("--budget", "use=0.001"), "A bound on use is a share from 0.05, a task's least, to 1."),
        (("--budget", "use=2"), "A bound is a positive number, and one on use is at most 1."),
        (("--budget", "params=0.01x"), "A budget leaves room for a partition in which every task"),
        (
            ("--budget", "latency_ms=3"),
            "A partitioning search bounds use, parameters or multiply-adds.",
        ),
        (
            ("--device", "cuda"),
            "A partitioning search computes on the CPU, on as many cores as it has --workers. "
            "Found --device cuda. Leave --device out.",
        ),
        (("--set", "distil.luck=1"), "The options of --set are evaluations, stages, matrices,"),
        (("--set", "distil=1"), "The options of --set are evaluations, stages, matrices,"),
        (("--set", "distil.steps=0"), "steps is a whole number of at least 1. Found steps=0."),
        (("--set", "distil.score=luck"), "score is one of 'accuracy', 'loss', 'features'."),
        (("--set", "matrices=each"), "matrices is 'network' (one P for all groups) or 'group'"),
        (("--set", "source=t9"), "The task is one of the data's. Found 't9' and data for"),
        (("--set", "initial.lr=-1"), "lr is a finite number above 0."),
    ],
)
def test_what_cannot_be_searched_leaves_no_run(
    capsys: CAPSYS, tmp_path: Path, words: tuple[str, ...], sentence: str
) -> None:
    run = tmp_path / "run"
    told = refused(capsys, "search", DATA, *PARTITIONING, *words, "--run", run, "--json")
    assert told.startswith(sentence)
    assert not list(tmp_path.iterdir())


def test_options_of_partitioning_are_not_for_branching(capsys: CAPSYS, tmp_path: Path) -> None:
    words = {"--evaluations": "3", "--stages": "layer1", "--strategy": "random", "--workers": "2"}
    for flag, value in words.items():
        told = refused(capsys, "search", DATA, flag, value, "--run", tmp_path / "run")
        assert told == (
            f"{flag} is an option of --method partitioning. Found it with --method branching. "
            "Leave it out: branching has --epochs, --initialisations, --batch-size, --lr, and "
            "--set for more."
        )
    assert not list(tmp_path.iterdir())


def test_a_stage_whose_layers_cannot_be_divided(capsys: CAPSYS, tmp_path: Path) -> None:
    words = ("search", "glyphs:variants=1,size=16", *PARTITIONING, "--stages", "layer4,stem")
    more = ("--backbone", "resnet18:width=0.0625", "--run", tmp_path / "run")
    told = refused(capsys, *words, *more)
    assert told.startswith("A partition needs a hidden layer")
    assert "'conv1' of stem: its output leaves the stage" in told
    assert not list(tmp_path.iterdir())


def test_a_decathlon_that_is_not_there(capsys: CAPSYS, tmp_path: Path) -> None:
    words = ("search", f"decathlon:folder={tmp_path / 'none'}", *PARTITIONING)
    told = refused(capsys, *words, "--run", tmp_path / "run")
    assert told.startswith("The decathlon is read from a folder with annotations/ and data/.")


def test_a_folder_that_belongs_to_another_search(capsys: CAPSYS, run: Path) -> None:
    before = (run / "journal.jsonl").read_bytes()
    sentence = refused(capsys, *search_words(run, "--seed", "1", "--resume"))
    assert "seed is 0 there and 1 here" in sentence
    assert refused(capsys, *search_words(run)).startswith("A run is begun once.")
    sentence = refused(capsys, "search", DATA, "--run", run, "--resume")
    assert 'method is "partitioning" there and "branching" here' in sentence
    assert (run / "journal.jsonl").read_bytes() == before


def test_a_journal_that_another_search_would_have_written(capsys: CAPSYS, run: Path) -> None:
    journal = run / "journal.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    entry = json.loads(lines[2])
    journal.write_text("".join([*lines[:2], json.dumps({**entry, "seed": 5}) + "\n"]))
    sentence = refused(capsys, *search_words(run, "--resume"))
    assert "Found seed 5 in line 3 of the journal, and" in sentence


# --- words, settings, strategies ---


def test_an_mlp_has_hidden_layers_where_they_are_asked_for() -> None:
    for text, wanted in (
        ("mlp:widths=4+5,hidden=6", mlp(8, (4, 5), hidden=6)),
        ("mlp:widths=4+5", mlp(8, (4, 5))),
    ):
        assert read_backbone(text, (8,)).settings == wanted.settings
        assert backbone_from(wanted.settings).settings == wanted.settings
    with pytest.raises(InputError, match="only the backbones of its own words"):
        backbone_from({"name": "mlp", "in_features": 8, "hidden": 6})


def test_the_default_backbone_has_something_to_divide_where_that_is_needed() -> None:
    assert default_backbone(data()) == "mlp:widths=4+4+4"
    divided = read_backbone(default_backbone(data(), divided=True), (8,))
    assert all(layout.hidden for layout in divided.layouts())


def test_settings_inside_settings_are_named_with_a_dot() -> None:
    text = "distil.steps=300,initial.epochs=4,stages=a+b,freeze_below=true,distil.lr=0.5"
    read = read_settings(PartitionSettings, text, sizes={"distil.steps": 1, "finalists": 3})
    usual = PartitionSettings()
    assert read == PartitionSettings(
        stages=("a", "b"),
        freeze_below=True,
        finalists=3,
        initial=dataclasses.replace(usual.initial, epochs=4),
        distil=DistilSettings(steps=300, lr=0.5),
    )
    assert read_settings(PartitionSettings, evaluations=None) == usual
    assert read_settings(PartitionSettings, sizes={"finalists": 3}, finalists=5).finalists == 5


def candidates(strategy: Strategy, evaluations: int) -> list[int]:
    """How many candidates each round of a search has that keeps to so many."""
    space = Partitioning(("a", "b"), 1, [HiddenGroup(0, ("conv",), 32)])
    state, rounds = strategy.start(space, seed=0), []
    while True:
        asked = strategy.ask(state)
        if sum(rounds) + len(asked) > evaluations:
            return rounds
        assert all(np.mean(np.array(p.vector)[space.forward_diagonal]) <= 0.4 for p in asked)
        rounds.append(len(asked))
        state = strategy.tell(state, [Judged(each, 0.5, 0.4) for each in asked])


@pytest.mark.parametrize("evaluations", [1, 2, 3, 7, 30, 50, 96])
def test_rounds_fit_into_the_evaluations(evaluations: int) -> None:
    rounds = candidates(make_strategy("evolution", evaluations, use=0.4), evaluations)
    assert sum(rounds) > 0.6 * evaluations
    assert len(rounds) >= min(3, evaluations)
    drawn = candidates(make_strategy("random", evaluations, use=0.4), evaluations)
    assert sum(drawn) > 0.6 * evaluations


def test_with_many_evaluations_the_strategy_is_the_usual_one() -> None:
    usual = PartitionSettings().evaluations
    assert make_strategy("evolution", usual, use=0.3) == Evolution(use=0.3)
    assert make_strategy("evolution", usual, use=None) == Evolution()


def test_costs_are_compared_with_sharing_everything() -> None:
    tree = Architecture.from_levels([[["a", "b"]], [["a"], ["b"]]])
    assert fully_shared(tree) == Architecture.shared(("a", "b"), 2)
    owners = (Owners(3, ("a",), ("a",)), Owners(5, ("a", "b"), ()))
    divided = Partition((Group(("conv",), owners),))
    whole = Partition((Group(("conv",), (Owners(8, ("a", "b"), ("a", "b")),)),))
    given = Architecture.partitioned(("a", "b"), [None, divided])
    assert fully_shared(given) == Architecture.partitioned(("a", "b"), [None, whole])


# --- progress ---


def test_a_part_is_named_on_a_terminal(capsys: CAPSYS, monkeypatch: pytest.MonkeyPatch) -> None:
    def terminal(**options: object) -> Console:
        return Console(stderr=True, force_terminal=True, width=100)

    monkeypatch.setattr(_progress, "Console", terminal)
    with _progress.progress("Searching") as show:
        show({"part": "features", "rebuilt": True})
        show({"part": "teachers", "done": 1, "jobs": 3, "job": "digits"})
    err = capsys.readouterr().err
    assert _progress.REBUILT in err.replace("\n", " ").replace("  ", " ")
    assert "Searching: teachers" in err
    assert "1/3" in err
    assert "digits" in err


def test_the_note_of_a_step_says_only_what_the_step_says() -> None:
    step = {"part": "teachers", "done": 1, "jobs": 3, "job": "digits"}
    assert _progress.note(step) == "digits"
    assert _progress.position(step) == (1, 3)
    assert _progress.note({"part": "candidates", "done": 8, "jobs": 24}) == ""
    step = {"part": "initial", "epoch": 2, "epochs": 4, "train_loss": 0.25}
    assert _progress.note(step) == "loss 0.2500"
    assert _progress.position(step) == (2, 4)
