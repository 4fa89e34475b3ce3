"""Where a network can be cut into stages: places at which one tensor is all that goes on."""

from __future__ import annotations

import dataclasses
import difflib
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from torch import Tensor, fx, nn

from sharewise.backbones._facts import SAMPLES, facts
from sharewise.backbones._pieces import attribute, common_parts
from sharewise.backbones._trace import Call, Trace, Tracer, UntraceableError, trace_both_modes
from sharewise.errors import InputError


class NetworkTracer(Tracer):
    """Traces a network for one input: what else its forward takes has the default."""

    def create_args_for_root(
        self, root_fn: Any, is_module: bool, concrete_args: object = None
    ) -> tuple[Any, list[Any]]:
        """The network itself and one placeholder."""
        return root_fn, [self.root, self.create_proxy("placeholder", "x", (), {})]


@dataclasses.dataclass(frozen=True)
class Place:
    """Behind the last operation of the submodule `name`, number `index` of the graph.

    `macs` are the multiply-adds of one sample up to there; `changed` says whether what comes next
    writes into the tensor that is handed over.
    """

    name: str
    index: int
    macs: float
    changed: bool

    @property
    def depth(self) -> int:
        """How many modules the submodule is inside of, besides the network."""
        return self.name.count(".")


class Survey:
    """A network's graph as deep as it goes, and at which of its nodes it can be cut."""

    def __init__(self, network: nn.Module, shape: tuple[int, ...], until: str | None) -> None:
        """`until` names the submodule that ends the backbone; None: the network's own end.

        Raises:
            InputError: torch.fx cannot trace the network, it does not accept inputs of `shape`,
                `until` is no submodule that runs once, or what it gives is not one tensor.
        """
        self.network = network
        self.shape = shape
        self.subject = f"network '{type(network).__name__}'"
        self._trace = _trace(network, self.subject)
        self._nodes = list(self._trace.graph.nodes)
        self._index = {node: i for i, node in enumerate(self._nodes)}
        self._runs = Counter(call.path for call in self._trace.calls)
        self._facts = facts(network, self._trace.graph, shape, subject=self.subject)
        self.end = len(self._nodes) - 1  # of the graph, until that of the backbone is known
        self.until = None if until is None else self._path(until)
        self.end = self._find_end()

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """Where the network can be cut before its end, in running order.

        One name a place: the outermost submodule that ends there.
        """
        found: dict[int, Place] = {}
        for call in reversed(self._trace.calls):  # behind those inside it, so now before them
            if call.path and self._runs[call.path] == 1 and call.value is not None:
                index = self._index[call.value]
                if index < self.end and self._reason(index) is None:
                    found.setdefault(index, self._place(call.path, index))
        return tuple(found[index] for index in sorted(found))

    @property
    def macs(self) -> float:
        """Multiply-adds of one sample, up to the backbone's end."""
        return self._facts[self._nodes[self.end]].macs

    def find(self, name: str) -> Place:
        """The place behind the submodule `name`.

        Raises:
            InputError: no such submodule; it does not run as one, or more than once; more than its
                output goes on behind it. The sentence names the nearest places that can be cut.
        """
        path = self._path(name)
        values = self._values(path)
        if len(values) != 1:
            raise self._refused(name, self._why_not_once(path), self._near(path))
        index = self._near(path) if values[0] is None else self._index[values[0]]
        if index < self.end and (reason := self._reason(index)) is not None:
            raise self._refused(name, reason, index)
        return self._place(path, index)

    def end_name(self) -> str:
        """The outermost submodule whose output is the backbone's, or "output"."""
        last = self._nodes[self.end]
        while isinstance(_module(self.network, last), (nn.Identity, nn.Dropout)):
            last = last.all_input_nodes[0]
        return self._giver(last) or "output"

    def _place(self, name: str, index: int) -> Place:
        facts = self._facts[self._nodes[index]]
        return Place(name, index, facts.macs, facts.changed)

    def _find_end(self) -> int:
        last = self._nodes[-1].args[0]
        if self.until is not None:
            values = self._values(self.until)
            if len(values) != 1:
                raise self._refused(self.until, self._why_not_once(self.until), self.end)
            last = values[0]
        index = self._index[last] if isinstance(last, fx.Node) else None
        if index is None or not self._features(index):
            raise InputError(
                rule="A backbone ends in one tensor [batch, ...].",
                found=f"{self.subject}, which gives another thing"
                + ("" if self.until is None else f" behind '{self.until}'"),
                fix="Name the last submodule that belongs to it, such as until='layer4'.",
            )
        return index

    def _features(self, index: int) -> bool:
        shape = self._facts[self._nodes[index]].shape
        return len(shape) > 1 and shape[0] == SAMPLES

    def _reason(self, index: int) -> str | None:
        """Why the graph cannot be cut behind its node number `index`; None where it can."""
        if not self._features(index):
            return "it gives no single tensor [batch, ...]"
        alive = [i for i in self._last_uses if i < index and self._last_uses[i] > index]
        if alive:
            nodes = [self._nodes[i] for i in alive[:2]]
            names = ", ".join(f"'{self._giver(node) or node.name}'" for node in nodes)
            more = f" and {len(alive) - 2} more" if len(alive) > 2 else ""
            return f"the output of {names}{more} is needed behind it, too"
        for name, (first, last) in self._weights.items():
            if first <= index < last:
                return f"the weights '{name}' are used before and behind it"
        return None

    def _giver(self, node: fx.Node) -> str | None:
        """The outermost submodule whose output a node is."""
        names = [call.path for call in self._trace.calls if call.value is node and call.path]
        return names[-1] if names else None

    @cached_property
    def _last_uses(self) -> dict[int, int]:
        """For each value of the graph, constants aside, the last node of the backbone to read it.

        Constants and parameters that a forward reads itself go with the stage that reads them.
        """
        return {
            i: max((self._index[user] for user in node.users if self._index[user] <= self.end),
                   default=i)
            for i, node in enumerate(self._nodes[: self.end]) if node.op != "get_attr"
        }  # fmt: skip

    @cached_property
    def _weights(self) -> dict[str, tuple[int, int]]:
        """{parameter, or buffer of a layer: the first and last node of the backbone to use it}."""
        spans: dict[int, tuple[str, int, int]] = {}
        for i, node in enumerate(self._nodes[: self.end + 1]):
            for name, tensor in _weights(self.network, node):
                known = spans.get(id(tensor), (name, i, i))
                spans[id(tensor)] = (known[0], known[1], i)
        return {name: (first, last) for name, first, last in spans.values()}

    def _path(self, name: str) -> str:
        """The first of the names that the submodule has: torch.fx knows it by this one."""
        names = {path: part for path, part in self.network.named_modules(remove_duplicate=False)}
        part = names.get(name) if name else None
        if part is None:
            known = [place.name for place in self.places]
            close = difflib.get_close_matches(name, known, n=2) or difflib.get_close_matches(
                name, filter(None, names), n=2
            )
            raise InputError(
                rule="A network is cut behind submodules of its own.",
                found=f"no {name!r} in {self.subject}",
                fix=_either("Did you mean", close, "?") if close else self._cut_after(0),
            )
        return next(path for path, each in names.items() if each is part)

    def _values(self, path: str) -> list[fx.Node | None]:
        return [call.value for call in self._trace.calls if call.path == path]

    def _why_not_once(self, path: str) -> str:
        if times := self._runs[path]:
            return f"it runs {times} times"
        for whole, reason in self._trace.whole.items():
            if path.startswith(f"{whole}."):
                return f"it is inside '{whole}', into which torch.fx cannot look ({reason})"
        return "it does not run as one submodule"

    def _near(self, path: str) -> int:
        """The node behind what runs nearest to a submodule that does not run itself."""
        runs = [call for call in self._trace.calls if call.path and call.value is not None]

        def alike(call: Call) -> int:
            return common_parts([call.path.split("."), path.split(".")])

        return self._index[max(runs, key=alike).value] if runs else 0  # type: ignore[index]

    def _refused(self, name: str, reason: str, index: int) -> InputError:
        return InputError(
            rule="A network is cut where one tensor, behind a submodule that runs once, is all"
            " that goes on.",
            found=f"'{name}' in {self.subject}: {reason}",
            fix=self._cut_after(index),
        )

    def _cut_after(self, index: int) -> str:
        if not self.places:
            return "Give a network whose forward runs submodules one after another."
        before = [place.name for place in self.places if place.index < index][-1:]
        behind = [place.name for place in self.places if place.index > index][:1]
        return _either("Cut after", before + behind, ".")


def _either(words: str, names: list[str], end: str) -> str:
    return f"{words} {' or '.join(repr(name) for name in names)}{end}"


def _trace(network: nn.Module, subject: str) -> Trace:
    try:
        return trace_both_modes(network, NetworkTracer, stays_whole=lambda part: True)
    except UntraceableError as error:
        raise InputError(
            rule="A network is cut along its graph, which torch.fx traces.",
            found=f"{subject}, where {error}",
            fix="Give the part of it that runs straight through, such as module.features, or write"
            " the stages yourself: sw.Backbone('own', (sw.Stage('first', make), ...), shape).",
        ) from error


def _module(network: nn.Module, node: fx.Node) -> nn.Module | None:
    return network.get_submodule(str(node.target)) if node.op == "call_module" else None


def _weights(network: nn.Module, node: fx.Node) -> Iterator[tuple[str, Tensor]]:
    """What a node has of its own that a copy of the stage would copy."""
    if (part := _module(network, node)) is not None:
        yield from part.named_parameters(str(node.target))
        yield from part.named_buffers(str(node.target))
    elif node.op == "get_attr":
        value = attribute(network, str(node.target))
        if isinstance(value, nn.Parameter):
            yield str(node.target), value
