"""Any network as a backbone: cut behind named submodules, or into stages of about equal cost."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Container, Sequence
from functools import partial

import torch
from torch import Tensor, fx, nn

from sharewise.backbones._backbone import Backbone, Stage, check_shape
from sharewise.backbones._checks import check_count
from sharewise.backbones._cuts import NetworkTracer, Place, Survey
from sharewise.backbones._dry_run import check_module
from sharewise.backbones._pieces import Piece, constants, copied, cut, made_anew, on_meta, reset
from sharewise.backbones._trace import modes_kept
from sharewise.errors import InputError

_NEARLY = 1.5
_TOLERANCE = 1e-4  # of the largest output: far above rounding, far below another computation


def from_module(
    module: nn.Module | Callable[[], nn.Module],
    cuts: Sequence[str] | None = None,
    *,
    stages: int | None = None,
    until: str | None = None,
    input_shape: tuple[int, ...],
    pretrained: bool = False,
) -> Backbone:
    """The stages of a network that was written as one module; together they compute what it does.

    Each name in `cuts` ends a stage, and what follows the last is one more; or the network is cut
    into `stages` pieces whose multiply-adds are as equal as they can be. `until` names the last
    submodule that belongs to the backbone, so that a classifier behind it is left out; without it
    everything does. Stages are named after the submodules that end them.

    The network can be cut where one tensor, behind a submodule that runs once, is all that goes on:
    not inside a residual or dense block. Its forward is read with torch.fx; a submodule that
    torch.fx cannot look into is kept whole. A stage that would write into its input copies it.

    What branches start from:
        a module: each branch draws fresh weights, by the `reset_parameters()` of its submodules.
        a function that makes the network: each branch has the weights of a new one, so the author's
            own initialisation. The whole network is made for each.
        pretrained=True: each branch has the weights that the module (one that the function gives)
            has now. In a search the nodes of a stage then start alike.

    Args:
        module: the network, or a function without arguments (importable, where the backbone is to
            be sent to another process) that makes it. It is left as it is.
        cuts: names of submodules, as in `module.named_modules()`, in running order.
        stages: how many there are to be, in the place of `cuts`.
        until: the name of a submodule; what it gives are the backbone's features.
        input_shape: of one input, without the batch, such as (3, 64, 64).
        pretrained: keep the weights.

    Raises:
        InputError: cuts that are no submodules, cannot be cut behind (the nearest that can are
            named) or are in another order; both or neither of `cuts` and `stages`; more stages than
            there are places; torch.fx cannot trace the network; it does not accept inputs of this
            shape, or gives no single tensor.
    """
    _check_asked(cuts, stages)
    check_shape(tuple(input_shape))
    with torch.random.fork_rng(devices=[]):
        network = copy.deepcopy(module) if isinstance(module, nn.Module) else module()
        check_module(network, subject="the network")
        network = network.cpu()
        survey = Survey(network, tuple(input_shape), until)
        places = _balanced(survey, stages or 1) if cuts is None else _named(survey, cuts)
        pieces = _pieces(survey, places)
        _check_same(survey, pieces)
    names = [*(place.name for place in places), survey.end_name() if until is None else until]
    make = None if pretrained or isinstance(module, nn.Module) else module
    made = tuple(
        Stage(name, _maker(piece, make, pretrained=pretrained))
        for name, piece in zip(names, pieces, strict=True)
    )
    return Backbone(type(network).__name__, made, tuple(input_shape))


def _maker(
    piece: Piece, make: Callable[[], nn.Module] | None, *, pretrained: bool
) -> Callable[[], nn.Module]:
    if make is not None:
        without_weights = Piece(on_meta(piece.module), piece.paths)
        return partial(made_anew, make, without_weights, constants(piece))
    # a copy: a weight that the network had, or computed, must not move with another stage's
    return partial(copied if pretrained else reset, copy.deepcopy(piece.module))


def _check_asked(cuts: Sequence[str] | None, stages: int | None) -> None:
    if (cuts is None) == (stages is None):
        raise InputError(
            rule="A network is cut behind named submodules, or into a number of stages.",
            found="neither cuts nor stages" if cuts is None else "both cuts and stages",
            fix="Give cuts=['layer1', 'layer2'] or stages=3.",
        )
    if isinstance(cuts, str):
        raise InputError(
            rule="Cuts are a list of names.",
            found=f"cuts={cuts!r}",
            fix=f"Write cuts=[{cuts!r}].",
        )
    if stages is not None:
        check_count("stages", stages)


def _named(survey: Survey, cuts: Sequence[str]) -> list[Place]:
    """The places of the cuts; one at the backbone's end cuts nothing off, so it is left out."""
    places = [survey.find(name) for name in cuts]
    order = sorted(places, key=lambda place: place.index)
    behind = [name for name, place in zip(cuts, places, strict=True) if place.index > survey.end]
    if behind:
        raise InputError(
            rule="A network is cut before the end of its backbone.",
            found=f"'{behind[0]}', which runs behind '{survey.end_name()}'",
            fix="Leave it out, or name a later submodule as until=.",
        )
    indices = [place.index for place in places]
    if len(set(indices)) < len(indices):
        first = next(i for i, index in enumerate(indices) if index in indices[:i])
        other = cuts[indices.index(indices[first])]
        raise InputError(
            rule="Each cut is at a place of its own.",
            found=f"'{other}' and '{cuts[first]}', which end at the same place",
            fix="Leave one of them out.",
        )
    if order != places:
        raise InputError(
            rule="Cuts are in the order in which the network runs.",
            found=f"{list(cuts)}",
            fix=f"Write cuts={[cuts[indices.index(place.index)] for place in order]}.",
        )
    return [place for place in places if place.index < survey.end]


def _balanced(survey: Survey, stages: int) -> list[Place]:
    """The cuts into stages whose multiply-adds have the least sum of squares.

    Of submodules inside each other the outer ones are better names and better places to hand over,
    so as few levels are looked into as make the largest stage nearly as small as any could.
    """
    usable = [place for place in survey.places if not place.changed]
    if len(_equal(survey, usable, stages)) < stages - 1:
        usable = list(survey.places)  # what changes its input gets a copy of it: dearer, but a cut
    depths = sorted({place.depth for place in usable}) or [0]
    ways = [_equal(survey, [p for p in usable if p.depth <= depth], stages) for depth in depths]
    largest = [_largest(survey, way) if len(way) == stages - 1 else math.inf for way in ways]
    if not math.isfinite(largest[-1]):
        raise InputError(
            rule="A network is cut into at most as many stages as it has places to cut, and one.",
            found=f"stages={stages} and {len(ways[-1])} places in {survey.subject}",
            fix=f"Give stages={len(ways[-1]) + 1} or less.",
        )
    return next(
        way for way, macs in zip(ways, largest, strict=True) if macs <= _NEARLY * largest[-1]
    )


def _largest(survey: Survey, places: Sequence[Place]) -> float:
    ends = [0.0, *(place.macs for place in places), survey.macs]
    return max(end - start for start, end in itertools.pairwise(ends))


def _equal(survey: Survey, usable: Sequence[Place], stages: int) -> list[Place]:
    """The best cuts at these places; all of the places where they are too few.

    Of places with nothing but norms, activations and pools between them, the last counts: what is
    handed over there is smallest, or most processed.
    """
    by_cost = {place.macs: place for place in usable}
    places = [place for macs, place in by_cost.items() if 0 < macs < survey.macs]
    if len(places) < stages or stages == 1:
        return places[: stages - 1]
    # best[i] is (sum of squares, cuts) of what runs up to places[i], in the stages so far
    best: list[tuple[float, list[int]]] = [(place.macs**2, []) for place in places]
    for _ in range(stages - 2):
        best = [_joined(best[:i], places, place.macs) for i, place in enumerate(places)]
    return [places[i] for i in _joined(best, places, survey.macs)[1]]


def _joined(
    best: Sequence[tuple[float, list[int]]], places: Sequence[Place], macs: float
) -> tuple[float, list[int]]:
    """One more stage, which ends at `macs`, behind the best of the ways to get to its beginning."""
    ways = [
        (squares + (macs - places[i].macs) ** 2, [*cuts, i])
        for i, (squares, cuts) in enumerate(best)
    ]
    return min(ways, default=(float("inf"), []))


def _pieces(survey: Survey, places: Sequence[Place]) -> tuple[Piece, ...]:
    """The graph again, looking only into what holds a cut; so blocks stay the author's modules."""
    names = [place.name for place in places]
    opened = {holder for name in (*names, survey.until or "") for holder in _holders(name)}
    tracer = NetworkTracer(_AllBut(opened))
    graph = tracer.trace(survey.network)
    values = {call.path: call.value for call in tracer.calls}
    last = list(graph.nodes)[-1].args[0] if survey.until is None else values[survey.until]
    ends = [node for node in (*(values[name] for name in names), last) if isinstance(node, fx.Node)]
    guarded = [False, *(place.changed for place in places)]
    return cut(survey.network, graph, ends, guarded=guarded)


def _holders(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:i]) for i in range(1, len(parts))]


class _AllBut(Container[str]):
    """The names of all submodules but some."""

    def __init__(self, names: set[str]) -> None:
        self._names = names

    def __contains__(self, name: object) -> bool:
        return name not in self._names


def _check_same(survey: Survey, pieces: Sequence[Piece]) -> None:
    """Raises InputError unless the pieces give what the network does, on one batch of noise.

    torch.fx does not see everything: a forward that asks for the types of its arguments, say.
    """
    network = survey.network
    tensors = (*network.parameters(), *network.buffers())
    if any(tensor.is_meta for tensor in tensors):  # no numbers to compare
        return
    x = torch.randn(2, *survey.shape, generator=torch.Generator().manual_seed(0))
    outputs: list[Tensor] = []

    def keep(part: nn.Module, args: object, output: Tensor) -> None:
        outputs.append(output.clone())  # what comes next may change it in place

    with modes_kept(network), torch.no_grad():
        watch = network.eval().get_submodule(survey.until or "").register_forward_hook(keep)
        torch.default_generator.manual_seed(0)
        network(x.clone())
        watch.remove()
        torch.default_generator.manual_seed(0)
        for piece in pieces:
            x = piece.module(x)
    scale = outputs[0].abs().nan_to_num(0.0, 0.0, 0.0).max().item()
    if x.shape == outputs[0].shape and torch.allclose(
        x, outputs[0], rtol=0.0, atol=_TOLERANCE * scale, equal_nan=True
    ):
        return
    raise InputError(
        rule="The pieces of a network compute what the whole does.",
        found=f"{survey.subject}, whose pieces give something else",
        fix="Cut behind other submodules: torch.fx does not see what a forward does with the types"
        " of its arguments.",
    )
