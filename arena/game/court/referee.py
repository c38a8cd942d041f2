"""The referee: owns all the truth, sees every deliverable through its own interface, judges it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from arena.errors import InvalidDeliverable, PlayerError, RuleViolation
from arena.game.court.dispute import CHECKS, Court, Party, Ruling, claimant_of
from arena.game.court.verdict import Verdict
from arena.game.court.worth import Worth, worth
from arena.game.rules import score
from arena.game.rules.keys import Key, Register
from arena.game.rules.threat import Output, ThreatModel
from arena.game.serving.wrapper import Wrapper
from arena.game.sides.defense import Defense, defenses
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.suspect import Suspect
from arena.world.data import Dataset
from arena.world.json_values import Frozen
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.task import Task


@dataclass(frozen=True)
class Evidence:
    """The owner's side of a case.

    Attributes:
        defense, key: its scheme, and its key with what it found in its log.
        victim: the released model. register: the public register.
        serving: the wrappers through which the victim answers.
    """

    defense: Defense
    key: Key
    victim: Model
    register: Register
    serving: tuple[Wrapper, ...] = ()


class Judgement(Frozen):
    """Everything that the referee found about one deliverable.

    Attributes:
        utility, victim_utility: of the suspect and of the victim, in [0, 1].
        agreement: the share of test inputs to which both answer the same.
        kept, removed, payoff: the score (`arena.game.rules.score`).
        verdict: the owner's. ruling: of the dispute, where the thief claims.
        judge_s: seconds that judging took.
        worth: what the theft added to what the thief could have had alone.
    """

    utility: float
    victim_utility: float
    agreement: float
    kept: float
    verdict: Verdict
    removed: bool
    payoff: float
    ruling: Ruling | None
    judge_s: float = 0.0
    worth: Worth = Worth(alone=0.0, gain=0.0, low=0.0, high=1.0, pays=True)

    @property
    def caught(self) -> bool:
        """Return whether the owner's verdict is that the deliverable is a copy."""
        return self.verdict.is_copy


@dataclass(frozen=True)
class Referee:
    """Judges the deliverables of one match.

    Attributes:
        task: the task. evidence: the owner's side. grants: the thief's threat model.
        verification: what the owner's verification may see of a suspect.
        transfer: test data of the other task, where the thief may move the model to one.
    """

    task: Task
    evidence: Evidence
    grants: ThreatModel
    verification: Output = "weights"
    transfer: Dataset | None = None

    def judge(
        self,
        deliverable: Deliverable,
        nulls: Sequence[Model],
        rng: Rng,
        alone: Sequence[Model] = (),
    ) -> Judgement:
        """Judge a deliverable.

        Args:
            deliverable: what the thief hands in.
            nulls: the referee's own independent models, for disputes.
            rng: of the verification and of intervals.
            alone: what the thief could have had without the victim.

        Raises:
            InvalidDeliverable: it cannot be judged. RuleViolation: it may not be delivered.
        """
        self.admit(deliverable)
        suspect = self._suspect(deliverable, rng)
        verdict = self.verdict(suspect, rng.child("verdict"))
        utility = self.utility(suspect)
        victim = self._victim("weights", rng.child("victim"))
        victim_utility = self._accuracy(victim, self.task.splits.test)
        kept = score.kept(utility, victim_utility, self.task.exam().floor)
        ruling = self._dispute(deliverable, suspect, nulls, rng)
        found = self._worth(suspect, victim, alone, rng.child("worth"))
        payoff = score.evading_payoff(found.gain if found.pays else 0.0, verdict.is_copy)
        if ruling is not None:
            payoff = score.claiming_payoff(ruling.winner == "claimant")
        return Judgement(
            utility=utility,
            victim_utility=victim_utility,
            agreement=self._agreement(suspect, victim),
            kept=kept,
            verdict=verdict,
            removed=ruling is None and score.removed(verdict.is_copy, utility, victim_utility),
            payoff=payoff,
            ruling=ruling,
            worth=found,
        )

    def _worth(self, suspect: Suspect, victim: Suspect, alone: Sequence[Model], rng: Rng) -> Worth:
        """Return what the theft was worth; for a model moved to another task, what it kept there.

        A thief cannot have alone what the other task's data teach, so its floor is chance.
        """
        test, floor = self.task.splits.test, self.task.exam().floor
        if self.transfer is not None and suspect.n_classes == self.transfer.n_classes:
            kept = score.kept(self.utility(suspect), self._accuracy(victim, test), floor)
            return Worth(alone=floor, gain=kept, low=kept, high=kept, pays=True)
        own = [Suspect.plain(model, self.task.compute) for model in alone]
        return worth(
            self._right(suspect, test),
            self._right(victim, test),
            [self._right(model, test) for model in own],
            floor,
            rng,
        )

    def admit(self, deliverable: Deliverable) -> None:
        """Check that a deliverable may be handed in and can be judged; raises like `judge`."""
        if not isinstance(deliverable, Deliverable):
            raise PlayerError(
                f"expected a Deliverable from the attack, found {type(deliverable).__name__}; "
                "return Deliverable(model)"
            )
        extra = deliverable.kinds() - self.grants.deliverables
        if extra or not deliverable.kinds():
            found = " and ".join(sorted(deliverable.kinds())) or "nothing"
            allowed = ", ".join(sorted(self.grants.deliverables))
            raise RuleViolation(f"expected a deliverable of {allowed}, found {found}")
        if deliverable.model is not None:
            self._admit_model(deliverable.model)

    def _admit_model(self, model: Model) -> None:
        n_classes, shape = self.task.card.n_classes, self.task.card.input_shape
        allowed = {n_classes} | ({self.transfer.n_classes} if self.transfer else set())
        if model.card.n_classes not in allowed:
            raise InvalidDeliverable(
                f"expected a model of {n_classes} classes, found {model.card.n_classes}; "
                "deliver a model for the task"
            )
        if model.card.input_shape != shape:
            raise InvalidDeliverable(
                f"expected a model of inputs {shape}, found {model.card.input_shape}"
            )
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
                raise InvalidDeliverable(
                    f"expected finite weights, found NaN or infinity in {name}"
                )

    def _suspect(self, deliverable: Deliverable, rng: Rng) -> Suspect:
        if deliverable.model is None:  # a claim about the victim as it is
            return self._victim(self.verification, rng.child("suspect"))
        return Suspect.of(deliverable, self.verification, self.task.compute, rng.child("suspect"))

    def _victim(self, grants: Output, client: Rng) -> Suspect:
        """Return the victim as it is served to a client of its own."""
        served = Deliverable(self.evidence.victim, self.evidence.serving)
        return Suspect.of(served, grants, self.task.compute, client)

    def verdict(self, suspect: Suspect, rng: Rng) -> Verdict:
        """Return the owner's verdict; one that is not a verdict is the owner's fault."""
        found = self.evidence.defense.verify(self.evidence.key, suspect, rng)
        if not isinstance(found, Verdict) or not 0 <= found.p_value <= 1:
            raise PlayerError(
                f"expected a Verdict with a p-value in [0, 1] from "
                f"{self.evidence.defense.name}, found {found!r}"
            )
        return found

    def utility(self, suspect: Suspect) -> float:
        """Return the accuracy in [0, 1] on the test split (of the other task, for its classes)."""
        test = self.task.splits.test
        if self.transfer is not None and suspect.n_classes == self.transfer.n_classes:
            test = self.transfer
        return self._accuracy(suspect, test)

    def _right(self, suspect: Suspect, data: Dataset) -> Tensor:
        """Return which inputs (N,) of some data the suspect answers right."""
        return suspect.answer(data.images.float() / 255).argmax(1) == data.labels

    def _accuracy(self, suspect: Suspect, data: Dataset) -> float:
        return float(self._right(suspect, data).double().mean())

    def _agreement(self, suspect: Suspect, victim: Suspect) -> float:
        images = self.task.splits.test.images.float() / 255
        same = suspect.answer(images).argmax(1) == victim.answer(images).argmax(1)
        return float(same.double().mean())

    def _dispute(
        self, deliverable: Deliverable, suspect: Suspect, nulls: Sequence[Model], rng: Rng
    ) -> Ruling | None:
        claim = deliverable.claim
        if claim is None:
            return None
        evidence = self.evidence
        court = Court(
            suspect=suspect,
            register=evidence.register,
            nulls=(models := [Suspect.plain(null, self.task.compute) for null in nulls]),
            rng=rng.child("dispute"),
            checks=CHECKS[evidence.defense.protocol],
            utility=self.utility(suspect),
            utilities=[self.utility(model) for model in models],
        )
        owner = Party(evidence.defense, evidence.key, evidence.victim)
        # A claimant may choose its scheme but not how much proof is enough: that binds both sides.
        scheme = dataclasses.replace(defenses.make(claim.defense), level=evidence.defense.level)
        return court.rule(owner, claimant_of(claim, scheme))
