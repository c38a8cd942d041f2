"""`arena check FILE.py:Class`: the conformance checks on one player."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from arena.game.checks import Problem, check_attack, check_defense, load_player
from arena.game.sides.attack import Attack, attacks
from arena.game.sides.defense import defenses
from arena.game.sides.player import Registry
from arena.view.console import Console
from arena.view.exit_codes import ExitCode


def show_check(spec: str) -> int:
    """Print what is wrong with a player; return 0 where it keeps every rule, else 1.

    What is only style of the players that ship is printed apart and breaks no rule.

    Raises:
        RegistryError: the player cannot be loaded, or its name is taken.
    """
    for side in (attacks, defenses):
        side.classes()  # known before the player's file is read, so that a taken name is found
    player = load_player(spec)
    is_attack = issubclass(player, Attack)
    with Console(stderr=True).status(f"checking {player.__name__} on a small match"):
        problems = check_attack(player) if issubclass(player, Attack) else check_defense(player)
    registry: Registry[Any] = attacks if is_attack else defenses
    if player not in registry.entered().values():
        problems = [_unregistered("attack" if is_attack else "defense"), *problems]
    return _say(player.__name__, problems, "attack" if is_attack else "defence")


def _unregistered(decorator: str) -> Problem:
    return Problem(
        "has-a-name",
        f'expected @{decorator}("a-name") above the class, found none; '
        "without a name no scenario can play it",
    )


def _say(name: str, problems: Sequence[Problem], side: str) -> int:
    """Print breaches of rules, then matters of style; return the exit code."""
    console = Console(highlight=False, soft_wrap=True, markup=False)
    breaches = [problem for problem in problems if not problem.is_style]
    for problem in breaches:
        console.print(str(problem))
    noun = "problem" if len(breaches) == 1 else "problems"
    if breaches:
        console.print(f"{name} does not conform: {len(breaches)} {noun}.")
    else:
        console.print(f"{name} conforms: it keeps every rule for {side}s.")
    if len(problems) > len(breaches):
        console.print("Style of the players that ship, which breaks no rule:")
    for problem in problems:
        if problem.is_style:
            console.print(f"  {problem}")
    return ExitCode.FAILED if breaches else ExitCode.DONE
