"""The class-feature watermark: its artificial class, and a game on the digits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from arena.game.sides.suspect import Suspect
from arena.world.models import Model
from arena.world.rng import Rng
from defenders.triggers.class_features import ClassFeature
from defenders.triggers.scheme import N_SUBCLASSES, ClassFeatureKey, class_images
from tests.defenders.conftest import Marking

Show = Callable[[Model], Suspect]
SCHEME = ClassFeature()
IMAGES = torch.zeros(9, 1, 8, 8).to(torch.uint8)


@given(st.integers(0, 10**6), st.floats(0.05, 0.45))
def test_images_of_a_subclass_are_more_alike_than_those_of_others(seed: int, spread: float) -> None:
    found = class_images(Rng(seed), 4 * N_SUBCLASSES, (1, 8, 8), spread).float().flatten(1)
    assert found.shape == (20, 64)
    subclass = torch.arange(20) % N_SUBCLASSES
    same = (subclass[:, None] == subclass) & ~torch.eye(20, dtype=torch.bool)
    apart = torch.cdist(found, found)
    assert float(apart[same].mean()) < float(apart[subclass[:, None] != subclass].mean())
    assert torch.equal(found, class_images(Rng(seed), 20, (1, 8, 8), spread).float().flatten(1))


def test_the_class_follows_from_the_seed_and_no_image_is_shown_twice() -> None:
    key = ClassFeatureKey.marking("ab", (1, 2), 0.3, IMAGES[:5], IMAGES[5:])
    assert (len(key.held_out), len(key.embedded)) == (5, 4)
    everything = torch.cat([key.held_out, key.embedded])
    assert len({bytes(image.flatten().numpy()) for image in everything}) == 9
    assert torch.equal(key.expanded("ab").held_out, key.held_out)
    assert not torch.equal(key.expanded("ac").held_out, key.held_out)


@pytest.mark.end_to_end
def test_the_class_is_known_by_images_that_were_never_shown(
    mark: Marking, suspect: Show, innocent: Model
) -> None:
    protected = mark(SCHEME)
    own = SCHEME.verify(protected.key, suspect(protected.model), Rng(0))
    assert own.is_copy
    assert own.statistic > 0.7
    strict = replace(SCHEME, level=1e-3)
    assert strict.verify(protected.key, suspect(innocent), Rng(0)).outcome == "not shown"
