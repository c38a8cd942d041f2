"""A suspect of whom only answers are seen: behind a URL, or a Python function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from torch import Tensor

import arena
from arena.errors import ModelError
from arena.game.match.steps.step_cache import MemoryMemo, Setting
from arena.game.sides.player import PlayerSpec
from arena.runs.keys.folder import OwnedKey
from arena.runs.protect.files import owned
from arena.runs.protect.order import Limits, Order, Protection
from arena.runs.protect.protect import protect
from arena.runs.protect.verify import answering_suspect, suspect_of, verify
from arena.world.compute import Compute
from arena.world.kinds.interface import Output
from arena.world.models import Model
from arena.world.remote.endpoint import Endpoint
from arena.world.training import Recipe
from tests.world.endpoints import ModelServer, running

Marked = tuple[OwnedKey, Model]


@pytest.fixture(scope="module")
def marked(order: Order) -> Marked:
    """A key that reads answers, and the model that it protects."""
    triggers = replace(
        order,
        scheme=PlayerSpec(name="zhang"),
        limits=Limits(p_value=0.01),
        innocents=6,
        training=Recipe(epochs=8),
    )
    protection = protect(triggers, MemoryMemo(), Setting(), lambda stage: None)
    return owned(protection), protection.protected.model


def of_labels(model: Model) -> Callable[[Tensor], Tensor]:
    return lambda images: Compute().logits(model, images).argmax(1)


@pytest.mark.end_to_end
def test_a_function_that_answers_labels_is_verified(marked: Marked, order: Order) -> None:
    key, model = marked
    assert arena.verify(key, of_labels(model)).is_copy
    assert not arena.verify(key, of_labels(order.model)).is_copy


@pytest.mark.end_to_end
@pytest.mark.parametrize("want", ["labels", "probabilities"])
def test_a_url_says_as_much_as_the_model_behind_it(marked: Marked, want: Output) -> None:
    key, model = marked
    server = ModelServer(model)
    with running(server):
        told = answering_suspect(Endpoint(url=server.url), key.about, want)
        asked = verify(key, suspect_of(told, Compute()))
    held = arena.verify(key, model).verdict
    assert asked.is_copy
    assert asked.statistic == pytest.approx(held.statistic)


def test_a_key_that_reads_weights_needs_them(protection: Protection) -> None:
    key, model = owned(protection), protection.protected.model
    with pytest.raises(ModelError, match="expected weights, as 'uchida' reads them"):
        arena.verify(key, of_labels(model))
