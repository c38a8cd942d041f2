"""The result of a bench, and a board of them, in words and tables."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from arena.runs.bench.intervals import Share
from arena.runs.bench.result import FamilyScore, Result
from arena.view.console import Console
from arena.view.plain_table import PlainTable
from arena.view.results.tables import number

_ENDED = {
    "ERROR": "it failed",
    "TIMEOUT": "it ran out of time",
    "MEMORY": "it ran out of memory",
    "SKIPPED": "nothing was played",
    "ACCUSES": "it accuses innocents",
}


def percent(share: Share) -> str:
    """Return a share with its interval: `80 % (44-97)`.

    >>> percent(Share(hits=4, n=5, clusters=5, low=0.28, high=0.995))
    '80 % (28-100)'
    """
    if share.value is None:
        return "-"
    return f"{100 * share.value:.0f} % ({100 * share.low:.0f}-{100 * share.high:.0f})"


def ended(result: Result) -> str:
    """Return why a result has no headline."""
    return f"{_ENDED[result.status]} ({result.reason})"


def headline(result: Result) -> str:
    """Return robust ownership in a sentence, or why there is none."""
    name, run = result.subject.name, result.run
    if result.headline is None:
        return f"{name} has no robust ownership: {ended(result)}."
    share = result.robust
    return (
        f"Robust ownership of {name}: {percent(share)}. In {share.hits} of {share.n} attempts on "
        f"{share.clusters} victims no thief of {run.suite} got away with a gain of {run.gain:g} or "
        f"more at a price of {run.price:g} or less (95 % interval, by victim)."
    )


def family_rows(families: Sequence[FamilyScore]) -> list[tuple[str, ...]]:
    """Return a row for each family: who did worst, and how many copies are found."""
    return [
        (
            one.family,
            number(one.worst_gain, ".2f"),
            one.worst_thief if one.worst_gain else "-",
            percent(one.found),
            str(one.thieves),
        )
        for one in families
        if one.thieves
    ]


def costs(result: Result) -> list[tuple[str, str]]:
    """Return what goes with the headline, in its fixed order."""
    loss, verify = result.fidelity_loss, result.verify
    alarms = result.false_positives
    spread = "-" if loss is None else f"{loss.mean:+.3f} ({loss.low:+.3f} to {loss.high:+.3f})"
    return [
        ("innocents accused", f"{alarms.hits}/{alarms.n}, {percent(alarms)}"),
        ("fidelity loss", spread),
        ("queries to verify", "-" if verify is None else f"{verify.queries:,.0f}"),
        ("seconds to verify", "-" if verify is None else f"{verify.seconds:.2f}"),
        ("needs", "; ".join(result.subject.needs)),
    ]


def print_result(result: Result, path: Path, folder: Path, *, as_json: bool) -> None:
    """Print a result, and where it is."""
    console = Console(highlight=False, soft_wrap=True, markup=False)
    if as_json:
        console.print_json(data=result.plain())
        return
    console.print(headline(result))
    columns = ("family", "worst gain", "worst thief", "found at FPR 1 %", "thieves")
    console.print(PlainTable(columns, family_rows(result.families)))
    for says, value in costs(result):
        console.print(f"{says}: {value}")
    for flag in result.flags:
        console.print(f"! {flag.name}: {flag.says}")
    if result.unknown:
        console.print(f"{result.unknown} (victim, seed) count as stolen because matches broke")
    console.print(f"\nThe result is in {path}; see also")
    console.print(f"  arena show {shlex.quote(str(folder))}")
    console.print(f"  arena board {shlex.quote(str(path.parent))}")
