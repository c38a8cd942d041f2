"""What a protected model and a verdict mean, in words."""

from __future__ import annotations

from collections.abc import Iterator

from arena.game.court.verdict import Verdict
from arena.game.sides.defense import Defense, defenses
from arena.runs.keys.folder import About
from arena.runs.protect.order import Fidelity, Report
from arena.view.judge.verdicts import outcome

_UNREADABLE = "not verified"


def report_lines(report: Report) -> Iterator[tuple[str, str]]:
    """Yield what a person reads of a protected model, a name and its value at a time."""
    scheme = defenses.find(report.scheme.name)
    yield "scheme", f"{report.scheme.name} ({scheme.paper})"
    taken = report.attempts[-1]
    if scheme.invasive:
        yield "mark", f"{taken.settings}, attempt {len(report.attempts)}"
    yield "p, marked" if scheme.invasive else "p, own", f"{report.marked_p:.2g}"
    if report.unmarked_p is not None:
        yield "p, before", f"{report.unmarked_p:.2g}"
    yield "innocents", innocents_in_words(report)
    yield "fidelity", fidelity_in_words(report.fidelity)
    yield "key hash", report.commitment
    yield "model hash", report.model


def innocents_in_words(report: Report) -> str:
    """Return what the key says of independent models."""
    found = report.innocents
    if not found:
        return "none were tried"
    n_accused, least = sum(one.accused for one in found), min(one.p_value for one in found)
    return f"{n_accused} of {len(found)} accused at level {report.level:g}, smallest p {least:.2g}"


def fidelity_in_words(fidelity: Fidelity) -> str:
    """Return what protection cost."""
    said = f"{fidelity.before:.3f} before, {fidelity.after:.3f} after: loss {fidelity.loss:+.3f}"
    if fidelity.low is None or fidelity.high is None:
        return said
    return f"{said} (95 %: {fidelity.low:+.3f} to {fidelity.high:+.3f})"


def verdict_lines(verdict: Verdict, about: About, level: float) -> Iterator[tuple[str, str]]:
    """Yield what a person reads of a verdict, a name and its value at a time."""
    scheme = about.defense
    yield "key", f"{about.scheme.name} ({scheme.paper}), {about.commitment[:16]}"
    if verdict.reason.startswith(_UNREADABLE):
        yield "reason", verdict.reason.removeprefix(f"{_UNREADABLE}: ")
        return
    side = "at most" if verdict.copies == "low" else "at least"
    yield verdict.name, f"{verdict.statistic:.3f} (a copy has {side} {verdict.threshold:.3f})"
    yield "p", f"{verdict.p_value:.2g} (level {level:g}); {verdict.reason}"
    if verdict.rule is not None:
        said = "a copy" if verdict.rule.is_copy else "not a copy"
        yield "paper's rule", f"{verdict.rule.name}: {said}"
    if about.innocents:
        yield (
            "innocents",
            f"{about.accused} of {about.innocents} were accused when the key was made",
        )


def not_shown(verdict: Verdict, scheme: Defense) -> list[str]:
    """Return what a verdict does not show, a sentence each."""
    said = outcome(verdict)
    if verdict.reason.startswith(_UNREADABLE):
        return ["nothing was compared, so this speaks neither for the suspect nor against it"]
    if not verdict.is_copy:
        return [
            "that the suspect is independent: a copy whose mark was removed would look the same"
        ]
    sentences = [
        f"who copied whom: that {said!r} needs the date of your commitment (`arena keys commit`)",
        "that the key was chosen before the suspect was seen: the commitment shows that too",
    ]
    if not scheme.invasive or "nulls" in scheme.needs_of_task:
        sentences.append(
            "more than its innocents do: the p-value is as good as they are like what others train"
        )
    return sentences
