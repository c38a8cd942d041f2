"""An assignment that is played in seconds, and what students might hand in for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from arena.game.sandbox.players_file import close_readers
from arena.runs.course.assignment import Assignment, read_assignment
from arena.runs.course.submissions import Submission

PUBLIC = """
title = "Steal it"
seed = 3
hidden_share = 0.5

[limits]
step_s = 600
memory_mb = 6144

[[task]]
name = "steal"
side = "thief"
file = "my_attack.py"
about = "Deliver what you were given."

[task.game]
task = { model = "mlp", recipe = { epochs = 2 } }
innocents = { reporting_same = 1, reporting_other = 0, reporting_odd = 0 }
owner = [{ scheme = "none" }]

[[task.rule]]
says = "it is useful"
figure = "kept"
none = 0.5
full = 0.9
points = 4

[[task.rule]]
says = "an owner was accused"
figure = "caught"
none = 0
full = 1
points = -1
"""
HIDDEN = """
seed = 77

[game.steal]
"task.recipe.epochs" = 3
"""
ATTACK = '''
from dataclasses import dataclass
from arena.game import Access, Attack, Deliverable, ThreatModel, attack

@attack("mine")
@dataclass(frozen=True, kw_only=True)
class Mine(Attack):
    """Delivers what it was given."""

    needs = ThreatModel(output="weights")

    def run(self, access, rng):
        {line}
        return Deliverable(access.model())
'''


def attack_text(line: str = "pass") -> str:
    """Return a student's file whose move begins with a line."""
    return ATTACK.format(line=line)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the assignment, hidden part included."""
    made = tmp_path / "assignment"
    (made / "hidden").mkdir(parents=True)
    (made / "assignment.toml").write_text(PUBLIC)
    (made / "my_attack.py").write_text(attack_text())
    (made / "hidden" / "hidden.toml").write_text(HIDDEN)
    return made


@pytest.fixture
def assignment(folder: Path) -> Assignment:
    return read_assignment(folder)


@pytest.fixture
def handed_in(tmp_path: Path) -> Iterator[Submission]:
    """An honest submission that prints."""
    path = tmp_path / "alice" / "my_attack.py"
    path.parent.mkdir()
    path.write_text(attack_text('print("so many:", len(access.card.input_shape))'))
    yield Submission("alice", {"steal": path})
    close_readers()
