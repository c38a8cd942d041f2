"""Uchida's watermark: bits in the projection of averaged weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from arena.errors import PlayerError
from arena.game.rules.keys import Key, expand, random_bits
from arena.game.sides.defense import OwnerTask, Protected, defense
from arena.game.sides.player import Dial
from arena.game.sides.projection import Projection
from arena.game.sides.suspect import Suspect
from arena.world import layers
from arena.world.json_values import Raw
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Hook, StepView
from defenders.weights.bit_error import Reading
from defenders.weights.readers import Embed, WhiteBox, embedded


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
    for small models; the p-value decides, BER = 0 is reported beside it.
    Reference: Uchida, Nagai, Sakazawa, Satoh: Embedding watermarks into deep neural networks, 2017.
    Versions: 2 (aligned reading, three ways to embed).
    """

    paper: ClassVar[str] = "Uchida et al., ICMR 2017"
    dial: ClassVar[Dial] = Dial("strength", 0.003, 0.3, "log")

    n_bits: int = 64
    strength: float = 0.05
    layer: str = ""
    embed: Embed = "train"

    def mark(self, task: OwnerTask, seed: str, rng: Rng) -> Protected:
        """Train with the regulariser."""
        base = task.base()
        layer = self.layer or target_layer(base, self.n_bits)
        shape = list(layers.weight(base, layer).shape)
        settings = {"layer": layer, "shape": shape, "n_bits": self.n_bits}
        tensors = self.material(seed, settings)
        hook = Embedding(layer, tensors["matrix"], tensors["bits"], self.strength)
        return Protected(
            embedded(task, [hook], self.embed), Key(self.name, seed, settings, tensors)
        )

    def material(self, seed: str, settings: Mapping[str, Raw]) -> dict[str, Tensor]:
        """Return the projection and the bits."""
        return key_material(seed, int(settings["n_bits"]), carrier_size(tuple(settings["shape"])))

    def read(self, key: Key, suspect: Suspect) -> Reading:
        """Return the signs of the projection of the suspect's weights."""
        weight = suspect.weights(key.settings["layer"], tuple(key.settings["shape"]))
        found = project(key.tensors["matrix"].double(), weight) >= 0
        return Reading(found, key.tensors["bits"])

    def projection(self, key: Key, suspect: Suspect) -> Projection:
        """Return the matrix, and the carrier of the layer that the key names."""
        weight = suspect.weights(key.settings["layer"], tuple(key.settings["shape"]))
        matrix, bits = key.tensors["matrix"], key.tensors["bits"]
        return Projection(matrix, carrier(weight)[None], bits[:, None])

    def reprojected(self, key: Key, rows: Tensor) -> Key:
        """Return the key with another matrix."""
        return replace(key, tensors={**key.tensors, "matrix": rows})
