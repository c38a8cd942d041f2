"""Other schemes than Uchida's protect a person's model too: triggers, and fingerprints."""

from __future__ import annotations

from dataclasses import replace

import pytest

from arena.game.match.steps.step_cache import MemoryMemo, Setting
from arena.game.sides.defense import defenses
from arena.game.sides.player import PlayerSpec
from arena.runs.protect.order import Limits, Order
from arena.runs.protect.protect import protect
from arena.world.training import Recipe


@pytest.mark.slow
@pytest.mark.parametrize("name", ["adi", "zhang", "deepjudge"])
def test_its_key_recognises_the_protected_model(order: Order, name: str) -> None:
    scheme = defenses.find(name)
    asked = replace(
        order,
        scheme=PlayerSpec(name=name, settings=dict(scheme.quick)),
        limits=Limits(p_value=1e-3, max_loss=0.05),
        epochs=(10, 30),
        innocents=6,
        training=Recipe(epochs=8),
    )
    made = protect(asked, MemoryMemo(), Setting(), lambda stage: None)
    unchanged = made.protected.model.digest() == order.model.digest()
    assert unchanged == (not scheme.invasive)
    assert made.report.marked_p <= (1e-3 if scheme.invasive else scheme.level)
    assert (made.report.unmarked_p is None) == (not scheme.invasive)
