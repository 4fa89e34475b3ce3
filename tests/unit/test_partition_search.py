"""search_partitioning(): its journal, its resumes, its choice and its sentences."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from _small import NAMES, TASKS, make_backbone, make_data, make_part
from _small_search import (
    BACKBONE,
    DISTIL,
    SETTINGS,
    SPACE,
    STRATEGY,
    Backwards,
    files,
    search,
)
from torch import nn

from sharewise.architecture import Architecture, Partition
from sharewise.backbones import mlp
from sharewise.data import Batch, SeparateData, TensorData
from sharewise.errors import InputError, RunError
from sharewise.evaluation import Budget
from sharewise.evaluators import Initial, train_teachers
from sharewise.networks import build
from sharewise.search import PartitioningResult, PartitionSettings
from sharewise.strategies import Judged, Proposal, RandomSearch
from sharewise.tasks import classification


@dataclass(frozen=True)
class Done:
    run: Path
    result: PartitioningResult
    events: list[dict[str, Any]]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    run = tmp_path_factory.mktemp("runs") / "whole"
    events: list[dict[str, Any]] = []
    return Done(run, search(run, progress=events.append), events)


def lines_of(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "journal.jsonl").read_text().splitlines()]


def copied(done: Done, folder: Path, *, lines: int, torn: bytes = b"") -> Path:
    """The run as it was when its journal had so many entries and perhaps a part of the next."""
    shutil.copytree(done.run, folder)
    journal = folder / "journal.jsonl"
    kept = journal.read_bytes().splitlines(keepends=True)[: lines + 1]
    journal.write_bytes(b"".join(kept) + torn)
    (folder / "architecture.json").unlink()
    return folder


# --- the journal


def test_the_journal_holds_the_candidates_the_finalists_and_the_choice(done: Done) -> None:
    header, *entries = lines_of(done.run)
    assert header["method"] == "partitioning"
    assert header["tasks"] == list(NAMES)
    assert header["groups"] == [{"stage": 1, "layers": ["0"], "channels": 8, "unit": 1}]
    assert header["budget"] == {"use": 0.6}
    assert header["strategy"] == {"name": "Evolution", **STRATEGY.to_dict()}
    assert header["search"] == SETTINGS.to_dict()
    assert header["data"]["fingerprint"] == make_data(flat=True).fingerprint
    assert header["seed"] == 3
    assert [entry.get("candidate") for entry in entries[:5]] == list(range(5))
    assert [entry.get("step") for entry in entries[:5]] == [0] * 3 + [1] * 2
    presets = {entry["preset"]: entry["architecture"] for entry in entries[5:8]}
    assert presets == {
        "shared": SPACE.share_all().digest,
        "shared, updated apart": SPACE.share_forward_only().digest,
        "divided": SPACE.independent().digest,
    }
    finalists = [(entry["again"], entry["finalist"]) for entry in entries[8:12]]
    assert finalists == [(1, 0), (1, 1), (2, 0), (2, 1)]
    assert set(entries[12]) == {"chosen", "vector", "finalists", "targets", "realised"}
    assert len(entries) == 13
    assert list(done.result.journal) == entries
    assert json.loads(json.dumps(done.result.header)) == {
        word: value for word, value in header.items() if word != "kind"
    }


def test_an_entry_says_what_was_judged_and_how(done: Done) -> None:
    for entry in lines_of(done.run)[1:6]:
        # The strategy keeps the bound itself, so the vector was not moved.
        architecture = SPACE.decode(SPACE.with_use(entry["vector"], 0.6), seed=entry["seed"])
        assert entry["architecture"] == architecture.digest
        assert entry["use"] == architecture.use
        network = build(architecture, BACKBONE, TASKS)
        assert entry["params"] == sum(each.numel() for each in network.parameters())
        assert entry["macs"] == done.result.table.of(architecture).macs
        assert entry["score"] == pytest.approx(sum(entry["per_task"].values()) / 2)
        assert set(entry["measures"]) == {"accuracy", "loss", "features"}
        assert (entry["steps"], entry["stopped"]) == (4, False)


def test_all_candidates_of_a_step_have_one_seed_and_finalists_others(done: Done) -> None:
    entries = lines_of(done.run)[1:]
    seeds = {step: {e["seed"] for e in entries if e.get("step") == step} for step in (0, 1)}
    assert len(seeds[0]) == len(seeds[1]) == 1
    assert seeds[0] != seeds[1]
    again = {number: {e["seed"] for e in entries if e.get("again") == number} for number in (1, 2)}
    assert len(again[1]) == len(again[2]) == 1
    assert len(seeds[0] | seeds[1] | again[1] | again[2]) == 4


def test_the_choice_is_the_finalist_with_the_best_mean(done: Done) -> None:
    entries = lines_of(done.run)[1:]
    scores: dict[str, list[float]] = {}
    for entry in [*entries[:5], *entries[8:12]]:
        scores.setdefault(entry["architecture"], []).append(entry["score"])
    ranked = sorted(entries[:5], key=lambda entry: -entry["score"])
    finalists = list(dict.fromkeys(entry["architecture"] for entry in ranked))[:2]
    assert [entry["architecture"] for entry in entries[8:10]] == finalists
    means = {digest: sum(scores[digest]) / len(scores[digest]) for digest in finalists}
    choice = entries[-1]
    assert choice["finalists"] == pytest.approx(means)
    assert choice["chosen"] == max(means, key=means.__getitem__)
    assert choice["chosen"] == done.result.architecture.digest
    forward, backward = SPACE.realised(done.result.architecture)[0]
    assert choice["realised"] == [[forward.tolist(), backward.tolist()]]
    bounded = SPACE.matrices_of(SPACE.with_use(choice["vector"], 0.6))[0]
    assert choice["targets"] == [[each.tolist() for each in bounded]]


def test_the_result_is_what_the_run_holds(done: Done) -> None:
    result = done.result
    written = Architecture.from_json((done.run / "architecture.json").read_text())
    assert written == result.architecture
    assert result.cost == result.table.of(result.architecture)
    assert result.shared_cost == result.table.of(SPACE.share_all())
    assert result.cost.params < result.shared_cost.params
    assert (result.budget, result.backbone.input_shape) == (Budget(use=0.6), (16,))
    path = done.run / "initial" / "network.safetensors"
    initial = Initial.load(
        path, result.backbone, make_data(flat=True), source=result.initial.source
    )
    assert initial.digest == result.initial.digest
    assert (done.run / "teachers" / "sign" / "scores.json").exists()
    assert (done.run / "features" / "kind" / "block0.npy").exists()


def test_the_archive_holds_the_best_for_every_use(done: Done) -> None:
    entries = lines_of(done.run)[1:6]
    points = [(sum(e["use"].values()) / 2, e["score"]) for e in entries]
    for each in done.result.archive.front:
        assert not any(use < each.use and score > each.score for use, score in points)
    best = done.result.archive.best()
    assert best is not None
    assert best.score == max(score for _, score in points)


def test_progress_counts_what_is_done_of_each_part(done: Done) -> None:
    parts = list(dict.fromkeys(event["part"] for event in done.events))
    assert parts == ["initial", "teachers", "features", "candidates", "presets", "finalists"]
    for part, total in {
        "teachers": 2,
        "features": 2,
        "candidates": 5,
        "presets": 3,
        "finalists": 4,
    }.items():
        counts = [event["done"] for event in done.events if event["part"] == part]
        assert {event["jobs"] for event in done.events if event["part"] == part} == {total}
        assert counts == sorted(counts)
        assert counts[0] == 0
        # Teachers are told of as they begin, groups of candidates also as they end.
        assert counts[-1] == (total - 1 if part in ("teachers", "features") else total)


def test_without_a_run_the_search_is_the_same(done: Done) -> None:
    result = search(None)
    assert list(result.journal) == list(done.result.journal)
    assert result.architecture == done.result.architecture
    assert result.initial.digest == done.result.initial.digest


def test_another_seed_is_another_search(done: Done) -> None:
    other = search(None, seed=4)
    assert other.journal[0]["vector"] != done.result.journal[0]["vector"]
    assert other.initial.digest != done.result.initial.digest


# --- resumes


@pytest.mark.parametrize("lines", range(14))
def test_a_search_resumes_from_any_line_to_the_same_bytes(
    done: Done, tmp_path: Path, lines: int
) -> None:
    run = copied(done, tmp_path / "run", lines=lines)
    assert search(run).architecture == done.result.architecture
    assert files(run) == files(done.run)


@pytest.mark.filterwarnings("ignore:The last line")
def test_a_torn_line_is_judged_again(done: Done, tmp_path: Path) -> None:
    run = copied(done, tmp_path / "run", lines=4, torn=b'{"candidate": 4, "step"')
    search(run)
    assert files(run) == files(done.run)


def test_a_finished_search_judges_nothing_and_changes_nothing(done: Done, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(done.run, run)
    executor = Backwards()
    result = search(run, executor=executor)
    assert executor.done == 2  # the teachers, which are read
    assert files(run) == files(done.run)
    assert result.archive == done.result.archive
    assert result.journal == done.result.journal


@pytest.mark.parametrize("lost", ["features", "teachers", "initial"])
def test_what_is_lost_before_the_candidates_is_made_again(
    done: Done, tmp_path: Path, lost: str
) -> None:
    run = copied(done, tmp_path / "run", lines=4)
    shutil.rmtree(run / lost)
    search(run)
    assert files(run) == files(done.run)


def test_features_that_were_torn_are_made_again_and_that_is_said(
    done: Done, tmp_path: Path
) -> None:
    run = copied(done, tmp_path / "run", lines=4)
    path = run / "features" / "sign" / "val_block0.npy"
    path.write_bytes(path.read_bytes()[:-1])
    events: list[dict[str, Any]] = []
    search(run, progress=events.append)
    assert {"part": "features", "rebuilt": True} in events
    assert files(run) == files(done.run)


@pytest.mark.parametrize(
    "part", ["initial", "teachers", "features", "candidates", "presets", "finalists"]
)
def test_an_interruption_in_any_part_changes_nothing(done: Done, tmp_path: Path, part: str) -> None:
    def stop(event: dict[str, Any]) -> None:
        if event["part"] == part:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(tmp_path, progress=stop, executor=Backwards())
    assert not (tmp_path / "architecture.json").exists()
    search(tmp_path)
    assert files(tmp_path) == files(done.run)


def test_an_executor_changes_nothing(done: Done, tmp_path: Path) -> None:
    executor = Backwards()
    search(tmp_path, executor=executor)
    assert files(tmp_path) == files(done.run)
    # 2 teachers; 3 + 2 candidates, 3 presets and 2 x 2 finalists, in groups of 2.
    assert executor.done == 2 + (2 + 1) + 2 + 2


# --- runs of something else


def test_a_run_is_begun_once(done: Done) -> None:
    with pytest.raises(RunError, match=r"Go on with --resume \(resume=True\)"):
        search(done.run, resume=False)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seed": 4}, "seed is 3 there and 4 here"),
        ({"budget": Budget(use=0.5)}, 'budget is {"use": 0.6} there and {"use": 0.5} here'),
        ({"strategy": RandomSearch()}, 'there and "RandomSearch" here'),
        (
            {"settings": replace(SETTINGS, freeze_below=True)},
            "search.freeze_below is false there and true here",
        ),
        ({"data": make_data(seed=1, flat=True)}, make_data(seed=1, flat=True).fingerprint),
        ({"backbone": mlp(16, widths=(6, 6), hidden=9)}, '"hidden": 9'),
    ],
)
def test_a_run_of_another_search_is_refused(
    done: Done, changes: dict[str, Any], words: str
) -> None:
    before = files(done.run)
    with pytest.raises(RunError) as caught:
        search(done.run, **changes)
    assert words in str(caught.value)
    assert files(done.run) == before


@pytest.mark.parametrize(
    ("line", "word", "value"),
    [(3, "architecture", "0"), (5, "seed", -1), (7, "preset", "mine"), (10, "finalist", 7)],
)
def test_a_journal_of_another_way_is_refused(
    done: Done, tmp_path: Path, line: int, word: str, value: Any
) -> None:
    run = copied(done, tmp_path / "run", lines=11)
    rows = (run / "journal.jsonl").read_text().splitlines()
    entry = json.loads(rows[line])
    was = entry[word]
    entry[word] = value
    rows[line] = json.dumps(entry)
    (run / "journal.jsonl").write_text("\n".join(rows) + "\n")
    with pytest.raises(RunError) as caught:
        search(run)
    assert str(caught.value) == (
        f"A search that is resumed comes by what its journal holds. Found {word} {value!r} in line"
        f" {line + 1} of the journal, and {was!r} now. Resume with the version that began the run,"
        " or begin in another folder."
    )


# --- what it is given


def test_one_step_is_the_least_and_no_step_is_cut() -> None:
    counts = {}
    for wanted in (1, 4, 6):
        settings = replace(SETTINGS, evaluations=wanted, finalists=1)
        events: list[dict[str, Any]] = []
        result = search(None, settings=settings, progress=events.append)
        counts[wanted] = sum("candidate" in entry for entry in result.journal)
        told = [event for event in events if event["part"] == "candidates"]
        assert all(event["done"] <= event["jobs"] for event in told)
        assert not any("finalist" in entry for entry in result.journal)  # one alone is chosen
    assert counts == {1: 3, 4: 3, 6: 5}


def test_the_published_way_freezes_below_and_distils_from_a_source_of_choice() -> None:
    settings = replace(SETTINGS, freeze_below=True, source="sign", evaluations=1, finalists=1)
    result = search(None, settings=settings, strategy=RandomSearch(batch=2))
    assert result.initial.source == "sign"
    assert result.header["search"]["freeze_below"] is True


def test_what_is_trained_already_is_taken(done: Done, tmp_path: Path) -> None:
    data = make_data(flat=True)
    initial = done.result.initial
    trained = train_teachers(
        initial, BACKBONE, data, first=1, settings=SETTINGS.teachers, seed=3
    ).networks
    parts: list[str] = []
    result = search(
        tmp_path,
        initial=initial,
        teachers=trained,
        progress=lambda event: parts.append(event["part"]),
    )
    assert set(parts) == {"features", "candidates", "presets", "finalists"}
    assert result.initial is initial
    assert list(result.journal) == list(done.result.journal)  # the same teachers as it trains
    assert result.header["initial"] == {"task": "kind", "weights": initial.digest}
    assert set(result.header["teachers"]) == set(NAMES)
    with pytest.raises(RunError, match=r"initial is .* there and missing here"):
        search(tmp_path, teachers=trained)
    with pytest.raises(RunError, match=r"teachers is .* there and missing here"):
        search(tmp_path, initial=initial)
    again = search(tmp_path, initial=initial, teachers=trained)
    assert again.architecture == result.architecture


def test_teachers_are_one_for_each_task(done: Done, tmp_path: Path) -> None:
    trained = train_teachers(
        done.result.initial, BACKBONE, make_data(flat=True), first=1, settings=SETTINGS.teachers
    ).networks
    text = refused(tmp_path, teachers={"kind": trained["kind"]})
    assert text == (
        "There is a teacher for each task. Found teachers for ['kind'] and tasks ['kind', 'sign']."
        " Give one for each, or None to train them."
    )
    swapped = {"kind": trained["sign"], "sign": trained["kind"]}
    assert "Found a teacher for 'kind' with tasks ['sign']" in refused(tmp_path, teachers=swapped)


def test_a_teacher_has_the_head_of_its_task(tmp_path: Path) -> None:
    """One that answers another question is refused before anything is begun."""
    other = (classification("kind", 5), TASKS[1])
    teachers = {
        task.name: build(
            Architecture.partitioned((task.name,), [Partition()] * 2), BACKBONE, (task,)
        )
        for task in other
    }
    text = refused(tmp_path, teachers=teachers)
    assert text.startswith("A teacher has the head of its task: it is what students are read")
    assert "for task 'kind', whose head has" in text
    text = refused(tmp_path, teachers={"kind": nn.Linear(2, 2), "sign": teachers["sign"]})
    assert "Found Linear for task 'kind'." in text


def test_an_initialisation_of_another_network_is_refused_at_once(
    done: Done, tmp_path: Path
) -> None:
    wide = mlp(16, widths=(6, 6), hidden=16)
    text = refused(tmp_path, backbone=wide, initial=done.result.initial)
    assert text.startswith("Weights are inherited from a network of the same backbone and tasks.")


def test_a_given_initialisation_lies_in_the_run(done: Done, tmp_path: Path) -> None:
    given = done.result.initial
    search(tmp_path, initial=given)
    data = make_data(flat=True)
    path = tmp_path / "initial" / "network.safetensors"
    assert Initial.load(path, BACKBONE, data, source=given.source).digest == given.digest


@pytest.mark.parametrize("strategy", [None, STRATEGY, RandomSearch(batch=3)])
def test_a_bound_on_each_tasks_use_is_kept_in_whole_units(strategy: Any) -> None:
    backbone = mlp(16, widths=(6, 6), hidden=48)  # dealt by 8 channels
    settings = replace(SETTINGS, unit=8)
    budget = Budget(task_use=0.4)
    result = search(None, backbone=backbone, budget=budget, settings=settings, strategy=strategy)
    assert max(result.architecture.use.values()) <= 0.4
    candidates = [entry for entry in result.journal if "candidate" in entry]
    assert all(max(entry["use"].values()) <= 0.4 for entry in candidates)
    assert result.cost.task_use == max(result.architecture.use.values())


def test_presets_and_finalists_are_judged_to_the_end() -> None:
    distil = replace(DISTIL, halvings=2, group=8)
    result = search(None, settings=replace(SETTINGS, distil=distil))
    kinds = {kind: [e for e in result.journal if kind in e] for kind in ("preset", "finalist")}
    for entries in kinds.values():
        assert entries and not any(each["stopped"] for each in entries)
        assert all(each["steps"] == DISTIL.steps for each in entries)
    assert any(each["stopped"] for each in result.journal if "candidate" in each)
    first = {each["architecture"]: [each["score"]] for each in result.journal
             if "candidate" in each and not each["stopped"]}  # fmt: skip
    for each in kinds["finalist"]:
        first[each["architecture"]].append(each["score"])
    for digest, mean in result.journal[-1]["finalists"].items():
        assert mean == pytest.approx(sum(first[digest]) / len(first[digest]))


def test_stages_are_named() -> None:
    settings = replace(SETTINGS, evaluations=1, finalists=1)
    both = search(None, settings=replace(settings, stages=("layer2", "layer1")))
    assert [group["stage"] for group in both.header["groups"]] == [0, 1]
    partitions = both.architecture.partitions
    assert partitions[0, NAMES].groups[0].owners == partitions[1, NAMES].groups[0].owners
    apart = search(None, settings=replace(settings, stages=("layer1", "layer2"), matrices="group"))
    assert len(apart.journal[0]["vector"]) == 2 * len(both.journal[0]["vector"])


def test_the_exact_optimum_uses_as_many_channels(done: Done) -> None:
    settings = replace(SETTINGS, exact=True)
    result = search(None, settings=settings)
    assert result.architecture.use == done.result.architecture.use
    choice = result.journal[-1]
    assert choice["chosen"] == result.architecture.digest
    assert choice["targets"] == done.result.journal[-1]["targets"]

    def misses(entry: Any) -> float:
        return sum(
            abs(entry["targets"][0][k][0][1] - entry["realised"][0][k][0][1]) for k in (0, 1)
        )

    assert misses(choice) <= misses(done.result.journal[-1]) + 1e-12


def test_candidates_that_were_stopped_are_no_finalists_while_there_are_others() -> None:
    settings = replace(
        SETTINGS, distil=replace(DISTIL, halvings=1, group=8), evaluations=1, finalists=2
    )
    result = search(None, settings=settings)
    entries = result.journal[:3]
    stopped = {entry["architecture"] for entry in entries if entry["stopped"]}
    assert len(stopped) == 1
    again = {entry["architecture"] for entry in result.journal if entry.get("again") == 1}
    assert len(again) == 2
    assert not again & stopped


class Scripted:
    """Proposes what it was given, once."""

    def __init__(self, *proposals: Proposal) -> None:
        self.proposals = proposals

    def start(self, cube: Any, *, seed: int) -> bool:
        return False

    def ask(self, state: bool) -> tuple[Proposal, ...]:
        return () if state else self.proposals

    def tell(self, state: bool, judged: Sequence[Judged]) -> bool:
        assert [each.proposal for each in judged] == list(self.proposals)
        return True

    def to_dict(self) -> dict[str, Any]:
        return {"proposals": len(self.proposals)}


def test_a_partition_that_comes_again_is_one_finalist_with_the_mean_of_all_its_scores() -> None:
    shared = (1.0,) * SPACE.size
    little = tuple(SPACE.with_use(shared, 0.25))
    strategy = Scripted(Proposal(shared, 1), Proposal(little, 1), Proposal(shared, 2))
    result = search(None, strategy=strategy, budget=Budget(use=1.0))
    *entries, choice = result.journal
    digest = SPACE.share_all().digest
    assert [entry["architecture"] == digest for entry in entries[:3]] == [True, False, True]
    judged = [entry for entry in entries if "preset" not in entry]
    scores = [entry["score"] for entry in judged if entry["architecture"] == digest]
    assert len(scores) == 4
    assert len(set(scores)) == 4
    assert len(choice["finalists"]) == 2
    assert choice["finalists"][digest] == pytest.approx(sum(scores) / 4)


def test_proposals_of_other_seeds_are_judged_apart() -> None:
    shared = (1.0,) * SPACE.size
    proposals = [Proposal(shared, seed) for seed in (1, 1, 2, 1, 1, 1)]
    executor = Backwards()
    settings = replace(SETTINGS, evaluations=6, finalists=1)
    result = search(None, strategy=Scripted(*proposals), settings=settings, executor=executor)
    # The teachers; groups of at most 2 with one seed; 3 presets.
    assert executor.done == 2 + (1 + 1 + 2) + 2
    scores = [entry["score"] for entry in result.journal[:6]]
    assert len({scores[i] for i in (0, 1, 3, 4, 5)}) == 1
    assert scores[2] != scores[0]


def test_the_test_split_is_never_read() -> None:
    class Closed(TensorData):
        def test(self, *, batch_size: int) -> Iterator[Batch]:
            raise AssertionError

    parts = [make_part(task, flat=True) for task in TASKS]
    data = SeparateData([Closed(part.tasks, name=part.name, **part._splits) for part in parts])
    search(None, data=data, settings=replace(SETTINGS, evaluations=1))


def test_the_callers_random_state_is_left_alone(done: Done, tmp_path: Path) -> None:
    run = copied(done, tmp_path / "run", lines=5)
    before = torch.get_rng_state()
    search(run)
    assert torch.equal(torch.get_rng_state(), before)


# --- refusals, before anything is written


def refused(run: Path, **changes: Any) -> str:
    with pytest.raises(InputError) as caught:
        search(run / "new", **changes)
    assert not (run / "new").exists()
    return str(caught.value)


def test_a_backbone_without_hidden_channels_is_refused_with_reasons(tmp_path: Path) -> None:
    text = refused(tmp_path, backbone=mlp(16, widths=(4, 4)))
    assert text.startswith(
        "A partition needs a hidden layer: one that a single other layer of its stage reads. Found"
        " none in layer1, layer2 of backbone 'mlp' ('0' of layer1: "
    )
    assert "hidden=32" in text


def test_stages_that_are_not_there_or_have_nothing_to_divide_are_refused(tmp_path: Path) -> None:
    named = replace(SETTINGS, stages=("layer2", "layer9"))
    assert refused(tmp_path, settings=named) == (
        "The stages of backbone 'mlp' are layer1, layer2. Found 'layer9'. Name some of these."
    )
    stem = replace(SETTINGS, stages=("blocks", "stem"))
    text = refused(tmp_path, settings=stem, backbone=make_backbone(), data=make_data())
    assert "Found none in stem of backbone 'small' ('0' of stem: " in text


def test_a_task_without_a_metric_is_refused(tmp_path: Path) -> None:
    bare = SeparateData([make_part(replace(task, metrics=()), flat=True) for task in TASKS])
    text = refused(tmp_path, data=bare)
    assert "Candidates are judged by each task's first metric. Found task 'kind'" in text


def test_threads_are_refused(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as executor:
        assert "Found ThreadPoolExecutor." in refused(tmp_path, executor=executor)


def test_a_source_that_is_no_task_is_refused(tmp_path: Path) -> None:
    text = refused(tmp_path, settings=replace(SETTINGS, source="colour"))
    assert "Found 'colour' and data for kind, sign." in text


def test_a_seed_that_the_strategy_does_not_take_is_refused(tmp_path: Path) -> None:
    assert "Found seed=-1." in refused(tmp_path, seed=-1)


def test_a_strategy_that_proposes_nothing_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        search(None, strategy=Scripted())
    assert str(caught.value) == (
        "A strategy proposes a candidate to begin with. Found none from Scripted. Use another"
        " strategy, such as RandomSearch()."
    )


def test_a_backbone_of_other_inputs_is_refused(tmp_path: Path) -> None:
    text = refused(tmp_path, backbone=make_backbone())
    assert "A backbone keeps its input channels" in text


# --- settings


def test_settings_go_to_json_and_back() -> None:
    settings = replace(SETTINGS, stages=["blocks"], source="kind", matrices="group", exact=True)
    assert settings.stages == ("blocks",)
    again = PartitionSettings.from_dict(json.loads(json.dumps(settings.to_dict())))
    assert again == settings
    assert PartitionSettings.from_dict({}) == PartitionSettings()
    assert PartitionSettings.from_dict({"distil": {"steps": 7}}).distil.steps == 7
    with pytest.raises(InputError) as caught:
        PartitionSettings.from_dict({"speed": 1, "luck": 2})
    assert str(caught.value).startswith("PartitionSettings has the settings evaluations, stages,")
    assert str(caught.value).endswith(
        "Found 'luck', 'speed'. Leave them out, or read them with the version that wrote them."
    )


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("evaluations", 0),
        ("evaluations", 2.0),
        ("finalists", True),
        ("finalists", 0),
        ("rejudged", -1),
        ("stages", ()),
        ("stages", "blocks"),
        ("stages", 3),
    ],
)
def test_settings_out_of_bounds_are_refused(word: str, value: Any) -> None:
    with pytest.raises(InputError) as caught:
        PartitionSettings(**{word: value})
    assert f"Found {word}={value!r}." in str(caught.value)
