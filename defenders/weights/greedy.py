"""Greedy residuals: a signature's hash in the signs of averaged large weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from arena.errors import PlayerError
from arena.game.court.verdict import Rule
from arena.game.rules.key_form import KeyForm
from arena.game.rules.keys import Key
from arena.game.sides.defense import OwnerTask, Protected, defense
from arena.game.sides.player import Dial
from arena.game.sides.suspect import Suspect
from arena.world import layers
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Hook, StepView
from defenders.weights.bit_error import BitReading
from defenders.weights.readers import Embed, WhiteBox, embedded
from defenders.weights.scheme.greedy import GreedyKey, residuals
from defenders.weights.scheme.signature import MOST_BITS


def target_layer(model: Model, size: int) -> str:
    """Return the first layer with at least `size` weights.

    Raises:
        PlayerError: there is none.
    """
    names = layers.weighted(model, model.card.input_shape)
    sizes = {name: layers.weight(model, name).numel() for name in names}
    for name in names:
        if sizes[name] >= size:
            return name
    raise PlayerError(
        f"expected a layer of {size} weights, the largest has {max(sizes.values())}; "
        "use fewer bits or columns"
    )


class Margin(Hook):
    """The extra loss: strength * sum over bits of ReLU(margin - sign * residual)."""

    def __init__(self, scheme: Greedy, layer: str, bits: Tensor) -> None:
        self.scheme, self.layer, self.signs = scheme, layer, bits.float() * 2 - 1
        self._weight, self._margin = Tensor(), 0.0

    def start(self, model: nn.Module, rng: Rng, device: str) -> None:
        """Find the carrier; the margin is measured against the size of its weights at the start."""
        self._weight = layers.weight(model, self.layer)
        self._margin = self.scheme.margin * float(self._weight.detach().std())
        self.signs = self.signs.to(device)

    def loss(self, view: StepView) -> Tensor:
        """Return the sum over bits of what the residuals lack of the margin."""
        found = residuals(
            self._weight.float(), len(self.signs), self.scheme.columns, self.scheme.divider
        )
        return self.scheme.strength * F.relu(self._margin - self.signs * found).sum()


@defense("greedy")
@dataclass(frozen=True, kw_only=True)
class Greedy(WhiteBox):
    """Writes the hash of a signed message into the signs of averaged large weights.

    What: the owner signs a message with RSA; the first bits of the signature's SHA-256 are written
    into one layer. No secret matrix: whoever claims the model must sign something whose hash the
    weights spell.
    Threat model: verification reads the suspect's weights, checks the signature, hashes it anew and
    compares. The key pair is expanded from the committed seed. A forger without a commitment may
    try messages: the best of N has a p-value of about 1 / N.
    Parameters: message; n_bits (rows, at most 256); columns (weights of a row); divider (a row
    leaves out 1 / divider of its weights); margin (in standard deviations of the layer's initial
    weights); strength (of the sum over bits); layer ("" picks the first with rows * columns
    weights); embed, verifier, n_probes as in uchida.
    Cost: one sort of the layer's rows a training step; an RSA key of 2048 bits; verification is one
    signature check.
    Differences to the paper: RSA of 2048 bits (512 in its code); 64 rows of 64 columns in one layer
    (256 of 253, upsampled from fewer weights); the margin follows the weights' size (0.1 there,
    which larger layers have); strength 1 (.01 on its command line), as trainings here are short.
    Reference: Liu, Weng, Zhu: Watermarking deep neural networks with greedy residuals, 2021.
    Versions: 1.
    """

    paper: ClassVar[str] = "Liu et al., ICML 2021"
    dial: ClassVar[Dial] = Dial("strength", 0.01, 10.0, "log")
    form: ClassVar[type[KeyForm]] = GreedyKey

    message: str = "This model belongs to the holder of this key."
    n_bits: int = 64
    columns: int = 64
    divider: int = 2
    margin: float = 0.3
    strength: float = 1.0
    layer: str = ""
    embed: Embed = "train"

    def mark(self, task: OwnerTask, seed: str, rng: Rng) -> Protected:
        """Sign the message and train with its bits."""
        if not 0 < self.n_bits <= MOST_BITS:
            raise PlayerError(f"expected 1 to {MOST_BITS} bits of a hash, found {self.n_bits}")
        base = task.base()
        layer = self.layer or target_layer(base, self.n_bits * self.columns)
        shape = tuple(layers.weight(base, layer).shape)
        sizes = (self.n_bits, self.columns, self.divider)
        secret = GreedyKey.from_seed(seed, layer, shape, self.message, sizes)
        model = embedded(task, [Margin(self, layer, secret.bits)], self.embed)
        return Protected(model, secret.into(Key(self.name, seed)))

    def read(self, key: Key, suspect: Suspect) -> BitReading:
        """Hash the signature, and compare with the signs of the residuals."""
        secret = GreedyKey.of(key)
        weight = suspect.weights(secret.layer, secret.shape)
        found = residuals(weight, secret.n_bits, secret.columns, secret.divider) > 0
        spelt = bool((found == secret.bits.bool()).all())
        return BitReading(found, secret.bits, rule=Rule("SDR = 1", spelt))
