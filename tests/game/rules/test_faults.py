"""A fault is reported with the line of the player's own code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from arena import ROOT
from arena.game.rules.faults import fault_in_words
from arena.game.sides.plugins import import_file
from arena.world.json_values import digest

PLAYER = """import torch

def move():
    return torch.zeros(2) @ torch.zeros(3)

def count(arena_function):
    return arena_function(object())
"""


def fault_of(call: Callable[[], object]) -> str:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - any kind
        call()
    return fault_in_words(caught.value)


def test_the_line_is_the_players_and_not_the_librarys(tmp_path: Path) -> None:
    (tmp_path / "clumsy_thief.py").write_text(PLAYER)
    thief = import_file(tmp_path / "clumsy_thief.py")
    said = fault_of(thief.move)
    assert said.startswith("RuntimeError: ")
    assert said.endswith("(clumsy_thief.py, line 4)")
    assert fault_of(lambda: thief.count(digest)).endswith("(clumsy_thief.py, line 7)")


def test_a_file_beside_the_arena_is_a_players() -> None:
    names: dict[str, Callable[[], object]] = {}
    exec(compile(PLAYER, f"{ROOT / 'arena'}_own.py", "exec"), names)  # noqa: S102 - a player's file
    assert fault_of(names["move"]).endswith("(arena_own.py, line 4)")


def test_where_no_player_is_on_the_way_no_line_is_named() -> None:
    assert fault_in_words(ValueError("expected 3, got 4")) == "ValueError: expected 3, got 4"
