"""Checks of an attack: a short game, played twice, on half the budget, and on top of itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from arena.errors import ArenaError, BudgetExceeded, RuleViolation
from arena.game.checks.audit import Watch
from arena.game.checks.check import Check, said, too_long
from arena.game.checks.fixtures import ROOT, Stage, trial_budget
from arena.game.checks.player import PLAYER_CHECKS, quick
from arena.game.match.grants import own_card
from arena.game.rules.threat import Budget, Spent
from arena.game.sides.access import Access, thief_rng
from arena.game.sides.attack import Attack
from arena.game.sides.deliverable import Deliverable
from arena.world.bundle import Bundle

HALVED = ("images_queried", "steps", "images_forward")
"""The meters that the trial with half a budget cuts."""


@dataclass(frozen=True)
class Play:
    """One run of a move: what came of it, what it cost, what it touched."""

    deliverable: Deliverable | None
    error: Exception | None
    spent: Spent
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
        halves = {
            name: int(self.first.spent.of(name) / 2) for name in HALVED if self.first.spent.of(name)
        }
        return self._play(Budget.model_validate(limits | halves))

    @cached_property
    def stacked(self) -> Play:
        """Return a run in the round after the first: the suspect is what that one delivered."""
        return self._play(trial_budget(self.cls.needs.budget), self.first.deliverable)

    def _play(self, budget: Budget, current: Deliverable | None = None) -> Play:
        needs = self.cls.needs.model_copy(update={"budget": budget})
        gate, task = self.stage.gate(needs, current), self.stage.task
        card = own_card(task, needs)
        before = gate.victim.digest()
        deliverable, error = None, None
        with gate.watch.open():
            try:
                access = Access(gate.answer, needs, card, task.compute)
                deliverable = quick(self.cls).run(access, thief_rng(ROOT.child("thief")))
            except Exception as raised:  # whatever it is, the checks speak about it
                error = raised
        touched = gate.victim.digest() != before
        return Play(deliverable, error, gate.meters.reading(), gate.watch, touched)


def declares_its_needs(trial: AttackTrial) -> Iterator[str]:
    """An attack declares the least that a threat model must grant."""
    if trial.cls.needs is Attack.needs:
        yield "expected the class attribute needs = ThreatModel(...), found none"


def delivers(trial: AttackTrial) -> Iterator[str]:
    """With what it needs and a generous budget, the move ends in a deliverable."""
    error = trial.first.error
    if isinstance(error, BudgetExceeded):
        yield too_long(error)
    elif error is not None and not isinstance(error, RuleViolation):
        yield f"expected the move to deliver, it raised {said(error)}"
    elif error is None and not isinstance(trial.first.deliverable, Deliverable):
        found = type(trial.first.deliverable).__name__
        yield f"expected a Deliverable from run, found {found}; return Deliverable(model)"


def asks_for_no_more_than_it_needs(trial: AttackTrial) -> Iterator[str]:
    """Everything that the move asks of the referee is declared in `needs`."""
    if isinstance(trial.first.error, RuleViolation):
        yield f"expected `needs` to cover what the move asks for, found: {trial.first.error}"


def delivers_what_can_be_judged(trial: AttackTrial) -> Iterator[str]:
    """The referee admits the deliverable, also after its way through a pipe, and can judge it."""
    if not isinstance(trial.first.deliverable, Deliverable):
        return
    referee = trial.stage.referee(trial.cls.needs)
    try:
        referee.admit(trial.first.deliverable)
        travelled = Deliverable.read(Bundle.from_bytes(trial.first.deliverable.bundle().to_bytes()))
        referee.judge(travelled, (), ROOT.child("judge"))
    except ArenaError as error:
        yield str(error)


def changes_the_model(trial: AttackTrial) -> Iterator[str]:
    """What is delivered is not the victim as it was, unless the move is a control or a claim."""
    delivered = trial.first.deliverable
    if (
        not isinstance(delivered, Deliverable)
        or delivered.kinds() != {"model"}
        or trial.cls.control
    ):
        return
    assert delivered.model is not None  # noqa: S101 - its kind is "model"
    if delivered.model.digest() == trial.stage.victim().digest():
        yield "expected another model than the victim, found it unchanged; declare control = True"


def leaves_the_victim_alone(trial: AttackTrial) -> Iterator[str]:
    """The victim that the referee holds is the same before and after the move."""
    if trial.first.victim_touched:
        yield "expected the referee's victim unchanged, found other weights; work on access.model()"


def spends_on_the_meter(trial: AttackTrial) -> Iterator[str]:
    """Optimiser steps and the images that own models see are charged."""
    watch, spent = trial.first.watch, trial.first.spent
    if watch.steps > spent.steps:
        yield (
            f"expected every optimiser step on the meter, found {watch.steps} of which "
            f"{spent.steps:.0f} were charged; train with access.lab.train"
        )
    elif watch.images > 2 * spent.images_forward:  # validation during training is free
        yield (
            f"expected the images that own models see on the meter, found {watch.images} "
            f"of which {spent.images_forward:.0f} were charged; use access.lab.logits or .frozen"
        )


def stops_at_its_budget(trial: AttackTrial) -> Iterator[str]:
    """On half of what it spends, the move delivers what it has or lets BudgetExceeded through."""
    if trial.first.error is not None:
        return
    error = trial.halved.error
    if error is not None and not isinstance(error, BudgetExceeded):
        yield f"expected a deliverable or BudgetExceeded on half the budget, found {said(error)}"


def draws_from_its_rng_alone(trial: AttackTrial) -> Iterator[str]:
    """No global random generator is used or seeded."""
    if trial.first.watch.drew:
        yield "expected the global random generators untouched, found draws; draw from rng alone"


def plays_the_same_again(trial: AttackTrial) -> Iterator[str]:
    """The same move with the same rng delivers the same bits."""
    first, again = trial.first.deliverable, trial.again.deliverable
    if not isinstance(first, Deliverable):
        return
    if not isinstance(again, Deliverable) or first.bundle().digest() != again.bundle().digest():
        yield "expected the same deliverable from the same rng, found another; draw from rng alone"


def plays_on_its_own_suspect(trial: AttackTrial) -> Iterator[str]:
    """The move can be made again in the next round, on what it delivered in this one."""
    delivered = trial.first.deliverable
    if not isinstance(delivered, Deliverable) or delivered.model is None:
        return
    if list(delivers_what_can_be_judged(trial)):
        return
    if trial.stacked.error is not None:
        yield (
            f"expected the move to be playable twice, the second time it raised "
            f"{said(trial.stacked.error)}"
        )


ATTACK_CHECKS: tuple[Check[AttackTrial], ...] = (
    *PLAYER_CHECKS,
    Check(declares_its_needs),
    Check(delivers),
    Check(asks_for_no_more_than_it_needs),
    Check(delivers_what_can_be_judged),
    Check(changes_the_model),
    Check(leaves_the_victim_alone),
    Check(spends_on_the_meter),
    Check(stops_at_its_budget),
    Check(draws_from_its_rng_alone),
    Check(plays_the_same_again),
    Check(plays_on_its_own_suspect),
)
