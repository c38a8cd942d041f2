"""Fine-tuning of a generator without a discriminator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack, attack
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.player import Dial
from arena.world.json_values import Json
from arena.world.kinds.generator import SMALL_GENERATOR
from arena.world.rng import Rng
from attackers.generators.fitting import Fitting, StepLoss, fit, sliced_distance


@attack("ft-sliced")
@dataclass(frozen=True, kw_only=True)
class FineTuneSliced(Attack):
    """Trains a stolen generator on without a discriminator: projections follow real ones.

    What: brings down the sliced Wasserstein distance between made images and the thief's own, along
    fresh random directions in each step. `ft-al` trains against a new discriminator.
    Threat model: weights and architecture, own images without labels; no queries, no key, and not
    the owner's discriminator, which never leaves its laboratory.
    Parameters: steps of Adam; lr; batch (images); n_directions (random directions in a step).
    Cost: 0 queries; `steps` optimiser steps of one batch.
    Differences to the paper: its authors fine-tune with the owner's discriminator or with a new
    one; here a new one (`ft-al`) or none.
    Reference: Deshpande, Zhang, Schwing: Generative modeling using the sliced Wasserstein distance,
    2018; Ong et al., 2021 (fine-tuning as an attack on marks in generators).
    Versions: 1.
    """

    paper: ClassVar[str] = "Deshpande et al., CVPR 2018"
    needs: ClassVar[ThreatModel] = ThreatModel(output="weights", data=1)
    task_needs: ClassVar[frozenset[str]] = frozenset({"generator", "gradients"})
    victim: ClassVar[Mapping[str, Json]] = SMALL_GENERATOR
    dial: ClassVar[Dial] = Dial("lr", 1e-5, 1e-2, "log")
    quick: ClassVar[Mapping[str, Json]] = MappingProxyType({"steps": 4})

    steps: Annotated[int, Field(ge=0)] = 100
    lr: Annotated[float, Field(gt=0)] = 1e-4
    batch: Annotated[int, Field(ge=2)] = 64
    n_directions: Annotated[int, Field(ge=1)] = 128

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Fine-tune the current suspect."""
        model, own = access.model(), access.data().images
        compute = access.lab.compute
        real = compute.images(own)

        def step(draws: torch.Generator) -> tuple[Tensor, StepLoss]:
            latents = torch.randn(
                self.batch, *model.card.input_shape, generator=draws, device=compute.device
            )
            chosen = torch.randint(len(real), (self.batch,), generator=draws, device=real.device)
            size = (real[0].numel(), self.n_directions)
            directions = torch.randn(size, generator=draws, device=real.device)
            directions = directions / directions.norm(dim=0)
            return latents, lambda made: sliced_distance(made, real[chosen], directions)

        fit(access.lab, model, step, Fitting(self.lr, self.steps, self.batch), rng.child("steps"))
        return Deliverable(model)
