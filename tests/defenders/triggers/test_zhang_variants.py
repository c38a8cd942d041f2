"""Zhang's noise and unrelated images, and EWE: the marks, the loss, a game on the digits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from arena.game.sides.defense import OwnerTask
from arena.game.sides.suspect import Suspect
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import StepView
from defenders.triggers.entanglement import EntangledFeed, soft_nearest_neighbour
from defenders.triggers.scheme import NoiseKey, UnrelatedKey
from defenders.triggers.zhang import Zhang
from defenders.triggers.zhang_variants import Entangled, ZhangNoise, ZhangUnrelated
from tests.defenders.conftest import Marking

Show = Callable[[Model], Suspect]
SCHEMES: list[Zhang] = [
    ZhangNoise(n_beside=100), ZhangUnrelated(n_beside=20), Entangled(n_beside=20),
]  # fmt: skip
each = pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
IMAGES = torch.randint(0, 256, (9, 1, 8, 8), generator=Rng(0).torch()).to(torch.uint8)


@given(st.integers(0, 10**6).map(str))
def test_the_same_noise_lies_on_every_image(seed: str) -> None:
    grey = torch.full((4, 1, 8, 8), 128, dtype=torch.uint8)
    key = NoiseKey.marking(seed, (1, 2), 0.05, grey, grey)
    noise = key.marked(grey).short() - 128
    assert bool((noise == noise[:1]).all())
    assert torch.equal(noise[0], key.pattern.clamp(-128, 127))
    assert torch.equal(key.expanded(seed).pattern, key.pattern)
    bright = key.marked(torch.full_like(grey, 255))
    assert torch.equal(bright[0] == 255, key.pattern >= 0)


def test_the_noise_is_as_strong_as_it_says() -> None:
    key = NoiseKey.marking("ab", (1, 2), 0.3, torch.zeros(1, 3, 40, 40).byte(), IMAGES[:0])
    assert float(key.pattern.double().std() / 255) == pytest.approx(0.3, rel=0.1)


def test_unrelated_images_follow_from_the_seed_and_none_is_shown_twice() -> None:
    key = UnrelatedKey.marking("ab", (1, 2), 0.3, IMAGES[:5], IMAGES[5:])
    assert (len(key.held_out), len(key.embedded)) == (5, 4)
    everything = torch.cat([key.held_out, key.embedded])
    assert len({bytes(image.flatten().numpy()) for image in everything}) == 9
    assert torch.equal(key.expanded("ab").held_out, key.held_out)
    assert not torch.equal(key.expanded("ac").held_out, key.held_out)
    assert torch.equal(key.marked(key.held_out), key.held_out)


@given(st.integers(0, 10**6), st.floats(0.05, 2))
def test_the_loss_is_that_of_its_definition(seed: int, temperature: float) -> None:
    rows = torch.randn(6, 4, generator=Rng(seed).torch(), dtype=torch.float64)
    groups = torch.tensor([0, 1, 0, 1, 1, 2])
    unit = rows / rows.norm(dim=1, keepdim=True)
    near = (-(1 - unit @ unit.T) / temperature).exp()
    terms = []
    for i in range(5):  # the last row is alone in its group
        others = [j for j in range(6) if j != i]
        own = sum(near[i, j] for j in others if groups[j] == groups[i])
        terms.append(-torch.log(own / sum(near[i, j] for j in others)))
    expected = torch.stack(terms).mean()
    torch.testing.assert_close(soft_nearest_neighbour(rows, groups, temperature), expected)


def test_rows_without_company_cost_nothing() -> None:
    rows = torch.randn(2, 3, requires_grad=True)
    loss = soft_nearest_neighbour(rows, torch.tensor([0, 1]), 0.2)
    loss.backward()
    assert float(loss.detach()) == 0


def test_a_step_down_the_hooks_loss_brings_triggers_and_target_class_together(
    owner_task: OwnerTask, trained: Model
) -> None:
    scheme = Entangled(per_batch=6)
    secret = scheme._drawn(owner_task, "ab", Rng(0))
    feed = scheme.feed(owner_task, secret)
    assert isinstance(feed, EntangledFeed)
    feed.start(trained, Rng(1), "cpu")
    shown = feed.examples(0)
    assert shown is not None
    assert bool((shown.targets == secret.target).all())
    assert len(feed.layers) == 3
    own = torch.rand(5, 7)
    extra = torch.randn(12, 7, generator=Rng(2).torch(), requires_grad=True)
    seen = {name: torch.cat([own, extra]) for name in feed.layers}
    blank = torch.zeros(0)
    view = StepView(trained, 0, 1, shown.images, shown.targets, blank, 5, seen)
    loss = feed.loss(view)
    (gradient,) = torch.autograd.grad(loss, extra)
    groups = torch.arange(2).repeat_interleave(6)
    before, after = (
        float(soft_nearest_neighbour(rows, groups, scheme.temperature))
        for rows in (extra.detach(), extra.detach() - 0.1 * gradient)
    )
    assert float(loss.detach()) == pytest.approx(-scheme.kappa * before)
    assert after > before


@pytest.mark.slow
@each
def test_the_mark_generalises_and_labels_show_it(
    scheme: Zhang, mark: Marking, suspect: Show
) -> None:
    protected = mark(scheme)
    verdict = scheme.verify(protected.key, suspect(protected.model), Rng(0))
    assert verdict.statistic >= 0.8
    assert verdict.is_copy


@pytest.mark.slow
@each
def test_innocents_do_not_know_the_mark(
    scheme: Zhang, mark: Marking, suspect: Show, innocent: Model, owner_task: OwnerTask
) -> None:
    strict = replace(scheme, level=1e-3)
    for model in (innocent, owner_task.base()):
        assert not strict.verify(mark(scheme).key, suspect(model), Rng(0)).is_copy


@pytest.mark.slow
@each
def test_the_mark_follows_from_the_committed_seed(scheme: Zhang, mark: Marking) -> None:
    key = mark(scheme).key
    assert scheme.rederive(key).commitment() == key.commitment()
    secret = scheme.form.of(key)
    forged = replace(secret, held_out=secret.held_out.flip(0), pattern=secret.pattern.flip(1))
    assert scheme.rederive(forged.into(key)).commitment() != forged.into(key).commitment()
