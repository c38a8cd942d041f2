"""The referee: owns all the truth, sees every deliverable through its own interface, judges it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from arena.errors import InvalidDeliverable, PlayerError, RuleViolation
from arena.game.court.dispute import CHECKS, Court, Party, Ruling, claimant_of
from arena.game.court.verdict import Verdict
from arena.game.court.worth import Worth, plain_worth, worth
from arena.game.rules import score
from arena.game.rules.keys import Key, Register
from arena.game.rules.threat import ThreatModel
from arena.game.sandbox.networks.own_network import own_network, worse_while_verified
from arena.game.serving.wrapper import Wrapper
from arena.game.sides.defense import Defense, defenses
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.needs import Offer, unmet
from arena.game.sides.suspect import Suspect, accused
from arena.world.data import Dataset
from arena.world.json_values import Frozen
from arena.world.kinds.interface import Output
from arena.world.kinds.kind import Exam
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.task import Task

_SURPRISE = 1e-4  # below it a network of one's own is taken to know when it is verified
_PROMPTS, _PROMPT = 32, 16
"""How many texts a victim writes to be compared with texts alone, and behind how many tokens."""


@dataclass(frozen=True)
class OwnerCase:
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


class Alone(NamedTuple):
    """How useful a model is that a thief could have had without the victim.

    Attributes:
        utility: in [0, 1].
        parts: how useful each answer is, (N,), where the kind of task tells.
    """

    utility: float
    parts: Tensor | None


class _Measured(NamedTuple):
    """What the answers of suspect and victim to one exam say.

    `unlike`: whether it is a model of another task, or outputs alone; then nothing that a thief
    trains alone is like it.
    """

    utility: float
    victim_utility: float
    agreement: float
    parts: Tensor | None
    victim_parts: Tensor | None
    unlike: bool


@dataclass(frozen=True)
class Referee:
    """Judges the deliverables of one match.

    Attributes:
        task: the task. evidence: the owner's side. grants: the thief's threat model.
        verification: what the owner's verification may see of a suspect.
        transfer: test data of the other task, where the thief may move the model to one.
        yardstick: the model that the task's kind measures utility with, if it does.
        tolerance: the utility that removing a mark may cost at most.
    """

    task: Task
    evidence: OwnerCase
    grants: ThreatModel
    verification: Output = "weights"
    transfer: Dataset | None = None
    yardstick: Model | None = None
    tolerance: float = score.TOLERANCE

    @cached_property
    def exam(self) -> Exam:
        """Return how models of the task are measured."""
        return self.task.exam(self.yardstick)

    def judge(
        self,
        deliverable: Deliverable,
        nulls: Sequence[Model],
        rng: Rng,
        alone: Sequence[Alone] = (),
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
        self._mix(deliverable, rng.child("mixed"))
        suspect = self._suspect(deliverable, rng)
        verdict = self.verdict(suspect, rng.child("verdict"))
        found = self._measured(suspect, self._victim("weights", rng.child("victim")))
        self._check_alike(deliverable, found)
        kept = score.kept(found.utility, found.victim_utility, self.exam.floor)
        gained = self._gained(found, alone, rng.child("worth"))
        ruling = self._dispute(deliverable, suspect, nulls, rng)
        payoff = score.evading_payoff(gained.gain if gained.pays else 0.0, verdict.is_copy)
        if ruling is not None:
            payoff = score.claiming_payoff(ruling.winner == "claimant")
        removed = score.removed(
            verdict.is_copy, found.utility, found.victim_utility, self.tolerance
        )
        return Judgement(
            utility=found.utility,
            victim_utility=found.victim_utility,
            agreement=found.agreement,
            kept=kept,
            verdict=verdict,
            removed=ruling is None and removed,
            payoff=payoff,
            ruling=ruling,
            worth=gained,
        )

    def alone(self, model: Model) -> Alone:
        """Return how useful a model is that the thief could have had without the victim."""
        rows = self.task.serve(model, self.exam.inputs)
        return Alone(self.exam.utility(rows), self.exam.each(rows))

    def _gained(self, found: _Measured, alone: Sequence[Alone], rng: Rng) -> Worth:
        """Return what the theft was worth; of what no model alone is like, what it kept.

        A thief cannot have alone what another task's data teach, so there its floor is chance.
        """
        exam = self.exam
        if found.unlike or found.parts is None or found.victim_parts is None:
            own = [] if found.unlike else [model.utility for model in alone]
            return plain_worth(found.utility, found.victim_utility, own, exam.floor)
        known = [model.parts for model in alone if model.parts is not None]
        return worth(found.parts, found.victim_parts, known, exam.floor, rng)

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
            self._admit_serving(deliverable)
        if deliverable.outputs is not None:
            deliverable.outputs.check(self._made_shape)

    def _admit_model(self, model: Model) -> None:
        problem = self.task.kind.mismatch(model.card, self.task.card)
        elsewhere = None if self.transfer is None else self.task.card_of(self.transfer)
        if problem and (elsewhere is None or self.task.kind.mismatch(model.card, elsewhere)):
            raise InvalidDeliverable(problem)
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
                raise InvalidDeliverable(
                    f"expected finite weights, found NaN or infinity in {name}"
                )

    def _mix(self, deliverable: Deliverable, rng: Rng) -> None:
        """Have a network of the thief's own code answer all questions mixed with the exam's."""
        model, network = deliverable.model, own_network(deliverable.model)
        if model is not None and network is not None:
            if deliverable.serving:
                raise InvalidDeliverable("expected a network of one's own without wrappers")
            exam = self.task.compute.inputs(model, self.exam.inputs)
            network.mix_with(model.normalise(exam), rng)

    def _check_alike(self, deliverable: Deliverable, found: _Measured) -> None:
        """Refuse a network that answers the exam worse where other questions are among it."""
        network, after = own_network(deliverable.model), found.parts
        if network is None or after is None:
            return
        pairs = [(self._right(rows, at), after[at]) for at, rows in network.given]
        surprise = worse_while_verified(*(torch.cat(side) for side in zip(*pairs, strict=True)))
        if surprise < _SURPRISE:
            raise InvalidDeliverable(
                "expected a network that answers everybody alike, found one that answers the same "
                f"inputs worse where it is verified (p = {surprise:.1g})"
            )

    def _right(self, rows: Tensor, at: Tensor) -> Tensor:
        """Return how right some answers (n, C) to the exam's inputs `at` are."""
        whole = torch.zeros(len(self.exam.inputs), rows.shape[1])
        for i, row in zip(at.tolist(), rows, strict=True):  # an input may be among them twice
            whole[i] = row
        parts = self.exam.each(whole)
        assert parts is not None  # noqa: S101 - its kind tells how right each answer is
        return parts[at]

    def _admit_serving(self, deliverable: Deliverable) -> None:
        for wrapper in deliverable.serving:
            for problem in unmet(wrapper, Offer(self.task.card)):
                raise InvalidDeliverable(problem)

    def _suspect(self, deliverable: Deliverable, rng: Rng) -> Suspect:
        if deliverable.kinds() == {"claim"}:  # about the victim as it is
            return self._victim(self.verification, rng.child("suspect"))
        return accused(deliverable, self.task, self.verification, rng.child("suspect"))

    @property
    def _made_shape(self) -> tuple[int, ...] | None:
        """Return the shape of one image where making images is what the task is."""
        kind = self.task.kind
        return kind.output_shape(self.task.card) if kind.served == "outputs" else None

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

    def _measured(self, suspect: Suspect, victim: Suspect) -> _Measured:
        """Ask suspect and victim once each; the same answers tell utility and agreement."""
        exam = self.exam
        if suspect.delivered is not None:
            made, served = suspect.delivered, self._served(victim)
            utility = exam.worth(made.texts, made.images)
            return _Measured(utility, served, 0.0, None, None, True)
        theirs, mine = suspect.answer(exam.inputs), victim.answer(exam.inputs)
        moved = self._moved(suspect)
        return _Measured(
            exam.utility(theirs) if moved is None else moved.utility(suspect.answer(moved.inputs)),
            exam.utility(mine),
            self.task.kind.agreement(theirs, mine),
            exam.each(theirs),
            exam.each(mine),
            moved is not None,
        )

    def _served(self, victim: Suspect) -> float:
        """Return the utility of what the victim makes, as that of outputs alone is measured."""
        exam, kind = self.exam, self.task.kind
        if not kind.writes:
            return exam.utility(victim.answer(exam.inputs))
        prompts = exam.inputs[:_PROMPTS, :_PROMPT]
        return exam.worth(
            kind.texts(victim.written(prompts, self.grants.length), victim.card), None
        )

    def _moved(self, suspect: Suspect) -> Exam | None:
        """Return the exam of the other task for a suspect that was moved to it."""
        if self.transfer is None:
            return None
        card = self.task.card_of(self.transfer)
        if self.task.kind.mismatch(suspect.card, card):
            return None
        return self.task.exam(self.yardstick, self.transfer)

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
            nulls=(models := [Suspect.bare(null, self.task.compute) for null in nulls]),
            rng=rng.child("dispute"),
            checks=CHECKS[evidence.defense.protocol],
            utility=self.exam.utility(suspect.answer(self.exam.inputs)),
            utilities=[self.exam.utility(null.answer(self.exam.inputs)) for null in models],
        )
        owner = Party(evidence.defense, evidence.key, evidence.victim)
        scheme = defenses.make(claim.defense).as_strict_as(evidence.defense)
        return court.rule(owner, claimant_of(claim, scheme))
