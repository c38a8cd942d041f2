"""The match that an environment plays where none is given: digits, a small network."""

from __future__ import annotations

from arena.game.match.play import MatchSpec
from arena.game.rules.threat import preset
from arena.game.sides.player import PlayerSpec
from arena.world.task import TaskSpec
from arena.world.training import Recipe

_QUICK = {"epochs": 2}

MOVES = (
    PlayerSpec(name="none"),
    *(PlayerSpec(name=name, settings=_QUICK) for name in ("ft-ll", "ft-al", "rt-al", "prune")),
    PlayerSpec(name="overwrite"),
)
SCHEMES = (PlayerSpec(name="none"), PlayerSpec(name="uchida"))


def default_match() -> MatchSpec:
    """Return a briefly trained network with Uchida's watermark, open to white-box thieves."""
    return MatchSpec(
        task=TaskSpec(recipe=Recipe(epochs=5)),
        owner="uchida",
        defense=PlayerSpec(name="uchida"),
        thief="learner",
        grants=preset("whitebox_few"),
    )
