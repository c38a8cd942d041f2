"""Whole games on the digits: who wins under which standard of proof."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from arena.game.court.dispute import Ruling
from arena.game.court.referee import OwnerCase, Referee
from arena.game.court.statistics import proportion_interval
from arena.game.match.agents import Action, Scripted
from arena.game.match.play import MatchSpec, Pools, RoundRecord, play_here
from arena.game.match.reports import Innocents
from arena.game.match.steps.innocents_step import InnocentsStep
from arena.game.match.steps.protect_step import ProtectStep
from arena.game.match.steps.step_cache import MemoryMemo, Setting, resolve
from arena.game.match.steps.train_step import TrainStep
from arena.game.rules.keys import Key, Register, fresh_seed
from arena.game.rules.threat import ThreatModel, preset
from arena.game.sides.defense import StandardOfProof, defenses
from arena.game.sides.deliverable import Claim, Deliverable
from arena.game.sides.player import PlayerSpec
from arena.game.sides.suspect import Suspect
from arena.world.compute import Compute
from arena.world.json_values import Json
from arena.world.kinds.interface import Output
from arena.world.models import unpack
from arena.world.rng import Rng
from arena.world.task import TaskSpec, load_task
from arena.world.training import Recipe

pytestmark = pytest.mark.slow

TASK = TaskSpec(recipe=Recipe(epochs=30))
FEW = Pools(calibration_same=3, calibration_other=3, calibration_odd=0, reporting_odd=0)
SCHEMES = ["uchida", "adi", "zhang"]
THIRD = preset("whitebox_third")
CLAIMANT = preset("claimant_readonly")
ASKING = ThreatModel(output="probabilities", data=1, architecture=True)
BOTH = THIRD.model_copy(update={"deliverables": frozenset({"model", "claim"})})


def spec(name: str, **settings: Json) -> PlayerSpec:
    return PlayerSpec(name=name, settings=settings)


@dataclass(frozen=True)
class Table:
    """Plays games of one move; what was trained for one game is there for the next."""

    memo: MemoryMemo
    pools: Pools = FEW

    def match(
        self, owner: PlayerSpec, move: PlayerSpec, grants: ThreatModel, seed: int = 0
    ) -> MatchSpec:
        return MatchSpec(
            task=TASK,
            owner=owner.name,
            defense=owner,
            thief=move.name,
            grants=grants,
            pools=self.pools,
            seed=seed,
        )

    def play(
        self, owner: PlayerSpec, move: PlayerSpec, grants: ThreatModel = THIRD, seed: int = 0
    ) -> RoundRecord:
        match = self.match(owner, move, grants, seed)
        (record,) = play_here(match, Scripted([Action(move)]), self.memo, Setting())
        assert record.status == "OK", record.message
        return record

    def caught(self, owner: PlayerSpec, move: PlayerSpec, grants: ThreatModel = THIRD) -> Outcome:
        found = self.play(owner, move, grants).judged
        verdict = found.verdict
        return Outcome(verdict.statistic, verdict.p_value, found.caught, found.kept)

    def evidence(self, owner: PlayerSpec) -> OwnerCase:
        """Return what an owner brings to court."""
        protect = self.match(owner, spec("none"), THIRD).protect()
        key, victim = (resolve(protect, part, self.memo, Setting()) for part in ("key", "victim"))
        return OwnerCase(defenses.make(owner), Key.read(key), unpack(victim), Register())

    def reheard(self, owner: PlayerSpec, move: PlayerSpec, protocol: StandardOfProof) -> Ruling:
        """Return the ruling on a claim under another standard of proof."""
        match = self.match(owner, move, CLAIMANT)
        played, setting = match.round(move, None, 0), Setting()
        lines = resolve(played, "register", self.memo, setting).data["lines"]
        evidence = self.evidence(owner)
        scheme = replace(evidence.defense, protocol=protocol)
        evidence = replace(evidence, defense=scheme, register=Register.read(lines))
        nulls = [unpack(resolve(n, "model", self.memo, setting)) for n in match.calibration()]
        claim = Deliverable.read(resolve(played, "deliverable", self.memo, setting))
        judgement = Referee(load_task(TASK), evidence, CLAIMANT).judge(claim, nulls, Rng(0))
        assert judgement.ruling is not None
        return judgement.ruling

    def ruling(self, owner: PlayerSpec, move: PlayerSpec) -> Ruling:
        judged = self.play(owner, move, CLAIMANT).judged
        assert judged.ruling is not None
        assert judged.payoff == (judged.ruling.winner == "claimant")
        return judged.ruling


@dataclass(frozen=True)
class Outcome:
    """What the referee found about a suspect."""

    statistic: float
    p_value: float
    is_copy: bool
    kept: float


@pytest.fixture(scope="module")
def table() -> Table:
    return Table(MemoryMemo())


@pytest.mark.parametrize("name", SCHEMES)
def test_each_owner_recognises_the_untouched_victim(table: Table, name: str) -> None:
    verdict = table.caught(spec(name), spec("none"))
    assert verdict.is_copy
    # the rank among keys that might have been drawn ends at one over their number
    assert verdict.p_value <= (2e-3 if name == "zhang" else 1e-6)


def test_the_two_controls_play_for_everything_and_nothing(table: Table) -> None:
    free = table.play(spec("none"), spec("none")).judged
    assert (free.caught, free.kept, free.agreement) == (False, 1.0, 1.0)
    assert free.payoff == (free.worth.gain if free.worth.pays else 0.0)
    assert table.play(spec("uchida"), spec("none")).judged.payoff == 0.0


@pytest.mark.parametrize(
    "move",
    [
        spec("ft-ll"),
        spec("ft-al"),
        spec("rt-ll"),
        spec("rt-al"),
        spec("prune"),
        spec("prune", scope="global"),
        spec("prune", schedule="oneshot", epochs=0),
    ],
    ids=repr,
)
def test_uchida_survives_fine_tuning_and_60_percent_pruning(table: Table, move: PlayerSpec) -> None:
    verdict = table.caught(spec("uchida"), move)
    assert verdict.statistic <= 0.05
    assert verdict.is_copy


@pytest.mark.parametrize("move", ["ft-ll", "ft-al"])
@pytest.mark.parametrize("name", ["adi", "zhang"])
def test_trigger_sets_survive_mild_fine_tuning(table: Table, name: str, move: str) -> None:
    assert table.caught(spec(name), spec(move)).is_copy


@pytest.mark.parametrize(
    "output",
    ["labels", *(pytest.param(o, marks=pytest.mark.slow) for o in ("probabilities", "logits"))],
)
def test_retraining_keeps_the_model_and_leaves_every_mark_behind(
    table: Table, output: Output
) -> None:
    grants = ASKING.model_copy(update={"output": output})
    uchida, adi, zhang = (table.caught(spec(name), spec("retrain"), grants) for name in SCHEMES)
    assert 0.3 < uchida.statistic < 0.7
    assert max(adi.statistic, zhang.statistic) < 0.25
    assert min(verdict.kept for verdict in (uchida, adi, zhang)) > 0.9
    assert not uchida.is_copy


def test_knockoff_on_a_foreign_pool_steals_less_and_leaves_uchidas_mark_behind(
    table: Table,
) -> None:
    grants = ThreatModel(output="probabilities", pool="shapes", architecture=True)
    move = spec("knockoff", n_queries=2000, epochs=10)
    uchida = table.caught(spec("uchida"), move, grants)
    assert 0.3 < uchida.statistic < 0.7
    assert not uchida.is_copy
    adi = table.caught(spec("adi"), move, grants)
    assert adi.statistic < 0.5  # a pool of abstract images carries some abstract triggers over
    assert max(uchida.kept, adi.kept) < 0.9


def test_overwriting_adds_a_mark_and_leaves_the_first(table: Table) -> None:
    judgement = table.play(spec("uchida"), spec("overwrite"), BOTH).judged
    ruling = judgement.ruling
    assert judgement.caught
    assert judgement.verdict.statistic <= 0.05
    assert ruling is not None
    assert ruling.claim_p_value < 1e-4  # both keys verify: time decides
    assert ruling.winner == "owner"
    assert "timestamp" in ruling.failed


def test_overwriting_a_thousand_times_stronger_hurts_more_than_once_as_strong(table: Table) -> None:
    owner = spec("uchida")
    layer = table.evidence(owner).key.settings["layer"]  # the harshest overwriting hits the same
    mild, harsh = (
        table.caught(owner, spec("overwrite", scheme={"name": "uchida", "settings": settings}))
        for settings in ({"layer": layer}, {"layer": layer, "strength": 50.0})
    )
    assert mild.statistic <= harsh.statistic


UNCOMMITTED: list[tuple[str, PlayerSpec]] = [
    ("uchida", spec("forge-key")),
    ("uchida", spec("forge-key", commits=True)),
    ("adi", spec("forge-triggers")),
    ("adi", spec("forge-triggers", images="own")),
    ("adi", spec("forge-triggers", labels="prf")),
    ("zhang", spec("forge-triggers", scheme="zhang")),
    ("zhang", spec("forge-triggers", scheme="zhang", images="own")),
]


@pytest.mark.parametrize(("owner", "move"), UNCOMMITTED, ids=repr)
def test_a_forged_key_wins_where_nothing_is_committed(
    table: Table, owner: str, move: PlayerSpec
) -> None:
    ruling = table.ruling(spec(owner, protocol="none"), move)
    assert ruling.winner == "claimant"
    assert not ruling.failed


@pytest.mark.parametrize(("owner", "move"), UNCOMMITTED, ids=repr)
def test_a_forged_key_loses_where_keys_are_committed(
    table: Table, owner: str, move: PlayerSpec
) -> None:
    ruling = table.ruling(spec(owner), move)
    assert ruling.winner == "owner"
    assert "timestamp" in ruling.failed
    assert ruling.claim_p_value < 1e-6  # it verifies; that is not enough


@pytest.mark.parametrize(
    ("move", "reasons"),
    [
        (spec("forge-key"), ["not expanded from a seed", "never committed"]),
        (spec("forge-key", keeps_seed=True), ["not what its seed expands to", "never committed"]),
        (spec("forge-key", commits=True), ["committed only after the model was published"]),
    ],
    ids=repr,
)
def test_the_ruling_says_why(table: Table, move: PlayerSpec, reasons: list[str]) -> None:
    said = " ".join(table.ruling(spec("uchida"), move).reasons)
    assert all(reason in said for reason in reasons)


SHARP = spec("forge-triggers", images="adversarial", eps=0.25)
PROTOCOLS: list[tuple[StandardOfProof, str, PlayerSpec, bool]] = [  # docs/protocol.md
    ("timestamp", "uchida", spec("forge-key", commits=True), False),
    ("seeded", "uchida", spec("forge-key", keeps_seed=True), False),
    ("nulls", "uchida", spec("forge-key"), True),
    ("bound", "uchida", spec("forge-key", commits=True), False),
    ("timestamp", "adi", spec("forge-triggers", commits=True), False),
    ("prf-labels", "adi", spec("forge-triggers"), False),
    ("prf-labels", "adi", spec("forge-triggers", labels="prf"), True),
    ("seeded", "adi", spec("forge-triggers", labels="prf"), False),
    ("nulls", "adi", spec("forge-triggers", images="own"), False),
    ("nulls", "adi", SHARP, True),
    ("nulls", "zhang", spec("forge-triggers", scheme="zhang", images="own"), False),
]


@pytest.mark.parametrize(("protocol", "owner", "move", "wins"), PROTOCOLS, ids=repr)
def test_each_protocol_stops_what_it_is_said_to_stop(
    table: Table, protocol: StandardOfProof, owner: str, move: PlayerSpec, wins: bool
) -> None:
    ruling = table.reheard(spec(owner), move, protocol)
    assert (ruling.winner == "claimant") is wins
    assert ruling.failed == (() if wins else (protocol,)) or protocol == "bound"


def test_a_claimant_cannot_lower_the_level_of_proof(table: Table) -> None:
    """An honest key that was never embedded verifies at a level of 1, and at no other."""
    evidence = table.evidence(spec("uchida"))
    evidence = replace(evidence, defense=replace(evidence.defense, protocol="seeded"))
    stranger = evidence.defense.rederive(replace(evidence.key, seed="00" * 32))
    assert stranger is not None
    claim = Claim(spec("uchida", level=1.0), stranger)
    referee = Referee(load_task(TASK), evidence, CLAIMANT)
    ruling = referee.judge(Deliverable(claim=claim), (), Rng(0)).ruling
    assert ruling is not None
    assert (ruling.winner, ruling.failed) == ("owner", ("verification",))


@pytest.mark.parametrize("move", ["forge-key", "forge-triggers"])
def test_a_thief_that_may_not_claim_is_refused_before_anything_trains(move: str) -> None:
    match = Table(MemoryMemo()).match(spec("uchida"), spec(move), THIRD)
    (record,) = play_here(match, Scripted([Action(spec(move))]), MemoryMemo(), Setting())
    assert record.status == "SKIPPED"
    assert "delivery of a claim" in record.message


@pytest.mark.slow
@pytest.mark.parametrize("name", SCHEMES)
def test_protection_costs_at_most_a_point_on_average(table: Table, name: str) -> None:
    table = replace(table, pools=Pools(calibration_same=1, calibration_other=1, calibration_odd=0))
    records = [table.play(spec(name), spec("none"), seed=seed) for seed in range(4)]
    losses = [record.protection.fidelity_loss for record in records if record.protection]
    assert sum(losses) / len(records) <= 0.01
    assert all(record.judged.caught for record in records)


@pytest.fixture(scope="module")
def court(table: Table) -> Table:
    """The table with the whole pools: 12 innocents to calibrate on and 20 to report on."""
    return replace(table, pools=Pools(calibration_odd=0, reporting_odd=0))


def innocents(court: Table, name: str) -> tuple[ProtectStep, tuple[TrainStep, ...]]:
    match = court.match(spec(name), spec("none"), THIRD)
    known = {step.digest for step in (*match.calibration(), match.base())}
    assert known.isdisjoint(step.digest for step in match.reporting())
    return match.protect(), match.reporting()


@pytest.mark.slow
@pytest.mark.parametrize("name", SCHEMES)
def test_false_positives_are_reported_on_twenty_innocents_that_calibrated_nothing(
    court: Table, name: str
) -> None:
    protect, reporting = innocents(court, name)
    verdicts = resolve(InnocentsStep(protect, reporting), "verdicts", court.memo, Setting())
    rows = Innocents.model_validate(verdicts.data).verdicts
    assert [row.kind for row in rows] == ["Neg-1"] * 10 + ["Neg-2"] * 10
    n_accused = sum(row.verdict.is_copy for row in rows)
    low, high = proportion_interval(n_accused, len(rows))
    assert n_accused <= 3  # one key: what it says of two innocents is not independent
    assert low < 0.05 < high < 0.4


@pytest.mark.slow
@pytest.mark.parametrize("name", ["uchida", "adi"])
def test_over_many_keys_innocents_are_accused_no_more_often_than_the_level_says(
    court: Table, name: str
) -> None:
    evidence = court.evidence(spec(name))
    _, reporting = innocents(court, name)
    models = [unpack(resolve(step, "model", court.memo, Setting())) for step in reporting]
    suspects = [Suspect.bare(model, Compute()) for model in models]
    accused = []
    for number in range(50):
        key = evidence.defense.rederive(replace(evidence.key, seed=fresh_seed(Rng(number))))
        assert key is not None
        verdicts = [evidence.defense.verify(key, suspect, Rng(0)) for suspect in suspects]
        accused.append(sum(verdict.is_copy for verdict in verdicts))
    assert sum(accused) / (50 * 20) <= evidence.defense.level * 2
