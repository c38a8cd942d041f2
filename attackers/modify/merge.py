"""Merging: the weights of the stolen model, mixed with those of a model of the thief's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, ClassVar

import torch
from pydantic import Field

from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.as_owner import answered
from arena.game.sides.attack import Attack, attack
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.player import Dial
from arena.world.json_values import Json
from arena.world.models import Model, restore
from arena.world.rng import Rng
from arena.world.training import Examples, Recipe


def mixed(model: Model, other: Model, share: float) -> Model:
    """Return a model whose weights are (1 - share) of one's and `share` of another's.

    What is no floating-point number (a count of batches) stays the first one's.
    """
    state, theirs = model.state_dict(), other.state_dict()
    for name, value in state.items():
        if value.is_floating_point():
            state[name] = torch.lerp(value, theirs[name].to(value), share)
    return restore(model.card, state)


@attack("merge")
@dataclass(frozen=True, kw_only=True)
class Merge(Attack):
    """Mixes the stolen weights with those of a model that owes the victim nothing or little.

    What: the thief trains a model of its own on its own data, from the stolen weights or from a
    fresh beginning, and delivers the weighted mean of both.
    Threat model: weights and architecture, own data (with labels where the task has some; else the
    stolen model's answers); no queries, no key.
    Parameters: share (of the own model, in [0, 1]); stolen_start (else fresh); epochs, lr (of the
    own model's Adam), batch (examples).
    Cost: 0 queries; epochs * ceil(n / batch) optimiser steps.
    Differences to the paper: one mean of all weights, without a search over shares. Models from two
    beginnings do not lie in one valley: their mean keeps little of either, unless the share is
    small.
    Reference: Wortsman et al.: Model soups: averaging weights of multiple fine-tuned models
    improves accuracy without increasing inference time, 2022.
    Versions: 1.
    """

    paper: ClassVar[str] = "Wortsman et al., ICML 2022"
    needs: ClassVar[ThreatModel] = ThreatModel(output="weights", data=1)
    task_needs: ClassVar[frozenset[str]] = frozenset({"gradients"})
    dial: ClassVar[Dial] = Dial("share", 0.05, 0.5)
    quick: ClassVar[Mapping[str, Json]] = MappingProxyType({"epochs": 1})

    share: Annotated[float, Field(ge=0, le=1)] = 0.3
    stolen_start: bool = True
    epochs: Annotated[int, Field(ge=0)] = 5
    lr: Annotated[float, Field(gt=0)] = 1e-3
    batch: Annotated[int, Field(ge=1)] = 64

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Deliver the mean of the current suspect and of an own model."""
        stolen = access.model()
        known = access.grants.data_labels
        data = access.data() if known else answered(access, stolen, rng.child("answers"))
        own = (
            access.model()
            if self.stolen_start
            else access.lab.build(stolen.card, rng.child("fresh"))
        )
        recipe = Recipe(lr=self.lr, epochs=self.epochs, batch=self.batch)
        access.lab.train(own, Examples.of(data), recipe, rng.child("training"))
        return Deliverable(mixed(stolen, own.cpu(), self.share))
