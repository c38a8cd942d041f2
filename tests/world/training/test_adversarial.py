"""Adversarial examples: both toolboxes do the same to a model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from arena.world.compute import Compute
from arena.world.global_rng import lent
from arena.world.rng import Rng
from arena.world.training import adversarial
from arena.world.training.adversarial import CarliniWagner, Crafting, Fgsm, Pgd, craft

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


def test_both_toolboxes_have_the_same_effect_from_a_random_start(
    view: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, labels = _images(view)
    found = _both(view, Pgd(0.1, 0.02, 10), monkeypatch)
    shares = [float((view(moved).argmax(1) != labels).double().mean()) for moved in found]
    sizes = [_size(moved - images) for moved in found]
    assert abs(shares[0] - shares[1]) <= 0.1
    assert sizes[1] == pytest.approx(sizes[0], rel=0.2)


def test_both_toolboxes_find_near_images_that_are_wrong_by_the_confidence(
    view: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of ART lie farther away."""
    images, labels = _images(view)
    found = _both(view, CarliniWagner(0.5, 1.0, 0.05, 100), monkeypatch)
    for moved in found:
        logits = view(moved)
        true = logits.gather(1, labels[:, None])
        wrong = logits.scatter(1, labels[:, None], -torch.inf).amax(1, keepdim=True)
        assert float((wrong - true).min()) >= 0.49
    assert _size(found[1] - images) <= 2 * _size(found[0] - images)


def _size(change: Tensor) -> float:
    return float(change.flatten(1).norm(dim=1).mean())


def test_without_torchattacks_the_start_follows_from_the_stream_that_is_lent(
    view: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adversarial, "_torchattacks", lambda: None)
    images, labels = _images(view)
    before = np.random.get_state(legacy=False)["state"]["key"].copy()
    found = []
    for seed in (0, 0, 1):
        with lent(Rng(seed)):
            found.append(craft(view, images, labels, Pgd(0.1, 0.001, 1)))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
    assert np.array_equal(before, np.random.get_state(legacy=False)["state"]["key"])
