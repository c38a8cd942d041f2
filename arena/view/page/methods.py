"""What was played: each scheme and each move with its description and its citation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from arena.view.lists.listing import Listed, PlayerSide, players
from arena.view.results.report import Report

_SECTIONS = ("What", "Threat model", "Differences to the paper", "Reference")


@dataclass(frozen=True)
class Method:
    """A scheme or a move in words.

    Attributes:
        name: how scenarios call it. summary: one line; "" of players that are not installed here.
        paper: authors, venue, year. sections: what else it says of itself, by heading.
    """

    name: str
    summary: str
    paper: str
    sections: dict[str, str]


def methods(report: Report) -> dict[str, list[Method]]:
    """Return the schemes of the owners and the moves of the thieves, by what they are."""
    schemes = {row.scheme for row in report.rounds}
    moves = {row.move for row in report.rounds}
    return {
        "Schemes of the owners": _told("defenders", schemes),
        "Moves of the thieves": _told("attackers", moves),
    }


def _told(side: PlayerSide, names: Iterable[str]) -> list[Method]:
    known = {player.name: player for player in players(side)}
    return [_method(name, known.get(name)) for name in sorted(names)]


def _method(name: str, player: Listed | None) -> Method:
    if player is None:
        return Method(name, "", "", {})
    said = {head: player.sections[head] for head in _SECTIONS if head in player.sections}
    return Method(name, player.summary, player.paper, said)
