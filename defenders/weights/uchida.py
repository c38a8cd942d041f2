"""Uchida's watermark: bits in the projection of averaged weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from arena.errors import PlayerError
from arena.game.rules.key_form import KeyForm
from arena.game.rules.keys import Key
from arena.game.rules.projection import Projection
from arena.game.sides.defense import OwnerTask, Protected, defense
from arena.game.sides.player import Dial
from arena.game.sides.suspect import Suspect
from arena.world import layers
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Hook, StepView
from defenders.weights.bit_error import BitReading
from defenders.weights.readers import Embed, WhiteBox, embedded
from defenders.weights.scheme.uchida import UchidaKey, carrier, carrier_size, project


def target_layer(model: Model, n_bits: int) -> str:
    """Return the first layer with room for the bits: M of at least twice their number.

    Raises:
        PlayerError: no layer has room.
    """
    names = layers.weighted(model, model.card.input_shape)
    sizes = {name: carrier_size(tuple(layers.weight(model, name).shape)) for name in names}
    roomy = [name for name in names if sizes[name] >= 2 * n_bits]
    inner = [name for name in roomy if name != names[0]] or roomy
    if not inner:
        raise PlayerError(
            f"expected a layer with room for {n_bits} bits, the largest carries "
            f"{max(sizes.values())}; use at most {max(sizes.values()) // 2} bits"
        )
    return inner[0]


class Embedding(Hook):
    """The extra loss: strength * sum over bits of the cross-entropy of sigmoid(X @ carrier)."""

    def __init__(self, layer: str, matrix: Tensor, bits: Tensor, strength: float) -> None:
        self.layer, self.matrix, self.bits, self.strength = layer, matrix, bits, strength
        self._weight = torch.empty(0)

    def start(self, model: nn.Module, rng: Rng, device: str) -> None:
        """Find the carrier and move the key to the device."""
        self._weight = layers.weight(model, self.layer)
        self.matrix, self.bits = self.matrix.to(device), self.bits.to(device).float()

    def loss(self, view: StepView) -> Tensor:
        """Return the regulariser: the sum over bits, not the mean. Source: Uchida et al., eq. 4."""
        scores = project(self.matrix, self._weight).float()
        total = F.binary_cross_entropy_with_logits(scores, self.bits, reduction="sum")
        return self.strength * total


@defense("uchida")
@dataclass(frozen=True, kw_only=True)
class Uchida(WhiteBox):
    """Embeds random bits in the projection of one layer's averaged weights.

    What: a regulariser pushes sign(X w) to the owner's bits, w being the mean over output filters.
    Threat model: verification reads the suspect's weights; secret are X and the bits, expanded from
    one committed seed (`protocol="none"`: drawn freely and never committed).
    Parameters: n_bits (T); strength (lambda of the sum over bits); layer ("" picks the first inner
    layer with M >= 2 T); embed ("train" from scratch, "fine-tune" the finished model, "distil" it
    without labels); verifier ("literal" or "aligned"); n_probes (images the channels of a suspect
    are matched by).
    Cost: one projection a training step; verification is one matrix product.
    Differences to the paper: bits are random (the demo code uses all ones); fewer bits by default,
    for small models, at five times its strength (.01), as trainings here are short; the p-value
    decides, BER = 0 is reported beside it.
    Reference: Uchida, Nagai, Sakazawa, Satoh: Embedding watermarks into deep neural networks, 2017.
    Versions: 2 (aligned reading, three ways to embed).
    """

    paper: ClassVar[str] = "Uchida et al., ICMR 2017"
    dial: ClassVar[Dial] = Dial("strength", 0.003, 0.3, "log")
    form: ClassVar[type[KeyForm]] = UchidaKey

    n_bits: int = 64
    strength: float = 0.05
    layer: str = ""
    embed: Embed = "train"

    def mark(self, task: OwnerTask, seed: str, rng: Rng) -> Protected:
        """Train with the regulariser."""
        base = task.base()
        layer = self.layer or target_layer(base, self.n_bits)
        shape = tuple(layers.weight(base, layer).shape)
        secret = UchidaKey.from_seed(seed, layer, shape, self.n_bits)
        hook = Embedding(layer, secret.matrix, secret.bits, self.strength)
        model = embedded(task, [hook], self.embed)
        return Protected(model, secret.into(Key(self.name, seed)))

    def read(self, key: Key, suspect: Suspect) -> BitReading:
        """Return the signs of the projection of the suspect's weights."""
        secret = UchidaKey.of(key)
        weight = suspect.weights(secret.layer, secret.shape)
        return BitReading(project(secret.matrix.double(), weight) >= 0, secret.bits)

    def projection(self, key: Key, suspect: Suspect) -> Projection:
        """Return the matrix, and the carrier of the layer that the key names."""
        secret = UchidaKey.of(key)
        weight = suspect.weights(secret.layer, secret.shape)
        return Projection(secret.matrix, carrier(weight)[None], secret.bits[:, None])

    def reprojected(self, key: Key, rows: Tensor) -> Key:
        """Return the key with another matrix."""
        return replace(UchidaKey.of(key), matrix=rows).into(key)
