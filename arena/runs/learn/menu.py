"""The full menu of a scenario: its players as they are, and each at a number of strengths."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator

from arena.errors import ScenarioError
from arena.game.sides.attack import attacks
from arena.game.sides.defense import defenses
from arena.runs.scenario import Move, OwnerTable, Scenario, ThiefTable
from arena.runs.scenario_problems import problems_of

Cell = tuple[str, str]
"""An owner and a thief, by their titles."""


def menu_of(scenario: Scenario, n_strengths: int) -> Scenario:
    """Return a scenario with every player that can be turned also at so many strengths.

    A strength from 0 (mild) to 1 (harsh) is written behind the name: `prune_0.5`. Thieves whose
    moves have strengths of their own, and players without a dial, are there once.

    Args:
        scenario: whose players these are.
        n_strengths: how many; with less than 2 the players stay as they are.

    Raises:
        ScenarioError: a player is already called so.
    """
    if n_strengths < 2:
        return scenario
    strengths = [i / (n_strengths - 1) for i in range(n_strengths)]
    owners = {owner.title: [owner, *_owners_at(owner, strengths)] for owner in scenario.owner}
    thieves = [one for thief in scenario.thief for one in (thief, *_thieves_at(thief, strengths))]
    update = {
        "owner": tuple(one for all_of_it in owners.values() for one in all_of_it),
        "thief": tuple(
            thief.model_copy(
                update={
                    "against": tuple(one.title for name in thief.against for one in owners[name])
                }
            )
            for thief in thieves
        ),
    }
    menu = scenario.model_copy(update=update)
    problems = list(problems_of(menu, ""))
    if problems:
        raise ScenarioError(problems)
    return menu


def _owners_at(owner: OwnerTable, strengths: Collection[float]) -> Iterator[OwnerTable]:
    scheme = defenses.make(owner.spec())
    for strength in strengths if scheme.dial else ():
        settings = scheme.at(strength).settings()
        yield owner.model_copy(
            update={"name": f"{owner.title}_{strength:g}", "settings": settings, "protocol": None}
        )


def _thieves_at(thief: ThiefTable, strengths: Collection[float]) -> Iterator[ThiefTable]:
    if not thief.script():  # it learnt how harsh to be
        return
    moves = [Move(move=move) if isinstance(move, str) else move for move in thief.moves]
    turns = any(attacks.find(move.move).dial for move in moves)
    if not turns or any(move.strength is not None for move in moves):
        return
    for strength in strengths:
        harsh = tuple(move.model_copy(update={"strength": strength}) for move in moves)
        yield thief.model_copy(update={"name": f"{thief.name}_{strength:g}", "moves": harsh})


def meant(menu: Scenario) -> set[Cell]:
    """Return the cells that a scenario has: a thief may name the owners that it plays."""
    return {
        (owner.title, thief.name)
        for owner in menu.owner
        for thief in menu.thief
        if not thief.against or owner.title in thief.against
    }


def only(menu: Scenario, cells: Collection[Cell]) -> Scenario:
    """Return the scenario of these cells alone; there is one at least."""
    against: dict[str, list[str]] = defaultdict(list)
    for owner, thief in sorted(cells):
        against[thief].append(owner)
    played = {owner for owner, _ in cells}
    update = {
        "owner": tuple(owner for owner in menu.owner if owner.title in played),
        "thief": tuple(
            thief.model_copy(update={"against": tuple(against[thief.name])})
            for thief in menu.thief
            if thief.name in against
        ),
    }
    return menu.model_copy(update=update)
