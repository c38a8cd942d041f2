"""Keys held against victims: each owner's against its own, and against another owner's.

A key that verifies another owner's victim, which it has nothing to do with, is no secret: whoever
knows the scheme can make it. And a key that is held against its own victim tells what verification
costs.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from arena.game.match.steps.protect_step import ProtectStep
from arena.game.match.steps.step_cache import (
    Inputs,
    Memo,
    Parts,
    Setting,
    Step,
    StepFailed,
    resolve,
)
from arena.game.match.visit import visit
from arena.game.rules.keys import Key
from arena.game.serving.wrapper import unpack_wrappers
from arena.game.sides.defense import defenses
from arena.game.sides.suspect import Suspect
from arena.world.bundle import Bundle
from arena.world.json_values import Frozen, Json
from arena.world.models import unpack
from arena.world.rng import Rng
from arena.world.task import load_task


class Crossing(Frozen):
    """An owner's key held against a victim.

    Attributes:
        own: whether it is the owner's. accused: the verdict. p_value: of it.
        queries: inputs asked. seconds: of verifying.
    """

    own: bool
    accused: bool
    p_value: float
    queries: int
    seconds: float


@dataclass(frozen=True)
class CrossingStep(Step):
    """Holds an owner's key against a victim. Part "crossing"."""

    owner: ProtectStep
    accused: ProtectStep

    @property
    def title(self) -> str:
        """Return what a person reads while it runs."""
        return f"{self.owner.defense.name} on a victim"

    def parents(self) -> tuple[Step, ...]:
        """Return both protections."""
        return (self.owner, self.accused)

    def recipe(self) -> dict[str, Json]:
        """Return the parameters: there are none."""
        return {}

    def compute(self, inputs: Inputs, setting: Setting) -> Parts:
        """Verify the victim as if it were a suspect."""
        task = load_task(self.owner.base.task, setting.cache)
        scheme, key = defenses.make(self.owner.defense), Key.read(inputs(self.owner, "key"))
        rng = Rng(self.owner.seed, self.owner.stream).child("crossing")
        if scheme.reads_log:
            serving = unpack_wrappers(inputs(self.owner, "serving"))
            victim = unpack(inputs(self.owner, "victim"))
            key = scheme.evidence(key, visit(task, victim, serving, rng.child("visitor")))
        suspect = Suspect.bare(unpack(inputs(self.accused, "victim")), task.compute)
        started = time.perf_counter()
        verdict = scheme.verify(key, suspect, rng.child("verdict"))
        found = Crossing(
            own=self.owner.digest == self.accused.digest,
            accused=verdict.is_copy,
            p_value=verdict.p_value,
            queries=suspect.n_queries,
            seconds=time.perf_counter() - started,
        )
        return {"crossing": Bundle(found.plain())}


def crossings(
    reported: Sequence[ProtectStep],
    others: Sequence[ProtectStep],
    memo: Memo,
    setting: Setting,
) -> tuple[Crossing, ...]:
    """Hold every key against its own victim and against the next one; what fails is left out.

    Args:
        reported: the owners whose keys are held.
        others: more owners, so that even a single key meets another's victim.
        memo: what the steps are kept in.
        setting: where they run.
    """
    return tuple(_crossings(reported, [*reported, *others], memo, setting))


def _crossings(
    reported: Sequence[ProtectStep], victims: Sequence[ProtectStep], memo: Memo, setting: Setting
) -> Iterator[Crossing]:
    for i, owner in enumerate(reported):
        others = [owner, victims[(i + 1) % len(victims)]]
        for accused in others[: len(victims)]:
            try:
                found = resolve(CrossingStep(owner, accused), "crossing", memo, setting)
            except StepFailed:
                continue
            yield Crossing.model_validate(found.data)
