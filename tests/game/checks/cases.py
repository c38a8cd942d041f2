"""Every player before every check, as pytest's parameters."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import Any

import pytest
from _pytest.mark.structures import ParameterSet

from arena.game.checks import Check

AGAIN = {"plays-the-same-again", "protects-the-same-again", "draws-from-its-rng-alone"}
"""Checks that make a player do all its work once more."""


def cases(
    names: Iterable[str],
    checks: Sequence[Check[Any]],
    long: Container[str],
    longer: Container[str] = (),
) -> list[ParameterSet]:
    """Return (name, check) for all players.

    Args:
        names: of the players.
        checks: that each goes through.
        long: players who train for seconds, and are checked where what goes from end to end is.
        longer: players whose checks take a tenth of a minute.
    """

    def marks(name: str, check: Check[Any]) -> list[pytest.MarkDecorator]:
        if name in longer:
            return [pytest.mark.slow]
        return [pytest.mark.end_to_end] if name in long or check.name in AGAIN else []

    return [
        pytest.param(name, check, id=f"{name}-{check.name}", marks=marks(name, check))
        for name in names
        for check in checks
    ]
