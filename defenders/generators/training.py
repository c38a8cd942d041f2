"""How a generator learns its marks: an extra loss beside its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from torch import Tensor, nn

from arena.game.sides.defense import OwnerTask
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Hook, StepView
from defenders.generators.scheme.key import GeneratorKey
from defenders.generators.scheme.logo import pasted, similarity, triggered
from defenders.generators.scheme.signs import (
    scales_of,
    set_signs,
    sign_loss,
    signs_of,
    spelled,
)


@contextlib.contextmanager
def untracked(model: nn.Module) -> Iterator[None]:
    """Let batch normalisations work by their batch and learn nothing from it."""
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True


class GeneratorMarks(Hook):
    """Signs of scales that are set at the start and held, and a logo that a trigger brings out.

    The loss is sign_strength * sum of sign losses + logo_strength * (1 - SSIM(G(f(z)), h(G(z)))):
    f puts the trigger into a latent, h pastes the logo into the image of the same latent, which is
    a constant. A finished model is made to spell the signs with the same function.
    """

    def __init__(
        self, key: GeneratorKey, margin: float, strengths: tuple[float, float], task: OwnerTask
    ) -> None:
        self.key, self.margin, self.meter = key, margin, task.lab.meter
        self.is_finished = task.marks_base
        self.sign_strength, self.logo_strength = strengths
        self._scales: list[Tensor] = []
        self._signs: list[Tensor] = []
        self._trigger: tuple[Tensor, Tensor, Tensor] | None = None

    def start(self, model: nn.Module, rng: Rng, device: str) -> None:
        """Set the signs, and move the trigger and the logo to the device."""
        key = self.key
        signs = signs_of(key.bits, key.sizes)
        if self.is_finished and isinstance(model, Model):
            model.load_state_dict(spelled(model.copy().cpu(), key.layers, signs).state_dict())
        self._scales = scales_of(model, key.layers)
        self._signs = [sign.to(device) for sign in signs]
        set_signs(self._scales, self._signs)
        self._trigger = (key.chosen.to(device), key.values.to(device), key.logo.to(device))

    def loss(self, view: StepView) -> Tensor | None:
        """Return the two terms."""
        signs = self.sign_strength * sign_loss(self._scales, self._signs, self.margin)
        if self._trigger is None or not self.logo_strength:
            return signs
        chosen, values, logo = self._trigger
        latents, made = view.inputs[: view.n_own], view.outputs[: view.n_own]
        self.meter.charge({"images_forward": len(latents), "images_backward": len(latents)})
        with untracked(view.model):
            answers = view.model(triggered(latents, chosen, values))
        wanted = pasted(made.detach(), logo)
        return signs + self.logo_strength * (1 - similarity(answers, wanted).mean())
