from __future__ import annotations

from pathlib import Path

import pytest

from arena.errors import ScenarioError
from arena.runs.bench.plan import Plan
from arena.runs.bench.subject import subject_by_name
from arena.runs.bench.suite import Suite, read_suite, shipped_suites
from tests.runs.bench.synthetic import SUITE

SUITES = sorted(shipped_suites())


@pytest.mark.parametrize("name", SUITES)
@pytest.mark.parametrize("data", ["digits", "mnist", "cifar10"])
def test_a_shipped_suite_can_be_played_on_what_it_names(name: str, data: str) -> None:
    suite = read_suite(name)
    plan = Plan(suite, subject_by_name("uchida"), data)
    families = {part.thief.family for part in plan.reported({})}
    assert {"control", "modify", "rewrite", "extract", "claim"} <= families
    scenario = plan.report({})
    assert scenario.seed != plan.search().seed
    assert len(scenario.thief) == len(plan.thieves()) * suite.seeds


def test_no_strength_is_chosen_on_the_owners_that_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "same-1.toml"
    shipped = shipped_suites()["standard-1"].read_text()
    seed = read_suite("standard-1").seed
    lines = [
        f"calibration_seed = {seed}" if line.startswith("calibration_seed") else line
        for line in shipped.splitlines()
    ]
    path.write_text("\n".join(lines))
    with pytest.raises(ScenarioError, match="another calibration_seed"):
        read_suite(str(path))


def test_a_strength_is_that_of_the_last_move() -> None:
    suite = read_suite("standard-1")
    plan = Plan(suite, subject_by_name("uchida"), "digits")
    stacked = next(part for part in plan.searched() if len(part.thief.moves) > 1)
    assert stacked.strength is not None
    assert [move.strength for move in stacked.moves()] == [0.6, stacked.strength]


def test_suites_of_one_name_that_differ_are_told_apart() -> None:
    told = SUITE.plain()
    assert Suite.model_validate({**told, "price": 2.0}).digest != Suite.model_validate(told).digest


def test_a_suite_is_what_its_file_says_and_not_what_it_leaves_out(tmp_path: Path) -> None:
    path, text = tmp_path / "same-1.toml", shipped_suites()["standard-1"].read_text()
    path.write_text(f"# a comment\n{text}\n")
    assert read_suite(str(path)).digest == read_suite("standard-1").digest


def test_what_is_wrong_in_a_suite_is_said_in_one_sentence_each(tmp_path: Path) -> None:
    path = tmp_path / "bad-1.toml"
    path.write_text('name = "bad-1"\nseed = 1\ncalibration_seed = 2\nvictims = 0\nseeds = "1"\n')
    with pytest.raises(ScenarioError) as refused:
        read_suite(str(path))
    assert len(refused.value.problems) == 4  # victims, seeds, no task, no thief
    assert "bad-1.toml: line 5: 'seeds': expected a whole number, found '1'" in str(refused.value)
