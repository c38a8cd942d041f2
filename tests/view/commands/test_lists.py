"""`arena list`."""

from __future__ import annotations

import re

import pytest

from arena.game.rules.threat import ThreatModel
from arena.game.sides.attack import attacks
from arena.game.sides.defense import defenses
from arena.game.sides.player import Dial, Player
from arena.view.commands.find_scenario import shipped
from arena.view.commands.listing import dial_in_words, needs_in_words
from arena.world.data import known
from arena.world.models import architectures
from tests.view.conftest import Command


def names(text: str) -> set[str]:
    """Return the first column."""
    return {found.group(1) for line in text.splitlines() if (found := re.match(r" (\S+)", line))}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("attackers", lambda: set(attacks.classes())),
        ("defenders", lambda: set(defenses.classes())),
        ("scenarios", lambda: set(shipped())),
        (
            "data",
            lambda: {info.name for info in known()} | {"folder:PATH", "archive:PATH", "text:PATH"},
        ),
        ("models", lambda: set(architectures()) | {"torchvision:NAME"}),
    ],
)
def test_everything_that_can_be_named_is_listed(
    arena: Command, kind: str, expected: object
) -> None:
    assert callable(expected)
    done = arena("list", kind)
    assert done.code == 0
    assert expected() <= names(done.out)


def test_a_list_explains_its_entries(arena: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "60,000" in arena("list", "data").out
    assert "norm = 'batch'" in arena("list", "models").out
    assert "digits" in arena("list", "scenarios").out
    assert "labelled" in arena("list", "attackers").out
    assert "Uchida et al." in arena("list", "defenders").out


@pytest.mark.parametrize(
    ("needs", "words"),
    [
        (ThreatModel(), "nothing"),
        (ThreatModel(output="weights"), "weights"),
        (ThreatModel(output="labels", data=1), "labels, own data"),
        (ThreatModel(output="weights", data=0.3, data_labels=True), "weights, own labelled data"),
        (ThreatModel(pool="*", real_inputs=True), "pool data, real inputs"),
        (
            ThreatModel(knows=frozenset({"scheme"}), deliverables=frozenset({"claim"})),
            "knows scheme, delivers a claim",
        ),
        (ThreatModel(precommit=True, double=True), "double, precommit"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_needs_are_said_in_words(needs: ThreatModel, words: str) -> None:
    assert needs_in_words(needs) == words


def test_a_dial_says_what_it_turns() -> None:
    class Turned(Player):
        dial = Dial("lr", 1e-4, 1e-2, "log")

    assert dial_in_words(Turned) == "lr: 0.0001 to 0.01"
    assert dial_in_words(Player) == ""
