"""A bench: strengths are searched on calibration owners, then the suite is played and counted."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import fmean

from arena.game.match.play import MatchSpec
from arena.game.match.rows import InnocentRow, RoundRow
from arena.game.match.steps.protect_step import ProtectStep
from arena.game.match.steps.step_cache import FAILURE, Memo, Setting, Step
from arena.game.sides.defense import Defense, defenses
from arena.game.sides.needs import find_need
from arena.runs.bench.attempts import attempts_of
from arena.runs.bench.crossing import Crossing, crossings
from arena.runs.bench.flags import Findings, accuses_everybody, flags
from arena.runs.bench.plan import Plan
from arena.runs.bench.result import (
    Result,
    RunRecord,
    Standing,
    SubjectRecord,
    VerifyCost,
)
from arena.runs.bench.scores import false_positives, family_scores, fidelity_loss, robust
from arena.runs.bench.search import choose
from arena.runs.ledger import Ledger
from arena.runs.scenario import Scenario
from arena.runs.standings.fitness import LEVEL
from arena.runs.tournament import hardware, versions
from arena.world.code_version import core_version
from arena.world.task import TaskSpec


@dataclass(frozen=True)
class Played:
    """What a tournament left in its ledger."""

    rounds: Sequence[RoundRow]
    innocents: Sequence[InnocentRow]

    @classmethod
    def read(cls, ledger: Ledger) -> Played:
        """Return what a ledger holds; raises like `Ledger.rounds`."""
        return cls(ledger.rounds(), ledger.innocents())


Ending = tuple[Standing, str]
"""How a bench ended, and why it did not end well."""

SEARCH = "search"
"""The folder of the tournament in which strengths are chosen."""

Play = Callable[[Scenario, str], Played]
"""Plays a scenario into a folder of the bench, "" for the folder itself; what is there is kept."""


@dataclass(frozen=True)
class Bench:
    """A plan, and where it is carried out.

    Attributes:
        plan: what is played. play: plays a scenario. task: binds a scenario's task to the device.
        memo: what the steps are kept in. setting: where steps of the bench itself run.
    """

    plan: Plan
    play: Play
    task: Callable[[Scenario], TaskSpec]
    memo: Memo
    setting: Setting

    def run(self) -> Result:
        """Play the suite, or what is left of it, and return the result.

        Raises:
            ScenarioError: the subject cannot play the data. StoreError: the folder is not writable.
        """
        started, plan = time.monotonic(), self.plan
        plan.report({})  # refused before anything is trained
        search = plan.search()
        searched = self.play(search, SEARCH)
        tries = attempts_of(plan.searched(), searched.rounds)
        chosen = choose(tries, plan.suite)
        strengths = {one.thief: one.strength for one in chosen}
        scenario = plan.report(strengths)
        played = self.play(scenario, "")
        protections = self._protections(scenario)
        found = Findings(
            attempts=attempts_of(plan.reported(strengths), played.rounds),
            innocents=played.innocents,
            calibration=searched.innocents,
            false_positives=false_positives(played.innocents),
            level=min(plan.subject.defense.level, LEVEL),
            gain=plan.suite.gain,
            searched=chosen,
            tries=tries,
            crossings=crossings(protections, self._protections(search), self.memo, self.setting),
        )
        failed = next((ended for ended in map(self._failure, protections) if ended), None)
        run = self._record(scenario, time.monotonic() - started)
        return result_of(plan, run, found, failed or ending(found))

    def _failure(self, step: Step) -> Ending | None:
        """Return why a victim could not be protected, or what that needs not be made, if so."""
        failure = self.memo.load(step.digest, FAILURE)
        if failure is not None:
            return standing_of(failure.data["status"]), str(failure.data["message"])
        return next((ended for ended in map(self._failure, step.parents()) if ended), None)

    def _protections(self, scenario: Scenario) -> list[ProtectStep]:
        """Return the protection of every victim of a scenario."""
        owners: dict[int, MatchSpec] = {}
        for match, _ in scenario.matches(self.task(scenario)):
            owners.setdefault(match.repeat, match)
        return [match.protect() for match in owners.values()]

    def _record(self, scenario: Scenario, seconds: float) -> RunRecord:
        suite = self.plan.suite
        return RunRecord(
            suite=suite.name,
            suite_sha256=suite.digest,
            data=self.plan.data,
            gain=suite.gain,
            price=suite.price,
            versions=versions(),
            code=core_version(),
            hardware=hardware(self.task(scenario).device),
            seeds={"reported": scenario.seed, "calibration": suite.calibration_seed},
            victims=scenario.repeats,
            seeds_each=len(self.plan.reported({})) // len(self.plan.thieves()),
            made_on=datetime.now(UTC).date().isoformat(),
            seconds=round(seconds, 1),
        )


def result_of(plan: Plan, run: RunRecord, found: Findings, ended: Ending) -> Result:
    """Return what measurements say of a protection.

    Args:
        plan: what was played.
        run: where it was.
        found: what was measured.
        ended: how it ended, and why.
    """
    share, unknown = robust(found.attempts, plan.suite)
    return Result(
        run=run,
        subject=subject_record(plan),
        status=ended[0],
        reason=ended[1],
        robust=share,
        unknown=unknown,
        families=family_scores(found.attempts, found.calibration, plan.suite),
        false_positives=found.false_positives,
        fidelity_loss=None if plan.subject.stand_in else fidelity_loss(found.attempts),
        verify=verify_cost(found.crossings),
        flags=flags(found),
        strengths=tuple(found.searched),
        broken={
            f"{part}{one.row.match}": one.row.message
            for part, attempts in (("", found.attempts), (f"{SEARCH}: ", found.tries))
            for one in attempts
            if one.is_open
        },
    )


def ending(found: Findings) -> Ending:
    """Return how a bench ended whose victims could be protected, and why it did not end well."""
    if accuses_everybody(found.false_positives):
        rate = found.false_positives
        return "ACCUSES", f"accuses {rate.hits} of {rate.n} innocents, so catching says nothing"
    if any(attempt.is_judged for attempt in found.attempts):
        if not found.innocents:
            return "ERROR", "no verdict on an innocent could be had, so catching says nothing"
        return "OK", ""
    broken = next((attempt.row for attempt in found.attempts if attempt.is_open), None)
    if broken is not None:
        return standing_of(broken.status), broken.message
    return "SKIPPED", "no thief of the suite can play against it"


def standing_of(status: str) -> Standing:
    """Return how a bench ended with a step of that status."""
    return "TIMEOUT" if status == "TIMEOUT" else "MEMORY" if status == "MEMORY" else "ERROR"


def verify_cost(held: Sequence[Crossing]) -> VerifyCost | None:
    """Return what verifying a victim of one's own costs; None where none could be verified."""
    own = [crossing for crossing in held if crossing.own]
    if not own:
        return None
    return VerifyCost(
        queries=fmean(crossing.queries for crossing in own),
        seconds=fmean(crossing.seconds for crossing in own),
    )


def subject_record(plan: Plan) -> SubjectRecord:
    """Return what is benched, and what it needs."""
    subject, scheme = plan.subject, plan.subject.defense
    return SubjectRecord(
        name=subject.name,
        scheme=scheme.name,
        settings=dict(subject.scheme.settings),
        source=subject.source,
        needs=needs_of(scheme),
        code=defenses.find(scheme.name).version(),
    )


def needs_of(scheme: Defense) -> tuple[str, ...]:
    """Return what a scheme needs, in words: of a suspect, of the task, and of its owner."""
    sees = "nothing of a suspect" if scheme.reads == "nothing" else f"a suspect's {scheme.reads}"
    needs = [sees, *(find_need(name).words for name in sorted(scheme.needs_of_task))]
    if scheme.uses_nulls and "nulls" not in scheme.needs_of_task:
        needs.append("independent models, where there are any")
    if scheme.invasive:
        needs.append("training of the model")
    if scheme.reads_log:
        needs.append("a log of its interface")
    return tuple(needs)
