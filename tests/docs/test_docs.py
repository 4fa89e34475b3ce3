"""What README and docs say holds: their Python runs, their commands parse, their links lead."""

from __future__ import annotations

import dataclasses
import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import sharewise as sw
from sharewise.cli import app

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md")))
TEXTS = (*PAGES, ROOT / "DESIGN.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md")
BLOCK = re.compile(r"^```python(?P<words>[^\n]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
SHELL = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(sharewise [^`]+)`")
LINK = re.compile(r"\]\((?!https?:)(?P<path>[^)#]*)(?:#(?P<anchor>[^)]*))?\)")
PLACEHOLDERS = {"RUN": "runs/x", "ARCH.json": "x.json", "DATA": "glyphs", "NAME": "glyphs"}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(page: Path) -> Iterator[tuple[int, str]]:
    """The Python blocks of a page that run: the line that each begins at, and its code."""
    text = page.read_text(encoding="utf-8")
    for found in BLOCK.finditer(text):
        if "no-run" not in found["words"]:
            yield text.count("\n", 0, found.start("code")), found["code"]


@pytest.mark.parametrize("page", [page for page in PAGES if any(blocks(page))], ids=name_of)
def test_the_python_of_a_page_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "docs"}
    for line, code in blocks(page):
        # Empty lines in front, so that a traceback names the line of the page.
        # Not with this file's __future__: a reader's annotations are values, as in a notebook.
        exec(compile("\n" * line + code, str(page), "exec", dont_inherit=True), namespace)


def commands(page: Path) -> Iterator[str]:
    """The command lines of a page, with values in the place of words such as RUN."""
    text = page.read_text(encoding="utf-8")
    lines = "".join(SHELL.findall(text)).splitlines() + INLINE.findall(text)
    for line in lines:
        words = [PLACEHOLDERS.get(word, word) for word in shlex.split(line, comments=True)]
        if words:
            yield shlex.join(words)


@pytest.mark.parametrize("page", TEXTS, ids=name_of)
def test_the_commands_of_a_page_parse(page: Path) -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    for line in commands(page):
        name, *words = shlex.split(line)[1:]
        command = group.get_command(group.make_context("sharewise", [name]), name)
        assert command is not None, line
        if words:  # raises at an unknown option or a missing argument
            command.make_context(name, words)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", TEXTS, ids=name_of)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    for found in LINK.finditer(page.read_text(encoding="utf-8")):
        target = page.parent / found["path"] if found["path"] else page
        assert target.exists(), found[0]
        if found["anchor"]:
            assert found["anchor"] in anchors(target), found[0]


def told_settings(name: str, names: dict[str, object]) -> dict[str, object]:
    """{setting: default} of a page's table; `names` are what the defaults are written with."""
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w.]+)` \| `([^`]*)` \|", text, re.MULTILINE)
    assert len(dict(rows)) == len(rows), "a setting is explained once"
    return {setting: eval(default, names) for setting, default in rows}


def defaults(kind: type[Any]) -> dict[str, object]:
    settings = kind()
    return {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)}


def test_every_setting_of_a_search_is_explained_with_its_default() -> None:
    names = dict(vars(importlib.import_module("sharewise.search")))
    names["TrainSettings"] = sw.TrainSettings
    assert told_settings("branching.md", names) == defaults(sw.SearchSettings)


def test_every_setting_of_a_partitioning_search_is_explained_with_its_default() -> None:
    distil = {f"distil.{name}": value for name, value in defaults(sw.DistilSettings).items()}
    outer = defaults(sw.PartitionSettings)
    assert outer.pop("distil") == sw.DistilSettings()
    names: dict[str, object] = {"TrainSettings": sw.TrainSettings}
    assert told_settings("partitioning.md", names) == {**outer, **distil}


def test_tests_and_sources_that_are_named_exist() -> None:
    for page in TEXTS:
        text = page.read_text(encoding="utf-8")
        for path in re.findall(
            r"`((?:src|tests|examples|benchmarks|experiments)/[\w/.]+\.py)`", text
        ):
            assert (ROOT / path).is_file(), f"{path} in {page.name}"
        for path, test in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text):
            assert f"def {test}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path}::{test}"


def test_no_page_names_a_place_of_one_machine() -> None:
    for page in TEXTS:
        assert not re.search(r"(?<![\w.])/(?:home|root|tmp|work|Users)/", page.read_text()), page
