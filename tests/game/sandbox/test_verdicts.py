"""Verdicts of strangers: what is believed."""

from __future__ import annotations

import numpy as np
import pytest

from arena.errors import PlayerError
from arena.game.court.verdict import Rule, Verdict
from arena.game.sandbox.verdicts import verdict_bundle, verdict_of
from arena.world.bundle import Bundle

RULE = Rule("S > 0.5", True)
GOOD = Verdict(
    True, 0.001, 0.9, 0.5, "S", "high", "it is", RULE, {"n": 3}, "3 models", ("it is odd",)
)


def test_a_verdict_crosses_unchanged() -> None:
    assert verdict_of(verdict_bundle(GOOD), 0.01) == GOOD


def test_numbers_of_numpy_become_plain() -> None:
    sent = Verdict(False, 0.5, 0.1, 0.5, "S", "high", "", figures={"hits": [np.int64(3)]})
    assert verdict_of(verdict_bundle(sent), 0.01).figures == {"hits": [3]}


def test_none_is_no_verdict() -> None:
    with pytest.raises(PlayerError, match="expected a Verdict, found NoneType"):
        verdict_bundle(None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("p_value", 1.5),
        ("p_value", 0.5),  # a copy above the level
        ("statistic", float("nan")),
        ("copies", "both"),
        ("figures", "none"),
        ("is_copy", 3),
    ],
)
def test_a_verdict_that_is_none_is_refused(field: str, value: object) -> None:
    data = {**verdict_bundle(GOOD).data, field: value}
    with pytest.raises(PlayerError):
        verdict_of(Bundle(data), 0.01)


def test_a_verdict_says_its_words_on_one_line() -> None:
    said = verdict_of(Bundle({**verdict_bundle(GOOD).data, "reason": "a\nb\x1b[1m"}), 0.01)
    assert said.reason == "a b [1m"
