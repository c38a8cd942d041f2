"""A match between foreseeable players, and a memo that all tests of a module share."""

from __future__ import annotations

import pytest

from arena.game.match.play import MatchSpec
from arena.game.match.steps.step_cache import MemoryMemo
from arena.game.rules.threat import Budget, ThreatModel
from arena.game.sides.attack import attacks
from arena.game.sides.defense import defenses
from arena.game.sides.player import PlayerSpec
from arena.world.task import TaskSpec
from arena.world.training import Recipe
from tests.game.envs.actors import ATTACKS, DEFENSES


@pytest.fixture(autouse=True)
def cast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enter the actors into the registries for one test: no other test shall find them."""
    for registry, players in ((attacks, ATTACKS), (defenses, DEFENSES)):
        registry.classes()
        for name, player in players.items():
            monkeypatch.setattr(player, "name", name)
            monkeypatch.setitem(registry._classes, name, player)


@pytest.fixture(scope="module")
def memo() -> MemoryMemo:
    return MemoryMemo()


@pytest.fixture
def match() -> MatchSpec:
    return MatchSpec(
        task=TaskSpec(recipe=Recipe(epochs=2)),
        owner="mark",
        defense=PlayerSpec(name="mark"),
        thief="learner",
        grants=ThreatModel(output="weights", data=1, data_labels=True, budget=Budget(steps=4)),
    )
