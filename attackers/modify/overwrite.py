"""Overwriting: the thief marks the stolen model once more, with the owner's own scheme."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from arena.game.rules.keys import Key
from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.as_owner import answered, needs_to_pose, posed, trained_references
from arena.game.sides.attack import Attack, attack
from arena.game.sides.defense import Defense, OwnerTask, defenses
from arena.game.sides.deliverable import Claim, Deliverable
from arena.game.sides.player import Dial, PlayerSpec
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Recipe

_SCHEME = PlayerSpec(name="uchida")


@attack("overwrite")
@dataclass(frozen=True, kw_only=True)
class Overwrite(Attack):
    """Embeds a fresh key into the stolen model with the same scheme.

    What: the thief plays the owner's part: own images, with a classifier's answers as labels, the
    stolen model as the base, a key of its own. Where claims may be delivered it claims the
    model with that key as well, committed when it is made, which is after publication.
    Threat model: weights, architecture, unlabelled own data, and the scheme's name; no key.
    Parameters: scheme (any defender by name, with its settings; a strength of up to 1000 times the
    owner's is usual); epochs; lr of Adam; batch (images); references (independent models that
    the thief trains for schemes that calibrate on null models; 0 goes without).
    Cost: 0 queries; epochs * ceil(n / batch) optimiser steps, and as many for each reference.
    Differences to the paper: references learn from true labels where the thief has them; labels of
    the stolen model would make copies of them, not null models.
    Reference: Lukas et al., S&P 2022 (labels); Uchida et al., ICMR 2017 (the idea).
    Versions: 1.
    """

    paper: ClassVar[str] = "Lukas et al., S&P 2022"
    needs: ClassVar[ThreatModel] = ThreatModel(output="weights", data=1)
    task_needs: ClassVar[frozenset[str]] = frozenset({"gradients"})
    dial: ClassVar[Dial] = Dial("lr", 1e-4, 1e-2, "log")

    scheme: PlayerSpec = _SCHEME
    epochs: int = 10
    lr: float = 1e-3
    batch: int = 64
    references: int = 0

    @property
    def needs_of_task(self) -> frozenset[str]:
        """Return what fine-tuning and the scheme need."""
        return self.task_needs | needs_to_pose(self.scheme)

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Mark the current suspect and, where it may be, claim it."""
        scheme, stolen = defenses.make(self.scheme), access.model()
        protected = scheme.protect(self._task(access, stolen, rng), rng.child("mark"))
        claims = {"model", "claim"} <= access.grants.deliverables
        claim = _claim(access, self.scheme, scheme, protected.key) if claims else None
        return Deliverable(protected.model, claim=claim)

    def _task(self, access: Access, stolen: Model, rng: Rng) -> OwnerTask:
        """Return the thief's side dressed as an owner's."""
        labelled = answered(access, stolen, rng)
        recipe = Recipe(lr=self.lr, epochs=self.epochs, batch=self.batch)
        truth = access.data() if access.grants.data_labels else labelled
        references = trained_references(access, truth, recipe, self.references, rng)
        return posed(access, stolen, labelled, recipe, rng.child("train"), references)


def _claim(access: Access, spec: PlayerSpec, scheme: Defense, key: Key) -> Claim:
    """Commit to the key, bound to no model: every earlier one bears the owner's mark."""
    if scheme.protocol != "none":
        access.commit(key.commitment())
    return Claim(spec, key)
