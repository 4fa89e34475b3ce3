"""A convolution or linear layer whose channels have owners, kept by runs of equal owners."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from sharewise.architecture import Group, Owners
from sharewise.networks._layer_kind import LayerKind
from sharewise.networks._ranges import Ranges, take, take_columns

Order = Literal["after-norm", "published"]


class Owned(NamedTuple):
    """Who owns a layer's output channels (rows) and its input channels (columns).

    None: every task uses and updates them all.
    """

    tasks: tuple[str, ...]
    rows: Group | None
    columns: Group | None


class _Part(NamedTuple):
    """A run of rows in a task's pass: which parameter holds it (None: zeros, nobody uses it)."""

    parameter: int | None
    rows: int
    trained: bool


class OwnedLayer(nn.Module, abc.ABC):
    """Called with (features, task). Each run of rows that somebody uses is a parameter of its own.

    A task's pass detaches the runs that the task may not update. Their gradient stays None, and
    torch's optimisers leave such a parameter alone: neither weight decay nor momentum moves it.
    """

    def __init__(
        self, kind: LayerKind, owned: Owned, weight: nn.Parameter, bias: nn.Parameter | None
    ) -> None:
        """`weight` [out, in, ...] and `bias` [out] of the layer before it was partitioned."""
        super().__init__()
        self.kind = kind
        self.owned = owned
        whole = Owners(len(weight), owned.tasks, owned.tasks)
        self._runs = (whole,) if owned.rows is None else owned.rows.owners
        self.weights = self._by_runs(take(weight.detach(), 1, self._stored()), weight)
        self.biases = None if bias is None else self._by_runs(bias.detach(), bias)
        self._parts = {task: tuple(self._parts_of(task)) for task in owned.tasks}

    @abc.abstractmethod
    def forward(self, x: Tensor, task: str) -> Tensor:
        """The layer's output for the task."""

    @abc.abstractmethod
    def plain(self, task: str) -> dict[str, Tensor]:
        """The weight and the bias of the layer that the task needs when it is alone."""

    @abc.abstractmethod
    def _stored(self) -> Ranges | None:
        """The columns that the parameters have; None for all."""

    @abc.abstractmethod
    def _computes(self, run: Owners, task: str) -> bool:
        """Whether the task's pass has these rows."""

    @torch.no_grad()
    def assign(self, state: Mapping[str, Tensor]) -> None:
        """Takes over the weight and bias of the layer before it was partitioned."""
        weight = take(state["weight"], 1, self._stored())
        for parameter, (start, stop) in zip(self.weights, self._spans(), strict=True):
            parameter.copy_(weight[start:stop])
        for parameter, (start, stop) in zip(self.biases or (), self._spans(), strict=False):
            parameter.copy_(state["bias"][start:stop])

    def whole_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of weight and bias before the layer was partitioned."""
        rows = sum(run.channels for run in self._runs)
        stored = tuple(self.weights[0].shape[1:])
        columns = self.owned.columns.channels if self.owned.columns else stored[0]
        shapes: dict[str, tuple[int, ...]] = {"weight": (rows, columns, *stored[1:])}
        return shapes if self.biases is None else {**shapes, "bias": (rows,)}

    def extra_repr(self) -> str:
        """The runs of rows, with how many tasks own them."""
        runs = (f"{r.channels} ({len(r.use)} use, {len(r.update)} update)" for r in self._runs)
        return f"{self.kind}, rows: {', '.join(runs)}"

    def _stack(self, parameters: nn.ParameterList, parts: tuple[_Part, ...]) -> Tensor:
        """The rows of a task's pass, [rows, ...], from one of the two lists of parameters."""
        pieces: list[Tensor] = []
        for index, rows, trained in parts:
            if index is None:
                pieces.append(parameters[0].new_zeros((rows, *parameters[0].shape[1:])))
            else:
                parameter = parameters[index]
                pieces.append(parameter if trained else parameter.detach())
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces)

    def _by_runs(self, rows: Tensor, like: nn.Parameter) -> nn.ParameterList:
        # copies: safetensors refuses parameters that are views of one memory
        return nn.ParameterList(
            nn.Parameter(rows[start:stop].clone(), like.requires_grad)
            for start, stop in self._spans()
        )

    def _spans(self) -> Iterator[tuple[int, int]]:
        """The built runs as ranges of the rows before the layer was partitioned."""
        start = 0
        for run in self._runs:
            if run.use:
                yield start, start + run.channels
            start += run.channels

    def _parts_of(self, task: str) -> Iterator[_Part]:
        index = 0
        for run in self._runs:
            if self._computes(run, task):
                here = index if run.use else None
                yield _Part(here, run.channels, task in run.update)
            index += bool(run.use)


class CompactLayer(OwnedLayer):
    """Computes only the channels that the task uses: [batch, used in] -> [batch, used out].

    Columns of channels that nobody uses are not there. The columns are shared: a task that uses a
    channel trains the reader's weights on it, even where it may not update the channel itself.
    """

    def __init__(
        self, kind: LayerKind, owned: Owned, weight: nn.Parameter, bias: nn.Parameter | None
    ) -> None:
        super().__init__(kind, owned, weight, bias)
        self._columns = {task: _used(_built(owned.columns), task) for task in owned.tasks}

    def forward(self, x: Tensor, task: str) -> Tensor:
        """[batch, used in, ...] -> [batch, used out, ...]."""
        parts = self._parts[task]
        weight = take_columns(self._stack(self.weights, parts), self._columns[task])
        bias = None if self.biases is None else self._stack(self.biases, parts)
        return self.kind(x, weight, bias)

    def plain(self, task: str) -> dict[str, Tensor]:
        """The weight [used out, used in, ...] and the bias [used out]."""
        parts = self._parts[task]
        state = {"weight": take(self._stack(self.weights, parts), 1, self._columns[task])}
        if self.biases is not None:
            state["bias"] = self._stack(self.biases, parts)
        return {name: tensor.detach() for name, tensor in state.items()}

    def _stored(self) -> Ranges | None:
        return _built_ranges(self.owned.columns)

    def _computes(self, run: Owners, task: str) -> bool:
        return task in run.use


class MaskedLayer(OwnedLayer):
    """Computes all channels, as before the partition, and sets to zero what a task does not use.

    order "after-norm": a reader sees zeros in the channels that the task does not use. That is the
    mask behind norm and activation, so leaving the channel out changes nothing else.

    order "published": the layer's own output is zero in these channels, before the norm; a reader
    sees what the norm makes of that.
    """

    def __init__(
        self,
        kind: LayerKind,
        owned: Owned,
        weight: nn.Parameter,
        bias: nn.Parameter | None,
        *,
        order: Order = "after-norm",
    ) -> None:
        super().__init__(kind, owned, weight, bias)
        before, after = (owned.columns, None) if order == "after-norm" else (None, owned.rows)
        self._before = self._register("unread", before)
        self._after = self._register("unused", after)

    def forward(self, x: Tensor, task: str) -> Tensor:
        """[batch, in, ...] -> [batch, out, ...]."""
        if task in self._before:
            x = x.masked_fill(self.get_buffer(self._before[task]), 0.0)
        parts = self._parts[task]
        bias = None if self.biases is None else self._stack(self.biases, parts)
        y = self.kind(x, self._stack(self.weights, parts), bias)
        return y.masked_fill(self.get_buffer(self._after[task]), 0.0) if task in self._after else y

    def plain(self, task: str) -> dict[str, Tensor]:
        """The weight [used out, used in, ...] and the bias [used out]."""
        rows, columns = _used(self.owned.rows, task), _used(self.owned.columns, task)
        state = {"weight": take(take(self._whole()["weight"], 0, rows), 1, columns)}
        if self.biases is not None:
            state["bias"] = take(self._whole()["bias"], 0, rows)
        return state

    def compacted(self) -> CompactLayer:
        """The compact layer with the same weights."""
        whole, bias = self._whole(), None
        weight = nn.Parameter(whole["weight"], self.weights[0].requires_grad)
        if self.biases is not None:
            bias = nn.Parameter(whole["bias"], self.biases[0].requires_grad)
        found = CompactLayer(self.kind, self.owned, weight, bias)
        return found.train(self.training)

    def _whole(self) -> dict[str, Tensor]:
        parts = self._parts[self.owned.tasks[0]]
        state = {"weight": self._stack(self.weights, parts).detach()}
        if self.biases is not None:
            state["bias"] = self._stack(self.biases, parts).detach()
        return state

    def _stored(self) -> Ranges | None:
        return None

    def _computes(self, run: Owners, task: str) -> bool:
        return True

    def _register(self, name: str, group: Group | None) -> dict[str, str]:
        """A buffer [channels, 1, ...] for each task that does not use all: {task: its name}."""
        if group is None:
            return {}
        names = {}
        use, _ = group.masks(self.owned.tasks)
        for i, task in enumerate(self.owned.tasks):
            if not use[i].all():
                unused = torch.from_numpy(~use[i]).reshape(-1, *([1] * self.kind.dims))
                names[task] = f"{name}_{i}"
                self.register_buffer(names[task], unused, persistent=False)
        return names


def _used(group: Group | None, task: str) -> Ranges | None:
    """The ranges that the task uses; None for all."""
    ranges = () if group is None else group.used(task)
    return None if group is None or ranges == ((0, group.channels),) else ranges


def _built(group: Group | None) -> Group | None:
    """The group without the channels that nobody uses."""
    return group and Group(group.layers, tuple(run for run in group.owners if run.use))


def _built_ranges(group: Group | None) -> Ranges | None:
    """The channels that somebody uses; None for all."""
    if group is None:
        return None
    owners = [Owners(r.channels, ("any",) if r.use else (), ()) for r in group.owners]
    return _used(Group(group.layers, tuple(owners)), "any")
