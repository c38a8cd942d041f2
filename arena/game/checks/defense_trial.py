"""The trial of a defence: two protections of a small network, and hearings of suspects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from arena.game.checks.audit import Watch
from arena.game.checks.check import said
from arena.game.checks.fixtures import LIMITS, ROOT, Copy, Stage
from arena.game.checks.player import quick
from arena.game.court.verdict import Verdict
from arena.game.rules.keys import Key
from arena.game.rules.meters import Meters
from arena.game.sides.defense import Defense, Protected
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.outputs import Outputs
from arena.game.sides.suspect import accused
from arena.world.kinds.interface import Output
from arena.world.models import Model
from arena.world.rng import Rng


@dataclass(frozen=True)
class Protection:
    """One run of `protect`: what came of it, and what it did to the owner's world."""

    protected: Protected | None
    error: Exception | None
    watch: Watch
    world_touched: bool


@dataclass(frozen=True)
class Verification:
    """One run of `verify`: the verdict, or what was raised; and whether the suspect was touched."""

    verdict: Verdict | None
    error: Exception | None
    watch: Watch
    suspect_touched: bool

    @property
    def outcome(self) -> str:
        """Return all that a verdict says, as text that can be compared."""
        return said(self.error) if self.error else repr(self.verdict)


@dataclass(frozen=True)
class DefenseTrial:
    """What the checks of one defence look at; each thing is made when it is first asked for."""

    cls: type[Defense]
    stage: Stage
    _heard: dict[tuple[str, int, Output], Verification] = field(default_factory=dict)

    @cached_property
    def scheme(self) -> Defense:
        """Return the scheme with its `quick` settings."""
        return quick(self.cls)

    @cached_property
    def first(self) -> Protection:
        """Return the plain protection."""
        return self._protect()

    @cached_property
    def again(self) -> Protection:
        """Return the same protection once more."""
        return self._protect()

    def _protect(self) -> Protection:
        task, watch = self.stage.owner_task(Meters(LIMITS), self.cls.accuses), Watch()
        world = (task.data.digest(), task.probe.digest(), task.base().digest())
        protected, error = None, None
        with watch.open():
            try:
                protected = self.scheme.protect(task, ROOT.child("owner"))
            except Exception as raised:  # whatever it is, the checks speak about it
                error = raised
        touched = world != (task.data.digest(), task.probe.digest(), task.base().digest())
        return Protection(protected, error, watch, touched)

    @property
    def protected(self) -> Protected | None:
        """Return the victim and its key; None where there are none to look at."""
        made = self.first.protected
        return made if isinstance(made, Protected) else None

    @property
    def own(self) -> str:
        """Return the suspect that the scheme must recognise: what carries its mark."""
        if self.cls.accuses == "output":
            return "what its interface wrote"
        return "a copy of its answers" if self.scheme.reads_log else "the released model"

    @cached_property
    def _copy(self) -> Copy:
        assert self.protected is not None  # noqa: S101 - asked for after a protection alone
        return self.stage.copied(self.protected)

    @cached_property
    def key(self) -> Key:
        """Return the key, with evidence where the scheme reads the log of its interface."""
        assert self.protected is not None  # noqa: S101 - see `_copy`
        key = self.protected.key
        return self.scheme.evidence(key, self._copy.log) if self.scheme.reads_log else key

    @cached_property
    def suspects(self) -> Mapping[str, Model | Outputs]:
        """Return who is heard of: the scheme's own first, and innocents."""
        assert self.protected is not None  # noqa: S101 - see `_copy`
        own: Model | Outputs = self.protected.model
        if self.cls.accuses == "output":
            own = self.stage.written(self.protected)
        elif self.scheme.reads_log:
            own = self._copy.model
        return {self.own: own, **self.stage.innocents(self.cls.accuses)}

    def hear(self, name: str, stream: int = 0, grants: Output | None = None) -> Verification:
        """Return the verdict on a suspect by name, heard once for each stream of randomness."""
        asked = (name, stream, grants or self.cls.reads)
        if asked not in self._heard:
            model = {**self.stage.strangers(), **self.suspects}[name]
            self._heard[asked] = self._hear(model, self.key, stream, asked[2])
        return self._heard[asked]

    def _hear(self, heard: Model | Outputs, key: Key, stream: int, grants: Output) -> Verification:
        task = self.stage.task
        shown = (
            Deliverable(outputs=heard) if isinstance(heard, Outputs) else Deliverable(heard.copy())
        )
        suspect = accused(shown, task, grants, Rng(0))
        before, watch = shown.bundle().digest(), Watch()
        verdict, error = None, None
        with watch.open():
            try:
                verdict = self.scheme.verify(key, suspect, ROOT.child("verify", stream))
            except Exception as raised:  # whatever it is, the checks speak about it
                error = raised
        return Verification(verdict, error, watch, shown.bundle().digest() != before)

    def hear_again(self, name: str, key: Key) -> Verification:
        """Return a new hearing of a suspect, with a key and the first stream of randomness."""
        return self._hear(self.suspects[name], key, 0, self.cls.reads)
