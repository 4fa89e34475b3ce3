"""Any network as a backbone: where it is cut, what branches start from, and what is refused."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from functools import partial

import pytest
import torch
from _own_networks import CUTS, NETWORKS, SHAPE, Attention, Densely, Drop, Residuals, Transformer
from torch import Tensor, fx, nn

from sharewise.architecture import Architecture
from sharewise.backbones import Backbone, from_module
from sharewise.costs import stage_costs
from sharewise.data import TensorData
from sharewise.errors import InputError
from sharewise.evaluation import Budget
from sharewise.networks import build
from sharewise.search import SearchSettings, search_branching
from sharewise.tasks import binary, classification


def names(backbone: Backbone) -> list[str]:
    return [stage.name for stage in backbone.stages]


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_each_cut_ends_a_stage_of_its_name(name: str) -> None:
    cuts = CUTS[name]
    backbone = from_module(NETWORKS[name](), cuts[:-1], until=cuts[-1], input_shape=SHAPE)
    assert names(backbone) == list(cuts)
    assert backbone.name == NETWORKS[name].__name__
    assert backbone.input_shape == SHAPE
    assert backbone.settings == {}


def test_what_follows_the_last_cut_is_a_stage_unless_it_is_left_out() -> None:
    cuts = ["layer1", "layer2"]
    whole = from_module(Residuals(), cuts, input_shape=SHAPE)
    assert names(whole) == ["layer1", "layer2", "fc"]
    assert whole.shapes() == ((6, 8, 8), (8, 4, 4), (5,))
    for given in (cuts, cuts[:1]):  # a cut at the end cuts nothing off
        headless = from_module(Residuals(), given, until="layer2", input_shape=SHAPE)
        assert names(headless) == cuts
        assert headless.shapes() == ((6, 8, 8), (8, 4, 4))
    # what ends in no submodule is called so
    assert names(from_module(Densely(), ["features.norm"], input_shape=SHAPE))[-1] == "output"
    assert names(from_module(Densely(), [], input_shape=SHAPE)) == ["output"]


def test_a_block_of_the_authors_is_a_stage_as_it_stands() -> None:
    backbone = from_module(Residuals(), ["down"], until="layer2", input_shape=SHAPE)
    stage = backbone.stages[1].make()
    assert isinstance(stage, nn.Sequential)
    assert [layer.name for layer in backbone.layouts()[1].hidden] == ["0.conv1"]
    # blocks of other stages keep the last parts of their names
    first = [layer.name for layer in backbone.layouts()[0].hidden]
    assert first == ["layer1.0.conv1", "layer1.1.conv1"]
    inner = from_module(
        Densely(), ["features.block1", "features.pool"], until="features", input_shape=SHAPE
    )
    assert [name for name, _ in inner.stages[1].make().named_children()] == [
        "norm",
        "shrink",
        "pool",
    ]


def test_a_stage_that_would_write_into_its_input_copies_it() -> None:
    backbone = from_module(Residuals(), ["stem"], until="relu", input_shape=SHAPE)
    assert backbone.shapes() == ((6, 8, 8), (6, 8, 8))  # raises where an input is changed
    x = torch.randn(2, 6, 8, 8)
    before = x.clone()
    assert torch.equal(backbone.stages[1].make()(x), before.relu())
    assert torch.equal(x, before)


def test_stages_of_equal_cost_are_as_equal_as_they_can_be() -> None:
    module = nn.Sequential(*(nn.Linear(10, 10) for _ in range(12)))
    for stages in (1, 2, 3, 4, 6, 12):
        backbone = from_module(module, stages=stages, input_shape=(10,))
        assert {each.macs for each in stage_costs(backbone)} == {1200 // stages}
    wide = nn.Sequential(nn.Linear(10, 50), nn.Linear(50, 2), nn.Linear(2, 10), nn.Linear(10, 10))
    backbone = from_module(wide, stages=2, input_shape=(10,))  # 500, 100, 20, 100
    assert [each.macs for each in stage_costs(backbone)] == [500, 220]
    assert names(backbone) == ["0", "3"]


def test_equal_stages_are_cut_where_named_ones_are() -> None:
    """Behind layers whose outputs an activation changes in place, where there is nothing else."""
    relu = nn.ReLU(inplace=True)
    layers = [nn.Conv2d(3, 8, 3), relu, nn.Conv2d(8, 8, 3), relu, nn.Conv2d(8, 8, 3), relu]
    network = nn.Sequential(*layers)
    backbone = from_module(network, stages=3, input_shape=(3, 16, 16), pretrained=True)
    assert [stage.name for stage in backbone.stages][:2] == ["0", "2"]
    x = torch.randn(2, 3, 16, 16)
    expected = network(x.clone())
    for stage in backbone.stages:
        x = stage.make()(x)
    assert torch.equal(x, expected)


def test_equal_stages_are_cut_at_outer_blocks_and_behind_what_costs_nothing() -> None:
    block = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(inplace=True))
    module = nn.Sequential(*(copy.deepcopy(block) for _ in range(4)), nn.Flatten())
    backbone = from_module(module, stages=4, input_shape=SHAPE)
    assert names(backbone) == ["0", "1", "2", "4"]
    # one block cannot be cut in halves but inside
    deep = from_module(nn.Sequential(nn.Sequential(*module[:2])), stages=2, input_shape=SHAPE)
    assert names(deep)[0] == "0.0"


def test_pieces_keep_what_a_forward_does_in_training_alone() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(Drop(), nn.Linear(4, 4), Drop())
    backbone = from_module(module, ["1"], input_shape=(4,), pretrained=True)
    first, second = (stage.make() for stage in backbone.stages)
    x = torch.ones(200, 4)
    assert torch.equal(first.eval()(x), module.eval()(x))
    dropped = (second.train()(x) == 0).all(dim=1).float().mean().item()
    assert 0.1 < dropped < 0.5


def test_only_what_is_cut_has_to_be_traced() -> None:
    module = nn.Sequential(Attention(6), nn.Linear(6, 6), Attention(6))
    backbone = from_module(module, stages=2, input_shape=(5, 6))
    assert len(backbone.stages) == 2
    with pytest.raises(ValueError, match="too large"):  # the author's own forward still runs
        backbone.stages[0].make()(torch.zeros(1, 1, 6).expand(10_001, 1, 6))
    hidden = from_module(Transformer(), stages=3, input_shape=SHAPE).layouts()
    assert [each.channels for layout in hidden for each in layout.hidden] == [12, 12, 12]


def test_a_module_is_left_alone() -> None:
    module = Residuals().eval()
    module.layer1.train()
    modes = [part.training for part in module.modules()]
    before, state = copy.deepcopy(module.state_dict()), torch.get_rng_state()
    backbone = from_module(module, stages=3, until="layer2", input_shape=SHAPE, pretrained=True)
    kept = backbone.stages[0].make().state_dict()
    with torch.no_grad():
        module.stem.weight.zero_()  # the backbone has copies
    again = backbone.stages[0].make().state_dict()
    assert all(torch.equal(kept[name], again[name]) for name in kept)
    assert torch.equal(torch.get_rng_state(), state)
    assert [part.training for part in module.modules()] == modes
    module.load_state_dict(before)
    assert [name for name in vars(module) if "constant" in name] == []


class Gated(nn.Module):
    """A batch norm where torch.fx cannot look, and layers where it can."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Sequential(nn.BatchNorm2d(3), Drop())
        self.one, self.two = nn.Conv2d(3, 6, 1), nn.Conv2d(6, 3, 1)
        self.inner = Unsure()

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(self.two(self.one(self.gate(x))))


class Unsure(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x) if len(x) < 10_000 else x


def test_norms_that_cannot_be_reached_keep_a_stage_from_being_divided() -> None:
    whole = from_module(Gated(), [], input_shape=SHAPE)
    assert whole.layouts()[0].hidden == ()
    assert whole.layouts()[0].refused["one"].startswith("torch.fx says: ")
    apart = from_module(Gated(), [], until="two", input_shape=SHAPE)
    assert [layer.name for layer in apart.layouts()[0].hidden] == ["one"]


class Frozen(nn.Module):
    """A layer, and parameters that no reset_parameters() draws."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)
        self.scale = nn.Parameter(torch.full((4,), 0.1))
        self.noise = nn.Parameter(3.0 + 0.5 * torch.randn(1, 400, 4))
        self.fixed = nn.Parameter(torch.randn(4), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.scale * self.layer(x) + self.noise.mean(1, keepdim=True) + self.fixed
        return x + self.attention(x, x, x, need_weights=False)[0]


def test_fresh_weights_are_the_modules_own_kind() -> None:
    torch.manual_seed(0)
    module = Frozen()
    with torch.no_grad():
        module.layer.weight.fill_(7.0)  # as if it had been trained
    backbone = from_module(module, [], input_shape=(3, 4))
    torch.manual_seed(1)
    made = dict(backbone.stages[0].make().named_parameters())
    assert made["layer.weight"].abs().max() <= 0.5  # 1 / sqrt(4), torch's own bound
    assert torch.equal(made["scale"], module.scale)
    assert torch.equal(made["fixed"], module.fixed)
    assert not torch.equal(made["noise"], module.noise)
    assert made["noise"].mean().item() == pytest.approx(3.0, abs=0.1)
    assert made["noise"].std().item() == pytest.approx(0.5, abs=0.05)
    assert not torch.equal(made["attention.in_proj_weight"], module.attention.in_proj_weight)
    assert torch.equal(made["attention.out_proj.bias"], torch.zeros(4))  # attention's own rule


def _started(value: float) -> nn.Module:
    made = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    for part in (made[0], made[2]):
        nn.init.normal_(part.weight, value, 1e-3)  # an author's own initialisation
    return made


def test_a_function_gives_every_branch_the_authors_initialisation() -> None:
    backbone = from_module(partial(_started, 5.0), ["1"], input_shape=(4,))
    for stage in backbone.stages:
        weights = [max(stage.make().parameters(), key=Tensor.numel) for _ in range(2)]
        assert all(each.mean().item() == pytest.approx(5.0, abs=0.01) for each in weights)
        assert not torch.equal(*weights)
    once = from_module(partial(_started, 5.0), ["1"], input_shape=(4,), pretrained=True)
    first, second = (once.stages[0].make() for _ in range(2))
    assert all(map(torch.equal, first.parameters(), second.parameters()))
    assert all(a is not b for a, b in zip(first.parameters(), second.parameters(), strict=True))


class Positions(nn.Module):
    """Computes a constant in its forward."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.two(self.one(x) + torch.arange(4.0))


@pytest.mark.parametrize("start", [Positions, Positions()], ids=["function", "module"])
def test_constants_go_with_the_stage_that_reads_them(
    start: nn.Module | Callable[[], nn.Module],
) -> None:
    backbone = from_module(start, ["one"], input_shape=(4,))
    assert backbone.shapes() == ((4,), (4,))
    second = backbone.stages[1].make()
    two = next(part for part in second.modules() if isinstance(part, nn.Linear))
    assert torch.equal(second(torch.zeros(1, 4)), two(torch.arange(4.0).unsqueeze(0)))


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_a_backbone_travels_to_another_process(name: str) -> None:
    for start, pretrained in ((NETWORKS[name](), True), (NETWORKS[name], False)):
        backbone = from_module(start, stages=2, input_shape=SHAPE, pretrained=pretrained)
        there = pickle.loads(pickle.dumps(backbone))
        assert there.shapes() == backbone.shapes()
        tasks = [classification("one", 3)]
        shared = Architecture.shared(["one"], 2)
        x = torch.randn(2, *SHAPE)
        outputs = [build(shared, each, tasks).eval()(x)["one"] for each in (backbone, there)]
        assert torch.equal(*outputs)
        assert hash(backbone) == hash(backbone)


def test_a_backbone_takes_other_sizes_where_its_network_does() -> None:
    backbone = from_module(Residuals(), stages=2, until="layer2", input_shape=SHAPE)
    assert backbone.at((3, 16, 12)).shapes()[-1] == (8, 8, 6)
    patches = from_module(Transformer(), stages=2, input_shape=SHAPE)
    with pytest.raises(InputError, match="failing on features of shape"):
        patches.at((3, 16, 16)).shapes()


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_a_search_runs_an_epoch(name: str) -> None:
    until = "layer2" if name == "residual" else None
    draw = torch.Generator().manual_seed(0)
    inputs = torch.randn(24, *SHAPE, generator=draw)
    targets = {
        "sum": (inputs.sum((1, 2, 3)) > 0).long(),
        "first": (inputs[:, 0].sum((1, 2)) > 0).long(),
    }
    split = (inputs, targets)
    data = TensorData([binary("sum"), binary("first")], train=split, val=split, test=split)
    backbone = from_module(NETWORKS[name], stages=2, until=until, input_shape=SHAPE)
    quick = SearchSettings(epochs=1, initialisations=1, batch_size=8, nodes=2)
    found = search_branching(backbone, data, budget=Budget(params=1.8), settings=quick)
    assert found.architecture.num_stages == 2
    assert found.architecture.tasks == ("first", "sum")


def test_hooks_go_with_the_pieces() -> None:
    module = nn.Sequential(nn.Sequential(nn.Linear(4, 4), nn.ReLU()), nn.Linear(4, 4))
    module[0].register_forward_hook(lambda part, args, output: output + 1.0)
    x = torch.zeros(1, 4)
    for cut, count in (("0", 2), ("0.0", 2)):
        stages = from_module(module, [cut], input_shape=(4,), pretrained=True).stages
        assert len(stages) == count
        assert torch.equal(stages[1].make()(stages[0].make()(x)), module(x))


class Scaled(nn.Sequential):
    def forward(self, x: Tensor, scale: float = 2.0) -> Tensor:
        return scale * super().forward(x)


def test_a_block_that_takes_more_than_its_input_can_be_divided_all_the_same() -> None:
    module = nn.Sequential(
        nn.Linear(4, 4), Scaled(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 4)), nn.Linear(4, 4)
    )
    backbone = from_module(module, ["0", "1"], input_shape=(4,), pretrained=True)
    assert [layer.name for layer in backbone.layouts()[1].hidden] == ["1.0"]
    x = torch.randn(2, 4)
    assert torch.equal(backbone.stages[1].make()(x), module[1](x))


def test_what_a_network_takes_besides_its_input_has_the_default() -> None:
    module = Densely()
    (stage,) = from_module(module, [], input_shape=SHAPE, pretrained=True).stages
    x = torch.randn(2, *SHAPE)
    assert torch.allclose(stage.make().eval()(x), module.eval()(x, scale=2.0))
    assert isinstance(stage.make(), fx.GraphModule)
