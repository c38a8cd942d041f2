"""Signs of hidden units, reversed alone: a forged signature, or a forged key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field

from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack, attack
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.player import Dial
from arena.world.json_values import Json
from arena.world.kinds.captioner import SMALL_CAPTIONER
from arena.world.models import Model
from arena.world.rng import Rng
from defenders.captions.scheme import absorb, n_units, reversed_alone


@attack("flip-hidden")
@dataclass(frozen=True, kw_only=True)
class FlipHidden(Attack):
    """Reverses the signs of a share of the hidden units, and nothing undoes it.

    What: the naive way to forge a signature or a key. "written" reverses what writes a unit, so
    that the bits that its sign spells change (forged signs); "fed" reverses what reads it on its
    way to attention and the next word, as a forged key of -1 and 1 does in the place of the true
    one (forged key). `int-flip` does both, and the words' reader with them: that costs nothing.
    Threat model: weights; no data, no queries, no key.
    Parameters: rate (share of the hidden units, in [0, 1], drawn at random); side.
    Cost: nothing.
    Differences to the paper: units are drawn, where the paper takes the last or first ones.
    Reference: Lim et al.: Protect, show, attend and tell: empowering image captioning models with
    ownership protection, 2022, section 5.
    Versions: 1.
    """

    paper: ClassVar[str] = "Lim et al., Pattern Recognition 2022"
    needs: ClassVar[ThreatModel] = ThreatModel(output="weights")
    task_needs: ClassVar[frozenset[str]] = frozenset({"captions", "recurrent"})
    victim: ClassVar[Mapping[str, Json]] = SMALL_CAPTIONER
    dial: ClassVar[Dial] = Dial("rate", 0.1, 1.0)

    rate: Annotated[float, Field(ge=0, le=1)] = 0.5
    side: Literal["written", "fed"] = "written"

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Reverse units of the current suspect."""
        model = access.model()
        n = n_units(model)
        signs = torch.ones(n)
        order = torch.randperm(n, generator=rng.child("units").torch())
        signs[order[: round(self.rate * n)]] = -1
        return Deliverable(self._changed(model, signs))

    def _changed(self, model: Model, signs: torch.Tensor) -> Model:
        if self.side == "written":
            return reversed_alone(model, signs)
        absorb(model, signs, "multiply")
        return model
