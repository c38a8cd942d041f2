"""Training: one engine for victims, innocents, watermarks and attacks."""

from arena.world.training.engine import History, Trainer, trainable
from arena.world.training.hooks import Free, Hook, Meter, Progress, StepView
from arena.world.training.recipe import Augment, Examples, Recipe, soft

__all__ = [
    "Augment",
    "Examples",
    "Free",
    "History",
    "Hook",
    "Meter",
    "Progress",
    "Recipe",
    "StepView",
    "Trainer",
    "soft",
    "trainable",
]
