"""The steps of a match: train, protect, attack, judge. Each is pure and named by its recipe."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from arena.errors import PlayerError
from arena.game.access import Access, Gatekeeper, thief_rng
from arena.game.attack import Attack, attacks
from arena.game.defense import OwnerTask, Protected, defenses
from arena.game.deliverable import Deliverable
from arena.game.isolation import run_isolated
from arena.game.keys import Key, Register
from arena.game.lab import Lab
from arena.game.memo import Inputs, Parts, Setting, Step
from arena.game.meters import Meters
from arena.game.player import PlayerSpec
from arena.game.referee import Evidence, Referee
from arena.game.suspect import Suspect
from arena.game.threat import Output, ThreatModel
from arena.world.bundle import Bundle
from arena.world.data import Dataset, load, resized
from arena.world.models import Classifier, build, pack, unpack
from arena.world.plain import Json
from arena.world.rng import Rng
from arena.world.task import Task, TaskSpec, load_task
from arena.world.training import Examples, Trainer
from arena.world.version import class_version

Half = Literal["owner", "other"]
OWNER_TIME = 1
"""The logical time at which an owner commits: before publication, after the earliest claimants."""


@dataclass(frozen=True)
class TrainStep(Step):
    """Trains an unprotected model from scratch: a victim's twin, or an innocent.

    `half` is whose data it learns from: the owner's (Neg-1) or the other half (Neg-2).
    """

    task: TaskSpec
    seed: int
    stream: tuple[str, ...]
    half: Half = "owner"
    architecture: str = ""

    @property
    def title(self) -> str:
        """Return what a person reads while it runs."""
        return f"train {'/'.join(self.stream)}"

    def parents(self) -> tuple[Step, ...]:
        """Return nothing: training needs only the task."""
        return ()

    def recipe(self) -> dict[str, Json]:
        """Return the parameters."""
        return {
            "task": self.task.plain(),
            "seed": self.seed,
            "stream": list(self.stream),
            "half": self.half,
            "architecture": self.architecture,
        }

    def rng(self) -> Rng:
        """Return the randomness of this model."""
        return Rng(self.seed, self.stream)

    def compute(self, inputs: Inputs, setting: Setting) -> Parts:
        """Train; part "model", and "report" with what it cost."""
        task = load_task(self.task, setting.cache)
        card = task.card_for(self.architecture) if self.architecture else task.card
        data = task.splits.owner if self.half == "owner" else task.splits.other
        meters, rng = Meters(), self.rng()
        model = build(card, rng.child("initial"))
        trainer = Trainer(task.compute, meters, setting.progress)
        trainer.train(model, Examples.of(data), task.spec.recipe, rng.child("training"))
        report = {"utility": _test_accuracy(task, model), "meters": meters.reading()}
        return {"model": pack(model), "report": Bundle(report)}


@dataclass(frozen=True)
class ProtectStep(Step):
    """Lets an owner protect its model. Parts: "victim", "key", "register", "exposed", "report"."""

    base: TrainStep
    defense: PlayerSpec
    seed: int
    stream: tuple[str, ...]
    nulls: tuple[TrainStep, ...] = ()

    @property
    def title(self) -> str:
        """Return what a person reads while it runs."""
        return f"protect with {self.defense.name}"

    def parents(self) -> tuple[Step, ...]:
        """Return the unprotected twin and, for schemes that calibrate, the null models."""
        return (self.base, *self.nulls)

    def recipe(self) -> dict[str, Json]:
        """Return the parameters, and the version of the scheme's own code."""
        return {
            "defense": self.defense.plain(),
            "code": class_version(defenses.find(self.defense.name)),
            "seed": self.seed,
            "stream": list(self.stream),
        }

    def compute(self, inputs: Inputs, setting: Setting) -> Parts:
        """Protect, commit, and measure what protection cost."""
        task = load_task(self.base.task, setting.cache)
        scheme, base = defenses.make(self.defense), unpack(inputs(self.base, "model"))
        meters = Meters()

        def nulls() -> Sequence[Classifier]:
            return [unpack(inputs(null, "model")) for null in self.nulls]

        owner = OwnerTask(
            data=task.splits.owner,
            probe=task.splits.probe,
            card=task.card,
            recipe=task.spec.recipe,
            lab=Lab(task.compute, meters, setting.progress),
            train_rng=self.base.rng(),
            _base=base,
            _nulls=nulls,
        )
        protected = scheme.protect(owner, Rng(self.seed, self.stream))
        if not isinstance(protected, Protected):
            raise PlayerError(f"expected Protected from {self.defense.name}, found {protected!r}")
        register = Register()
        if scheme.protocol != "none":
            model = protected.model.digest()
            register.enter("owner", protected.key.commitment(), OWNER_TIME, model)
        utility, unmarked = _test_accuracy(task, protected.model), _test_accuracy(task, base)
        report = {
            "utility": utility,
            "base_utility": unmarked,
            "fidelity_loss": unmarked - utility,
            "base_meters": dict(inputs(self.base, "report").data["meters"]),
            "meters": meters.reading(),
        }
        return {
            "victim": pack(protected.model),
            "key": protected.key.bundle(),
            "register": Bundle({"lines": register.plain()}),
            "exposed": scheme.exposed(protected.key),
            "report": Bundle(report),
        }


@dataclass(frozen=True)
class RoundStep(Step):
    """One move of a thief. Parts: "deliverable", "meters", "register", "report"."""

    protect: ProtectStep
    grants: ThreatModel
    move: PlayerSpec
    seed: int
    stream: tuple[str, ...]
    previous: RoundStep | None = None
    verification: Output = "weights"

    @property
    def task(self) -> TaskSpec:
        """Return the task of the match."""
        return self.protect.base.task

    @property
    def title(self) -> str:
        """Return what a person reads while it runs."""
        return f"{self.move.name} against {self.protect.defense.name}"

    def parents(self) -> tuple[Step, ...]:
        """Return the victim, the thief's round before this one, and a base that it knows."""
        earlier = (self.previous,) if self.previous else ()
        known = (self.protect.base,) if "base" in self.grants.knows else ()
        return (self.protect, *earlier, *known)

    def recipe(self) -> dict[str, Json]:
        """Return the parameters, and the version of the attack's own code."""
        fields: dict[str, Json] = {
            "grants": self.grants.plain(),
            "move": self.move.plain(),
            "code": class_version(attacks.find(self.move.name)),
            "seed": self.seed,
            "stream": list(self.stream),
        }
        if self.grants.budget.verifier_calls != 0:  # else the thief never meets the verifier
            fields["verification"] = self.verification
        return fields

    def compute(self, inputs: Inputs, setting: Setting) -> Parts:
        """Let the thief make its move behind the gatekeeper."""
        task = load_task(self.task, setting.cache)
        attack = attacks.make(self.move)
        gate = self._gatekeeper(task, inputs, setting)
        rng = Rng(self.seed, self.stream)
        card = task.card
        if not self.grants.knows_architecture:
            card = task.card_for(self.grants.own_architecture)
        started = time.perf_counter()
        if setting.cell is not None:
            deliverable = run_isolated(self.move, gate, card, thief_rng(rng), setting.cell)
        else:
            access = Access(gate.answer, self.grants, card, task.compute, setting.progress)
            deliverable = self._run(attack, access, rng)
        report = {
            "own_utility": _own_utility(task, gate, deliverable),
            "move_s": time.perf_counter() - started,
            "meters": gate.meters.reading(),
        }
        return {
            "deliverable": deliverable.bundle(),
            "meters": gate.meters.bundle(),
            "register": Bundle({"lines": gate.register.plain()}),
            "report": Bundle(report),
        }

    def _run(self, attack: Attack, access: Access, rng: Rng) -> Deliverable:
        delivered = attack.run(access, thief_rng(rng))
        if not isinstance(delivered, Deliverable):
            raise PlayerError(
                f"expected a Deliverable from {self.move.name}, found "
                f"{type(delivered).__name__}; return Deliverable(model)"
            )
        return delivered

    def _gatekeeper(self, task: Task, inputs: Inputs, setting: Setting) -> Gatekeeper:
        earlier, current = None, None
        if self.previous is not None:
            earlier = inputs(self.previous, "meters")
            current = Deliverable.of(inputs(self.previous, "deliverable"))
        lines = inputs(self.previous or self.protect, "register").data["lines"]
        gate = Gatekeeper(
            grants=self.grants,
            victim=unpack(inputs(self.protect, "victim")),
            meters=Meters(self.grants.budget, earlier),
            compute=task.compute,
            register=Register.of(lines),
            current=current,
            data=granted(task.splits.thief, self.grants.data, Rng(self.seed).child("grant")),
            pool=_foreign(self.grants.pool, "train", task, setting),
            transfer=_foreign(self.grants.transfer, "train", task, setting),
        )
        if defenses.find(self.protect.defense.name).exposes in self.grants.knows:
            gate.exposed = inputs(self.protect, "exposed")
        if "base" in self.grants.knows:
            gate.base = unpack(inputs(self.protect.base, "model"))
        if self.grants.budget.verifier_calls != 0:
            gate.verifier = self._verifier(task, inputs)
        return gate

    def _verifier(self, task: Task, inputs: Inputs) -> Callable[[Deliverable], bool]:
        scheme = defenses.make(self.protect.defense)
        key = Key.of(inputs(self.protect, "key"))  # stays behind the gatekeeper

        def caught(deliverable: Deliverable) -> bool:
            rng = Rng(self.seed, self.stream).child("oracle")
            suspect = Suspect.of(deliverable, self.verification, task.compute, rng)
            return scheme.verify(key, suspect, rng).is_copy

        return caught


@dataclass(frozen=True)
class JudgeStep(Step):
    """The referee's judgement of a round. Part "judgement"."""

    round: RoundStep
    nulls: tuple[TrainStep, ...] = ()

    @property
    def title(self) -> str:
        """Return what a person reads while it runs."""
        return f"judge {self.round.title}"

    def parents(self) -> tuple[Step, ...]:
        """Return the round, the protection and, for disputes, the referee's own models."""
        return (self.round, self.round.protect, *self.nulls)

    def recipe(self) -> dict[str, Json]:
        """Return what the verifier sees; all else follows from the parents."""
        return {"verification": self.round.verification}

    def compute(self, inputs: Inputs, setting: Setting) -> Parts:
        """Judge the deliverable."""
        played, protect = self.round, self.round.protect
        task = load_task(played.task, setting.cache)
        evidence = Evidence(
            defenses.make(protect.defense),
            Key.of(inputs(protect, "key")),
            unpack(inputs(protect, "victim")),
            Register.of(inputs(played, "register").data["lines"]),
        )
        transfer = _foreign(played.grants.transfer, "test", task, setting)
        referee = Referee(task, evidence, played.grants, played.verification, transfer)
        nulls = [unpack(inputs(null, "model")) for null in self.nulls]
        deliverable = Deliverable.of(inputs(played, "deliverable"))
        started = time.perf_counter()
        judgement = referee.judge(
            deliverable, nulls, Rng(played.seed, played.stream).child("judge")
        )
        figures = judgement.plain() | {"judge_s": time.perf_counter() - started}
        return {"judgement": Bundle(figures)}


@dataclass(frozen=True)
class InnocentsStep(Step):
    """The owner's verification of innocents that nothing was calibrated on. Part "verdicts"."""

    protect: ProtectStep
    innocents: tuple[TrainStep, ...]
    verification: Output = "weights"

    @property
    def title(self) -> str:
        """Return what a person reads while it runs."""
        return f"{self.protect.defense.name} on {len(self.innocents)} innocents"

    def parents(self) -> tuple[Step, ...]:
        """Return the protection and the innocents."""
        return (self.protect, *self.innocents)

    def recipe(self) -> dict[str, Json]:
        """Return the parameters."""
        return {"verification": self.verification}

    def compute(self, inputs: Inputs, setting: Setting) -> Parts:
        """Verify each innocent as if it were a suspect."""
        task = load_task(self.protect.base.task, setting.cache)
        scheme = defenses.make(self.protect.defense)
        key, rng = Key.of(inputs(self.protect, "key")), Rng(self.protect.seed, self.protect.stream)
        rows = []
        for i, innocent in enumerate(self.innocents):
            model = unpack(inputs(innocent, "model"))
            suspect = Suspect.plain(model, task.compute, self.verification)
            verdict = scheme.verify(key, suspect, rng.child("innocent", i))
            kind = {"owner": "Neg-1", "other": "Neg-2"}[innocent.half]
            utility = inputs(innocent, "report").data["utility"]
            rows.append(
                {"kind": innocent.architecture or kind, "utility": utility, **verdict.plain()}
            )
        return {"verdicts": Bundle({"rows": rows})}


def granted(data: Dataset, share: float, rng: Rng) -> Dataset | None:
    """Return the seeded part of the thief's split that a threat model grants; None for nothing."""
    if share == 0:
        return None
    n = max(1, round(len(data) * share))
    order = rng.numpy().permutation(len(data))[:n]
    return data.select(torch.from_numpy(np.sort(order)))


def _foreign(name: str, part: str, task: Task, setting: Setting) -> Dataset | None:
    """Return a part of another data set, in the shape of the task's inputs; None without a name."""
    if not name:
        return None
    source = load(name, cache=setting.cache)
    return resized(source.train if part == "train" else source.test, task.card.input_shape)


def _test_accuracy(task: Task, model: Classifier) -> float:
    test = task.splits.test
    return task.compute.accuracy(model, test.images, test.labels)


def _own_utility(task: Task, gate: Gatekeeper, deliverable: Deliverable) -> float:
    """Return the accuracy that the thief itself can see: on its own labelled data, else nothing."""
    model, data = deliverable.model, gate.data
    if model is None or data is None or not gate.grants.data_labels:
        return 0.0
    if model.card.n_classes != data.n_classes or model.card.input_shape != data.input_shape:
        return 0.0
    return task.compute.accuracy(model, data.images, data.labels)
