"""`arena.protect` and `arena.verify`: a person's own module goes in, and comes out marked."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import arena
from arena.errors import ArenaError, DataError, ModelError
from arena.runs.protect.own_module import fresh, model_of, register, source_of
from arena.world.data import load
from arena.world.models import Model, build
from arena.world.rng import Rng


class Scaled(nn.Module):
    """A network of a person's own: layers of torch, and a parameter that no layer resets."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.scale = nn.Parameter(torch.ones(10))

    def forward(self, x: Tensor) -> Tensor:
        scaled: Tensor = self.inner(x) * self.scale
        return scaled


@pytest.fixture(scope="module")
def own_module(_small: Model) -> Scaled:
    return Scaled(copy.deepcopy(_small.body)).eval()


@pytest.fixture(scope="module")
def marked(own_module: Scaled, _small: Model) -> arena.Marked:
    card = _small.card
    options = {"epochs": (12,), "innocents": 2, "innocent_epochs": 1}
    options |= {"mean": card.mean, "std": card.std}
    scheme = {"scheme": "uchida", "strength": 0.3}
    return arena.protect(own_module, "digits", scheme, options=options)


def test_what_comes_out_is_of_the_class_that_went_in(
    marked: arena.Marked, own_module: Scaled
) -> None:
    assert type(marked.model) is Scaled
    before, after = own_module.state_dict(), marked.model.state_dict()
    assert before.keys() == after.keys()
    assert any(not torch.equal(before[name], after[name]) for name in before)
    assert "p, marked" in repr(marked)


def test_the_key_tells_the_marked_module_from_the_one_before(
    marked: arena.Marked, own_module: Scaled
) -> None:
    found = arena.verify(marked.key, marked.model, level=1e-6)
    assert (found.is_copy, found.outcome) == (True, "a copy")
    assert found.p_value <= 1e-6
    other = arena.verify(marked.key, own_module, level=1e-6)
    assert (other.is_copy, other.outcome) == (False, "not shown to be a copy")
    assert "paper's rule" in repr(other)


def test_a_saved_key_verifies_too(marked: arena.Marked, tmp_path: Path) -> None:
    marked.save(tmp_path, "six blind mice")
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"key", "commitment.json", "report.json"}
    assert arena.verify(tmp_path / "key", marked.model, passphrase="six blind mice").is_copy  # noqa: S106
    with pytest.raises(ArenaError, match="expected a new folder"):
        marked.save(tmp_path)


def test_innocents_share_no_weight_with_the_module(own_module: Scaled) -> None:
    """Not even a parameter that its module does not know how to draw."""
    with torch.no_grad():
        own_module = copy.deepcopy(own_module)
        own_module.scale.copy_(torch.linspace(0.5, 1.5, 10))
    again = fresh(own_module).state_dict()
    same = [
        name
        for name, tensor in own_module.state_dict().items()
        if tensor.is_floating_point() and tensor.dim() > 1 and torch.equal(tensor, again[name])
    ]
    assert same == []
    assert not torch.equal(again["scale"], own_module.scale)


def test_a_module_is_one_architecture_however_often_it_is_met(
    own_module: Scaled,
) -> None:
    assert register(own_module) == register(copy.deepcopy(own_module))
    model = model_of(own_module, load("digits").train)
    first, second = (build(model.card, Rng(seed)) for seed in (1, 2))
    assert first.digest() != second.digest()
    assert build(model.card, Rng(1)).digest() == first.digest()


def test_images_are_taken_before_normalisation_alone() -> None:
    images, labels = torch.rand(40, 1, 8, 8), torch.arange(40) % 4
    assert source_of((images, labels)).train.n_classes == 4
    with pytest.raises(DataError, match=r"floats in .0, 1. before any normalisation"):
        source_of((images * 2 - 1, labels))


def test_a_module_for_something_else_is_met_with_a_sentence() -> None:
    digits = load("digits").train
    three = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    with pytest.raises(ModelError, match=r"expected logits of \(1, 10\) from Sequential"):
        model_of(three, digits)
    with pytest.raises(ModelError, match=r"to take images of \(1, 1, 8, 8\)"):
        model_of(nn.Linear(7, 10), digits)


def test_an_option_that_is_none_is_not_ignored(own_module: Scaled) -> None:
    with pytest.raises(ArenaError, match="no option 'max_los'; did you mean 'max_loss'"):
        arena.protect(own_module, "digits", options={"max_los": 0.1})
