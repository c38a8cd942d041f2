"""The stage of a trial: digits, a small network, innocents, strange suspects."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import cast

import torch
from torch import Tensor

from arena.game.checks.audit import Watch
from arena.game.court.referee import OwnerCase, Referee
from arena.game.court.verdict import Verdict
from arena.game.match.grants import granted, training_data
from arena.game.match.utility import served_utility
from arena.game.rules.innocents import Accused, Half, is_innocent
from arena.game.rules.keys import Key, Register
from arena.game.rules.meters import Meters
from arena.game.rules.threat import Budget, ThreatModel
from arena.game.serving.query_log import QueryLog
from arena.game.serving.service import Service
from arena.game.serving.wrapper import Wrapper
from arena.game.sides.defense import Defense, OwnerTask, Protected, StandardOfProof, defenses
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.gatekeeper import Gatekeeper
from arena.game.sides.lab import Lab
from arena.game.sides.outputs import Outputs
from arena.game.sides.suspect import Suspect
from arena.world.bundle import Bundle
from arena.world.data import Dataset
from arena.world.json_values import Json, canonical, from_json
from arena.world.kinds.kind import Steer
from arena.world.models import Model, ModelCard, build
from arena.world.rng import Rng
from arena.world.task import Task, TaskSpec, load_task
from arena.world.training import Examples, Recipe, Trainer

ROOT = Rng(2026)
TASK = TaskSpec(recipe=Recipe(epochs=10))
LIMITS = Budget(
    images_queried=100_000,
    steps=5_000,
    images_forward=2_000_000,
    models=50,
    verifier_calls=None,
)
"""What a trial may cost; a player that needs more declares smaller settings in `quick`."""
COPYING = Recipe(epochs=60)
"""How a trial copies a model from its answers: long enough to learn a few odd ones by heart."""

N_TEXTS, N_TOKENS = 16, 16
"""How many texts the owner of a mark in texts is judged by, and how much of a prompt it reads."""


@dataclass
class WatchedGate(Gatekeeper):
    """The referee's side of a trial: its own work is not counted as the thief's."""

    watch: Watch = field(default_factory=Watch)

    def answer(self, request: str, given: Bundle) -> Bundle:
        """Answer one request, unwatched."""
        with self.watch.paused():
            return super().answer(request, given)


@dataclass(frozen=True, kw_only=True)
class Bystander(Defense):
    """The owner in trials of attacks: releases its model as it is and accuses nobody."""

    protocol: StandardOfProof = "none"

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        """Return the unprotected model."""
        return Protected(task.base(), Key("bystander"))

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        """Return "not verified"."""
        return Verdict.unreadable("a bystander accuses nobody")


@dataclass(frozen=True)
class Copy:
    """A model that learnt from an interface, and what the interface was asked for it."""

    model: Model
    log: QueryLog


@dataclass(frozen=True)
class Stage:
    """Everything that trials share. Models are trained when they are first asked for."""

    task: Task
    _models: dict[str, Model] = field(default_factory=dict)

    def model(
        self,
        name: str,
        half: Half = "owner",
        card: ModelCard | None = None,
        recipe: Recipe | None = None,
    ) -> Model:
        """Return a copy of an independent model, trained on the data of that half."""
        if name not in self._models:
            data = training_data(self.task, half)
            model = build(card or self.task.card, ROOT.child(name, "initial"))
            trainer = Trainer(self.task.compute)
            rng = ROOT.child(name, "training")
            self._models[name] = model
            trainer.train(model, Examples.of(data), recipe or self.task.spec.recipe, rng)
        return self._models[name].copy()

    def yardstick(self) -> Model | None:
        """Return the model that the task's kind measures utility with, if it does."""
        spec = self.task.kind.yardstick(self.task.spec)
        if spec is None:
            return None
        return self.model("yardstick", "calibration", load_task(spec).card, spec.recipe)

    def victim(self) -> Model:
        """Return a copy of the owner's unprotected model."""
        return self.model("victim")

    def innocents(self, accused: Accused = "model") -> dict[str, Model]:
        """Return models that are innocent of what is claimed: by seed, data and architecture."""
        if not self._classifies:
            card = self.task.card
            arguments = {**card.arguments, "width": cast(int, card.arguments["width"]) // 2}
            smaller = self.task.card_for(card.architecture, arguments)
            return {
                "an innocent of the other half of the data": self.model("innocent/half", "other"),
                "an innocent of another size": self.model("innocent/s", "other", smaller),
            }
        mlp = self.task.card_for("mlp")
        half = {"an innocent of the other half of the data": self.model("innocent/half", "other")}
        if not is_innocent("owner", accused):
            return half | {
                "an innocent of another source of data": self.model("innocent/source", "foreign"),
                "an innocent of another architecture": self.model("innocent/m", "other", mlp),
            }
        return {
            "an innocent of another seed": self.model("innocent/seed"),
            **half,
            "an innocent of another architecture": self.model("innocent/mlp", card=mlp),
        }

    def null_halves(self, accused: Accused = "model") -> tuple[Half, ...]:
        """Return whose data each null of `nulls` learnt from."""
        first: Half = "owner" if is_innocent("owner", accused) else "foreign"
        return (first, first, first, "other", "other", "other")

    def nulls(self, accused: Accused = "model") -> tuple[Model, ...]:
        """Return the innocents that schemes calibrate on: none of them is in `innocents`."""
        names: dict[Half, str] = {"owner": "seed", "other": "half", "foreign": "source"}
        halves = self.null_halves(accused)
        return tuple(
            self.model(f"null/{names[half]}/{i % 3}", half) for i, half in enumerate(halves)
        )

    @property
    def _classifies(self) -> bool:
        return self.task.card.n_classes > 0

    def strangers(self) -> dict[str, Model]:
        """Return suspects that a key need not be able to read."""
        card, rng = self.task.card, ROOT.child("strangers")
        if not self._classifies:
            return {f"a suspect that is no {card.kind}": build(stage().task.card, rng)}
        bigger = {"input_shape": (1, 12, 12)}
        fewer = card.model_copy(update={"n_classes": card.n_classes // 2})
        return {
            "a suspect of half the classes": build(fewer, rng),
            "a suspect of another input shape": build(card.model_copy(update=bigger), rng),
            "a suspect without convolutions": build(self.task.card_for("softmax"), rng),
        }

    def pool(self) -> Dataset:
        """Return images of another distribution: negatives of the calibration split."""
        data = self.task.splits.calibration
        return Dataset("negatives", 255 - data.images, data.labels, data.classes)

    def transfer(self) -> Dataset:
        """Return data of another task on images of the same shape: odd or even."""
        data = self.task.splits.thief
        return Dataset("parity", data.images.clone(), data.labels % 2, ("even", "odd"))

    def gate(self, needs: ThreatModel, current: Deliverable | None = None) -> WatchedGate:
        """Return the referee's side for a thief that is granted exactly what it says it needs."""
        return WatchedGate(
            grants=needs,
            victim=self.victim(),
            meters=Meters(needs.budget),
            compute=self.task.compute,
            current=current,
            data=granted(self.task.splits.thief, needs.data, ROOT.child("grant")),
            pool=self.pool() if needs.pool else None,
            transfer=self.transfer() if needs.transfer else None,
            exposed=self.exposed(needs.knows),
            base=self.victim() if "base" in needs.knows else None,
            verifier=self._recognises,
        )

    def exposed(self, knows: Set[str]) -> Bundle:
        """Return what a scheme exposes to a thief that knows so much, in the form that it does."""
        scheme = next((s for s in defenses.classes().values() if s.exposes in knows), None)
        if scheme is None:
            return Bundle()
        images = self.task.splits.probe.images[:50].clone()
        examples = Examples(images, self._answers(images))
        return scheme().trial_exposed(self.victim(), examples, ROOT.child("exposed"))

    def referee(self, needs: ThreatModel) -> Referee:
        """Return the judge of what an attack delivers."""
        evidence = OwnerCase(Bystander(), Key("bystander"), self.victim(), Register())
        transfer = self.transfer() if needs.transfer else None
        return Referee(self.task, evidence, needs, transfer=transfer, yardstick=self.yardstick())

    def _answers(self, images: Tensor) -> Tensor:
        return self.task.compute.labels(self.victim(), images)

    def _recognises(self, deliverable: Deliverable) -> bool:
        """Stand in for an owner's verifier: a suspect that answers as the victim does is caught."""
        if deliverable.model is None:
            return False
        images = self.task.splits.probe.images
        same = self.task.compute.labels(deliverable.model, images) == self._answers(images)
        return bool(same.double().mean() > 0.95)

    def owner_task(self, meters: Meters, accused: Accused = "model") -> OwnerTask:
        """Return the owner's world. The data are copies, so that what happens to them is seen."""
        lab, rng = Lab(self.task.compute, meters), ROOT.child("victim")
        nulls = functools.partial(self.nulls, accused)
        owner = OwnerTask.from_task(self.task, self.victim(), lab, rng, nulls)
        halves = self.null_halves(accused)
        return replace(owner, data=_copy(owner.data), probe=_copy(owner.probe), null_halves=halves)

    def utility(self, model: Model, serving: Sequence[Wrapper] = ()) -> float:
        """Return the utility in [0, 1], as a client finds it."""
        client, exam = ROOT.child("fidelity"), self.task.exam(self.yardstick())
        return served_utility(self.task, exam, model, serving, client)

    def service(self, owner: Protected, earlier: Bundle | None = None) -> Service:
        """Return an owner's interface as it serves one client, always the same."""

        def bare(images: Tensor) -> Tensor:
            return self.task.serve(owner.model, images)

        return Service(bare, owner.serving, ROOT.child("client"), earlier)

    def written(self, owner: Protected) -> Outputs:
        """Return texts that an owner's interface wrote."""
        kind, length = self.task.kind, ThreatModel().length

        def writer(prompts: Tensor, steer: Steer, rng: Rng) -> Tensor:
            return kind.write(owner.model, prompts, length, steer, rng)

        prompts = self.task.splits.other.images[:N_TEXTS, :N_TOKENS].long()
        return Outputs(kind.texts(self.service(owner).write(prompts, writer), owner.model.card))

    def copied(self, owner: Protected) -> Copy:
        """Return a model that learnt what an owner's interface answered, and the log of that."""
        images, log, service = self.task.splits.other.images, QueryLog(), self.service(owner)
        answers = service.answer(images)
        log.write(service.client, images, answers)
        model = build(self.task.card, ROOT.child("copy", "initial"))
        trainer, rng = Trainer(self.task.compute), ROOT.child("copy", "training")
        trainer.train(model, Examples(images, answers), COPYING, rng)
        return Copy(model, log)


def _copy(data: Dataset) -> Dataset:
    return data.select(torch.arange(len(data)))


def trial_budget(own: Budget) -> Budget:
    """Return the budget of a trial: the player's own limits where they are lower."""
    limits = {
        name: min((x for x in (limit, own.of(name)) if x is not None), default=None)
        for name, limit in LIMITS.model_dump().items()
    }
    return Budget.model_validate(limits)


def stage(victim: Mapping[str, Json] = MappingProxyType({})) -> Stage:
    """Return the stage of this process for that kind of victim; see `Attack.victim`."""
    return _stage(canonical(dict(victim)))


@functools.cache
def _stage(victim: str) -> Stage:
    return Stage(load_task(TaskSpec.model_validate(TASK.plain() | from_json(victim))))
