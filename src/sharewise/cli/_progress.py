"""Live progress on stderr where it is a terminal, and one line a phase where it is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.text import Text

Show = Callable[[Mapping[str, Any]], None]

PARTS = {
    "initial": "common initialisation",
    "teachers": "teachers",
    "features": "features of the teachers",
    "candidates": "candidates",
    "presets": "fixed partitions",
    "finalists": "finalists",
}
REBUILT = (
    "The stored features are not all there, or of other settings: they are computed once more."
)


@contextmanager
def progress(title: str) -> Iterator[Show]:
    """A bar that moves as the yielded function is called with dictionaries.

    It reads "done" and "jobs", "epoch" and "epochs", or "sample" and "samples", and says what is
    under way beside it; "part" is the part of the work, which is named behind the title.
    Without a call it is a spinner.
    """
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        console.print(Text(f"{title} ..."), soft_wrap=True)
        yield _lines(console, title)
        return
    from rich import progress as parts

    columns = (
        parts.SpinnerColumn(),
        parts.TextColumn("{task.description}", markup=False),
        parts.BarColumn(),
        parts.MofNCompleteColumn(),
        parts.TimeElapsedColumn(),
        parts.TextColumn("{task.fields[note]}", markup=False),
    )
    with parts.Progress(*columns, console=console, transient=True) as bar:
        line = bar.add_task(title, total=None, note="")

        def show(step: Mapping[str, Any]) -> None:
            if step.get("rebuilt"):
                bar.console.print(Text(REBUILT), soft_wrap=True)
            done, total = position(step)
            told = _named(title, step)
            bar.update(line, description=told, completed=done, total=total, note=note(step))

        yield show


def position(step: Mapping[str, Any]) -> tuple[float, float | None]:
    """How much is done, and of how much (None: not known)."""
    for done, total in (("done", "jobs"), ("epoch", "epochs"), ("sample", "samples")):
        if done in step:
            return step[done], step.get(total)
    return 0, None


def note(step: Mapping[str, Any]) -> str:
    """What is under way in a step, and its loss, for people."""
    words = [str(step[key]) for key in ("job", "phase") if isinstance(step.get(key), str)]
    if "jobs" in step and "epoch" in step:
        words.append(f"seed {step.get('seed')}, epoch {step['epoch']} of {step.get('epochs')}")
    loss = step.get("train_loss", step.get("loss"))
    if isinstance(loss, float):
        words.append(f"loss {loss:.4f}")
    return " ".join(words)


def _named(title: str, step: Mapping[str, Any]) -> str:
    """The title, with the part of the work where there are several."""
    part = step.get("part")
    return f"{title}: {PARTS.get(part, part)}" if isinstance(part, str) else title


def _lines(console: Console, title: str) -> Show:
    """What prints a line whenever another part of the work begins."""
    told = title

    def show(step: Mapping[str, Any]) -> None:
        nonlocal told
        if step.get("rebuilt"):
            console.print(Text(REBUILT), soft_wrap=True)
        name = _named(title, step)
        if name != told:
            console.print(Text(f"{name} ..."), soft_wrap=True)
            told = name

    return show
