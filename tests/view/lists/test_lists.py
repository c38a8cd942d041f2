"""`arena list`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import pytest

from arena.game.rules.threat import ThreatModel
from arena.game.sides.attack import attacks
from arena.game.sides.defense import defenses
from arena.game.sides.description import HEADINGS
from arena.game.sides.player import Dial, Player
from arena.runs.scenario import read_scenario
from arena.view.commands.find_scenario import shipped
from arena.view.lists.listing import dial_in_words, grants_in_words, needs_in_words
from arena.view.lists.lists import KINDS, lines_of
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


def test_a_list_explains_its_entries(arena: Command) -> None:
    assert "60,000" in arena("list", "data").out
    assert "on digits" in arena("list", "scenarios").out
    assert "norm = 'batch'" in arena("list", "models", "cnn8").out
    assert "own labelled data" in arena("list", "attackers", "prune").out
    assert "Uchida et al." in arena("list", "defenders", "uchida").out
    assert "at most 4,800 images unique" in arena("list", "threats").out
    assert "decimals = 2" in arena("list", "threats", "blackbox_rounded").out


def test_without_an_argument_it_says_what_can_be_listed(arena: Command) -> None:
    done = arena("list")
    assert done.code == 0
    assert all(f"arena list {kind}" in done.out for kind in KINDS)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_at_80_columns_everything_is_said_in_whole_sentences(
    arena: Command, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr("tests.view.conftest.WIDTH", "80")
    printed = arena("list", kind).out
    assert max(map(len, printed.splitlines())) <= 80
    lines = lines_of(kind)
    shown = [found for line in printed.splitlines() if (found := re.match(r" (\S+)", line))]
    assert [found.group(1) for found in shown][2:] == [
        row[0] for row in lines.rows
    ]  # behind the head
    last = lines.columns.index((lines.shown or lines.columns)[-1])
    together = "".join(printed.split())
    assert [row for row in lines.rows if "".join(row[last].split()) not in together] == []


def test_a_page_on_a_player_holds_its_headings_and_its_settings(arena: Command) -> None:
    page = arena("list", "attackers", "ft-al").out  # its headings are those of its base class
    for head in {"Family", "Needs", "Dial", "Paper", *HEADINGS} - {"Parameters"}:
        assert re.search(rf"^{head} ", page, re.MULTILINE), head
    assert re.search(r"epochs = 10 +int: passes over the data", page)
    assert re.search(r"shift = 0.1 +float: share of the side", page)


@pytest.mark.parametrize("side", ["attackers", "defenders"])
def test_for_programs_every_player_is_complete(arena: Command, side: str) -> None:
    found = json.loads(arena("list", side, "--json").out)
    assert found[0] == json.loads(arena("list", side, found[0]["name"], "--json").out)
    classes: Mapping[str, type[Player]] = (
        attacks.classes() if side == "attackers" else defenses.classes()
    )
    ours = {name for name, cls in classes.items() if cls.__module__.startswith(f"{side}.")}
    assert ours <= {row["name"] for row in found}
    for row in (row for row in found if row["name"] in ours):  # players of other tests are met
        assert set(row["sections"]) >= set(HEADINGS), row["name"]
        untold = [setting["name"] for setting in row["settings"] if not setting["meaning"]]
        words = " ".join(text for head, text in row["sections"].items() if "Parameters" in head)
        assert [name for name in untold if name not in words] == [], row["name"]


def test_a_name_that_the_list_lacks_is_refused(arena: Command) -> None:
    done = arena("list", "attackers", "prun")
    assert (done.code, done.out) == (2, "")
    assert "did you mean 'prune'?" in done.err


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
        (
            ThreatModel(deliverables=frozenset({"api", "outputs"})),
            "delivers an interface, delivers outputs",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_needs_are_said_in_words(needs: ThreatModel, words: str) -> None:
    assert needs_in_words(needs) == words


def test_grants_say_how_much_of_the_data_is_granted() -> None:
    some = ThreatModel(output="weights", data=0.1, data_labels=True)
    assert grants_in_words(some) == "weights, own labelled data, 10 % of the thief's data"
    assert grants_in_words(ThreatModel(output="labels", data=1)) == "labels, own data"


def test_a_list_of_scenarios_counts_the_matches_that_are_played(arena: Command) -> None:
    (found,) = (
        row
        for row in json.loads(arena("list", "scenarios", "--json").out)
        if row["name"] == "quickstart"
    )
    played = read_scenario(shipped()["quickstart"])
    assert int(found["matches"]) == len(list(played.matches(played.task_spec("cpu", "float32"))))


def test_a_dial_says_what_it_turns() -> None:
    class Turned(Player):
        dial = Dial("lr", 1e-4, 1e-2, "log")

    assert dial_in_words(Turned) == "lr: 0.0001 to 0.01"
    assert dial_in_words(Player) == ""
