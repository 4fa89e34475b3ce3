"""Errors on the command line: three lines on stderr and an exit code, never a traceback."""

from __future__ import annotations

import os
import sys
from typing import Any

import typer
from rich.console import Console
from rich.text import Text
from typer.core import TyperGroup

from sharewise.errors import SharewiseError

WRONG = 2  # what was asked for cannot be done; click's code for a wrong command line, too
INTERRUPTED = 130  # 128 + SIGINT, as shells count


class Commands(TyperGroup):
    """The group of all commands: what a command raises is told, and becomes its exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for.

        Raises:
            typer.Exit: 2 after a SharewiseError or a disk that refuses, 130 after Ctrl-C.
        """
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()  # a full disk below stdout should be noticed here, not at exit
            return result
        except SharewiseError as error:
            tell(error.rule, error.found, error.fix)
        except BrokenPipeError:
            raise  # the reader (head, say) has seen enough; typer ends quietly
        except OSError as error:
            tell(*disk_words(error))
        except KeyboardInterrupt:
            tell_interrupted(ctx.invoked_subcommand)
            raise typer.Exit(INTERRUPTED) from None
        raise typer.Exit(WRONG)


def tell(rule: str, found: str, fix: str) -> None:
    """Three lines on stderr: the rule, what was found, the fix."""
    console = Console(stderr=True, highlight=False)
    for line, style in ((rule, "bold red"), (f"Found {found}.", ""), (fix, "green")):
        # soft_wrap: the terminal wraps, so a line that is piped or searched stays one line
        console.print(Text(line, style), soft_wrap=True)


def tell_interrupted(command: str | None) -> None:
    """After Ctrl-C: whether the work can go on, and how."""
    word = {"search": "The same command with --resume", "train": "The same command"}
    how = word.get(command or "", "The same command" if command in ("compare", "demo") else "")
    line = f"Interrupted. {how} goes on from what is on disk." if how else "Interrupted."
    Console(stderr=True, highlight=False).print(Text(line), soft_wrap=True)


def disk_words(error: OSError) -> tuple[str, str, str]:
    """Rule, what was found, and fix, for a disk that refuses."""
    reason = error.strerror or str(error)
    place = error.filename if error.filename is not None else "the output"
    return (
        "Files are read and written where the disk and its permissions allow it.",
        f"{reason} at {os.fsdecode(place) if isinstance(place, bytes) else place}",
        "Check the path, its permissions and the room on the disk.",
    )
