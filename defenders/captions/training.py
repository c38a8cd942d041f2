"""How a captioner learns its marks: it is trained with its key, and its states with signs."""

from __future__ import annotations

from contextlib import ExitStack

from torch import Tensor, nn

from arena.world.compute import Compute
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Hook, StepView
from defenders.captions.scheme import (
    HiddenKey,
    absorb,
    inverse,
    keyed,
    reversed_to,
    shown_calls,
    sign_loss,
    spelled,
)


class HiddenMarks(Hook):
    """A key that is fed on with the hidden state, and the sign loss on each state.

    The model, fresh or finished, is first made to spell the bits, and the key is taken out of its
    weights: both leave its function as it is. `settle` ends the keyed training.
    """

    def __init__(self, key: HiddenKey, margin: float, strength: float) -> None:
        self.key, self.margin, self.strength = key, margin, strength
        self._signs = key.bits.float() * 2 - 1
        self._open = ExitStack()

    def start(self, model: nn.Module, rng: Rng, device: str) -> None:
        """Open the keyed training."""
        assert isinstance(model, Model)  # noqa: S101 - the engine trains nothing else
        key = self.key
        first = first_states(model.copy().cpu(), key.images)
        turned = reversed_to(model.copy().cpu(), spelled(first), key.bits)
        model.load_state_dict(turned.state_dict())
        absorb(model, inverse(key.signs, key.joins), key.joins)
        self.layers = shown_calls(model)
        self._signs = self._signs.to(device)
        self._open.enter_context(keyed(model, key.signs.to(device), key.joins))

    def loss(self, view: StepView) -> Tensor:
        """Return the sign loss of the states of all words."""
        states = [view.activations[call].float() for call in self.layers]
        return self.strength * sign_loss(states, self._signs, self.margin)

    def settle(self, model: Model) -> Model:
        """Return the trained model with its key in its weights: one that needs none."""
        self._open.close()
        absorb(model, self.key.signs, self.key.joins)
        return model


def first_states(model: Model, images: Tensor, compute: Compute | None = None) -> Tensor:
    """Return the hidden states (N, H) behind the first word, for images (N, C, H, W)."""
    call = shown_calls(model)[0]
    return (compute or Compute()).activations(model, images, [call])[call]
