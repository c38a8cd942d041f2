"""Owners whose interface alters its answers so that they teach less; AKH shows whose a model is."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from arena.game.serving.wrapper import Wrapper
from arena.game.sides.defense import OwnerTask, Protected
from arena.world.rng import Rng
from defenders.fingerprints.akh import AKH


@dataclass(frozen=True, kw_only=True)
class Answering(AKH):
    """Base class of owners who alter answers. Subclasses write `answers`.

    Threat model: copies by queries; who takes the weights meets no altered answer. Verification is
    that of `akh`: labels of images that the victim gets wrong.
    Cost: none of accuracy where the answered class is kept; verification as for `akh`.
    """

    answers_for: ClassVar = True
    quick: ClassVar = MappingProxyType({"n_points": 60})

    @abstractmethod
    def answers(self, task: OwnerTask, rng: Rng) -> Wrapper:
        """Return what stands before the victim."""

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        """Release the model as it is, behind the wrapper, with AKH's key."""
        protected = super().protect(task, rng)
        return dataclasses.replace(protected, serving=(self.answers(task, rng.child("answers")),))
