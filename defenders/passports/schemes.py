"""Passports: DeepIPR's three schemes and passport-aware normalisation."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from arena.game.rules.keys import Key
from arena.game.sides.defense import OwnerTask, defense
from arena.game.sides.suspect import Suspect
from arena.world.json_values import Json, Raw
from arena.world.training import Hook
from defenders.passports.base import Passport
from defenders.passports.layers import PassportLayer
from defenders.passports.training import Branch, FoldedBranch
from defenders.triggers.adi import key_material as trigger_material
from defenders.triggers.trigger_sets import TriggerFeed, n_hits
from defenders.weights.bit_error import Reading


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

    def branch(
        self, places: Sequence[PassportLayer], tensors: Mapping[str, Tensor], seed: str
    ) -> Branch:
        """Return the term that folds the passports into the model."""
        passports = [tensors[f"passport/{i}"] for i in range(len(places))]
        return FoldedBranch(places, passports, tensors["bits"], self.strength)


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

    def described(self, task: OwnerTask) -> dict[str, Json]:
        """Return the settings of the passports and of the triggers."""
        shape, n_classes = list(task.card.input_shape), task.card.n_classes
        triggers: dict[str, Json] = {
            "n_triggers": self.n_triggers,
            "shape": shape,
            "n_classes": n_classes,
        }
        return super().described(task) | triggers

    def material(self, seed: str, settings: Mapping[str, Raw]) -> dict[str, Tensor]:
        """Return bits, passports, triggers and their labels."""
        return super().material(seed, settings) | trigger_material(seed, dict(settings))

    def more_hooks(self, tensors: Mapping[str, Tensor]) -> list[Hook]:
        """Return what feeds the triggers."""
        return [TriggerFeed(tensors["images"], tensors["labels"], self.per_batch)]

    def trigger_images(self, key: Key) -> Tensor:
        """Return the triggers (K, *input_shape)."""
        return key.tensors["images"]

    def read(self, key: Key, suspect: Suspect) -> Reading:
        """Return what V2 reads, and the accuracy on the triggers."""
        reading = super().read(key, suspect)
        images, labels = key.tensors["images"], key.tensors["labels"]
        hits = n_hits(suspect.labels(images), labels)
        figures = {**reading.figures, "trigger_accuracy": hits / len(labels)}
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
