"""Dry runs on the meta device, where tensors have shapes and no numbers."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.parameter import is_lazy

from sharewise.errors import InputError, UnknownLayerError


@contextlib.contextmanager
def explained(subject: str, shape: tuple[int, ...]) -> Iterator[None]:
    """Turns whatever a user's own module raises into an InputError that names it and the shape."""
    try:
        yield
    except UnknownLayerError:  # says all of this already
        raise
    except Exception as error:  # a user's code may raise anything; it stays the error's cause
        says = str(error).partition("\n")[0]
        if "meta tensor" in says:
            raise InputError(
                rule="A stage or head computes alike whatever numbers reach it: its shapes and its"
                " cost are found without any.",
                found=f"{subject} asking for a value ({says})",
                fix="Replace what branches on values in it.",
            ) from error
        raise InputError(
            rule="A stage or head accepts the features that reach it.",
            found=f"{subject} failing on features of shape {shape} ({says})",
            fix="Make it for this shape; [batch, ...] is put before it.",
        ) from error


def make_on_meta(make: Callable[[], nn.Module], *, subject: str) -> nn.Module:
    """`make()` on the meta device: no memory for weights and no random numbers drawn.

    Raises:
        InputError: it gives no module, or one with lazy parameters.
    """
    with torch.random.fork_rng(devices=[]), torch.device("meta"), warnings.catch_warnings():
        # a stage may load pretrained weights; on meta this does nothing, and torch warns of each
        warnings.filterwarnings("ignore", message=".*copying from a non-meta parameter.*")
        module = make()
    check_module(module, subject=subject)
    return module


def check_module(module: object, *, subject: str) -> None:
    """Raises InputError unless `module` is a module that knows the shapes of its parameters."""
    if not isinstance(module, nn.Module):
        raise InputError(
            rule="A stage or head is a torch module.",
            found=f"{subject} giving {type(module).__name__}",
            fix="Return an nn.Module.",
        )
    if any(is_lazy(parameter) for parameter in module.parameters()):
        raise InputError(
            rule="A stage or head knows the shapes of its parameters when it is made.",
            found=f"lazy parameters in {subject}",
            fix="Use nn.Linear, nn.Conv2d and so on, with the sizes given.",
        )


def dry_run(
    module: nn.Module,
    shape: tuple[int, ...],
    *,
    subject: str,
    mode: AbstractContextManager[object] | None = None,
) -> object:
    """The module's output for one input [1, *shape] on the meta device, in eval mode.

    The module's own weights, buffers and modes are left as they are. `mode` is entered around the
    forward pass alone (the counter of multiply-adds is one).

    Raises:
        InputError: the module raises, or changes its input in place (siblings in a tree read it,
            too).
    """
    inputs = torch.empty((1, *shape), device="meta")
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        with explained(subject, shape), torch.device("meta"), torch.enable_grad():
            weights = _on_meta(module)
            with mode or nullcontext():
                output = functional_call(module, weights, (inputs,), tie_weights=False)
    finally:
        for part, training in modes.items():
            part.training = training
    if inputs._version != 0:
        raise InputError(
            rule="A stage or head leaves its input unchanged, because others read it, too.",
            found=f"{subject} changing it in place",
            fix="Use inplace=False in its first layer.",
        )
    return output


def output_shape(
    module: nn.Module,
    shape: tuple[int, ...],
    *,
    subject: str,
    mode: AbstractContextManager[object] | None = None,
) -> tuple[int, ...]:
    """The shape of the module's output, without the batch; arguments as `dry_run`.

    Raises:
        InputError: as `dry_run`; also when the output is no tensor [1, ...].
    """
    output = dry_run(module, shape, subject=subject, mode=mode)
    if isinstance(output, Tensor) and output.dim() > 1 and output.shape[0] == 1:
        return tuple(output.shape[1:])
    found = f"shape {tuple(output.shape)}" if isinstance(output, Tensor) else type(output).__name__
    raise InputError(
        rule="A stage gives one tensor [batch, ...] for inputs [batch, ...].",
        found=f"{subject} giving {found} for inputs of shape {(1, *shape)}",
        fix="Return one tensor whose first dimension is the batch.",
    )


def _on_meta(module: nn.Module) -> dict[str, Tensor]:
    # Parameters keep a gradient here even where they are frozen: without one torch takes fused fast
    # paths for attention, one opaque op each, whose multiply-adds could not be counted.
    # Named by module, each once, and tied here: functional_call ties by name, and a module that
    # stands in two places would get its weights back from the wrong one.
    made: dict[int, Tensor] = {}
    weights: dict[str, Tensor] = {}
    for prefix, part in module.named_modules():
        own = (
            *part.named_parameters(prefix, recurse=False, remove_duplicate=False),
            *part.named_buffers(prefix, recurse=False, remove_duplicate=False),
        )
        for name, value in own:
            trained = isinstance(value, nn.Parameter) and value.is_floating_point()
            twin = value.detach().to("meta").requires_grad_(trained)
            weights[name] = made.setdefault(id(value), twin)
    return weights
