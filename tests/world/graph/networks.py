"""Models for the tests of the layer graph: the zoo with lively norms, and networks with traps."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from arena.world import layers
from arena.world.graph import Group, LayerGraph, Plan, expand_kernel, flip, permute, rebuild, scale
from arena.world.models import Model, ModelCard, build
from arena.world.models.registry import Builder, family
from arena.world.rng import Rng

_BUILDERS: dict[str, Callable[[], nn.Module]] = {}
_SHAPE = (3, 8, 8)

Described = tuple[str, tuple[int, ...], dict[str, object]]

FAST: dict[str, Described] = {
    "lenet5": ("lenet5", (1, 28, 28), {}),
    "lenet5-bn": ("lenet5", (1, 28, 28), {"norm": "batch"}),
    "cnn8": ("cnn8", (1, 8, 8), {}),
    "cnn8-plain": ("cnn8", (1, 8, 8), {"norm": "none"}),
    "mlp": ("mlp", (16,), {}),
    "mlp-bn": ("mlp", (16,), {"hidden": [24, 12], "norm": "batch"}),
    "resnet8": ("resnet8", (1, 28, 28), {"width": 8}),
    "resnet20": ("resnet20", (3, 16, 16), {}),
}
SLOW: dict[str, Described] = {
    "resnet18": ("resnet18", (3, 16, 16), {}),
    "vgg16-bn": ("vgg16-bn", (3, 32, 32), {}),
    "mobilenet_v2": ("torchvision:mobilenet_v2", (3, 32, 32), {}),
    "mobilenet_v3_small": ("torchvision:mobilenet_v3_small", (3, 32, 32), {}),
    "shufflenet_v2": ("torchvision:shufflenet_v2_x0_5", (3, 32, 32), {}),
    "squeezenet1_1": ("torchvision:squeezenet1_1", (3, 48, 48), {}),
    "googlenet": ("torchvision:googlenet", (3, 48, 48), {}),
}
ZOO = {**FAST, **SLOW}
every_model = pytest.mark.parametrize(
    "name", [*FAST, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)]
)


@family("graph-test")
def _find(name: str) -> Builder:
    return lambda _shape, _n_classes: _BUILDERS[name]()


def network(builder: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    """Register a network from (3, 8, 8) to four logits for `own(name)`."""
    _BUILDERS[builder.__name__] = builder
    return builder


def own(name: str, seed: int = 1) -> Model:
    return _lively(f"graph-test:{name}", _SHAPE, {}, seed)


def zoo(name: str, seed: int = 1) -> Model:
    return _lively(*ZOO[name], seed)


def _lively(name: str, shape: tuple[int, ...], arguments: dict[str, object], seed: int) -> Model:
    """Build a model with biases, and normalisation that fits its activations but is not idle."""
    card = ModelCard(
        architecture=name,
        arguments=arguments,
        n_classes=4,
        input_shape=shape,
        mean=(0.5,),
        std=(0.25,),
    )
    model, draw = build(card, Rng(seed)), Rng(seed).child("lively").torch()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) and module.affine:
            module.momentum = 1.0
            module.weight.data = 0.5 + torch.rand(module.num_features, generator=draw)
            module.bias.data = 0.2 * torch.randn(module.num_features, generator=draw)
        elif isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
            module.bias.data = 0.1 * torch.randn(module.bias.shape, generator=draw)
    with torch.no_grad():
        model.train()(inputs(model, 16, seed))
    return model.eval()


def inputs(model: Model, n_inputs: int, seed: int = 2) -> Tensor:
    return torch.rand(n_inputs, *model.card.input_shape, generator=Rng(seed).torch())


def difference(one: Model, other: Model, n_inputs: int = 8) -> float:
    x = inputs(one, n_inputs)
    with torch.no_grad():
        return float((one(x) - other(x)).abs().max())


def weight_error(one: Model, other: Model) -> float:
    """Return the largest relative difference between tensors of the same name."""
    state = other.state_dict()
    return max(
        float((tensor - state[name]).norm() / (state[name].norm() + 1e-9))
        for name, tensor in one.state_dict().items()
        if tensor.is_floating_point()
    )


def groups(model: Model) -> tuple[Group, ...]:
    return LayerGraph.of(model).groups


def draw_order(group: Group, draw: torch.Generator) -> Tensor:
    return torch.randperm(group.n_units, generator=draw)


def draw_factors(group: Group, draw: torch.Generator) -> Tensor:
    return 5 ** (2 * torch.rand(group.n_units, generator=draw) - 1)  # log-uniform in [0.2, 5]


def draw_signs(group: Group, draw: torch.Generator) -> Tensor:
    return torch.randint(0, 2, (group.n_units,), generator=draw) * 2.0 - 1


def split_plan(group: Group, draw: torch.Generator) -> Plan:
    """Two splits with random shares, at random places."""
    n = group.n_units
    units = torch.randint(0, n, (2,), generator=draw)
    plan = Plan.keep(n).split(units, torch.randn(2, n, generator=draw) / n**0.5)
    return plan.ordered(torch.randperm(n + 2, generator=draw))


def clique_plan(group: Group, draw: torch.Generator) -> Plan:
    """A clique of three dummies with incoming weights of their own, at random places."""
    n = group.n_units
    incoming, outgoing = (torch.randn(k, n, generator=draw) / n**0.5 for k in (1, 3))
    plan = Plan.keep(n).clique(int(torch.randint(0, n, (1,), generator=draw)), incoming, outgoing)
    return plan.ordered(torch.randperm(n + 3, generator=draw))


def idle_plan(group: Group, _draw: torch.Generator) -> Plan:
    """Two units that nobody reads."""
    n = group.n_units
    return Plan.keep(n).split(torch.tensor([0, n - 1]), torch.zeros(2, n))


def shuffled(model: Model, draw: torch.Generator) -> Model:
    return permute(model, {g: draw_order(g, draw) for g in groups(model)})


def scaled(model: Model, draw: torch.Generator) -> Model:
    return scale(model, {g: draw_factors(g, draw) for g in groups(model) if g.may_scale})


def flipped(model: Model, draw: torch.Generator) -> Model:
    return flip(model, {g: draw_signs(g, draw) for g in groups(model) if g.may_flip})


def all_three(model: Model, draw: torch.Generator) -> Model:
    return flipped(scaled(shuffled(model, draw), draw), draw)


def split(model: Model, draw: torch.Generator) -> Model:
    return rebuild(model, {g: split_plan(g, draw) for g in groups(model) if g.may_resize})


def clique(model: Model, draw: torch.Generator) -> Model:
    return rebuild(model, {g: clique_plan(g, draw) for g in groups(model) if g.may_resize})


def idle(model: Model, draw: torch.Generator) -> Model:
    return rebuild(model, {g: idle_plan(g, draw) for g in groups(model) if g.may_resize})


def grown(model: Model, _draw: torch.Generator) -> Model:
    return expand_kernel(model, layers.convolutions(model, model.card.input_shape))


def everything(model: Model, draw: torch.Generator) -> Model:
    return grown(all_three(split(clique(model, draw), draw), draw), draw)


TRANSFORMS = {
    function.__name__: function
    for function in (shuffled, scaled, flipped, all_three, split, clique, idle, grown, everything)
}


class Residual(nn.Module):
    """A branch with norm and one without, added; two layers read the sum."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.norm = nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6)
        self.right = nn.Conv2d(3, 6, 1)
        self.one, self.two = nn.Conv2d(6, 5, 3), nn.Conv2d(6, 5, 3)
        self.head = nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        both = torch.relu(self.norm(self.left(x)) + self.right(x))
        out: Tensor = self.head((self.one(both) + self.two(both)).relu().mean((2, 3)))
        return out


class HalvesTied(nn.Module):
    """cat(a, b) + c: the channels of c move in two halves."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 5, 1), nn.Conv2d(3, 9, 1)
        self.norm = nn.BatchNorm2d(9)
        self.head = nn.Linear(9 * 64, 4)

    def forward(self, x: Tensor) -> Tensor:
        joined = torch.cat([self.a(x), self.b(x)], 1) + self.norm(self.c(x))
        out: Tensor = self.head(torch.relu(joined).flatten(1))
        return out


class TwiceRead(nn.Module):
    """The same channels twice behind a concatenation, normalised there, then flattened."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(8)
        self.head = nn.Linear(8 * 4, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        y = torch.relu(self.norm(torch.cat((y, y), dim=1)))
        y = nn.functional.max_pool2d(y, 4)
        out: Tensor = self.head(y.reshape(y.size(0), -1))
        return out


class SharedWeights(nn.Module):
    """One convolution applied three times to its own output."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.loop = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
        self.head = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.first(x))
        for _ in range(3):
            y = torch.relu(self.loop(y))
        out: Tensor = self.head(y.mean((2, 3)))
        return out


class TwoNames(nn.Module):
    """One module under two names, so that the state dict holds its tensors twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, padding=1)
        self.again = self.first
        self.head = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(torch.relu(self.again(x)).mean((2, 3)))
        return out


class TiedParameter(nn.Module):
    """Two modules that share one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.one = nn.Conv2d(3, 6, 1), nn.Conv2d(6, 6, 1)
        self.two = nn.Conv2d(6, 6, 1)
        self.two.weight = self.one.weight
        self.head = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.one(torch.relu(self.first(x))))
        out: Tensor = self.head(torch.relu(self.two(y)).mean((2, 3)))
        return out


class Depthwise(nn.Module):
    """Depthwise convolution with two outputs for each channel, without norm, between ReLUs."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.Conv2d(3, 5, 1)
        self.depth = nn.Conv2d(5, 10, 3, padding=1, groups=5)
        self.narrow = nn.Conv2d(10, 6, 1)
        self.head = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.depth(torch.relu(self.wide(x))))
        out: Tensor = self.head(self.narrow(y).mean((2, 3)))
        return out


class Strange(nn.Module):
    """Channels that meet operations which no table lists, and some that do not."""

    def __init__(self) -> None:
        super().__init__()
        self.sorted, self.gated = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 6, 1)
        self.grouped, self.free = nn.Conv2d(6, 6, 1, groups=2), nn.Conv2d(6, 5, 1)
        self.head = nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = self.sorted(x).sort(1).values
        y = self.grouped(torch.relu(self.gated(y)))
        out: Tensor = self.head(torch.relu(self.free(y)).mean((2, 3)))
        return out


class FixedView(nn.Module):
    """A reshape that names the number of features."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 1), nn.Linear(4 * 64, 4)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(torch.relu(self.conv(x)).reshape(-1, 256))
        return out


class Activations(nn.Module):
    """One hidden layer for each kind of activation."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.odd, self.other = nn.Linear(192, 6), nn.Linear(6, 6), nn.Linear(6, 6)
        self.shifted, self.gate = nn.Linear(6, 6), nn.Linear(6, 6)
        self.bare, self.head = nn.BatchNorm1d(6, affine=False), nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.tanh(self.odd(self.linear(x.flatten(1))))
        y = nn.functional.gelu(self.other(y))
        y = self.shifted(y) + 1.0
        out: Tensor = self.head(self.bare(self.gate(y)))
        return out


class Branching(nn.Module):
    """Control flow on values, which cannot be traced."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 1), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x).mean((2, 3))
        out: Tensor = self.head(y if y.sum() > 0 else -y)
        return out


NETWORKS: tuple[type[nn.Module], ...] = (
    *(Residual, HalvesTied, TwiceRead, SharedWeights, TwoNames, TiedParameter),
    *(Depthwise, Strange, FixedView, Activations, Branching),
)
for _network in NETWORKS:
    network(_network)
