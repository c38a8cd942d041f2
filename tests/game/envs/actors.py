"""Players with foreseeable ends: a mark in one weight, and who removes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from arena.game.court.verdict import Verdict
from arena.game.rules.keys import Key
from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack
from arena.game.sides.defense import Defense, OwnerTask, Protected
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.player import Dial
from arena.game.sides.suspect import Suspect
from arena.world.kinds.interface import Output
from arena.world.models import Model
from arena.world.rng import Rng

LAYER = "body.fc1"


def marked(model: Model, value: float) -> Model:
    with torch.no_grad():
        model.get_parameter(f"{LAYER}.weight")[0, 0] = value
    return model


@dataclass(frozen=True, kw_only=True)
class Mark(Defense):
    """Makes one weight positive; `strength` is how much."""

    reads: ClassVar[Output] = "weights"
    dial: ClassVar[Dial | None] = Dial("strength", 0.01, 0.1)
    strength: float = 0.01

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        return Protected(marked(task.base(), self.strength), Key("mark"))

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        weight = float(suspect.weights(LAYER)[0, 0])
        is_copy = weight > 0
        return Verdict(is_copy, float(not is_copy), weight, 0.0, "mark", "high", "by one weight")


@dataclass(frozen=True, kw_only=True)
class Bare(Mark):
    """Protects nothing and recognises nothing."""

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        return Verdict(False, 1.0, 0.0, 0.5, "none", "high", "never")


@dataclass(frozen=True, kw_only=True)
class CannotProtect(Mark):
    """Fails at once."""

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        raise RuntimeError("no pencil")


@dataclass(frozen=True, kw_only=True)
class CannotVerify(Mark):
    """Fails on whatever is no longer marked."""

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        if float(suspect.weights(LAYER)[0, 0]) <= 0:
            raise RuntimeError("the key is 4711")
        return super().examine(key, suspect, rng)


@dataclass(frozen=True, kw_only=True)
class Stay(Attack):
    """Delivers what it holds."""

    needs: ClassVar[ThreatModel] = ThreatModel(output="weights")

    def run(self, access: Access, rng: Rng) -> Deliverable:
        return Deliverable(access.model())


@dataclass(frozen=True, kw_only=True)
class Wipe(Stay):
    """Makes the marked weight negative, from half its strength on."""

    dial: ClassVar[Dial | None] = Dial("push", 0.0, 1.0)
    push: float = 1.0

    def run(self, access: Access, rng: Rng) -> Deliverable:
        model = access.model()
        return Deliverable(marked(model, -0.01) if self.push >= 0.5 else model)


@dataclass(frozen=True, kw_only=True)
class Train(Stay):
    """Pays for one step, and does not take it."""

    needs: ClassVar[ThreatModel] = ThreatModel(output="weights", data=1)

    def run(self, access: Access, rng: Rng) -> Deliverable:
        access.lab.meter.charge({"steps": 1})
        return super().run(access, rng)


@dataclass(frozen=True, kw_only=True)
class Fall(Stay):
    """Raises."""

    def run(self, access: Access, rng: Rng) -> Deliverable:
        raise RuntimeError("I fell")


@dataclass(frozen=True, kw_only=True)
class Spoil(Stay):
    """Delivers a model of other classes."""

    def run(self, access: Access, rng: Rng) -> Deliverable:
        card = access.card.model_copy(update={"n_classes": 3})
        return Deliverable(access.lab.build(card, rng))


ATTACKS = {"stay": Stay, "wipe": Wipe, "train": Train, "fall": Fall, "spoil": Spoil}
DEFENSES = {
    "mark": Mark,
    "bare": Bare,
    "cannot-protect": CannotProtect,
    "cannot-verify": CannotVerify,
}
