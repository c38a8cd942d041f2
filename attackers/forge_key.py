"""A forged Uchida key: bits of the thief's choice, and a projection made to read them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from arena.errors import PlayerError
from arena.game.access import Access
from arena.game.attack import Attack, attack
from arena.game.defense import defenses
from arena.game.deliverable import Claim, Deliverable
from arena.game.keys import Key, fresh_seed
from arena.game.player import PlayerSpec
from arena.game.threat import ThreatModel
from arena.world import layers
from arena.world.models import Classifier
from arena.world.rng import Rng


def carrier(weight: Tensor) -> Tensor:
    """Return what the scheme reads: the mean over output filters, or a linear layer laid flat."""
    return weight.mean(0).flatten() if weight.dim() == 4 else weight.flatten()


def flipped(matrix: Tensor, bits: Tensor, vector: Tensor) -> Tensor:
    """Return the rows (T, M) with signs that make `vector` (M,) spell the bits (T,).

    x_j <- s_j * sign(x_j . w) * x_j with s_j = 2 b_j - 1. A standard normal row times a sign is a
    standard normal row: no test of its distribution sees it. Source: specs/attacks.md A1 a.
    """
    scores = matrix.double() @ vector.double()
    wanted = bits.to(torch.float64) * 2 - 1
    given = torch.where(scores >= 0, 1.0, -1.0)
    return matrix * (wanted * given)[:, None].to(matrix.dtype)


def roomiest(model: Classifier) -> str:
    """Return the layer that carries most: the choice is the forger's, the scheme fixes none."""
    names = layers.weighted(model, model.card.input_shape)
    return max(names, key=lambda name: carrier(layers.weight(model, name)).numel())


@attack("forge-key")
@dataclass(frozen=True, kw_only=True)
class ForgeKey(Attack):
    """Claims the victim with an Uchida key that was made after seeing it (A1).

    What: an honest key is expanded from a seed of the thief's own, then each row of its matrix is
    multiplied by the sign that makes the victim's weights spell the bits.
    Threat model: weights to read, the scheme's name; no data, no queries, no training.
    Parameters: n_bits; layer ("" picks the roomiest); commits (enters the key into the register,
    which can only be after publication); keeps_seed (shows the seed, although the key is no longer
    what it expands to).
    Cost: one product of the matrix with the carrier.
    Differences to the paper: signs are flipped, where others optimise the matrix.
    Reference: Fan, Ng, Chan: Rethinking deep neural network ownership verification, 2019.
    Versions: 1.
    """

    paper: ClassVar[str] = "Fan et al., NeurIPS 2019"
    needs: ClassVar[ThreatModel] = ThreatModel(
        output="weights", knows=frozenset({"scheme"}), deliverables=frozenset({"claim"})
    )

    n_bits: int = 64
    layer: str = ""
    commits: bool = False
    keeps_seed: bool = False

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Return the claim: on the victim as it is, or on what the thief made of it before."""
        victim, current = access.model(), access.current()
        key = self.forged(victim, fresh_seed(rng))
        if self.commits:
            access.commit(key.commitment(), victim.digest())
        return replace(current, claim=Claim(PlayerSpec(name="uchida"), key, victim))

    def forged(self, victim: Classifier, seed: str) -> Key:
        """Return the key that reads its own bits from the victim without an error."""
        layer = self.layer or roomiest(victim)
        weight = layers.weight(victim, layer).detach().cpu()
        settings = {"layer": layer, "shape": list(weight.shape), "n_bits": self.n_bits}
        honest = defenses.find("uchida")().rederive(Key("uchida", seed, settings))
        if honest is None:
            raise PlayerError("expected Uchida keys to expand from a seed, found that they do not")
        matrix = flipped(honest.tensors["matrix"], honest.tensors["bits"], carrier(weight))
        tensors = {**honest.tensors, "matrix": matrix}
        return replace(honest, seed=seed if self.keeps_seed else "", tensors=tensors)
