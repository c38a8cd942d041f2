"""Defences that are broken on purpose, one fault each; the conformance checks must reject them."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
from torch import Tensor

from arena.game.court.statistics import binomial_tail, least_hits
from arena.game.court.verdict import Verdict
from arena.game.rules.keys import Key
from arena.game.serving.wrapper import Answer, Client, Wrapper, wrapper
from arena.game.sides.defense import Defense, OwnerTask, Protected
from arena.game.sides.suspect import Suspect
from arena.world import layers
from arena.world.kinds.interface import Output
from arena.world.models import build
from arena.world.rng import Rng


@dataclass(frozen=True, kw_only=True)
class Honest(Defense):
    """Remembers the signs of the last layer's weights: nothing is wrong with it.

    What: a model of the smallest fingerprint that keeps all rules.
    Threat model: reads weights.
    Parameters: share of the signs that must agree.
    Cost: nothing.
    Differences to the paper: there is no paper.
    Reference: none.
    Versions: 1.
    """

    paper: ClassVar[str] = "nobody, 2026"
    reads: ClassVar[Output] = "weights"
    invasive: ClassVar[bool] = False
    statistic: ClassVar[tuple[str, Literal["low", "high"]]] = ("signs", "high")

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        model = task.base()
        layer = layers.head(model, model.card.input_shape)
        signs = (layers.weight(model, layer).detach() > 0).to(torch.uint8)
        return Protected(model, Key("signs", "", {"layer": layer}, {"signs": signs}))

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        wanted = key.tensors["signs"].bool()
        found = suspect.weights(key.settings["layer"], tuple(wanted.shape)) > 0
        hits, n = int((found == wanted).sum()), wanted.numel()
        threshold = least_hits(n, 0.5, self.level) / n
        return replace(self.verdict(binomial_tail(hits, n), hits / n), threshold=threshold)

    def verdict(self, p_value: float, statistic: float) -> Verdict:
        reason = f"{statistic:.2f} of the signs agree"
        is_copy = p_value <= self.level
        return Verdict(is_copy, p_value, statistic, statistic, "signs", "high", reason)


@dataclass(frozen=True, kw_only=True)
class FlipsACoin(Honest):
    """Calls every suspect a copy or not as the rng will have it."""

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        honest = super().examine(key, suspect, rng)
        return self.verdict(float(rng.numpy().integers(2)), honest.statistic)


@dataclass(frozen=True, kw_only=True)
class ChangesItsMind(Honest):
    """Gives reasons that differ from call to call."""

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        return replace(super().examine(key, suspect, rng), reason=os.urandom(8).hex())


@dataclass(frozen=True, kw_only=True)
class DrawsGlobally(Honest):
    """Uses the global generator, and throws the draw away."""

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        torch.rand(1)
        return super().examine(key, suspect, rng)


@dataclass(frozen=True, kw_only=True)
class IgnoresTheSuspect(Honest):
    """Calls everything a copy without looking."""

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        return self.verdict(0.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class NeverAccuses(Honest):
    """Acquits its own model."""

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        return self.verdict(1.0, super().examine(key, suspect, rng).statistic)


@dataclass(frozen=True, kw_only=True)
class ReadsTooMuch(Honest):
    """Says that it reads labels, and reads weights."""

    reads: ClassVar[Output] = "labels"


@dataclass(frozen=True, kw_only=True)
class BreaksOnStrangers(Honest):
    """Has never heard of other architectures."""

    def verify(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        if suspect.n_classes != 10:
            raise KeyError("fc2")
        return super().verify(key, suspect, rng)


@dataclass(frozen=True, kw_only=True)
class AnswersYes(Honest):
    """Returns a bool for a verdict."""

    def verify(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        return True  # type: ignore[return-value]  # the fault


@dataclass(frozen=True, kw_only=True)
class InventsProbability(Honest):
    """Returns a p-value above one."""

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        honest = super().examine(key, suspect, rng)
        return honest if honest.is_copy else replace(honest, p_value=1.5)


@dataclass(frozen=True, kw_only=True)
class JudgesByFeeling(Honest):
    """Calls a copy what its p-value does not."""

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        honest = super().examine(key, suspect, rng)
        return replace(honest, p_value=0.2) if honest.is_copy else honest


@dataclass(frozen=True, kw_only=True)
class MisnamesItsStatistic(Honest):
    """Announces another measure than its verdicts hold."""

    statistic: ClassVar[tuple[str, Literal["low", "high"]]] = ("BER", "low")


@dataclass(frozen=True, kw_only=True)
class DrawsTheLineElsewhere(Honest):
    """Reports a threshold at which its verdict does not turn."""

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        return replace(super().examine(key, suspect, rng), threshold=1.5)


@dataclass(frozen=True, kw_only=True)
class MutatesTheSuspect(Honest):
    """Writes to the suspect's own weights."""

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        verdict = super().examine(key, suspect, rng)
        with torch.no_grad():
            assert suspect._model is not None
            next(suspect._model.parameters()).mul_(0.5)
        return verdict


@dataclass(frozen=True, kw_only=True)
class StampsInPlace(Honest):
    """Draws its trigger onto the owner's own images."""

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        task.data.images[:10, :, 0, 0] = 255
        return super().protect(task, rng)


@dataclass(frozen=True, kw_only=True)
class ClaimsToMark(Honest):
    """Says that it changes the model, and does not."""

    invasive: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class ReleasesNaN(ClaimsToMark):
    """Releases weights that are not numbers."""

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        made = super().protect(task, rng)
        torch.nn.init.constant_(next(made.model.parameters()), float("nan"))
        return made


@dataclass(frozen=True, kw_only=True)
class ForgetsAClass(ClaimsToMark):
    """Releases a model that tells nine digits apart."""

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        model = build(task.card.model_copy(update={"n_classes": 9}), rng)
        signs = (layers.weight(model, "body.fc2").detach() > 0).to(torch.uint8)
        return Protected(model, Key("signs", "", {"layer": "body.fc2"}, {"signs": signs}))


@dataclass(frozen=True, kw_only=True)
class RuinsTheModel(ClaimsToMark):
    """Releases a model that guesses."""

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        made = super().protect(task, rng)
        torch.nn.init.zeros_(made.model.get_parameter("body.conv1.weight"))
        return made


@dataclass(frozen=True, kw_only=True)
class MarksInSecret(Honest):
    """Says that it leaves the model alone, and does not."""

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        made = super().protect(task, rng)
        with torch.no_grad():
            made.model.get_parameter("body.conv1.weight")[0, 0, 0, 0] += 0.01
        return made


@dataclass(frozen=True, kw_only=True)
class Raises(Honest):
    """Gives up at once."""

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        raise IndexError("no such layer")


@dataclass(frozen=True, kw_only=True)
class ReleasesSomethingElse(Honest):
    """Returns a model and no key."""

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        return task.base()  # type: ignore[return-value]  # the fault


@dataclass(frozen=True, kw_only=True)
class NeverStops(Honest):
    """Builds models until somebody stops it."""

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        while True:
            task.lab.build(task.card, rng)


@dataclass(frozen=True, kw_only=True)
class ForgetsItsSeed(Honest):
    """Makes a key that depends on the moment."""

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        made = super().protect(task, rng)
        return Protected(
            made.model,
            replace(made.key, settings={**made.key.settings, "salt": os.urandom(8).hex()}),
        )


@dataclass(frozen=True, kw_only=True)
class TrainsAnew(ClaimsToMark):
    """Releases a model that depends on the moment."""

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        made = super().protect(task, rng)
        noise = int.from_bytes(os.urandom(4), "little") / 2**40
        with torch.no_grad():
            made.model.get_parameter("body.conv1.weight")[0, 0, 0, 0] += noise
        return made


@dataclass(frozen=True, kw_only=True)
class KeepsATuple(Honest):
    """Has a key that reads back as something else."""

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        made = super().protect(task, rng)
        return Protected(
            made.model, replace(made.key, settings={**made.key.settings, "at": (1, 2)})
        )

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        honest = super().examine(key, suspect, rng)
        return honest if key.settings["at"] == (1, 2) else self.verdict(1.0, honest.statistic)


@dataclass(frozen=True, kw_only=True)
class RederivesAnother(Honest):
    """Expands its seed to another key than the one it committed to."""

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        made = super().protect(task, rng)
        return Protected(made.model, replace(made.key, seed="00"))

    def rederive(self, key: Key) -> Key | None:
        return replace(key, seed="01")


@dataclass(frozen=True, kw_only=True)
class SaysNothing(Defense):
    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        return Protected(task.base(), Key("none"))

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        return Verdict.unreadable("never")


@wrapper("zoo-remembering")
@dataclass(frozen=True, kw_only=True)
class _Remembering(Wrapper):
    """Keeps in itself how often it was asked."""

    calls: ClassVar[list[int]] = []

    def respond(self, inputs: Tensor, answer: Answer, client: Client) -> Tensor:
        self.calls.append(len(inputs))
        return answer(inputs) + 1e-3 * len(self.calls)


@dataclass(frozen=True, kw_only=True)
class RemembersInItsWrapper(Honest):
    """Serves through a wrapper whose memory is its own and not the client's."""

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        return replace(super().protect(task, rng), serving=(_Remembering(),))
