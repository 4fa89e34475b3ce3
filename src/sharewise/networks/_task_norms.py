"""One batch norm a task, of the channels that the task uses."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from sharewise.architecture import Group
from sharewise.networks._ranges import Ranges, take


class TaskNorms(nn.Module):
    """Called with (features, task): the batch norm of the task. All start as copies of one.

    `group` owns the channels (None: all tasks use all). Where `sliced`, a task's norm has only the
    channels that the task uses; in a masked network it has all.
    """

    def __init__(
        self, norm: nn.Module, tasks: Sequence[str], *, group: Group | None, sliced: bool
    ) -> None:
        super().__init__()
        self.group = group
        self.sliced = sliced
        self.norms = nn.ModuleDict(
            {task: _sliced(norm, self._ranges(task) if sliced else None) for task in tasks}
        )

    def forward(self, x: Tensor, task: str) -> Tensor:
        """[batch, channels, ...] of the same shape."""
        normed: Tensor = self.norms[task](x)
        return normed

    def plain(self, task: str) -> dict[str, Tensor]:
        """The state of the norm that the task needs when it is alone."""
        ranges = None if self.sliced else self._ranges(task)
        return _state(self.norms[task], ranges)

    def alone(self, task: str) -> nn.Module:
        """A copy of the norm that the task needs when it is alone."""
        return _sliced(self.norms[task], None if self.sliced else self._ranges(task))

    def whole_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of a norm of all channels."""
        one = next(iter(self.norms.values()))
        return {
            name: tuple(tensor.shape)
            if self.group is None or not tensor.dim()
            else (self.group.channels,)
            for name, tensor in _tensors(one).items()
        }

    @torch.no_grad()
    def assign(self, task: str, state: Mapping[str, Tensor]) -> None:
        """Takes over, for one task, the state of a norm of all channels."""
        ranges = self._ranges(task) if self.sliced else None
        for name, tensor in _tensors(self.norms[task]).items():
            tensor.copy_(take(state[name], 0, ranges) if tensor.dim() else state[name])

    def compacted(self) -> TaskNorms:
        """The same norms with only the channels that each task uses."""
        found = TaskNorms(nn.Identity(), (), group=self.group, sliced=True)
        found.norms.update({task: self.alone(task) for task in self.norms})
        return found.train(self.training)

    def _ranges(self, task: str) -> Ranges | None:
        return None if self.group is None else self.group.used(task)


def _tensors(norm: nn.Module) -> dict[str, Tensor]:
    return {**dict(norm.named_parameters()), **dict(norm.named_buffers())}


def _state(norm: nn.Module, ranges: Ranges | None) -> dict[str, Tensor]:
    """The norm's parameters and statistics, those of the channels cut to the ranges."""
    return {
        name: take(tensor.detach(), 0, ranges) if tensor.dim() else tensor.detach()
        for name, tensor in _tensors(norm).items()
    }


def _sliced(norm: nn.Module, ranges: Ranges | None) -> nn.Module:
    """A copy of a batch norm with some of its channels."""
    found = copy.deepcopy(norm)
    if ranges is None:
        return found
    resize_norm(found, sum(stop - start for start, stop in ranges))
    found.load_state_dict(_state(norm, ranges))
    return found


def resize_norm(norm: nn.Module, channels: int) -> None:
    """Gives a batch norm another number of channels, with the numbers left open."""
    if not isinstance(norm, _BatchNorm):
        raise AssertionError("stage_layout() calls no other module a norm")
    norm.num_features = channels
    for name, parameter in list(norm.named_parameters(recurse=False)):
        empty = parameter.new_empty(channels)
        norm.register_parameter(name, nn.Parameter(empty, parameter.requires_grad))
    for name, buffer in list(norm.named_buffers(recurse=False)):
        if buffer.dim():
            norm.register_buffer(name, buffer.new_empty(channels))
