"""sharewise report."""

from __future__ import annotations

from sharewise.cli._options import AsJson, RunFolder
from sharewise.cli._print import emit
from sharewise.cli._progress import progress
from sharewise.runs import Run


def report(run: RunFolder, as_json: AsJson = False) -> None:
    """Write RUN/report.html, one page that explains the run, and print its path."""
    Run.existing(run)
    from sharewise.report import write_report

    with progress(f"Drawing {run}"):
        path = write_report(run)
    emit({"run": str(run), "report": str(path)}, str(path), as_json=as_json)
