"""A scenario of foreseeable players: one owner marks a weight, one thief wipes the mark."""

from __future__ import annotations

from pathlib import Path

import pytest

from arena.game.match.steps.step_cache import MemoryMemo, Setting
from arena.runs.learn.environments import School
from arena.runs.scenario import Scenario, parse_scenario
from arena.runs.tournament import task_of
from arena.world.compute import Compute
from tests.game.envs.conftest import cast, memo

__all__ = ["cast", "memo"]

TEXT = """
name = "foreseeable"
task = { recipe = { epochs = 2 } }
innocents = { calibration_same = 1, calibration_other = 1, calibration_odd = 0 }
[[owner]]
scheme = "bare"
[[owner]]
scheme = "mark"
[[thief]]
name = "stays"
moves = ["stay", "stay"]
threat = { grant = { data = 1, data_labels = true } }
[[thief]]
name = "wipes"
moves = ["wipe"]
[[thief]]
name = "wipes-a-little"
moves = [{ move = "wipe", settings = { push = 0.1 } }]
"""


@pytest.fixture
def scenario() -> Scenario:
    return parse_scenario(TEXT, Path())


@pytest.fixture
def school(scenario: Scenario, memo: MemoryMemo) -> School:
    task = task_of(scenario, Compute())
    return School(scenario, task, memo, Setting(), n_strengths=2, n_rounds=1)
