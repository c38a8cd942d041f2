"""Who won a tournament, which thief decided it, and what of that is not significant."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from arena.runs.standings.leaderboard import Standing
from arena.view.results.report import Report


def headline(report: Report) -> list[str]:
    """Return three sentences on a tournament, and who is marked; nothing before it has begun.

    Where one owner plays there is no best one, and no difference to doubt.

    The best owner is the one with the best worst case among those without a fault
    (`Report.faults`).
    """
    owners = report.standings["owner"]
    if not owners:
        return []
    able = [line for line in owners if line.name not in report.faults]
    sentences = [
        _winner(able) if len(owners) > 1 or not able else _alone(able[0]),
        *(_decider(report, line) for line in able[:1]),
        *([_doubt(report, able)] if len(owners) > 1 else []),
    ]
    if report.faults:
        marked = "; ".join(f"{name} {why}" for name, why in report.faults.items())
        sentences.append(f"Marked ! and ranked below the others: {marked}.")
    return sentences


def _winner(able: Sequence[Standing]) -> str:
    if not able:
        return "Nobody won: every owner accuses innocents, or is silent on them, or costs too much."
    best = able[0]
    equals = [line.name for line in able[1:] if line.worst == best.worst]
    beside = f", as {', '.join(equals)} does; its Nash column is the higher" if equals else ""
    return f"Best owner: {best.name}, which keeps {best.worst:.2f} in its worst case{beside}."


def _alone(owner: Standing) -> str:
    return f"{owner.name} keeps {owner.worst:.2f} in its worst case."


def _decider(report: Report, best: Standing) -> str:
    """Return which thief took most from the best owner."""
    taken = report.payoffs.values[report.owners.index(best.name)]
    thief = report.thieves[int(np.nanargmax(taken))]
    if np.nanmax(taken) == 0:
        return f"No thief took anything from {best.name}."
    return f"What decided it: {thief}, which takes {np.nanmax(taken):.2f} from {best.name}."


def _doubt(report: Report, able: Sequence[Standing]) -> str:
    """Return which ranks are no more than luck, as far as the repeats can tell."""
    if int(report.facts["scenario"]["repeats"]) == 1:
        return (
            "Not significant: any difference between owners; each match was played once, and "
            "`--set repeats=5` shows what is luck."
        )
    close = [line.name for line in able[1:] if _overlap(line, able[0])]
    if not close:
        return "Not significant: nothing between the first owner and the others (95 % intervals)."
    return (
        f"Not significant: {able[0].name} before {', '.join(close)}; their 95 % intervals of the "
        "worst case overlap."
    )


def _overlap(one: Standing, other: Standing) -> bool:
    return one.worst_interval[1] >= other.worst_interval[0]
