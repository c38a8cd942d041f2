"""Checks of an attack: one short game on the digits, played again, on half the budget, and on top of itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from arena.errors import ArenaError, BudgetExceeded, RuleViolation
from arena.game.access import Access, thief_rng
from arena.game.attack import Attack
from arena.game.checks.player import PLAYER_CHECKS, quick
from arena.game.checks.problem import Check, said
from arena.game.checks.stage import ROOT, Stage, stage, trial_budget
from arena.game.checks.watch import Watch
from arena.game.deliverable import Deliverable
from arena.game.referee import admit
from arena.game.threat import Budget
from arena.world.bundle import Bundle

HALVED = ("images_queried", "steps", "images_forward")
"""The meters that the trial with half a budget cuts."""


@dataclass(frozen=True)
class Play:
    """One run of a move: what came of it, what it cost, what it touched."""

    deliverable: Deliverable | None
    error: Exception | None
    spent: dict[str, float]
    watch: Watch
    victim_touched: bool


@dataclass(frozen=True)
class AttackTrial:
    """The runs of one attack that its checks look at; each is made when it is first asked for."""

    cls: type[Attack]
    stage: Stage

    @cached_property
    def first(self) -> Play:
        """Return the plain run."""
        return self._play(trial_budget(self.cls.needs.budget))

    @cached_property
    def again(self) -> Play:
        """Return the same run once more."""
        return self._play(trial_budget(self.cls.needs.budget))

    @cached_property
    def halved(self) -> Play:
        """Return a run whose budget is half of what the first run spent."""
        limits = trial_budget(self.cls.needs.budget).model_dump()
        halves = {name: int(self.first.spent[name] / 2) for name in HALVED if self.first.spent[name]}
        return self._play(Budget.model_validate(limits | halves))

    @cached_property
    def stacked(self) -> Play:
        """Return a run in the round after the first: the suspect is what that one delivered."""
        return self._play(trial_budget(self.cls.needs.budget), self.first.deliverable)

    def _play(self, budget: Budget, current: Deliverable | None = None) -> Play:
        needs = self.cls.needs.model_copy(update={"budget": budget})
        gate, watch = self.stage.gatekeeper(needs, current), Watch()
        card = self.stage.task.card
        if not needs.architecture:
            card = self.stage.task.card_for(needs.own_architecture)

        def channel(request: str, given: Bundle) -> Bundle:
            with watch.paused():
                return gate.answer(request, given)

        channel.__self__ = gate  # type: ignore[attr-defined]
        before = gate.victim.digest()
        deliverable, error = None, None
        with watch.open():
            try:
                access = Access(channel, needs, card, self.stage.task.compute)
                deliverable = quick(self.cls).run(access, thief_rng(ROOT.child("thief")))
            except Exception as raised:  # whatever it is, it is what the checks look at
                error = raised
        touched = gate.victim.digest() != before
        return Play(deliverable, error, gate.meters.reading(), watch, touched)
