"""A module that runs several times in one forward pass is told apart by its calls."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from arena.errors import NotComparable
from arena.game.sides.suspect import Suspect
from arena.world import layers
from arena.world.compute import Compute
from arena.world.models import Model, ModelCard, build
from arena.world.models.calls import captured
from arena.world.rng import Rng
from defenders.deepjudge.growth.neuron_function import Below, path_to
from defenders.deepjudge.scheme.metrics import neurons


class Twice(nn.Module):
    """One ReLU, working in place, runs behind both layers."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.out = nn.Linear(4, 6), nn.Linear(6, 5), nn.Linear(5, 3)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.relu(self.first(x))
        logits: Tensor = self.out(self.relu(self.second(hidden)))
        return logits


class Functions(nn.Module):
    """Calls its activations as functions."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.out = nn.Linear(4, 6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.out(torch.relu(self.first(x)))
        return logits


CARD = ModelCard(architecture="mlp", n_classes=3, input_shape=(4,), mean=(0.0,), std=(1.0,))


@pytest.fixture
def model() -> Model:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Model(CARD, Twice()).eval()


@pytest.fixture
def rows() -> Tensor:
    return torch.rand(7, 4, generator=Rng(1).torch())


def test_every_call_has_a_name_in_order(model: Model) -> None:
    assert layers.activations(model, (4,)) == ["body.relu", "body.relu#2"]
    assert layers.executed(model, (4,))[-1][0] == "body.out"
    names = [name for name, _ in layers.executed(model, (4,))]
    assert names.count("body.relu") == 2


def test_what_each_call_puts_out_is_read(model: Model, rows: Tensor) -> None:
    body = model.body
    assert isinstance(body, Twice)
    with torch.no_grad():
        first = body.first(rows).relu()
        second = body.second(first).relu()
    found = Compute().activations(model, rows, ["body.relu", "body.relu#2", "body.first"])
    torch.testing.assert_close(found["body.relu"], first)
    torch.testing.assert_close(found["body.relu#2"], second)
    torch.testing.assert_close(found["body.first"], body.first(rows).detach())  # before the ReLU
    seen = Suspect.bare(model, Compute()).activations("body.relu#2", rows)
    torch.testing.assert_close(seen, second)
    with captured(model, ["body.relu#2"]) as kept:
        for _ in range(2):  # each pass counts anew
            model(rows)
    torch.testing.assert_close(kept["body.relu#2"].detach(), second)


def test_a_path_ends_at_its_call(model: Model, rows: Tensor) -> None:
    second = Compute().activations(model, rows, ["body.relu#2"], neurons)["body.relu#2"]
    torch.testing.assert_close(Below(model, "body.relu#2")(rows).detach(), second)
    wanted = torch.arange(7) % 5
    found = path_to(model, "body.relu#2", Compute())(rows.movedim(0, -1), wanted.sort().values)
    expected = second[torch.arange(7), wanted.sort().values]
    torch.testing.assert_close(found.detach(), expected)


def test_a_call_that_is_not_made_is_no_layer(model: Model, rows: Tensor) -> None:
    with pytest.raises(NotComparable, match=r"expected a call 'body.relu#3'"):
        Compute().activations(model, rows, ["body.relu#3"])
    with pytest.raises(NotComparable, match=r"no layer 'body.tanh#2'"):
        Suspect.bare(model, Compute()).activations("body.tanh#2", rows)


def test_a_network_that_calls_functions_is_read_at_its_layers() -> None:
    model = Model(CARD, Functions()).eval()
    assert layers.activations(model, (4,)) == ["body.first"]
    assert (
        layers.activations(build(CARD.model_copy(update={"architecture": "softmax"}), Rng(0)), (4,))
        == []
    )
