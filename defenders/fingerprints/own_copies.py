"""What an owner can derive from its own model: the copies that fingerprints are tuned on."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from arena.game.sides.defense import OwnerTask
from arena.game.sides.suspect import Suspect
from arena.world import layers
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Examples, Hook, StepView

_N_STEPS = 200  # a moment of fine-tuning: what is tuned here needs the direction, not the extent
_PRUNED = 0.4


class HeldAtZero(Hook):
    """Prunes the smallest weights of each layer at the start and holds them at zero."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._pruned: dict[str, Tensor] = {}

    def start(self, model: nn.Module, rng: Rng, device: str) -> None:
        """Choose the weights and prune them."""
        assert isinstance(model, Model)  # noqa: S101 - the trainer trains nothing else
        for name in dict.fromkeys(layers.weighted(model, model.card.input_shape)):
            sizes = layers.weight(model, name).detach().abs()
            rank = max(1, round(self.rate * sizes.numel()))
            self._pruned[name] = sizes <= sizes.flatten().kthvalue(rank).values
        self._prune(model)

    def after_step(self, view: StepView) -> None:
        """Prune again what a step has moved."""
        self._prune(view.model)

    def _prune(self, model: nn.Module) -> None:
        with torch.no_grad():
            for name, mask in self._pruned.items():
                layers.weight(model, name).masked_fill_(mask, 0.0)


def own_derivations(task: OwnerTask, victim: Model, rng: Rng) -> list[Suspect]:
    """Return the victim fine-tuned, and pruned by 40 %, each for a moment on the owner's data.

    They stand for copies where something is chosen by how well it tells copies from innocents, so
    that nothing is ever chosen on the models that are reported.
    """
    recipe = task.recipe.but(steps=_N_STEPS)
    hooks: tuple[tuple[str, list[Hook]], ...] = (
        ("fine-tuned", []),
        ("pruned", [HeldAtZero(_PRUNED)]),
    )
    made = []
    for name, extra in hooks:
        model = victim.copy()
        task.lab.train(model, Examples.of(task.data), recipe, rng.child(name), extra)
        made.append(Suspect.bare(model, task.lab.compute))
    return made
