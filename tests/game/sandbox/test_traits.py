"""What a player's class says of itself crosses into the arena."""

from __future__ import annotations

from typing import ClassVar, get_origin, get_type_hints

import pytest

from arena.game.sandbox.traits import Traits
from arena.game.sides.attack import Attack, attacks
from arena.game.sides.defense import Defense, defenses
from arena.game.sides.player import Player


@pytest.mark.parametrize("side", [Attack, Defense])
def test_every_class_attribute_of_players_crosses(side: type[Player]) -> None:
    hints = get_type_hints(side)
    said = {name for name, hint in hints.items() if get_origin(hint) is ClassVar}
    assert {"name", "paper", "quick"} < said
    assert said <= set(Traits.model_fields)


@pytest.mark.parametrize("owner", ["adi", "uchida", "coarse-answers", "ipguard", "none"])
def test_what_a_scheme_says_is_what_stands_for_it(owner: str) -> None:
    scheme = defenses.find(owner)
    for name, value in Traits.of(scheme).attributes().items():
        if name not in ("has", "__doc__"):
            assert value == getattr(scheme, name)


def test_what_an_attack_says_is_what_stands_for_it() -> None:
    player = attacks.find("retrain")
    stands = Traits.of(player).attributes()
    assert all(stands[name] == getattr(player, name) for name in ("name", "needs", "task_needs"))
