"""The tables of figures: a row for each round, and for each innocent that an owner verified.

A new figure is one new field here; the ledger, TensorBoard, tables and exports follow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from arena.game.court.dispute import Ruling
from arena.game.court.referee import Judgement
from arena.game.court.verdict import Verdict
from arena.game.match.play import RoundRecord
from arena.game.match.reports import InnocentVerdict, ProtectionReport, RoundReport
from arena.game.rules.figures import COUNT, FREE, SHARE, Figure, column
from arena.world.json_values import Json, Raw


def _protection(read: Callable[[ProtectionReport], object], figure: Figure) -> Any:
    return column(lambda record: read(record.protection) if record.protection else None, figure)


def _report(read: Callable[[RoundReport], object], figure: Figure) -> Any:
    return column(lambda record: read(record.report) if record.report else None, figure)


def _judged(read: Callable[[Judgement], object], figure: Figure) -> Any:
    return column(lambda record: read(record.judgement) if record.judgement else None, figure)


def _verdict(read: Callable[[Verdict], object], figure: Figure | None = None) -> Any:
    def found(record: RoundRecord) -> object:
        return read(record.judgement.verdict) if record.judgement else None

    return column(found, figure)


def _ruling(read: Callable[[Ruling], object], default: object = None) -> Any:
    def found(record: RoundRecord) -> object:
        ruling = record.judgement.ruling if record.judgement else None
        return default if ruling is None else read(ruling)

    return column(found, default=default)


def _meter(name: str, unit: str, says: str) -> Any:
    figure = Figure(says, unit, COUNT, "high", tag=f"meters/{name}", form=",.0f")
    return _report(lambda report: report.meters.of(name), figure)


def _price(record: RoundRecord) -> float | None:
    """Return the thief's backward passes as a multiple of training the victim from scratch."""
    if record.report is None or record.protection is None:
        return None
    base = record.protection.base_meters.images_backward
    return record.report.meters.images_backward / base if base else None


def _losses(record: RoundRecord) -> tuple[float, ...]:
    """Return how the victim learnt, six digits of each loss; the first round of a match says it."""
    if record.protection is None or record.number > 0:
        return ()
    return tuple(float(f"{loss:.6g}") for loss in record.protection.losses)


def payoff_of(judged: Judgement) -> float | None:
    """Return the thief's pay-off; None where there was nothing to steal: it counts for nobody."""
    return judged.payoff if judged.worth.pays or judged.ruling is not None else None


@dataclass(frozen=True, kw_only=True)
class RoundRow:
    """A round, as the ledger keeps it and every view reads it. None is what there is not."""

    match: str = column(lambda record: record.match.title, default="")
    round: int = column(lambda record: record.number, default=0)
    owner: str = column(lambda record: record.match.owner, default="")
    scheme: str = column(lambda record: record.match.defense.name, default="")
    thief: str = column(lambda record: record.match.thief, default="")
    repeat: int = column(lambda record: record.match.repeat, default=0)
    seed: int = column(lambda record: record.match.seed, default=0)
    move: str = column(lambda record: record.move, default="")
    strength: float | None = column(lambda record: record.strength)
    status: str = column(lambda record: record.status, default="OK")
    message: str = column(lambda record: record.message, default="")
    digest: str = column(lambda record: record.digest, default="")

    metric: str = column(lambda record: record.match.task.kind().metric, default="utility")
    utility: float | None = _judged(
        lambda judged: judged.utility,
        Figure("utility", bounds=SHARE, better="low", tag="thief/utility", final=True, curve=True),
    )
    victim_utility: float | None = _judged(
        lambda judged: judged.victim_utility,
        Figure("the victim's utility", bounds=SHARE, better="high"),
    )
    base_utility: float | None = _protection(
        lambda protection: protection.base_utility,
        Figure("utility of the unprotected twin", bounds=SHARE, of="protection"),
    )
    fidelity_loss: float | None = _protection(
        lambda protection: protection.fidelity_loss,
        Figure(
            "fidelity loss",
            bounds=(-1.0, 1.0),
            better="low",
            of="protection",
            tag="spent/fidelity_loss",
            form="+.3f",
        ),
    )
    training_losses: tuple[float, ...] = column(_losses, default=())
    agreement: float | None = _judged(
        lambda judged: judged.agreement,
        Figure("agreement with the victim", bounds=SHARE, tag="thief/agreement"),
    )
    own_utility: float | None = _report(
        lambda report: report.own_utility,
        Figure("utility on the thief's own data", bounds=SHARE, tag="thief/own_utility"),
    )
    kept: float | None = _judged(
        lambda judged: judged.kept,
        Figure("kept share", bounds=SHARE, better="low", tag="thief/kept", final=True, curve=True),
    )
    alone: float | None = _judged(
        lambda judged: judged.worth.alone,
        Figure("utility that the thief could have alone", bounds=SHARE, tag="thief/alone"),
    )
    gain: float | None = _judged(
        lambda judged: judged.worth.gain,
        Figure("gain", bounds=SHARE, better="low", tag="thief/gain", final=True, curve=True),
    )
    gain_low: float | None = _judged(
        lambda judged: judged.worth.low, Figure("gain, from (95 %)", bounds=SHARE)
    )
    gain_high: float | None = _judged(
        lambda judged: judged.worth.high, Figure("gain, to (95 %)", bounds=SHARE)
    )
    pays: bool | None = _judged(
        lambda judged: judged.worth.pays, Figure("something to steal", bounds=SHARE)
    )
    caught: bool | None = _judged(
        lambda judged: judged.caught,
        Figure("caught", bounds=SHARE, better="high", tag="owner/caught"),
    )
    removed: bool | None = _judged(
        lambda judged: judged.removed,
        Figure("got away, still useful", bounds=SHARE, better="low", tag="score/removed"),
    )
    payoff: float | None = _judged(
        payoff_of,
        Figure(
            "pay-off",
            bounds=SHARE,
            better="low",
            tag="score/thief_payoff",
            final=True,
            form=".2f",
        ),
    )
    owner_payoff: float | None = _judged(
        lambda judged: None if payoff_of(judged) is None else 1 - judged.payoff,
        Figure(
            "owner's pay-off",
            bounds=SHARE,
            better="high",
            tag="score/owner_payoff",
            final=True,
            form=".2f",
        ),
    )

    statistic_name: str | None = _verdict(lambda verdict: verdict.name)
    statistic: float | None = _verdict(
        lambda verdict: verdict.statistic, Figure("statistic", bounds=FREE, tag="owner/statistic")
    )
    threshold: float | None = _verdict(
        lambda verdict: verdict.threshold, Figure("threshold", bounds=FREE, tag="owner/threshold")
    )
    rescaled: float | None = _verdict(
        lambda verdict: verdict.rescaled,
        Figure(
            "rescaled statistic",
            bounds=SHARE,
            better="high",
            tag="owner/rescaled",
            final=True,
            curve=True,
        ),
    )
    p_value: float | None = _verdict(
        lambda verdict: verdict.p_value,
        Figure(
            "p-value",
            bounds=SHARE,
            better="low",
            tag="owner/log10_p_value",
            log=True,
            form=".2g",
        ),
    )
    reason: str | None = _verdict(lambda verdict: verdict.reason)
    outcome: str | None = _verdict(lambda verdict: verdict.outcome)
    reference: str | None = _verdict(lambda verdict: verdict.reference)
    findings: tuple[str, ...] = column(
        lambda record: record.judgement.verdict.findings if record.judgement else (), default=()
    )
    rule: str | None = _verdict(lambda verdict: verdict.rule.name if verdict.rule else "")
    rule_is_copy: bool | None = _verdict(
        lambda verdict: verdict.rule.is_copy if verdict.rule else None,
        Figure("caught by the paper's rule", bounds=SHARE, better="high"),
    )
    figures: Mapping[str, Raw] = column(
        lambda record: dict(record.judgement.verdict.figures) if record.judgement else {},
        default={},
    )
    winner: str | None = _ruling(lambda ruling: ruling.winner)
    reasons: tuple[str, ...] = _ruling(lambda ruling: ruling.reasons, ())
    failed: tuple[str, ...] = _ruling(lambda ruling: ruling.failed, ())

    images_queried: float | None = _meter("images_queried", "images", "images queried")
    images_unique: float | None = _meter("images_unique", "images", "images queried, distinct ones")
    calls: float | None = _meter("calls", "calls", "calls of the interface")
    rounds: float | None = _meter("rounds", "rounds", "query rounds")
    bits_revealed: float | None = _meter("bits_revealed", "bits", "bits in the answers")
    steps: float | None = _meter("steps", "steps", "training steps")
    images_forward: float | None = _meter("images_forward", "images", "images forward")
    images_backward: float | None = _meter("images_backward", "images", "images backward")
    models: float | None = _meter("models", "models", "models trained")
    verifier_calls: float | None = _meter("verifier_calls", "calls", "calls of the verifier")
    wall_s: float | None = _report(
        lambda report: report.meters.wall_s,
        Figure("time of the thief", "s", COUNT, tag="meters/wall_s", form=".1f", lasts=False),
    )
    cost: float | None = column(
        _price,
        Figure(
            "multiple of the victim's training",
            bounds=COUNT,
            better="high",
            tag="spent/multiple_of_training",
            final=True,
            form=".2f",
        ),
    )

    threat: Mapping[str, Json] = column(lambda record: record.match.grants.plain(), default={})
    settings: Mapping[str, Raw] = column(lambda record: record.match.defense.plain(), default={})
    versions: Mapping[str, Json] = column(lambda record: dict(record.versions), default={})
    move_s: float | None = _report(
        lambda report: report.move_s,
        Figure("move", "s", COUNT, tag="spent/move_s", form=".1f", lasts=False),
    )
    judge_s: float | None = _judged(
        lambda judged: judged.judge_s,
        Figure("judge", "s", COUNT, "low", tag="spent/judge_s", form=".2f", lasts=False),
    )
    protect_s: float | None = _protection(
        lambda protection: protection.meters.wall_s,
        Figure(
            "protect", "s", COUNT, "low", "protection", "spent/protect_s", form=".1f", lasts=False
        ),
    )
    hardware: str = column(lambda record: record.hardware, Figure(lasts=False), "")

    @property
    def scored(self) -> bool:
        """Return whether the round has a score."""
        return self.status == "OK"


@dataclass(frozen=True)
class Verified:
    """An innocent that an owner verified: the `number`-th of its verdicts in a repeat."""

    owner: str
    repeat: int
    number: int
    found: InnocentVerdict


def _innocent(read: Callable[[Verdict], object], says: str = "", **known: Any) -> Any:
    figure = Figure(says, of="innocent", **known)
    return column(lambda source: read(source.found.verdict), figure)


@dataclass(frozen=True, kw_only=True)
class InnocentRow:
    """An owner's verdict on an innocent, as the ledger keeps it and every view reads it."""

    owner: str = column(lambda source: source.owner, default="")
    repeat: int = column(lambda source: source.repeat, default=0)
    number: int = column(lambda source: source.number, default=0)
    kind: str = column(lambda source: source.found.kind, default="")
    caught: bool = column(
        lambda source: source.found.verdict.is_copy,
        Figure("accused", bounds=SHARE, better="low", of="innocent"),
        default=False,
    )
    statistic_name: str = column(lambda source: source.found.verdict.name, default="")
    statistic: float | None = _innocent(lambda verdict: verdict.statistic, "statistic")
    threshold: float | None = _innocent(lambda verdict: verdict.threshold, "threshold")
    rescaled: float | None = _innocent(
        lambda verdict: verdict.rescaled, "rescaled statistic", bounds=SHARE, better="low"
    )
    p_value: float = column(
        lambda source: source.found.verdict.p_value,
        Figure("p-value", bounds=SHARE, better="high", of="innocent", form=".2g"),
        default=1.0,
    )
    rule_is_copy: bool | None = _innocent(
        lambda verdict: verdict.rule.is_copy if verdict.rule else None,
        "accused by the paper's rule",
    )
    reason: str = column(lambda source: source.found.verdict.reason, default="")
    outcome: str = column(lambda source: source.found.verdict.outcome, default="not shown")
    utility: float | None = column(
        lambda source: source.found.utility, Figure("utility", bounds=SHARE, of="innocent")
    )
    figures: Mapping[str, Raw] = column(
        lambda source: dict(source.found.verdict.figures), default={}
    )
