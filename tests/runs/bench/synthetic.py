"""Attempts and innocents made by hand, so that statistics and flags are tested without training."""

from __future__ import annotations

from typing import Any

from arena.game.match.rows import InnocentRow, RoundRow
from arena.runs.bench.attempts import Attempt
from arena.runs.bench.intervals import Share
from arena.runs.bench.plan import Part
from arena.runs.bench.result import Result, RunRecord, SubjectRecord
from arena.runs.bench.suite import Family, Suite, SuiteTask, SuiteThief

SUITE = Suite(
    name="made-1",
    seed=1,
    calibration_seed=2,
    victims=3,
    seeds=2,
    task={"digits": SuiteTask(model="mlp", surrogate="mlp", pool="shapes")},
    thief=(SuiteThief(name="none", family="control", moves=("none",)),),
)
GOOD: dict[str, Any] = {"p_value": 1e-6, "caught": True, "payoff": 0.0, "gain": 1.0, "cost": 0.0}
STOLEN: dict[str, Any] = {"p_value": 0.5, "caught": False, "payoff": 1.0, "gain": 1.0, "cost": 0.1}


def attempt(
    victim: int = 0,
    seed: int = 0,
    family: Family = "modify",
    thief: str = "ft",
    strength: float | None = None,
    **figures: Any,
) -> Attempt:
    """Return an attempt of which the ledger says these figures."""
    part = Part(SuiteThief(name=thief, family=family, moves=("ft-al",)), seed, strength)
    title = f"owner-vs-{part.name}-{victim}"
    return Attempt(part, RoundRow(match=title, thief=part.name, repeat=victim, **figures))


def attempts(**figures: Any) -> list[Attempt]:
    """Return two attempts on each of three victims; statistics differ between them."""
    cells = [(victim, seed) for victim in range(3) for seed in range(2)]
    return [attempt(victim, seed, **{"statistic": 0.1 * seed, **figures}) for victim, seed in cells]


def innocents(caught: int = 0, **figures: Any) -> list[InnocentRow]:
    """Return the verdicts of three keys on ten innocents; the first `caught` of each accuse."""
    return [
        InnocentRow(
            repeat=key,
            number=i,
            **{"p_value": (i + 1) / 10, "statistic": i / 10, **figures, "caught": i < caught},
        )
        for key in range(3)
        for i in range(10)
    ]


def result(name: str = "uchida", hits: int = 8, n: int = 10, **fields: Any) -> Result:
    """Return a result with a headline of hits of n."""
    share = Share(hits=hits, n=n, clusters=5, low=0.1, high=0.9)
    run = RunRecord(
        suite="made-1",
        suite_sha256=SUITE.digest,
        data="digits",
        gain=0.5,
        price=1.0,
        versions={},
        code="c0de",
        hardware="none",
        seeds={"reported": 1, "calibration": 2},
        victims=5,
        seeds_each=2,
        made_on="2026-11-28",
        seconds=1.0,
    )
    subject = SubjectRecord(
        name=name, scheme=name, settings={}, source="scheme", needs=(), code="c0de"
    )
    known: dict[str, Any] = {
        "run": run,
        "subject": subject,
        "status": "OK",
        "robust": share,
        "false_positives": share,
    }
    return Result(**{**known, **fields})
