"""The result of a bench: a versioned JSON file, written once and collected by boards."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean
from typing import Literal, Self

from pydantic import Field, ValidationError, model_validator

from arena.errors import BaselineError
from arena.runs.bench.bounds import Amount, Count, Difference, Rate
from arena.runs.bench.intervals import Share
from arena.runs.bench.search import Chosen
from arena.runs.bench.suite import Family
from arena.runs.scenario_errors import strange_values
from arena.world.files.atomic_write import write_whole
from arena.world.json_values import Frozen, Json, from_json

SCHEMA = "arena-bench/1"
Standing = Literal["OK", "ERROR", "TIMEOUT", "MEMORY", "SKIPPED", "ACCUSES"]
"""How a bench ended; ACCUSES: of an owner that accuses more than half of the innocents, so that
catching every thief says nothing."""


class FamilyScore(Frozen):
    """What one family of thieves did.

    Attributes:
        family: whose. thieves: how many of the suite can play.
        worst_gain: what its best thief took in [0, 1] at a price that counts, the mean over victims
            and seeds; None where nobody played. worst_thief: who that is.
        found: copies that are above all but 1 % of the calibration innocents; claims, whose suspect
            is the victim itself, are not among them.
    """

    family: Family
    thieves: Count
    worst_gain: Rate | None
    worst_thief: str
    found: Share


class Spread(Frozen):
    """A loss of every victim, a difference of utilities: the mean, the least, the greatest."""

    mean: Difference
    low: Difference
    high: Difference

    @model_validator(mode="after")
    def _is_a_spread(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"expected low of at most high, found {self.low} and {self.high}")
        return self


class VerifyCost(Frozen):
    """What one verification of a victim costs: inputs asked, and seconds on the hardware."""

    queries: Amount
    seconds: Amount


class Flag(Frozen):
    """Something about a scheme without which its numbers mislead."""

    name: str
    says: str


class SubjectRecord(Frozen):
    """What was benched.

    Attributes:
        name: of the row. scheme, settings: as it played. source: by name, from a file, or a model.
        needs: what verification must see, and what protection asks of its owner.
        code: a hash of the scheme's own sources.
    """

    name: str
    scheme: str
    settings: dict[str, Json]
    source: str
    needs: tuple[str, ...]
    code: str


class RunRecord(Frozen):
    """Where a result comes from.

    Attributes:
        suite, suite_sha256: by name, and by content. data: the data set.
        gain, price: what a theft gains at least, and costs at most, to count.
        arena, torch, numpy: versions. code: a hash of the arena's sources.
        hardware: the processor or GPU. seeds: the roots of reported owners and of the search.
        victims, seeds_each: how many, and attacks of every thief on each. made_on: the day (UTC).
        seconds: of making it, what was made before left out.
    """

    suite: str
    suite_sha256: str
    data: str
    gain: Rate
    price: Amount
    versions: dict[str, str]
    code: str
    hardware: str
    seeds: dict[str, int]
    victims: Count
    seeds_each: Count
    made_on: str
    seconds: Amount


class Result(Frozen):
    """What a suite says of a protection.

    Attributes:
        run, subject: what was played. status, reason: how it ended.
        robust: robust ownership, the share of (victim, seed) that no thief stole. unknown: those
            that count as stolen because a match broke, so that nobody can say that they held.
        families: in the suite's order. false_positives: verdicts on unseen innocents that accuse.
        fidelity_loss: utility that protecting costs; None for a model of a person's own.
        verify: what a verification costs. flags: what to know before the numbers.
        strengths: of the thieves. broken: matches that broke, and why.
    """

    run: RunRecord
    subject: SubjectRecord
    status: Standing
    reason: str = ""
    robust: Share
    unknown: Count = 0
    families: tuple[FamilyScore, ...] = ()
    false_positives: Share
    fidelity_loss: Spread | None = None
    verify: VerifyCost | None = None
    flags: tuple[Flag, ...] = ()
    strengths: tuple[Chosen, ...] = ()
    broken: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _unknown_are_of_those_tried(self) -> Self:
        if self.unknown > self.robust.n:
            raise ValueError(
                f"expected unknown of at most robust.n, found {self.unknown} and {self.robust.n}"
            )
        return self

    @property
    def headline(self) -> float | None:
        """Return robust ownership in [0, 1]; None where the bench did not end well."""
        return self.robust.value if self.status == "OK" else None

    @property
    def taken(self) -> float:
        """Return what the best thief of a family takes in [0, 1], the mean over those that played.

        It tells protections of equal headlines apart; where no family played all counts as taken.
        """
        gains = [one.worst_gain for one in self.families if one.worst_gain is not None]
        return fmean(gains) if gains else 1.0


def read_result(path: Path) -> Result:
    """Return the result in a file.

    Raises:
        BaselineError: it is none, or of another schema.
    """
    try:
        raw = from_json(path.read_bytes(), finite=False)
    except (OSError, ValueError) as error:
        first = str(error).partition("\n")[0]
        raise BaselineError(f"expected a result of `arena bench` in {path}, {first}") from error
    found = raw.get("schema") if isinstance(raw, dict) else None
    if found != SCHEMA:
        raise BaselineError(
            f"expected a result of schema {SCHEMA} in {path}, found {found!r}; bench it again"
        )
    del raw["schema"]
    strange = next((problem for _, problem in strange_values(raw)), None)
    if strange:
        raise BaselineError(f"{path} is damaged at {strange}; bench it again")
    try:
        return Result.as_written(raw)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"]) or "result"
        says = problem["msg"].removeprefix("Value error, ")
        says = says[0].lower() + says[1:]
        raise BaselineError(f"{path} is damaged at {where!r} ({says}); bench it again") from error


def write_result(path: Path, result: Result) -> None:
    """Write a result, whole; the schema comes first.

    Raises:
        BaselineError: the file cannot be written.
    """
    content = {"schema": SCHEMA, **result.plain()}
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    try:
        write_whole(path, text.encode() + b"\n")
    except OSError as error:
        raise BaselineError(f"{path} cannot be written ({error.strerror}); check it") from error
