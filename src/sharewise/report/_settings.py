"""What was run, and how to load what came out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import PurePath
from typing import Any

from sharewise.report._answer import budget_words
from sharewise.report._page import definitions
from sharewise.report._read import Facts

_SHOWN_ELSEWHERE = {
    "format",
    "method",
    "data",
    "backbone",
    "tasks",
    "budget",
    "search",
    "seed",
    "stages",
}
# What a partitioning search writes besides, shown in words of its own or nowhere.
_PARTITIONING = {"groups", "strategy", "stage_params"}
_PARTS = {"initial": "initial weights", "teachers": "teachers", "distil": "distillation"}
_CALLS = {
    "sw.data": (
        "celeba",
        "cityscapes",
        "decathlon",
        "decathlon_mini",
        "doom",
        "faces",
        "glyphs",
        "nyuv2",
        "planted",
        "qm9",
        "scenes",
        "table",
        "taskonomy",
    ),
    "sw.backbones": (
        "convnet",
        "mlp",
        "resnet18",
        "resnet26",
        "resnet34",
        "timm",
        "torchvision",
        "vgg16_bn",
    ),
}
_WIDTH = 80
_DEFAULT = ("nonlinearity", "tanh")


def settings_list(facts: Facts) -> str:
    """Settings, seeds and fingerprints."""
    return definitions(_entries(facts))


def load_words(facts: Facts) -> str:
    """Python that builds the network and loads its weights."""
    return f"<pre><code>{escape(snippet(facts))}</code></pre>"


def snippet(facts: Facts) -> str:
    """Python that builds the found network again; it runs in the folder of the run."""
    backbone = dict(facts.settings.get("backbone") or {})
    data = (facts.settings.get("data") or {}).get("settings") or {}
    made = _call("sw.data", data) or "...  # your TaskData: the tasks and their samples"
    stages = (
        _call("sw.backbones", backbone) or "...  # your Backbone: the stages that were searched"
    )
    return (
        "from pathlib import Path\n\n"
        "import safetensors.torch\n"
        "import sharewise as sw\n\n"
        'architecture = sw.Architecture.from_json(Path("architecture.json").read_text())\n'
        f"{_where(data)}data = {made}\n"
        f"backbone = {stages}\n"
        "network = sw.build(architecture, backbone, data.tasks)  # a plain nn.Module\n"
        'safetensors.torch.load_model(network, "network.safetensors")\n\n'
        "outputs = network.eval()(inputs)  # inputs [batch, ...] -> {task: output}\n"
    ) + (_alone(facts) if facts.is_partitioning else "")


def _alone(facts: Facts) -> str:
    """How to take one task's network out of a partition."""
    task = _literal(facts.order[0])
    return (
        "\nfrom sharewise.networks import extract\n\n"
        f"alone = extract(network, {task}, backbone=backbone)"
        "  # without the channels of others\n"
    )


def _call(room: str, settings: Mapping[str, Any]) -> str:
    """The call that the settings stand for, or nothing where they do not name one."""
    # The one setting that stands for a function is left out where it is the default.
    given = {word: value for word, value in settings.items() if (word, value) != _DEFAULT}
    name = str(given.pop("name", "")).replace("-", "_")
    if name not in _CALLS[room] or "nonlinearity" in given:
        return ""
    words = [part for word, value in given.items() for part in _parts(word, value)]
    line = f"{room}.{name}({', '.join(words)})"
    return (
        line if len(line) <= _WIDTH else "\n    ".join([f"{room}.{name}(", *_lines(words)]) + "\n)"
    )


def _parts(word: str, value: Any) -> list[str]:
    """An argument in pieces between which a line may end: a list's or a dictionary's members."""
    if isinstance(value, Mapping) and value:
        members = [f"{_literal(name)}: {_literal(each)}" for name, each in value.items()]
        first, last = "{", "}"
    elif isinstance(value, list | tuple) and value:
        members, first, last = [_literal(each) for each in value], "[", "]"
    else:
        return [f"{word}={_literal(value)}"]
    members[0] = f"{word}={first}{members[0]}"
    members[-1] += last
    return members


def _lines(words: list[str]) -> list[str]:
    """The pieces of a long call, as many in a line as fit."""
    # Not by textwrap: it would break the texts in them, too.
    lines = [f"{words[0]},"]
    for word in words[1:]:
        if len(lines[-1]) + len(word) + 2 <= _WIDTH:
            lines[-1] += f" {word},"
        else:
            lines.append(f"{word},")
    return lines


def _where(data: Mapping[str, Any]) -> str:
    """What has to be said of a folder that was given relative to another one than the run's."""
    folder = data.get("folder")
    if not isinstance(folder, str) or PurePath(folder).is_absolute():
        return ""
    return "# The data's folder, as seen from where the search was started:\n"


def _literal(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _entries(facts: Facts) -> Iterator[tuple[str, str]]:
    settings = facts.settings
    data = settings.get("data") or {}
    yield "method", escape(str(settings.get("method", "not known")))
    yield "data", _pairs({"name": data.get("name"), **(data.get("settings") or {})})
    yield "data fingerprint", f"<code>{escape(str(data.get('fingerprint', 'not known')))}</code>"
    yield "backbone", _pairs(settings.get("backbone") or {})
    yield "tasks", escape(", ".join(facts.tasks) or "not known")
    if facts.budget:
        yield "budget", escape(budget_words(facts.budget))
    yield from _search_entries(facts)
    yield "search seed", escape(str(settings.get("seed", "not known")))
    if facts.rows:
        yield "comparison seeds", escape(", ".join(facts.seeds))
        yield "comparison training", _pairs(facts.comparison.get("train") or {})
    if facts.architecture:
        yield "architecture", f"<code>{facts.architecture.digest}</code>"
    shown = _SHOWN_ELSEWHERE | (_PARTITIONING if facts.is_partitioning else set())
    for name, value in settings.items():
        if name not in shown:
            yield name, _pairs(value) if isinstance(value, dict) else escape(_value(value))


def _search_entries(facts: Facts) -> Iterator[tuple[str, str]]:
    """The settings of the search; those of its parts stand in lines of their own."""
    search = dict(facts.settings.get("search") or {})
    if not facts.is_partitioning:
        yield "search", _pairs(search)
        return
    layers = [
        f"{facts.stage_names[int(group['stage'])]}: {', '.join(group['layers'])}"
        f" ({group['channels']} channels)"
        for group in facts.settings.get("groups") or ()
    ]
    yield "layers", escape("; ".join(layers) or "not known")
    yield "strategy", _pairs(facts.settings.get("strategy") or {})
    parts = {name: _pairs(search.pop(name, None) or {}) for name in _PARTS}
    yield "search", _pairs(search)
    yield from ((_PARTS[name], text) for name, text in parts.items())


def _pairs(values: Mapping[str, Any]) -> str:
    spans = (
        f"<span><i>{escape(name)}</i> {escape(_value(value))}</span>"
        for name, value in values.items()
    )
    return " ".join(spans) or "not known"


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
