"""`arena check`: what it says of a player, and its exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from arena.game.checks import Problem
from arena.view.commands import check as command
from tests.view.conftest import Command

PLAYERS = '''
from dataclasses import dataclass
from arena.game.sides.attack import Attack, attack
from arena.game.sides.defense import Defense, defense

@attack("thief-of-mine")
@dataclass(frozen=True, kw_only=True)
class Thief(Attack):
    """Does nothing."""

@defense("owner-of-mine")
class Owner(Defense):
    """Protects nothing."""

class Nameless(Attack):
    """Does nothing."""
'''


@pytest.fixture(scope="module")
def players(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("players") / "players_of_mine.py"
    path.write_text(PLAYERS)
    return path


@pytest.mark.parametrize(
    ("name", "check", "side"),
    [("Thief", "check_attack", "attacks"), ("Owner", "check_defense", "defences")],
)
def test_a_player_without_problems_conforms(
    arena: Command, players: Path, monkeypatch: pytest.MonkeyPatch, name: str, check: str, side: str
) -> None:
    seen: list[str] = []

    def passes(player: type) -> list[Problem]:
        seen.append(player.__name__)
        return []

    monkeypatch.setattr(command, check, passes)
    done = arena("check", f"{players}:{name}")
    assert (done.code, seen) == (0, [name])
    assert done.out == f"{name} conforms: it keeps every rule for {side}.\n"


@pytest.mark.parametrize("code", ["0", "main()"])
def test_a_file_that_ends_the_program_is_refused(arena: Command, tmp_path: Path, code: str) -> None:
    path = tmp_path / "ends_the_program.py"
    path.write_text(f"import sys\ndef main():\n    return 0\nsys.exit({code})\n")
    done = arena("check", f"{path}:Mine")
    assert done.code == 2
    assert done.err == (
        "arena: ends_the_program.py ended the program (sys.exit(0)) while it was imported; put "
        'what is to run as a program under `if __name__ == "__main__":`\n'
    )


def test_every_problem_has_its_line(
    arena: Command, players: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    problems = [Problem("is-finite", "expected [finite] weights, found NaN"), Problem("b", "c")]
    monkeypatch.setattr(command, "check_attack", lambda _: problems)
    done = arena("check", f"{players}:Thief")
    assert done.code == 1
    assert done.out.splitlines() == [
        "is-finite: expected [finite] weights, found NaN",
        "b: c",
        "Thief does not conform: 2 problems.",
    ]


def test_what_is_only_style_breaks_no_rule(
    arena: Command, players: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    style = Problem("documents-itself", "expected the headings", is_style=True)
    monkeypatch.setattr(command, "check_attack", lambda _: [style])
    done = arena("check", f"{players}:Thief")
    assert done.code == 0
    assert done.out.splitlines() == [
        "Thief conforms: it keeps every rule for attacks.",
        "Style of the players that ship, which breaks no rule:",
        "  documents-itself: expected the headings",
    ]


def test_a_player_without_a_decorator_is_told_so(
    arena: Command, players: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "check_attack", lambda _: [])
    done = arena("check", f"{players}:Nameless")
    assert done.code == 1
    assert done.out.startswith('has-a-name: expected @attack("a-name") above the class, found none')


def test_a_name_that_is_taken_is_refused(arena: Command, tmp_path: Path) -> None:
    (tmp_path / "takes_a_name.py").write_text(PLAYERS.replace("thief-of-mine", "prune"))
    done = arena("check", f"{tmp_path / 'takes_a_name.py'}:Thief")
    assert done.code == 2
    assert "expected a new name for attacker Thief, 'prune' is taken" in done.err


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("Thef", "did you mean 'Thief'?"), ("Attack", "found none"), ("dataclass", "found none")],
)
def test_a_name_that_is_no_player_of_the_file_is_refused(
    arena: Command, players: Path, name: str, sentence: str
) -> None:
    done = arena("check", f"{players}:{name}")
    assert done.code == 2
    assert sentence in done.err


def test_a_file_that_cannot_be_imported_is_one_sentence(arena: Command, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import nothing_of_that_name\n")
    done = arena("check", f"{tmp_path / 'broken.py'}:Thief")
    assert done.code == 2
    assert "broken.py cannot be imported: ModuleNotFoundError" in done.err


@pytest.mark.slow
def test_a_real_player_is_really_checked(arena: Command) -> None:
    from attackers import nothing

    done = arena("check", f"{nothing.__file__}:Nothing")
    assert (done.code, done.err) == (0, "")
    assert "conforms" in done.out
