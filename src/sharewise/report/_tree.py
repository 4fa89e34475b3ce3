"""The picture of an architecture: a river of tasks that splits from stage to stage."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import accumulate, pairwise

from sharewise.architecture import Architecture, Branch
from sharewise.errors import InputError
from sharewise.report._words import plural, share, stage_titles

NUM_COLOURS = 8
# What the page's variables stand for in a picture of its own, which is always on light ground.
_LIGHT = {
    "--ink": "#1b2330",
    "--muted": "#667085",
    "--rule": "#e3e0da",
    "--trunk": "#6b7686",
    "--bar-ink": "#ffffff",
    "--g0": "#2f66b0",
    "--g1": "#bd5f14",
    "--g2": "#3a8549",
    "--g3": "#b0407a",
    "--g4": "#6e55b8",
    "--g5": "#8f7208",
    "--g6": "#b3403a",
    "--g7": "#1f7f86",
}
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
_WIDTH = 912.0  # of the page's column, in CSS pixels
_TOP = 52.0  # room for the names of the stages
_INPUT = 12.0  # width of the bar that stands for the input
_NARROWEST = 48.0  # a column, in CSS pixels: deep backbones are wider than the page and scroll


def tree_order(architecture: Architecture) -> tuple[str, ...]:
    """The tasks as the leaves of the tree stand, so that each branch's tasks are neighbours."""
    last = architecture.num_stages - 1
    return tuple(
        task for stage, branch in architecture.branches() if stage == last for task in branch.tasks
    )


def task_colours(architecture: Architecture) -> dict[str, int]:
    """The colour (0 to 7) of each task: one for each branch of one stage, the groups.

    That stage is the first with at least half as many branches as the tree ends in, so that
    colours begin early; stages with more branches than colours count only where there is no other
    split, and then the colours come again.
    """
    few = [level for level in architecture.levels if 1 < len(level) <= NUM_COLOURS]
    most = few[-1] if few else architecture.levels[-1]
    level = next(level for level in (*few, most) if len(level) >= len(most) / 2)
    order = tree_order(architecture)
    # By their place in the tree: neighbours differ even when the colours come again.
    ranked = sorted(level, key=lambda tasks: order.index(tasks[0]))
    return {task: i % NUM_COLOURS for i, tasks in enumerate(ranked) for task in tasks}


def draw_tree_svg(
    architecture: Architecture,
    *,
    stage_names: Sequence[str] | None = None,
    costs: Sequence[float] | None = None,
    standalone: bool = True,
) -> str:
    """An architecture as SVG: stages from left to right, each branch a bar as high as its tasks.

    Args:
        architecture: What is drawn; 2 to 40 tasks and 1 to 18 stages look well.
        stage_names: One name for each stage; "stage 1", "stage 2" ... by default.
        costs: What one copy of each stage costs (parameters or multiply-adds); each bar then
            shows its share of the sum over all branches.
        standalone: A picture of its own with a light background, for a file; False for one
            that stands in an HTML page and takes its colours from the page's variables.

    Raises:
        InputError: Not one name or one cost for each stage.
    """
    for what, values in (("name", stage_names), ("cost", costs)):
        if values is not None and len(values) != architecture.num_stages:
            raise InputError(
                rule=f"A tree is drawn with one {what} for each of its stages.",
                found=f"{len(values)} for {architecture.num_stages} stages",
                fix="Give as many as architecture.num_stages, or none.",
            )
    picture = _Picture.of(architecture)
    names = stage_titles(stage_names, architecture.num_stages)
    shares = _shares(architecture, costs)
    body = "".join(
        (*picture.head(names), *picture.ribbons(), *picture.bars(names, shares), *picture.leaves())
    )
    width, height = round(picture.width), round(picture.height)
    label = f"Tree of {len(architecture.tasks)} tasks over {architecture.num_stages} stages"
    start = f'<svg viewBox="0 0 {width} {height}" width="{width}" role="img" aria-label="{label}"'
    if not standalone:  # on a narrow page it shrinks to what can be read, then it scrolls
        return f'{start} class="tree" style="min-width: {0.72 * width:.0f}px">{body}</svg>'
    ground = f'<rect width="{width}" height="{height}" rx="10" fill="#ffffff"/>'
    return _literal(
        f'{start} height="{height}" xmlns="http://www.w3.org/2000/svg"'
        f' font-family="{_FONT}">{ground}{body}</svg>\n'
    )


def _literal(svg: str) -> str:
    """Colours in place of variables: not every program that shows SVG knows variables."""
    return re.sub(r"var\((--[a-z0-9-]+)\)", lambda found: _LIGHT[found[1]], svg)


def _shares(architecture: Architecture, costs: Sequence[float] | None) -> list[float] | None:
    """What one copy of each stage costs, as a share of all branches."""
    if costs is None:
        return None
    total = sum(n * cost for n, cost in zip(architecture.num_branches, costs, strict=True))
    return [cost / total for cost in costs] if total > 0 else None


@dataclass(frozen=True)
class _Picture:
    """Where everything is, in CSS pixels.

    Attributes:
        middle: The middle of each task's row, by task.
        pitch: The height that a task adds to each bar.
        column: From the left of one column's bars to the left of the next.
        bar: The width of a bar.
    """

    architecture: Architecture
    middle: Mapping[str, float]
    colours: Mapping[str, int]
    pitch: float
    column: float
    bar: float

    @classmethod
    def of(cls, architecture: Architecture) -> _Picture:
        order, stages = tree_order(architecture), architecture.num_stages
        pitch = 26.0 if len(order) <= 10 else 20.0 if len(order) <= 20 else 16.0
        steps = (pitch + _gap(architecture, one, other) for one, other in pairwise(order))
        rows = accumulate(steps, initial=_TOP + pitch / 2 + 8)
        free = _WIDTH - _INPUT - 24 - _name_width(order)
        column = max(_NARROWEST, min(190.0, free / (stages + 0.45)))
        return cls(
            architecture,
            middle=dict(zip(order, rows, strict=True)),
            colours=task_colours(architecture),
            pitch=pitch,
            column=column,
            bar=min(84.0, column * 0.6),
        )

    @property
    def width(self) -> float:
        return self._leaf_x() + 12 + _name_width(self.middle)

    @property
    def is_roomy(self) -> bool:
        """Whether a column has room for words."""
        return self.column >= 78

    @property
    def height(self) -> float:
        return max(self.middle.values()) + self.pitch / 2 + 14

    def head(self, names: Sequence[str]) -> Iterator[str]:
        """The names of the stages, and how many branches each has."""
        if self.is_roomy:
            yield '<text x="6" y="20" font-size="11" fill="var(--muted)">input</text>'
        fits = max(4, int(self.column / 7.5))
        for stage, (name, count) in enumerate(
            zip(names, self.architecture.num_branches, strict=True)
        ):
            x = self._x(stage) + self.bar / 2
            short = name if self.is_roomy else name.removeprefix("stage ")
            short = short if len(short) <= fits else short[: fits - 1] + "…"
            below = plural(count, "branch", "branches") if self.is_roomy else f"×{count}"
            yield (
                f'<text x="{x:.1f}" y="20" text-anchor="middle" font-size="12.5"'
                f' font-weight="600" fill="var(--ink)">{escape(short)}'
                f"<title>{escape(name)}</title></text>"
                f'<text x="{x:.1f}" y="36" text-anchor="middle" font-size="11"'
                f' fill="var(--muted)">{below}</text>'
            )

    def ribbons(self) -> Iterator[str]:
        """The river between the bars: from the input to the roots, and from parent to child."""
        tasks, roots = tuple(self.middle), self.architecture.roots
        top = self._middle(tasks) - self.pitch * len(tasks) / 2
        for root in roots:
            yield self._ribbon(8 + _INPUT, top, root, stage=0)
            top += self.pitch * len(root.tasks)
        for stage, branch in self.architecture.branches():
            top = self._top(branch)
            for child in branch.children:
                yield self._ribbon(self._x(stage) + self.bar, top, child, stage=stage + 1)
                top += self.pitch * len(child.tasks)

    def bars(self, names: Sequence[str], shares: Sequence[float] | None) -> Iterator[str]:
        """The input, and every branch with its share of the cost."""
        tasks = tuple(self.middle)
        height = self.pitch * len(tasks)
        top = self._middle(tasks) - height / 2
        yield _rect(8, top + 1, _INPUT, height - 2, "var(--rule)") + "<title>input</title></rect>"
        for stage, branch in self.architecture.branches():
            x, top, height = self._x(stage), self._top(branch), self.pitch * len(branch.tasks)
            title = f"{names[stage]}: {', '.join(branch.tasks)}"
            if shares is not None:
                title += f" ({share(shares[stage])} of the cost)"
            label = ""
            if shares is not None and (self.is_roomy or shares[stage] >= 0.01):
                text = escape(share(shares[stage]))
                label = (
                    f'<text x="{x + self.bar / 2:.1f}" y="{top + height / 2 + 4:.1f}"'
                    f' text-anchor="middle" font-size="{11 if self.bar >= 36 else 10}"'
                    f' pointer-events="none" fill="var(--bar-ink)">{text}</text>'
                )
            yield _rect(x, top + 1, self.bar, height - 2, self._colour(branch))
            yield f"<title>{escape(title)}</title></rect>{label}"

    def leaves(self) -> Iterator[str]:
        """The tasks: a mouth of the river, a dot and a name each."""
        start, end = self._x(self.architecture.num_stages - 1) + self.bar, self._leaf_x()
        for task, y in self.middle.items():
            colour = f"var(--g{self.colours[task]})"
            half = self.pitch / 2 - 1
            yield _river(start, y - half, 2 * half, end, y - 1.5, 3, colour)
            yield (
                f'<circle cx="{end:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>'
                f'<text x="{end + 10:.1f}" y="{y + 4.5:.1f}" font-size="13"'
                f' fill="var(--ink)">{escape(task)}</text>'
            )

    def _x(self, stage: int) -> float:
        return 8 + _INPUT + self.column * (stage + 0.45)

    def _leaf_x(self) -> float:
        return self._x(self.architecture.num_stages - 1) + self.bar + max(26.0, self.column * 0.4)

    def _middle(self, tasks: Sequence[str]) -> float:
        return (self.middle[tasks[0]] + self.middle[tasks[-1]]) / 2

    def _top(self, branch: Branch) -> float:
        ordered = [task for task in self.middle if task in branch.tasks]
        return self._middle(ordered) - self.pitch * len(ordered) / 2

    def _colour(self, branch: Branch) -> str:
        colours = {self.colours[task] for task in branch.tasks}
        return f"var(--g{colours.pop()})" if len(colours) == 1 else "var(--trunk)"

    def _ribbon(self, start: float, top: float, child: Branch, *, stage: int) -> str:
        height = self.pitch * len(child.tasks) - 2
        end = (self._x(stage), self._top(child) + 1)
        return _river(start, top + 1, height, *end, height, self._colour(child))


def _gap(architecture: Architecture, one: str, other: str) -> float:
    """The room between two neighbours: the earlier they part, the more."""
    for stage, level in enumerate(architecture.levels):
        if not any(one in tasks and other in tasks for tasks in level):
            return 8 + 16 * (architecture.num_stages - stage) / architecture.num_stages
    return 0.0


def _name_width(tasks: Sequence[str] | Mapping[str, float]) -> float:
    return 20 + 7.4 * max(map(len, tasks))


def _rect(x: float, y: float, width: float, height: float, fill: str) -> str:
    """A rounded bar, left open for a title."""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
        f' rx="{min(6.0, width / 2, height / 2):.1f}" fill="{fill}">'
    )


def _river(
    x0: float, y0: float, height0: float, x1: float, y1: float, height1: float, fill: str
) -> str:
    """A band that bends from one height to another."""
    x = (x0 + x1) / 2
    return (
        f'<path d="M{x0:.1f} {y0:.1f}C{x:.1f} {y0:.1f} {x:.1f} {y1:.1f} {x1:.1f} {y1:.1f}'
        f"v{height1:.1f}C{x:.1f} {y1 + height1:.1f} {x:.1f} {y0 + height0:.1f}"
        f' {x0:.1f} {y0 + height0:.1f}Z" fill="{fill}" fill-opacity=".28"/>'
    )
