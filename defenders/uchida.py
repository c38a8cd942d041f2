"""Uchida's watermark: bits in the projection of averaged weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from arena.errors import PlayerError
from arena.game.defense import Defense, OwnerTask, Protected, TaskNeed, defense
from arena.game.keys import Key, expand, fresh_seed, random_bits
from arena.game.player import Dial
from arena.game.suspect import Suspect
from arena.game.threat import Output
from arena.game.verdict import Verdict
from arena.world import layers
from arena.world.models import Classifier
from arena.world.rng import Rng
from arena.world.training import Hook, StepView
from defenders.bits import bits_verdict


def carrier(weight: Tensor) -> Tensor:
    """Return the vector (M,) that carries the bits: the mean over output filters, flattened.

    Args:
        weight: (O, I, kh, kw), or (O, I) of a linear layer, which is flattened whole.
    """
    return weight.mean(0).flatten() if weight.dim() == 4 else weight.flatten()


def carrier_size(shape: tuple[int, ...]) -> int:
    """Return M for a weight of this shape."""
    per_filter = torch.Size(shape[1:]).numel()
    return per_filter if len(shape) == 4 else per_filter * shape[0]


def project(matrix: Tensor, weight: Tensor) -> Tensor:
    """Return the scores (T,) whose signs are the bits: matrix (T, M) times the carrier (M,)."""
    return matrix @ carrier(weight)


def target_layer(model: Classifier, n_bits: int) -> str:
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


def key_material(seed: str, n_bits: int, size: int) -> dict[str, Tensor]:
    """Return the projection (T, M), standard normal, and the bits (T,), expanded from a seed."""
    draw = expand(seed, "uchida matrix").numpy().standard_normal((n_bits, size))
    return {
        "matrix": torch.from_numpy(draw).float(),
        "bits": random_bits(expand(seed, "uchida bits"), n_bits),
    }


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
class Uchida(Defense):
    """Embeds random bits in the projection of one layer's averaged weights.

    What: a regulariser pushes sign(X w) to the owner's bits, w being the mean over output filters.
    Threat model: verification reads the suspect's weights; secret are X and the bits, expanded from
    one committed seed (`protocol="none"`: drawn freely and never committed).
    Parameters: n_bits (T); strength (lambda of the sum over bits); layer ("" picks the first inner
    layer with M >= 2 T).
    Cost: one projection a training step; verification is one matrix product.
    Differences to the paper: bits are random (the demo code uses all ones); fewer bits by default,
    for small models; the p-value decides, BER = 0 is reported beside it.
    Reference: Uchida, Nagai, Sakazawa, Satoh: Embedding watermarks into deep neural networks, 2017.
    Versions: 1.
    """

    paper: ClassVar[str] = "Uchida et al., ICMR 2017"
    reads: ClassVar[Output] = "weights"
    task_needs: ClassVar[frozenset[TaskNeed]] = frozenset()
    statistic: ClassVar[tuple[str, Literal["low", "high"]]] = ("BER", "low")
    dial: ClassVar[Dial] = Dial("strength", 0.003, 0.3, "log")

    n_bits: int = 64
    strength: float = 0.05
    layer: str = ""

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        """Train the victim with the regulariser."""
        base = task.base()
        layer = self.layer or target_layer(base, self.n_bits)
        shape = list(layers.weight(base, layer).shape)
        seed = fresh_seed(rng)
        settings = {"layer": layer, "shape": shape, "n_bits": self.n_bits}
        key = self._key(seed, settings)
        if self.protocol == "none":  # the seed is thrown away: nothing ties the key to a time
            key = Key(key.scheme, "", key.settings, key.tensors)
        hook = Embedding(layer, key.tensors["matrix"], key.tensors["bits"], self.strength)
        return Protected(task.trained([hook]), key)

    def _key(self, seed: str, settings: dict[str, object]) -> Key:
        shape = settings["shape"]
        assert isinstance(shape, list)  # noqa: S101 - written by `protect`
        material = key_material(seed, int(str(settings["n_bits"])), carrier_size(tuple(shape)))
        return Key("uchida", seed, settings, material)

    def rederive(self, key: Key) -> Key:
        """Return the key that the seed expands to for the same layer and number of bits."""
        return self._key(key.seed, dict(key.settings))

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        """Extract the bits from the suspect's weights."""
        weight = suspect.weights(key.settings["layer"], tuple(key.settings["shape"]))
        found = project(key.tensors["matrix"].double(), weight) >= 0
        return bits_verdict(found, key.tensors["bits"], self.level)
