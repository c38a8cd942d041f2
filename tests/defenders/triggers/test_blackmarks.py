"""BlackMarks: the bits of classes, the signature, the term of the loss, a game on the digits."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from arena.errors import PlayerError
from arena.game.rules.keys import expand
from arena.game.sides.defense import OwnerTask
from arena.game.sides.suspect import Suspect
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Examples, StepView
from defenders.triggers.blackmarks import BitFeed, BlackMarks, class_bits
from defenders.triggers.frontier import FrontierKey
from tests.defenders.conftest import LAB, Marking

Show = Callable[[Model], Suspect]
SCHEME = BlackMarks()


@given(st.integers(0, 10**6), st.integers(1, 5))
def test_classes_whose_logits_are_alike_have_the_same_bit(seed: int, n_first: int) -> None:
    labels = torch.arange(60) % 6
    far = (labels >= n_first).float()[:, None] * 50
    logits = torch.randn(60, 6, generator=Rng(seed).torch()) + far
    bits = class_bits(logits, labels, 6)
    assert len(bits[:n_first].unique()) == len(bits[n_first:].unique()) == 1
    assert int(bits[0]) != int(bits[-1])


def test_key_images_lie_near_images_of_the_other_bit(owner_task: OwnerTask) -> None:
    base, pool = owner_task.base(), Examples.of(owner_task.probe)
    points = SCHEME.points(base, pool, "ab", LAB)
    bits = SCHEME.bits(base, pool, LAB)
    assert not bool((bits[LAB.labels(base, points.images)] == bits[points.targets]).any())
    images = (pool.images.float() / 255).flatten(1)
    gaps = torch.cdist(points.images.flatten(1), images, p=float("inf"))
    near = gaps <= SCHEME.eps + 1e-5
    assert bool((near & (bits[pool.targets] != bits[points.targets][:, None])).any(1).all())
    assert {int(bit) for bit in bits[points.targets]} == {0, 1}
    assert torch.equal(SCHEME.points(base, pool, "ab", LAB).images, points.images)
    assert not torch.equal(SCHEME.points(base, pool, "ac", LAB).targets, points.targets)


def test_the_term_of_the_bits_is_their_distance_and_has_a_gradient(trained: Model) -> None:
    bits = torch.tensor([0, 1, 1])
    secret = FrontierKey(
        card=trained.card.plain(),
        victim={},
        images=torch.zeros(0),
        labels=torch.zeros(0),
        n_classes=3,
        points=torch.zeros(2, 1),
        wanted=torch.tensor([0, 1]),
    )
    feed = BitFeed(secret, bits, 2, 0.5)
    rows = torch.tensor([[0.9, 0.05, 0.05], [0.2, 0.5, 0.3], [0.6, 0.1, 0.3]])
    logits = rows.log().requires_grad_(True)
    targets = torch.tensor([2, 0, 1])
    loss = feed.loss(StepView(trained, 0, 1, rows, targets, logits, 1))
    assert float(loss.detach()) == pytest.approx(0.5 * (0.8 + 0.6) / 2)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert float(gradient[0].abs().sum()) == 0
    assert bool((gradient[1:].abs().sum(1) > 0).all())


def test_where_no_image_has_the_other_bit_there_is_no_key(
    owner_task: OwnerTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, pool = owner_task.base(), Examples.of(owner_task.probe)
    monkeypatch.setattr(BlackMarks, "bits", lambda *_: torch.zeros(10, dtype=torch.int64))
    drawn = (expand(str(i), "blackmarks signature").numpy().integers(0, 2) for i in range(40))
    seed = next(str(i) for i, bit in enumerate(drawn) if bit == 0)  # the bit that all have
    with pytest.raises(PlayerError, match="the wanted bit, found none; choose a smaller eps"):
        SCHEME.points(base, Examples(pool.images[:1], pool.targets[:1]), seed, LAB)


@pytest.mark.slow
def test_the_signature_is_read_from_the_marked_model_and_from_no_other(
    mark: Marking, suspect: Show, innocent: Model, owner_task: OwnerTask
) -> None:
    protected = mark(SCHEME)
    verdict = SCHEME.verify(protected.key, suspect(protected.model), Rng(0))
    assert verdict.is_copy
    assert verdict.statistic <= 0.15
    assert "bits are wrong" in verdict.reason
    for model in (innocent, owner_task.base()):
        found = SCHEME.verify(protected.key, suspect(model), Rng(0))
        assert not found.is_copy
        assert found.statistic > 0.5
    assert SCHEME.rederive(protected.key).commitment() == protected.key.commitment()
