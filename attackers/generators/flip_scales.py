"""Signs of normalisation scales, reversed alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import nn

from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack, attack
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.player import Dial
from arena.world.json_values import Json
from arena.world.kinds.generator import SMALL_GENERATOR
from arena.world.rng import Rng


@attack("flip-scales")
@dataclass(frozen=True, kw_only=True)
class FlipScales(Attack):
    """Reverses the signs of a share of all batch normalisations' scales, and nothing else.

    What: the naive way to hide bits in signs; nothing undoes it, so the function changes.
    `int-flip` reverses weights and running means with the scales, and keeps it.
    Threat model: weights; no data, no queries, no key.
    Parameters: rate (share of the channels of each layer, in [0, 1], drawn at random).
    Cost: nothing.
    Differences to the paper: none; it flips 10 to 100 %.
    Reference: Ong et al.: Protecting intellectual property of generative adversarial networks from
    ambiguity attacks, 2021, section 4.
    Versions: 1.
    """

    paper: ClassVar[str] = "Ong et al., CVPR 2021"
    needs: ClassVar[ThreatModel] = ThreatModel(output="weights")
    task_needs: ClassVar[frozenset[str]] = frozenset({"scales"})
    victim: ClassVar[Mapping[str, Json]] = SMALL_GENERATOR
    dial: ClassVar[Dial] = Dial("rate", 0.1, 1.0)

    rate: Annotated[float, Field(ge=0, le=1)] = 0.5

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Reverse scales of the current suspect."""
        model = access.model()
        for name, module in model.named_modules():
            if isinstance(module, nn.BatchNorm2d) and module.affine:
                n = module.num_features
                order = torch.randperm(n, generator=rng.child(name).torch())
                with torch.no_grad():
                    module.weight[order[: round(self.rate * n)]] *= -1
        return Deliverable(model)
