"""What can be known before anything trains is said before anything trains."""

from __future__ import annotations

from pathlib import Path

import pytest

from arena.errors import ScenarioError
from arena.runs.preflight import preflight
from arena.runs.scenario import parse_scenario
from arena.runs.tournament import task_of
from arena.world.compute import Compute

GOOD = """name = "good"
[task]
data = "digits"
model = "softmax"
recipe = { epochs = 1 }
[innocents]
reporting_same = 1
[[owner]]
scheme = "none"
[[thief]]
name = "none"
moves = ["none"]
[[thief]]
name = "asks"
moves = ["knockoff"]
threat = { preset = "surrogate_pool", grant = { pool = "shapes" } }
"""


def problems(text: str, folder: Path) -> tuple[str, ...]:
    """Return what is said of a scenario before it is played."""
    try:
        scenario = parse_scenario(text, folder)
        preflight(scenario, task_of(scenario, Compute()), text, None)
    except ScenarioError as error:
        return error.problems
    return ()


def test_a_sound_scenario_may_be_played(tmp_path: Path) -> None:
    assert problems(GOOD, tmp_path) == ()


CASES = {
    "an archive that is not there": (
        ('data = "digits"', 'data = "archive:/no/such.zip"'),
        "line 2: expected an archive at /no/such.zip, found nothing there",
    ),
    "a folder that is not there": (
        ('data = "digits"', 'data = "folder:/no/such"'),
        "line 2: expected a folder at /no/such, found nothing there",
    ),
    "classes that the data have not": (('data = "digits"', 'data = "digits/55-99"'), "line 2: "),
    "a pool that is unknown": (
        ('pool = "shapes"', 'pool = "shapez"'),
        "line 16: expected the name of a data set, found 'shapez'; did you mean 'shapes'?",
    ),
    "a pool of tables for images": (
        ('pool = "shapes"', 'pool = "wine"'),
        "line 16: expected images to resize, found examples (13,) of 'wine'",
    ),
    "a network that torchvision has not": (
        ('model = "softmax"', 'model = "torchvision:nope"'),
        "line 4: torchvision has no classifier 'nope'",
    ),
    "a network for images on a table": (
        ('data = "digits"\nmodel = "softmax"', 'data = "wine"\nmodel = "cnn8"'),
        "line 4: cnn8 takes images",
    ),
    "a layer that the network has not": (
        ("{ epochs = 1 }", '{ epochs = 1, train = ["nolayer"] }'),
        "line 5: expected names of layers to train, found 'nolayer'",
    ),
    "innocents of an unknown architecture": (
        ("reporting_same = 1", 'reporting_same = 1\narchitectures = ["nope"]'),
        "line 8: no architecture is named 'nope'",
    ),
    "a thief that cannot build its own network": (
        ('pool = "shapes"', 'pool = "shapes", own_architecture = "cnn9"'),
        "line 16: no architecture is named 'cnn9'; did you mean 'cnn8'?",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_missing_or_does_not_fit_is_said_with_its_line(case: str, tmp_path: Path) -> None:
    (old, new), sentence = CASES[case]
    assert old in GOOD
    found = problems(GOOD.replace(old, new), tmp_path)
    assert any(problem.startswith(sentence) for problem in found), found


def test_all_problems_are_said_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("{ epochs = 1 }", '{ epochs = 1, train = ["x"] }').replace("shapes", "wine")
    assert len(problems(text, tmp_path)) == 2
