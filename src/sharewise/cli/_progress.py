"""Live progress on stderr where it is a terminal, and one line a phase where it is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.text import Text

Show = Callable[[Mapping[str, Any]], None]


@contextmanager
def progress(title: str) -> Iterator[Show]:
    """A bar that moves as the yielded function is called with dictionaries.

    It reads "done" and "jobs", or "epoch" and "epochs", and says what is under way beside it.
    Without a call it is a spinner.
    """
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        console.print(Text(f"{title} ..."), soft_wrap=True)
        yield _nothing
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
            done, total = position(step)
            bar.update(line, completed=done, total=total, note=note(step))

        yield show


def position(step: Mapping[str, Any]) -> tuple[float, float | None]:
    """How much is done, and of how much (None: not known)."""
    for done, total in (("done", "jobs"), ("epoch", "epochs")):
        if done in step:
            return step[done], step.get(total)
    return 0, None


def note(step: Mapping[str, Any]) -> str:
    """What is under way in a step, and its loss, for people."""
    words = [str(step[key]) for key in ("job", "phase") if isinstance(step.get(key), str)]
    if "jobs" in step:
        words.append(f"seed {step.get('seed')}, epoch {step.get('epoch')} of {step.get('epochs')}")
    loss = step.get("train_loss", step.get("loss"))
    if isinstance(loss, float):
        words.append(f"loss {loss:.4f}")
    return " ".join(words)


def _nothing(step: Mapping[str, Any]) -> None:
    return None
