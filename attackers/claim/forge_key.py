"""Forged keys of linear decoders: bits of the thief's choice, a projection made to read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import ClassVar, Literal

import torch
from torch import Tensor

from arena.errors import PlayerError
from arena.game.rules.keys import Key, fresh_seed
from arena.game.rules.projection import Projection
from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.as_owner import (
    References,
    answered,
    claimed,
    needs_references,
    needs_to_pose,
    posed,
)
from arena.game.sides.attack import Attack, attack
from arena.game.sides.defense import Defense, defenses
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.player import Dial, PlayerSpec
from arena.game.sides.suspect import Suspect
from arena.world.json_values import Json
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Recipe
from arena.world.training.hooks import Meter

Algorithm = Literal["flip", "nearest", "grind"]
_UCHIDA = PlayerSpec(name="uchida")


def flipped(projection: Projection) -> Tensor:
    """Return the rows (N, M) with signs that make one feature spell the bits.

    x_j <- s_j * sign(x_j . w) * x_j with s_j = 2 b_j - 1. A standard normal row times a sign is a
    standard normal row: no test of its distribution sees it. Own derivation; the
    attack is that of Fan et al., NeurIPS 2019.

    Raises:
        PlayerError: each row reads several features, whose signs do not turn one by one.
    """
    if len(projection.features) != 1:
        raise PlayerError(
            f"expected rows that read one feature, found {len(projection.features)} of them; "
            "use algorithm 'nearest', or settings of the scheme with one"
        )
    read_as = torch.where(projection.scores >= 0, 1.0, -1.0)
    return projection.rows * (projection.signs * read_as).to(projection.rows.dtype)


def nearest(projection: Projection, margin: float) -> Tensor:
    """Return the rows (N, M), least changed, that spell the bits.

    Wrong scores are moved to `margin` times the size of their feature on the right side, right ones
    stay: x_j <- x_j + F^+ (wanted_j - F x_j). For one feature f that is x_j + (wanted_j - x_j . f)
    f / |f|^2, about 0.8 / sqrt(M) of a wrong row. Own derivation, after Fan et al., NeurIPS 2019.
    """
    features, scores = projection.features.double(), projection.scores
    sizes = features.norm(dim=1)  # (S,): a standard normal row scores about as much
    wanted = torch.where(projection.errors, projection.signs * margin * sizes, scores)
    moved: Tensor = (wanted - scores) @ torch.linalg.pinv(features).T
    return (projection.rows.double() + moved).to(projection.rows.dtype)


def ground(
    scheme: Defense, honest: Key, suspect: Suspect, n_seeds: int, rng: Rng, meter: Meter
) -> Key:
    """Return the best of many honest keys: the one that the suspect speaks for by luck.

    N seeds reach a p-value of about 1 / N. Each seed is one draw of the null, and each reading is
    charged: for the images that the suspect answered, and as one where it answered none.
    """

    def p_value(key: Key) -> float:
        before = suspect.n_queries
        found = scheme.verify(key, suspect, rng.child("verify")).p_value
        meter.charge({"images_forward": max(1, suspect.n_queries - before)})
        return found

    seeds = [fresh_seed(rng.child("seed", i)) for i in range(n_seeds)]
    keys = (scheme.rederive(replace(honest, seed=seed)) for seed in seeds)
    return min((key for key in keys if key is not None), key=p_value)


@attack("forge-key")
@dataclass(frozen=True, kw_only=True)
class ForgeKey(Attack):
    """Claims the victim with the key of a linear decoder that was made after seeing it.

    What: an honest key is made with the scheme's own code, without a step of training; then its
    projection is changed until the victim's weights (or hidden units) spell its bits: by the signs
    of its rows ("flip"), by the least change of those that read wrongly ("nearest"), or not at all:
    seeds are tried, and the luckiest key is kept ("grind").
    Threat model: weights to read, the scheme's name; no queries, no training. Own images are used
    where they are granted, noise where not: only schemes that read activations look at them.
    Parameters: scheme (any defender with a projection, with its settings; for "grind" any whose
    keys expand from a seed); algorithm; margin (of "nearest", in standard deviations of an honest
    score); n_seeds (of "grind"); references (untrained models that stand for null models where a
    scheme cannot do without); commits (enters the key into the register, which can only be after
    publication); keeps_seed (shows the seed, although the key is no longer what it expands to).
    Cost: one product of the projection with what it reads, and a pass of the own images; n_seeds
    readings for "grind", each metered as an image forward at least.
    Differences to the paper: signs are flipped, where others optimise the matrix.
    Reference: Fan, Ng, Chan: Rethinking deep neural network ownership verification, 2019.
    Versions: 2 (three algorithms, any linear decoder).
    """

    paper: ClassVar[str] = "Fan et al., NeurIPS 2019"
    needs: ClassVar[ThreatModel] = ThreatModel(
        output="weights", knows=frozenset({"scheme"}), deliverables=frozenset({"claim"})
    )
    dial: ClassVar[Dial] = Dial("n_seeds", 10, 10_000, "log")
    quick: ClassVar[Mapping[str, Json]] = MappingProxyType({"n_seeds": 20})

    scheme: PlayerSpec = _UCHIDA
    algorithm: Algorithm = "flip"
    margin: float = 0.01
    n_seeds: int = 1000
    references: int = 4
    commits: bool = False
    keeps_seed: bool = False

    def __post_init__(self) -> None:
        if self.n_seeds < 1 or self.margin <= 0:
            raise ValueError(
                f"expected at least 1 seed and a margin above 0, found {self.n_seeds} and "
                f"{self.margin}"
            )

    @property
    def needs_of_task(self) -> frozenset[str]:
        """Return what the scheme needs, whose part is played."""
        return needs_to_pose(self.scheme)

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Return the claim: on the victim as it is, or on what the thief made of it before."""
        victim = access.model()
        key = self.forged(access, victim, rng)
        return claimed(access, self.scheme, key, victim, commits=self.commits)

    def forged(self, access: Access, victim: Model, rng: Rng) -> Key:
        """Return the key that reads its own bits from the victim.

        Raises:
            PlayerError: the scheme has nothing to forge by this algorithm.
        """
        scheme, suspect = defenses.make(self.scheme), Suspect.bare(victim, access.lab.compute)
        honest = self.honest(access, victim, rng)
        if self.algorithm == "grind":
            if scheme.rederive(honest) is None:
                raise PlayerError(f"expected keys that expand from a seed, {scheme.name} has none")
            return ground(
                scheme, honest, suspect, self.n_seeds, rng.child("grind"), access.lab.meter
            )
        projection = scheme.projection(honest, suspect)
        if projection is None:
            raise PlayerError(
                f"expected a linear decoder, {scheme.name} reads its bits in another way; "
                "use algorithm 'grind'"
            )
        flips = self.algorithm == "flip"
        rows = flipped(projection) if flips else nearest(projection, self.margin)
        key = scheme.reprojected(honest, rows)
        return key if self.keeps_seed else replace(key, seed="")

    def honest(self, access: Access, victim: Model, rng: Rng) -> Key:
        """Return a key as an owner of the victim would draw it, without a mark in the victim."""
        n = self.references if needs_references(self.scheme) else 0

        def references() -> list[Model]:
            streams = [rng.child("reference", i) for i in range(n)]
            return [access.lab.build(victim.card, stream) for stream in streams]

        data = answered(access, victim, rng.child("images"))
        recipe, stream = Recipe(epochs=0), rng.child("no training")
        task = posed(access, victim, data, recipe, stream, References(references))
        return defenses.make(self.scheme).protect(task, rng.child("key")).key
