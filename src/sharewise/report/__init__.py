"""The report: one page that explains a run, made from the files of its folder alone."""

from __future__ import annotations

from sharewise.report._tree import draw_tree_svg
from sharewise.report._write import write_report

__all__ = ["draw_tree_svg", "write_report"]
