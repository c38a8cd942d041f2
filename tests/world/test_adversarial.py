"""Adversarial examples: both toolboxes do the same to a model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from arena.world import adversarial
from arena.world.adversarial import CarliniWagner, Crafting, Fgsm, Pgd, craft
from arena.world.compute import Compute
from arena.world.global_rng import lent
from arena.world.rng import Rng

N = 60
SLOPES = torch.tensor([[0.0, 0.0, 0.0, 0.0], [3.0, -2.0, 1.5, 3.0], [-1.0, 2.5, -3.0, 1.0]])


@pytest.fixture
def view() -> nn.Module:
    """Return three classes of four pixels, whose gradients are far from 0."""
    layer = nn.Linear(4, 3)
    with torch.no_grad():
        layer.weight.copy_(SLOPES)
        layer.bias.copy_(torch.tensor([0.4, -2.0, 0.5]))
    return Compute().frozen(nn.Sequential(nn.Flatten(), layer))


def _images(view: nn.Module) -> tuple[Tensor, Tensor]:
    images = torch.rand(N, 1, 2, 2, generator=Rng(3).torch()) * 0.4 + 0.3
    with torch.no_grad():
        return images, view(images).argmax(1)


def _both(view: nn.Module, how: Crafting, monkeypatch: pytest.MonkeyPatch) -> tuple[Tensor, Tensor]:
    """Return what torchattacks and what ART makes of the same images."""
    images, labels = _images(view)
    pytest.importorskip("torchattacks")
    first = craft(view, images, labels, how)
    monkeypatch.setattr(adversarial, "_torchattacks", lambda: None)
    return first, craft(view, images, labels, how)


@pytest.mark.parametrize(
    "how", [Fgsm(0.1), Pgd(0.1, 0.02, 10, random_start=False)], ids=["fgsm", "pgd"]
)
def test_both_toolboxes_take_the_same_steps(
    view: nn.Module, how: Crafting, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = _both(view, how, monkeypatch)
    torch.testing.assert_close(first, second, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "how",
    [Pgd(0.1, 0.02, 10), CarliniWagner(0.5, 5.0, 0.05, 120)],
    ids=["pgd from a random start", "cw"],
)
def test_both_toolboxes_have_the_same_effect(
    view: nn.Module, how: Crafting, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, labels = _images(view)
    found = _both(view, how, monkeypatch)
    shares = [float((view(moved).argmax(1) != labels).double().mean()) for moved in found]
    sizes = [float((moved - images).flatten(1).norm(dim=1).mean()) for moved in found]
    assert abs(shares[0] - shares[1]) <= 0.1
    assert sizes[1] == pytest.approx(sizes[0], rel=0.2)


def test_without_torchattacks_the_start_follows_from_the_stream_that_is_lent(
    view: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adversarial, "_torchattacks", lambda: None)
    images, labels = _images(view)
    state = np.random.get_state()[1].copy()  # type: ignore[union-attr]
    found = []
    for seed in (0, 0, 1):
        with lent(Rng(seed)):
            found.append(craft(view, images, labels, Pgd(0.1, 0.001, 1)))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
    assert np.array_equal(state, np.random.get_state()[1])
