"""Passports: signs and function on the suspect's own weights, and a branch that stays at home."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from arena.game.defense import OwnerTask
from arena.game.suspect import Suspect
from arena.world.models import Classifier
from arena.world.rng import Rng
from arena.world.task import Task
from defenders.passport import DeepIPR1, DeepIPR2, DeepIPR3, PassportAware
from defenders.passport_base import Passport
from defenders.passport_branch import agreement, balanced
from defenders.passport_layers import affine, footprints, uniform_passports
from tests.defenders.conftest import COMPUTE, Marking

Show = Callable[[Classifier], Suspect]

SCHEMES: dict[str, Passport] = {
    "v1": DeepIPR1(strength=0.5),  # the task here trains for 88 steps
    "v2": DeepIPR2(strength=0.5),
    "v3": DeepIPR3(strength=0.5),
    "pan": PassportAware(strength=0.5),
}
LOST = {"v1": 0.03, "v2": 0.03, "v3": 0.05, "pan": 0.03}
"""Accuracy that 8 epochs may lose; after 30 it is measured by `arena run whitebox`."""


def test_a_footprint_is_the_mean_response_of_the_convolution() -> None:
    conv = torch.nn.Conv2d(3, 5, 3, stride=2, padding=1, bias=False)
    passports = uniform_passports(Rng(0), (3, 7, 7))
    found = torch.stack(affine(conv.weight, footprints(passports, conv)))
    assert torch.allclose(found, conv(passports).mean((2, 3)), atol=1e-6)


def test_agreement_counts_every_class_the_same() -> None:
    private, public = torch.tensor([0, 0, 0, 1]), torch.tensor([0, 0, 0, 0])
    assert agreement(private, public, 2) == pytest.approx(0.375)


def test_balanced_images_are_equally_many_of_each_class(task: Task) -> None:
    shown = balanced(task.splits.probe, 100, Rng(0))
    counts = torch.bincount(shown.labels, minlength=10)
    assert len(shown) == 100
    assert int(counts.max() - counts.min()) <= 1


@pytest.mark.parametrize("name", SCHEMES)
def test_the_owner_recognises_its_model(mark: Marking, suspect: Show, name: str) -> None:
    protected = mark(SCHEMES[name])
    verdict = SCHEMES[name].verify(protected.key, suspect(protected.model), Rng(0))
    assert verdict.is_copy
    assert verdict.p_value <= 1e-6
    assert verdict.statistic <= 0.05


@pytest.mark.parametrize("name", SCHEMES)
def test_an_independent_model_reads_like_coins_and_is_spared(
    mark: Marking, suspect: Show, innocent: Classifier, name: str
) -> None:
    verdict = SCHEMES[name].verify(mark(SCHEMES[name]).key, suspect(innocent), Rng(0))
    assert not verdict.is_copy
    assert 0.3 <= verdict.statistic <= 0.7


@pytest.mark.parametrize("name", SCHEMES)
def test_protection_costs_little(
    mark: Marking, owner_task: OwnerTask, task: Task, name: str
) -> None:
    test = task.splits.test
    marked, base = (
        COMPUTE.accuracy(model, test.images, test.labels)
        for model in (mark(SCHEMES[name]).model, owner_task.base())
    )
    assert base - marked <= LOST[name]


@pytest.mark.parametrize("name", SCHEMES)
def test_the_released_model_is_an_ordinary_one(
    mark: Marking, owner_task: OwnerTask, name: str
) -> None:
    model, base = mark(SCHEMES[name]).model, owner_task.base()
    assert model.card == base.card
    assert model.state_dict().keys() == base.state_dict().keys()


def test_v1_holds_what_its_passports_give_as_constants(mark: Marking) -> None:
    protected = mark(SCHEMES["v1"])
    for i, place in enumerate(protected.key.settings["layers"]):
        conv = protected.model.get_submodule(place["conv"])
        norm = protected.model.get_submodule(place["norm"])
        assert isinstance(conv, torch.nn.Conv2d)
        feet = footprints(protected.key.tensors[f"passport/{i}"], conv)
        scale, shift = affine(conv.weight.detach(), feet)
        assert torch.allclose(scale, norm.weight, atol=1e-5)
        assert torch.allclose(shift, norm.bias, atol=1e-5)


def test_signs_alone_are_not_enough(mark: Marking, suspect: Show) -> None:
    scheme, protected = SCHEMES["v2"], mark(SCHEMES["v2"])
    tensors = dict(protected.key.tensors)
    for i in range(len(protected.key.settings["layers"])):
        tensors[f"passport/{i}"] = (
            tensors[f"passport/{i}"] * torch.tensor([1.0, 40.0])[:, None, None, None]
        )  # the shift is another, the signs of the scale are the same
    verdict = scheme.verify(
        replace(protected.key, tensors=tensors), suspect(protected.model), Rng(0)
    )
    assert verdict.statistic <= 0.05
    assert not verdict.is_copy
    assert verdict.p_value == 1.0


@pytest.mark.parametrize("name", SCHEMES)
def test_a_key_is_what_its_seed_expands_to(mark: Marking, name: str) -> None:
    key = mark(SCHEMES[name]).key
    assert SCHEMES[name].rederive(key).commitment() == key.commitment()
    other = SCHEMES[name].rederive(replace(key, seed="00" * 32))
    assert other.commitment() != key.commitment()


def test_what_is_exposed_are_the_passports_and_never_the_bits(mark: Marking) -> None:
    scheme = SCHEMES["pan"]
    shown = scheme.exposed(mark(scheme).key)
    assert {name.partition("/")[0] for name in shown.tensors} == {"passport", "bottleneck"}
