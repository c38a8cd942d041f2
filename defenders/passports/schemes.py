"""Passports: DeepIPR's three schemes and passport-aware normalisation."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from arena.game.rules.keys import Key
from arena.game.sides.defense import OwnerTask, Triggers, defense
from arena.game.sides.suspect import Suspect
from arena.world.training import Hook
from defenders.passports.base import Passport
from defenders.passports.scheme import PassportKey
from defenders.passports.training import Branch, FoldedBranch
from defenders.triggers.scheme import AdiKey
from defenders.triggers.trigger_sets import TriggerFeed, n_hits
from defenders.weights.bit_error import BitReading


@defense("deepipr-v1")
@dataclass(frozen=True, kw_only=True)
class DeepIPR1(Passport):
    """DeepIPR V1: the passports' branch is the only one, and inference needs it.

    What: scale and shift of the passport layers are Avg(W * P) throughout training, and the
    deployed model holds them as constants, which is the same function.
    Threat model: users are given the passports, so a thief of this scheme is rightly granted
    `knows = ["passport"]`; and whoever has the weights sees the scales and their signs.
    Cost: a product with the passport layers' weights each step.
    Versions: 1.
    """

    paper: ClassVar[str] = "Fan et al., NeurIPS 2019"

    def branch(self, secret: PassportKey, seed: str) -> Branch:
        """Return the term that folds the passports into the model."""
        passports = [maps for _, maps in secret.pairs()]
        return FoldedBranch(secret.layers, passports, secret.bits, self.strength)


@defense("deepipr-v2")
@dataclass(frozen=True, kw_only=True)
class DeepIPR2(Passport):
    """DeepIPR V2: the model is trained with a private branch beside it, and released without.

    What: each step adds the cross-entropy of a second pass, in which passports give scale and
    shift. The released model is an ordinary one; the branch is attached to suspects at the trial.
    Versions: 1.
    """

    paper: ClassVar[str] = "Fan et al., NeurIPS 2019"


@defense("deepipr-v3")
@dataclass(frozen=True, kw_only=True)
class DeepIPR3(Passport):
    """DeepIPR V3: V2, and triggers that point to a copy before its weights are asked for.

    What: Adi's triggers are appended to every batch of both branches. Their accuracy stands in the
    figures; it may lead to a trial, and signs and passports decide it.
    Parameters: n_triggers (K); per_batch (triggers appended to a batch), as in adi.
    Differences to the paper: strength is 0.2 (0.1 there), as runs are short: the random labels of
    the triggers hold the scales back, and at 0.1 one bit in 64 may be left wrong after 330 steps.
    Versions: 1.
    """

    paper: ClassVar[str] = "Fan et al., NeurIPS 2019"

    strength: float = 0.2
    n_triggers: int = 100
    per_batch: int = 6

    def more_hooks(self, task: OwnerTask, seed: str) -> list[Hook]:
        """Return what feeds the triggers."""
        triggers = self._triggers(task, seed)
        return [TriggerFeed(triggers.images, triggers.labels, self.per_batch)]

    def completed(self, task: OwnerTask, key: Key) -> Key:
        """Return the key with the triggers beside the passports."""
        return self._triggers(task, key.seed).into(key)

    def _triggers(self, task: OwnerTask, seed: str) -> AdiKey:
        card = task.card
        return AdiKey.from_seed(seed, self.n_triggers, card.input_shape, card.n_classes)

    def rederive(self, key: Key) -> Key:
        """Return the key with bits, passports, triggers and labels of its seed."""
        return AdiKey.of(key).expanded(key.seed).into(super().rederive(key))

    def trigger_images(self, key: Key) -> Tensor:
        """Return the triggers (K, *input_shape)."""
        return AdiKey.of(key).images

    def drawn_triggers(self, key: Key) -> Triggers:
        """Return the triggers with the labels that the seed must give."""
        triggers = AdiKey.of(key)
        return Triggers(triggers.images, triggers.labels, triggers.n_classes)

    def read(self, key: Key, suspect: Suspect) -> BitReading:
        """Return what V2 reads, and the accuracy on the triggers."""
        reading, triggers = super().read(key, suspect), AdiKey.of(key)
        hits = n_hits(suspect.labels(triggers.images), triggers.labels)
        figures = {**reading.figures, "trigger_accuracy": hits / len(triggers.labels)}
        return dataclasses.replace(reading, figures=figures)


@defense("pan")
@dataclass(frozen=True, kw_only=True)
class PassportAware(Passport):
    """Passport-aware normalisation: a private branch with statistics and a bottleneck of its own.

    What: as V2, but what Avg(W * P) gives goes through a small network (C to C / 4 to C, one for
    scale and shift) that is trained along and kept in the key; the bits are the signs before it.
    Threat model: as V2. The network is trained, so no seed gives it: only its date speaks for it.
    Differences to the paper: the last two layers (all of them there; a first layer of few inputs
    has no room for signs); the branch's statistics are taken at the trial, not those of training.
    Reference: Zhang, Chen, Liao, Zhang, Hua, Yu: Passport-aware normalization for deep model
    protection, 2020.
    Versions: 1.
    """

    paper: ClassVar[str] = "Zhang et al., NeurIPS 2020"
    squeezes: ClassVar[bool] = True
