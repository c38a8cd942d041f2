"""One move of a thief behind the gatekeeper."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from arena.errors import PlayerError
from arena.game.match.grants import foreign, granted, own_card
from arena.game.match.reports import RoundReport
from arena.game.match.steps.protect_step import ProtectStep
from arena.game.match.steps.step_cache import Inputs, Parts, Setting, Step
from arena.game.match.steps.train_step import yardstick_of, yardsticks
from arena.game.match.utility import own_utility
from arena.game.rules.keys import Key, Register
from arena.game.rules.meters import Meters
from arena.game.rules.threat import Spent, ThreatModel
from arena.game.sandbox.admit import apart
from arena.game.serving.query_log import QueryLog
from arena.game.serving.wrapper import unpack_wrappers
from arena.game.sides.access import Access, thief_rng
from arena.game.sides.attack import Attack, attacks
from arena.game.sides.defense import defenses
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.gatekeeper import Gatekeeper
from arena.game.sides.player import PlayerSpec
from arena.game.sides.suspect import accused
from arena.world.bundle import Bundle
from arena.world.json_values import Json
from arena.world.kinds.interface import Output
from arena.world.models import unpack
from arena.world.rng import Rng
from arena.world.task import Task, TaskSpec, load_task


@dataclass(frozen=True)
class RoundStep(Step):
    """One move of a thief.

    Parts: "deliverable", "meters", "register", "report"; "service", what the owner's wrappers keep
    of this client; "log", what it asked so far where the owner reads that.
    """

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
        return (self.protect, *earlier, *known, *yardsticks(self.task))

    def recipe(self) -> dict[str, Json]:
        """Return the parameters, and the version of the attack's own code."""
        fields: dict[str, Json] = {
            "grants": self.grants.plain(),
            "move": self.move.plain(),
            "code": attacks.find(self.move.name).version(),
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
        card = own_card(task, self.grants)
        started = time.perf_counter()
        if setting.cell is not None:
            attack = apart(attack, setting.cell)
        access = Access(gate.answer, self.grants, card, task.compute, setting.progress)
        deliverable = self._run(attack, access, rng)
        move_s, spent = time.perf_counter() - started, gate.meters.bundle()
        report = RoundReport(
            own_utility=own_utility(task, gate, deliverable, yardstick_of(self.task, inputs)),
            move_s=move_s,
            meters=Spent(**spent.data),
        )
        return {
            "deliverable": deliverable.bundle(),
            "meters": spent,
            "register": Bundle({"lines": gate.register.plain(), "touched": gate.touched}),
            "report": Bundle(report.plain()),
            "service": gate.service.bundle(),
            "log": (gate.log or QueryLog()).bundle(),
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
        earlier, current, served, log = None, None, None, QueryLog()
        if self.previous is not None:
            earlier, served = inputs(self.previous, "meters"), inputs(self.previous, "service")
            current = Deliverable.read(inputs(self.previous, "deliverable"))
            log = QueryLog.read(inputs(self.previous, "log"))
        register = inputs(self.previous or self.protect, "register").data
        gate = Gatekeeper(
            grants=self.grants,
            victim=unpack(inputs(self.protect, "victim")),
            meters=Meters(self.grants.budget, earlier),
            compute=task.compute,
            register=Register.read(register["lines"]),
            current=current,
            serving=unpack_wrappers(inputs(self.protect, "serving")),
            client=self._client(),
            served=served,
            touched=bool(register.get("touched")),
            log=log if defenses.make(self.protect.defense).reads_log else None,
            data=granted(task.splits.thief, self.grants.data, Rng(self.seed).child("grant")),
            pool=foreign(self.grants.pool, "train", task, setting),
            transfer=foreign(self.grants.transfer, "train", task, setting),
        )
        if defenses.find(self.protect.defense.name).exposes in self.grants.knows:
            gate.exposed = inputs(self.protect, "exposed")
        if "base" in self.grants.knows:
            gate.base = unpack(inputs(self.protect.base, "model"))
        if self.grants.budget.verifier_calls != 0:
            gate.verifier = self._verifier(task, inputs, gate)
        return gate

    def _client(self) -> Rng:
        """Return the randomness of the service that this thief gets, the same in every round."""
        return Rng(self.seed, self.protect.stream).child("client", *self.stream[:-1])

    def _verifier(
        self, task: Task, inputs: Inputs, gate: Gatekeeper
    ) -> Callable[[Deliverable], bool]:
        scheme = defenses.make(self.protect.defense)
        key = Key.read(inputs(self.protect, "key"))  # stays behind the gatekeeper

        def caught(deliverable: Deliverable) -> bool:
            rng = Rng(self.seed, self.stream).child("oracle")
            suspect = accused(deliverable, task, self.verification, rng)
            known = scheme.evidence(key, gate.log or QueryLog())
            return scheme.verify(known, suspect, rng).is_copy

        return caught
