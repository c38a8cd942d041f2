"""One match: one thief against one owner with one seed, as a generator of steps.

The match yields the steps whose results it needs next and is sent the results; who computes them
(this process, workers, a memo) is not its business. So a tournament can play many matches at once,
and an agent can choose each move after seeing the last round.
"""

from __future__ import annotations

import functools
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from itertools import cycle

from pydantic import Field

from arena.errors import RuleViolation
from arena.game.court.referee import Judgement
from arena.game.match.agents import Action, Agent, Observation
from arena.game.match.reports import ProtectionReport, RoundReport
from arena.game.match.steps.alone_step import alone_of
from arena.game.match.steps.judge_step import JudgeStep
from arena.game.match.steps.protect_step import ProtectStep
from arena.game.match.steps.round_step import RoundStep
from arena.game.match.steps.step_cache import Memo, Setting, Status, Step, StepFailed, resolve
from arena.game.match.steps.train_step import TrainStep
from arena.game.rules.innocents import Accused, Half, is_innocent
from arena.game.rules.score import TOLERANCE
from arena.game.rules.threat import METERS, ThreatModel
from arena.game.sides.attack import attacks
from arena.game.sides.defense import defenses
from arena.game.sides.needs import NULLS, Offer, unmet
from arena.game.sides.player import PlayerSpec
from arena.world.bounds import INNOCENTS
from arena.world.bundle import Bundle
from arena.world.json_values import Frozen
from arena.world.kinds.interface import Output
from arena.world.task import TaskSpec, outline
from arena.world.training.variants import VARIANTS

Want = tuple[Step, str]
"""A step and the name of the part that is wanted."""


NOBODY = PlayerSpec(name="none")
"""The owner who protects nothing: the bare twin is released."""


class Pools(Frozen):
    """How many innocents of each kind: for thresholds, and (others) for false positives.

    A claim about data has as many Neg-3 in the place of Neg-1, who is guilty of it; the numbers of
    Neg-3 are further ones, for every claim.
    """

    calibration_same: int = Field(6, ge=0, le=INNOCENTS)  # Neg-1: the owner's data, another seed
    calibration_other: int = Field(6, ge=0, le=INNOCENTS)  # Neg-2: the other half of the data
    calibration_foreign: int = Field(0, ge=0, le=INNOCENTS)  # Neg-3: other data of the same form
    reporting_same: int = Field(10, ge=0, le=INNOCENTS)
    reporting_other: int = Field(10, ge=0, le=INNOCENTS)
    reporting_foreign: int = Field(0, ge=0, le=INNOCENTS)
    calibration_odd: int = Field(12, ge=0, le=INNOCENTS)  # of `VARIANTS` in order, halves by turns
    reporting_odd: int = Field(12, ge=0, le=INNOCENTS)
    architectures: tuple[str, ...] = ()  # further reporting innocents of other architectures

    @property
    def n_calibration(self) -> int:
        """Return how many innocents there are for thresholds, whatever the claim."""
        of_halves = self.calibration_same + self.calibration_other + self.calibration_foreign
        return of_halves + self.calibration_odd

    @property
    def report(self) -> bool:
        """Return whether there are innocents to report on: each owner owes verdicts on them."""
        numbers = (self.reporting_same, self.reporting_other, self.reporting_foreign)
        return any(numbers) or self.reporting_odd > 0 or bool(self.architectures)


class MatchSpec(Frozen):
    """Everything that defines a match."""

    task: TaskSpec
    owner: str  # the name under which the scheme plays
    defense: PlayerSpec
    thief: str
    grants: ThreatModel
    verification: Output = "weights"
    pools: Pools = Pools()
    tolerance: float = TOLERANCE  # the utility that removing a mark may cost
    paired: bool = False  # owners who release the bare twin all meet the same thief; see `attacked`
    seed: int = 0
    repeat: int = 0
    secret_root: int | None = None  # what takes the seed's place where the referee has a secret

    @property
    def root(self) -> int:
        """Return the root of all randomness of the match; never written down."""
        return self.seed if self.secret_root is None else self.secret_root

    @property
    def title(self) -> str:
        """Return the match's name in ledgers and logs."""
        return f"{self.owner}-vs-{self.thief}-{self.repeat}"

    def base(self) -> TrainStep:
        """Return the training of the victim's unprotected twin, shared by all owners."""
        return TrainStep(self.task, self.root, (f"repeat {self.repeat}", "victim"))

    def calibration(self) -> tuple[TrainStep, ...]:
        """Return the innocents for thresholds and for the referee's null tests."""
        pools = self.pools
        numbers = pools.calibration_same, pools.calibration_other, pools.calibration_foreign
        odd = self._odd("calibration", pools.calibration_odd)
        return (*self._innocent("calibration", *numbers), *odd)

    def reporting(self) -> tuple[TrainStep, ...]:
        """Return the innocents on which false positives are reported; none of them calibrates."""
        pools = self.pools
        numbers = pools.reporting_same, pools.reporting_other, pools.reporting_foreign
        half: Half = "owner" if is_innocent("owner", self.accused) else "other"
        others = (
            TrainStep(self.task, self.root, ("reporting", name), half, name)
            for name in pools.architectures
        )
        odd = self._odd("reporting", pools.reporting_odd)
        return (*self._innocent("reporting", *numbers), *odd, *others)

    def guilty(self) -> tuple[TrainStep, ...]:
        """Return independent models that the scheme accuses rightly: none, or every Neg-1."""
        innocent = is_innocent("owner", self.accused)
        return () if innocent else self._pool("reporting", "owner", self.pools.reporting_same)

    @property
    def accused(self) -> Accused:
        """Return what the owner's verdicts are about."""
        return defenses.find(self.defense.name).accuses

    def _innocent(
        self, name: str, n_same: int, n_other: int, n_foreign: int
    ) -> tuple[TrainStep, ...]:
        if not is_innocent("owner", self.accused):
            n_same, n_foreign = 0, n_foreign + n_same
        numbers: dict[Half, int] = {"owner": n_same, "other": n_other, "foreign": n_foreign}
        return tuple(step for half, n in numbers.items() for step in self._pool(name, half, n))

    def _pool(self, name: str, half: Half, n: int) -> tuple[TrainStep, ...]:
        return tuple(TrainStep(self.task, self.root, (name, half, str(i)), half) for i in range(n))

    def _odd(self, name: str, n: int) -> tuple[TrainStep, ...]:
        """Return independent models that were trained differently: on halves by turns.

        Once each variant was trained on a half, each is trained on the half that it did not have.
        """
        innocent = is_innocent("owner", self.accused)
        halves: tuple[Half, Half] = ("owner" if innocent else "other", "other")
        kind = self.task.kind()
        names = [name for name, variant in VARIANTS.items() if variant.fits(kind)]
        made = cycle([*zip(names, cycle(halves)), *zip(names, cycle(halves[::-1]))])
        return tuple(
            TrainStep(self.task, self.root, (name, variant, str(i)), half, variant=variant)
            for i, (variant, half) in zip(range(n), made, strict=False)
        )

    def protect(self) -> ProtectStep:
        """Return the protection of the victim."""
        scheme = defenses.make(self.defense)
        takes = scheme.uses_nulls or NULLS in scheme.needs_of_task
        nulls = self.calibration() if takes else ()
        stream = (f"repeat {self.repeat}", "owner", self.owner)
        return ProtectStep(self.base(), self.defense, self.root, stream, nulls)

    def attacked(self) -> MatchSpec:
        """Return the match that the thief plays: this one, or that against nobody.

        A thief that meets the bare twin and nothing else of its owner cannot tell whose it is. In
        paired matches it is the same thief for all such owners, played once and judged by each; so
        their verdicts are on the same suspects, and differ by the scheme alone.
        """
        scheme = defenses.make(self.defense)
        sees_owner = (
            "claim" in self.grants.deliverables
            or self.grants.budget.verifier_calls != 0
            or scheme.exposes in self.grants.knows
        )
        if not self.paired or sees_owner or not scheme.releases_twin:
            return self
        return self.model_copy(update={"owner": NOBODY.name, "defense": NOBODY})

    def round(self, move: PlayerSpec, previous: RoundStep | None, number: int) -> RoundStep:
        """Return a round of this match."""
        met = self.attacked()
        stream = (f"repeat {self.repeat}", "thief", met.owner, self.thief, str(number))
        return RoundStep(
            met.protect(), self.grants, move, self.root, stream, previous, self.verification
        )

    def judge(self, played: RoundStep) -> JudgeStep:
        """Return the judgement of a round; claims are tested on the referee's own models."""
        nulls = self.calibration() if "claim" in self.grants.deliverables else ()
        alone = alone_of(self.task, self.grants, self.root)
        return JudgeStep(played, self.protect(), nulls, alone, self.tolerance)


@dataclass(frozen=True)
class RoundRecord:
    """What the ledger keeps of one round."""

    match: MatchSpec
    number: int
    move: str
    strength: float | None
    status: Status
    message: str = ""
    digest: str = ""
    report: RoundReport | None = None
    judgement: Judgement | None = None
    protection: ProtectionReport | None = None
    hardware: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def judged(self) -> Judgement:
        """Return the judgement of a round that has one.

        Raises:
            StepFailed: the round has no score, with its status and why.
        """
        if self.judgement is None:
            raise StepFailed(self.status, self.message)
        return self.judgement


def move_of(action: Action) -> PlayerSpec:
    """Return the move of an action with its strength turned into hyper-parameters."""
    if action.strength is None:
        return action.move
    harsher = attacks.make(action.move).at(action.strength)
    return PlayerSpec(name=action.move.name, settings=harsher.settings())


def offered(task: TaskSpec, pools: Pools) -> Offer:
    """Return what the players of a match may count on; raises like `outline`."""
    return _offer(task.model_dump_json(), pools.n_calibration)


@functools.lru_cache(maxsize=8)
def _offer(task: str, n_nulls: int) -> Offer:
    return Offer(outline(TaskSpec.model_validate_json(task)), n_nulls)


def check_needs(match: MatchSpec, move: PlayerSpec) -> None:
    """Refuse a move, or an owner, that needs more than the match grants or its task offers.

    Raises:
        RuleViolation: with what is missing, in words.
    """
    thief, owner = attacks.make(move), defenses.make(match.defense)
    lacks = match.grants.missing(thief.needs)
    if lacks:
        raise RuleViolation(
            f"{move.name} needs {'; '.join(lacks)}; grant it in the threat model of {match.thief}"
        )
    offer = offered(match.task, match.pools)
    problems = [sentence for player in (owner, thief) for sentence in unmet(player, offer)]
    if problems:
        raise RuleViolation("; ".join(problems))


def play(match: MatchSpec, agent: Agent) -> Generator[list[Want], list[Bundle], list[RoundRecord]]:
    """Play a match: yield the parts wanted next, take them as they are sent, return the records."""
    records: list[RoundRecord] = []
    names: list[str] = []
    previous: RoundStep | None = None
    observation = Observation(0, 0.0, -1)
    while (action := agent.act(observation, {"match": match.title})) is not None:
        number = len(records)
        record = RoundRecord(match, number, action.move.name, action.strength, "OK")
        try:
            check_needs(match, action.move)
            played = match.round(move_of(action), previous, number)
            judged = match.judge(played)
            wanted: list[Want] = [
                (played, "report"),
                (judged, "judgement"),
                (judged.protect, "report"),
            ]
            report, judgement, protection = yield wanted
        except StepFailed as error:
            return [*records, _failed(record, error.status, str(error))]
        except RuleViolation as error:
            return [*records, _failed(record, "SKIPPED", str(error))]
        found = RoundReport.model_validate(report.data)
        judged_as = Judgement.model_validate(judgement.data)
        cost = ProtectionReport.model_validate(protection.data)
        records.append(
            replace(
                record, digest=judged.digest, report=found, judgement=judged_as, protection=cost
            )
        )
        previous = played
        if action.move.name not in names:
            names.append(action.move.name)
        position = names.index(action.move.name)
        observation = observe(match.grants, number, position, found, judged_as)
    return records


def _failed(record: RoundRecord, status: Status, message: str) -> RoundRecord:
    return replace(record, status=status, message=message)


def observe(
    grants: ThreatModel, number: int, move: int, report: RoundReport, judgement: Judgement
) -> Observation:
    """Return what a thief knows after the round of that number, with a move by its position."""
    budget, spent = grants.budget, report.meters
    left = {}
    for meter in METERS:
        limit, used = budget.of(meter), spent.of(meter)
        left[meter] = 1.0 if limit is None else max(0.0, 1 - used / limit) if limit else 0.0
    caught = judgement.caught if budget.verifier_calls != 0 else None
    return Observation(number + 1, report.own_utility, move, left, caught)


def play_here(match: MatchSpec, agent: Agent, memo: Memo, setting: Setting) -> list[RoundRecord]:
    """Play a match in this process."""
    game = play(match, agent)
    try:
        wanted = next(game)
        while True:
            try:
                results = [resolve(step, part, memo, setting) for step, part in wanted]
            except StepFailed as error:
                wanted = game.throw(error)
            else:
                wanted = game.send(results)
    except StopIteration as stop:
        records: list[RoundRecord] = stop.value
        return records
