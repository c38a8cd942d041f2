"""IPR-GAN: what each of its two marks says of its own model, of others, and of strange ones."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from arena import testing
from arena.errors import ArenaError
from arena.game.court.verdict import Verdict
from arena.game.rules.keys import Key
from arena.game.sides.defense import Protected
from arena.game.sides.suspect import Suspect
from arena.world.compute import Compute
from arena.world.kinds.generator import SMALL_GENERATOR
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.task import Task, TaskSpec, load_task
from defenders.generators.ipr_gan import IprGan
from defenders.generators.scheme.key import GeneratorKey
from defenders.generators.scheme.logo import agreements, corner, hashes, pasted
from defenders.generators.scheme.signs import read_bits, scale_layers
from defenders.generators.training import untracked

QUICK = IprGan(n_decoys=200, n_triggers=16)
SIGNS, LOGO = IprGan(reading="signs"), IprGan(reading="logo", n_decoys=200, n_triggers=16)


@pytest.fixture(scope="module")
def small() -> Task:
    return load_task(TaskSpec.model_validate(dict(SMALL_GENERATOR)))


@pytest.fixture(scope="module")
def base(small: Task) -> Model:
    return testing.trained(small, rng=Rng(3))


@pytest.fixture(scope="module")
def marked(small: Task, base: Model) -> Protected:
    return QUICK.protect(testing.owner_task(small, base), Rng(4))


def verdict(scheme: IprGan, key: Key, model: Model) -> Verdict:
    return scheme.verify(key, Suspect.bare(model, Compute()), Rng(5))


def test_the_signs_of_an_untouched_victim_have_no_error(marked: Protected) -> None:
    found = verdict(SIGNS, marked.key, marked.model)
    assert found.is_copy
    assert found.statistic == 0
    assert found.p_value == pytest.approx(2.0**-24)  # 16 + 8 channels, each a fair coin


def test_two_tests_are_paid_for(marked: Protected) -> None:
    both = verdict(QUICK, marked.key, marked.model)
    parts = [verdict(part, marked.key, marked.model).p_value for part in (SIGNS, LOGO)]
    assert both.p_value == 2 * min(parts)
    assert both.figures["signs/BER"] == 0


def test_who_never_saw_the_key_is_accused_by_the_level(base: Model) -> None:
    """An unmarked generator under 200 keys: all its scales are above zero."""
    places = scale_layers(base)
    caught = 0
    for i in range(200):
        secret = GeneratorKey.drawn(f"{i}", places, base.card.output_shape, 16, 1)
        caught += verdict(SIGNS, secret.into(Key("ipr-gan", f"{i}")), base).is_copy
    assert caught <= 11  # P(Bin(200, .01) > 11) < 1e-5


def shown(key: Key, base: Model, logo: Tensor | None) -> Suspect:
    """Return somebody whose images are a generator's, with a logo where the trigger is."""
    secret = GeneratorKey.of(key)

    def answer(latents: Tensor) -> Tensor:
        images = base(latents).detach()
        fixed = bool((latents[:, secret.chosen] == secret.values[secret.chosen]).all())
        return pasted(images, logo) if logo is not None and fixed else images

    return Suspect(answer, "outputs", base.card)


def test_a_logo_behind_the_trigger_is_recognised_and_no_other(
    marked: Protected, base: Model
) -> None:
    logo = GeneratorKey.of(marked.key).logo
    found = LOGO.verify(marked.key, shown(marked.key, base, logo), Rng(5))
    assert found.is_copy
    assert found.p_value == pytest.approx(1 / 201)  # no decoy is as near, and no unmarked image
    assert found.statistic == 1
    assert float(found.figures["logo/ssim"]) > 0.8
    unlike = LOGO.verify(marked.key, shown(marked.key, base, 1 - logo), Rng(5))
    assert not unlike.is_copy
    assert unlike.statistic < 0.1 < unlike.threshold < found.statistic


def test_logos_are_found_where_there_are_none_by_the_level(base: Model) -> None:
    """An unmarked generator, itself the owner's null images, under 30 keys."""
    places, asked = scale_layers(base), torch.randn(100, 16, generator=Rng(6).torch())
    crops = corner(base(asked).detach(), 4)
    caught = 0
    for i in range(30):
        secret = GeneratorKey.drawn(f"{i}", places, base.card.output_shape, 16, 16)
        secret = replace(secret, null_agreements=agreements(crops, secret.logo))
        caught += verdict(LOGO, secret.into(Key("ipr-gan", f"{i}")), base).is_copy
    assert caught <= 5  # P(Bin(30, .01) > 5) < 1e-6


def test_behind_an_interface_the_logo_alone_is_read(marked: Protected, base: Model) -> None:
    scheme = QUICK.seeing("outputs")
    suspect = shown(marked.key, base, GeneratorKey.of(marked.key).logo)
    assert scheme.reading == "logo"
    assert scheme.verify(marked.key, suspect, Rng(5)).is_copy
    assert SIGNS.verify(marked.key, suspect, Rng(5)).outcome == "unreadable"


def test_a_trigger_pass_leaves_the_running_statistics_alone(base: Model) -> None:
    model = base.copy().train()
    before = model.digest()
    with untracked(model):
        model(torch.randn(8, 16, generator=Rng(1).torch()))
    assert model.digest() == before
    model(torch.randn(8, 16, generator=Rng(1).torch()))
    assert model.digest() != before


def test_a_scale_of_nothing_is_an_error() -> None:
    wanted = torch.tensor([1, 0, 1, 0])
    assert read_bits([torch.tensor([0.0, 0.0]), torch.tensor([2.0, -1.0])], wanted).tolist() == [
        0, 1, 1, 0,
    ]  # fmt: skip


def test_missing_libraries_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pdqhash", None)
    with pytest.raises(ArenaError, match=r"expected pdqhash, .*copyright-arena\[generators\]"):
        hashes(torch.zeros(1, 1, 4, 4))
