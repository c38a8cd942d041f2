"""Whose key is held against whose victim."""

from __future__ import annotations

from typing import Any

import pytest

from arena.game.match.steps.step_cache import MemoryMemo, Setting
from arena.runs.bench import crossing
from arena.runs.bench.crossing import Crossing, crossings
from arena.world.bundle import Bundle


@pytest.mark.parametrize(
    ("reported", "others", "pairs"),
    [
        ("ab", "z", ["aa", "ab", "bb", "bz"]),
        ("a", "z", ["aa", "az"]),
        ("a", "", ["aa"]),
    ],
)
def test_every_key_meets_its_own_victim_and_another(
    monkeypatch: pytest.MonkeyPatch, reported: str, others: str, pairs: list[str]
) -> None:
    met = []

    def told(step: Any, *_: object) -> Bundle:
        met.append(step.owner + step.accused)
        own = step.owner == step.accused
        return Bundle(Crossing(own=own, accused=own, p_value=0.5, queries=1, seconds=0.1).plain())

    monkeypatch.setattr(crossing, "resolve", told)
    found = crossings(list(reported), list(others), MemoryMemo(), Setting())  # type: ignore[arg-type]
    assert met == pairs
    assert [one.own for one in found] == [pair[0] == pair[1] for pair in pairs]
