"""The control of the thieves."""

from __future__ import annotations

from arena.game.rules.threat import ThreatModel
from arena.world.models import Model, build
from arena.world.rng import Rng
from attackers.nothing import NoAttack
from tests.attackers.conftest import Thief

GRANTS = ThreatModel(output="weights")


def test_the_victim_is_delivered_unchanged_at_no_cost(thief: Thief, trained: Model) -> None:
    world = thief(GRANTS)
    assert world.play(NoAttack()).digest() == trained.digest()
    spent = world.gate.meters.reading().plain()
    assert {meter for meter, value in spent.items() if value} <= {"wall_s"}


def test_in_a_later_round_the_suspect_is_delivered_again(thief: Thief, trained: Model) -> None:
    mine = build(trained.card, Rng(5))
    assert thief(GRANTS, mine).play(NoAttack()).digest() == mine.digest()
