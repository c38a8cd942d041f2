"""A class that plays itself: owners are screened, boards are ranked, ties go to fewer queries."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from arena.errors import ScenarioError
from arena.runs.course.assignment import Assignment, Screening, read_assignment
from arena.runs.course.grade import Place
from arena.runs.course.league import _lines, exercises, fault_of, league
from arena.runs.course.submissions import find_submissions
from tests.game.sandbox.conftest import needs_sandbox
from tests.runs.course.conftest import HIDDEN, PUBLIC, attack_text
from tests.view.conftest import innocent, row

OWNER = """
[[task]]
name = "keep"
side = "owner"
file = "my_defence.py"

[task.game]
innocents = { reporting_same = 1, reporting_other = 1, reporting_odd = 0 }
thief = [{ name = "none", moves = ["none"], threat = { grant = { data = 0.05 } } }]

[[task.rule]]
says = "it is caught"
figure = "owner_payoff"
none = 0
full = 1
points = 1
"""
DEFENCE = '''
from dataclasses import dataclass
from arena.game import Defense, Key, Protected, Verdict, defense

@defense("mine")
@dataclass(frozen=True, kw_only=True)
class Mine(Defense):
    """Accuses whom it wants to."""

    protocol: str = "none"

    def protect(self, task, rng):
        model = task.base()
        weight = next(iter(model.state_dict().values())).clone()
        return Protected(model, Key("mine", "", {{}}, {{"w": weight}}))

    def examine(self, key, suspect, rng):
        same = bool((suspect.model().state_dict()[{name}] - key.tensors["w"]).abs().max() < 1e-3)
        found = {found}
        return Verdict(found, 0.0 if found else 1.0, float(found), 0.5, "w", "high", "looked")
'''


def defence_text(found: str) -> str:
    """Return an owner's file that accuses where an expression is true."""
    return DEFENCE.format(found=found, name="next(iter(suspect.model().state_dict()))")


def test_ties_go_to_fewer_queries_and_less_fidelity_lost() -> None:
    rows = [
        row("o", "a", 1.0, images_queried=10, fidelity_loss=0.1),
        row("o", "b", 1.0, images_queried=5, fidelity_loss=0.1),
        row("p", "a", 1.0, images_queried=10, fidelity_loss=0.0),
        row("p", "b", 1.0, images_queried=5, fidelity_loss=0.0),
        row("p", "c", None),
    ]
    assert [line.standing.name for line in _lines(rows, "thief")] == ["b", "a"]
    assert [line.standing.name for line in _lines(rows, "owner")] == ["p", "o"]
    assert _lines([], "owner") == ()


def test_who_comes_to_no_verdict_on_innocents_is_not_let_in() -> None:
    rows, limits = [row("o", "none", 0.0, fidelity_loss=0.0)], Screening()
    spared, accused = innocent("o", caught=False), innocent("o", caught=True)
    assert fault_of(rows, [spared], limits) == ""
    assert fault_of(rows, [accused], limits) == "it accuses 1 of 1 innocents"
    assert fault_of(rows, [], limits) == "it came to no verdict on an innocent"
    assert fault_of(rows, None, limits) == ""
    dear = [row("o", "none", 0.0, fidelity_loss=0.2)]
    assert fault_of(dear, [spared], limits) == "it costs 0.200 of fidelity, above 0.05"


def test_a_league_needs_both_sides(assignment: Assignment) -> None:
    with pytest.raises(ScenarioError, match="has none of a owner"):
        exercises(assignment)


@needs_sandbox
@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_thief_meets_every_owner_that_is_honest(folder: Path, tmp_path: Path) -> None:
    (folder / "assignment.toml").write_text(PUBLIC + OWNER)
    (folder / "hidden" / "hidden.toml").write_text(HIDDEN)
    texts = {
        "ann": (attack_text(), defence_text("same")),
        "bob": (attack_text("x = 1"), defence_text("True")),
        "eve": ("def (\n", defence_text("False")),
    }
    for name, (thief, owner) in texts.items():
        (tmp_path / "in" / name).mkdir(parents=True)
        (tmp_path / "in" / name / "my_attack.py").write_text(thief)
        (tmp_path / "in" / name / "my_defence.py").write_text(owner)
    assignment = read_assignment(folder)
    submissions = find_submissions(tmp_path / "in", assignment)
    place = Place(tmp_path / "out")
    boards = league(submissions, assignment, place, lambda _: None)
    assert [board.part for board in boards] == ["public", "hidden"]
    for board in boards:
        assert [line.standing.worst for line in board.owners] == [1.0, 0.0]  # ann's, then eve's
        assert len(board.thieves) == 2
        accuser, broken = sorted(board.out.values())
        assert re.match(r"it accuses (\d+) of \1 innocents", accuser)
        assert broken.startswith("my_attack.py ")
