"""Public: where IPR-IC's key and signature act in a captioner, and the form of its keys.

Source: Lim, Chan, Ng, Fan and Yang: Protect, show, attend and tell: empowering image captioning
models with ownership protection, Pattern Recognition 2022.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from arena.errors import NotComparable
from arena.game.rules.key_form import Count, KeyForm, Shape, shape_problem
from arena.game.rules.keys import expand, random_bits
from arena.world.graph import LayerGraph, flip
from arena.world.models import Model
from arena.world.models.calls import call_name
from arena.world.models.nets.recurrence import HiddenUnits, Recurrent

Joins = Literal["multiply", "add"]
"""How a key meets the hidden state that is fed on."""

_BODY = "body."


@dataclass(frozen=True, kw_only=True)
class HiddenKey(KeyForm):
    """A key on the hidden state, and the bits that its signs spell.

    Attributes:
        joins: how the key meets the state. n_units: of the hidden state.
        signs: (H,) of -1 and 1, the key. bits: (H,) of the signature.
        images: (K, *input_shape) that are shown. captions: (K, T) true ones; not of the seed.
    """

    joins: Joins
    n_units: Count
    image: Shape
    signs: Tensor
    bits: Tensor
    images: Tensor
    captions: Tensor

    def expanded(self, seed: str) -> HiddenKey:
        """Return the key with the signs and the bits of a seed."""
        return replace(
            self,
            signs=drawn_signs(seed, "hidden key", self.n_units),
            bits=random_bits(expand(seed, "hidden signature"), self.n_units),
        )

    def problems(self) -> Iterator[str]:
        """Yield what does not fit."""
        yield from shape_problem("signs", self.signs, self.n_units)
        yield from shape_problem("bits", self.bits, self.n_units)
        yield from shape_problem("images", self.images, None, *self.image)
        yield from shape_problem("captions", self.captions, len(self.images), None)


def drawn_signs(seed: str, purpose: str, n_units: int) -> Tensor:
    """Return signs (H,) of -1 and 1 that a seed expands to."""
    return random_bits(expand(seed, purpose), n_units).float() * 2 - 1


def hidden_units(model: Model) -> HiddenUnits:
    """Return what a model says of its hidden units.

    Raises:
        NotComparable: it says nothing.
    """
    if not isinstance(model.body, Recurrent):
        raise NotComparable(f"expected hidden units, {model.card.title} has none")
    return model.body.hidden_units


def n_units(model: Model) -> int:
    """Return how many hidden units a model has; raises like `hidden_units`."""
    lstm = model.get_submodule(_BODY + hidden_units(model).rnn)
    assert isinstance(lstm, nn.LSTM)  # noqa: S101 - what hidden units are of
    return int(lstm.hidden_size)


def shown_calls(model: Model) -> list[str]:
    """Return the names of the calls that show the hidden state, one for each word."""
    name, length = _BODY + hidden_units(model).shown, model.card.output_shape[0]
    return [call_name(name, number) for number in range(1, length + 1)]


def spelled(first: Tensor) -> Tensor:
    """Return the bits (H,) that first hidden states (N, H) spell: the signs of their means."""
    return (first.mean(0) > 0).long()


def sign_loss(states: Sequence[Tensor], signs: Tensor, margin: float) -> Tensor:
    """Return the sum over units of ReLU(margin - h g), mean over images and words.

    Args:
        states: hidden states (B, H), one for each word; behind the end of a caption too.
        signs: (H,) of -1 and 1.
        margin: the size from which a state of the right sign costs nothing.

    >>> states = [torch.tensor([[0.5, -0.5]]), torch.tensor([[0.5, 0.5]])]
    >>> float(sign_loss(states, torch.tensor([1.0, 1.0]), 0.5))
    0.5
    """
    lacks = [(margin - state * signs).relu().sum(1).mean() for state in states]
    return torch.stack(lacks).mean()


def joined(states: Tensor, key: Tensor, joins: Joins) -> Tensor:
    """Return hidden states (B, H) as they are fed on with a key (H,)."""
    return states * key if joins == "multiply" else states + key


@contextlib.contextmanager
def keyed(model: Model, key: Tensor, joins: Joins) -> Iterator[None]:
    """Feed on the hidden state with a key (H,), from the first state on, while it is open."""
    fed = model.get_submodule(_BODY + hidden_units(model).fed)

    def join(_module: nn.Module, _inputs: object, state: Tensor) -> Tensor:
        return joined(state, key.to(state), joins)

    handle = fed.register_forward_hook(join)
    try:
        yield
    finally:
        handle.remove()


@torch.no_grad()
def absorb(model: Model, key: Tensor, joins: Joins) -> None:
    """Put a key (H,) into the weights that read what is fed on, in place.

    The model then does alone what it did `keyed`: W (k * h) = (W diag(k)) h, and W (h + k) + b =
    W h + (b + W k). With the key's inverse (itself, or its negative) it is taken out again.
    """
    here = key.to(next(model.parameters()))
    for weight, bias in _fed_layers(model):
        if joins == "multiply":
            weight.mul_(here)
        else:
            bias.add_(weight @ here)


def inverse(key: Tensor, joins: Joins) -> Tensor:
    """Return the key (H,) that undoes a key of -1 and 1."""
    return key if joins == "multiply" else -key


def in_place_of(key: Tensor, forged: Tensor, joins: Joins) -> Tensor:
    """Return what a model that absorbed a key does as if it had absorbed a forged one, if keyed."""
    return key * forged if joins == "multiply" else forged - key


def reversed_to(model: Model, found: Tensor, wanted: Tensor) -> Model:
    """Return a model whose hidden units spell other bits, with the same function.

    Args:
        model: as it is.
        found: bits (H,) that it spells.
        wanted: bits (H,).
    """
    (group,) = LayerGraph.of(model).groups
    return flip(model, {group: torch.where(found.bool() == wanted.bool(), 1.0, -1.0)})


def reversed_alone(model: Model, signs: Tensor) -> Model:
    """Return a model in which hidden units are written with other signs (H,), undone by nobody."""
    (group,) = LayerGraph.of(model).groups
    return flip(model, {replace(group, consumers=()): signs})


def _fed_layers(model: Model) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield weight and bias of the layers that read what is fed on."""
    units = hidden_units(model)
    lstm = model.get_submodule(_BODY + units.rnn)
    assert isinstance(lstm, nn.LSTM)  # noqa: S101 - what hidden units are of
    yield lstm.get_parameter("weight_hh_l0"), lstm.get_parameter("bias_hh_l0")
    for name in units.fed_readers:
        reader = model.get_submodule(_BODY + name)
        assert isinstance(reader, nn.Linear)  # noqa: S101 - as the architecture says
        yield reader.weight, reader.bias
