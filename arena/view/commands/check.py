"""`arena check FILE.py:Class`: the conformance checks on one player."""

from __future__ import annotations

from rich.console import Console

from arena.game.checks import check_attack, check_defense, load_player
from arena.game.sides.attack import Attack


def show_check(spec: str) -> int:
    """Print what is wrong with a player; return 0 where nothing is, else 1.

    Raises:
        RegistryError: the player cannot be loaded.
    """
    player = load_player(spec)
    with Console(stderr=True).status(f"checking {player.__name__} on a small match"):
        problems = check_attack(player) if issubclass(player, Attack) else check_defense(player)
    console = Console(highlight=False, soft_wrap=True, markup=False)
    side = "attack" if issubclass(player, Attack) else "defence"
    if not problems:
        console.print(f"{player.__name__} conforms: it keeps every rule for {side}s.")
        return 0
    for problem in problems:
        console.print(str(problem))
    noun = "problem" if len(problems) == 1 else "problems"
    console.print(f"{player.__name__} does not conform: {len(problems)} {noun}.")
    return 1
