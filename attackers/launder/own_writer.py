"""A thief's own model of language: small, and trained on the thief's own texts."""

from __future__ import annotations

from arena.game.sides.access import Access
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Examples, Recipe


def own_writer(access: Access, steps: int, rng: Rng) -> Model:
    """Return a model of the task's form that has learnt from the thief's own texts."""
    recipe = Recipe(steps=steps, batch=16, lr=3e-3, schedule="cosine", clip=1.0)
    examples = Examples.of(access.data())
    start, training = rng.child("initial"), rng.child("training")
    return access.lab.surrogate(access.card, examples, recipe, start, training)
