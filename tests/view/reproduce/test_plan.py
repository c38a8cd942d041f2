"""The lecture's experiments as files, and their tasks on other data."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from arena.errors import ScenarioError
from arena.runs.scenario import Scenario, read_scenario
from arena.view.commands.find_scenario import shipped
from arena.view.reproduce.plan import chosen, planned, task_on

FILES = {name: path for name, path in shipped().items() if name.startswith("lecture/")}


OWN_TASKS = {"pictures": "digits", "captions": "captions-digits", "texts": "fables"}


def test_the_lecture_has_twelve_experiments_in_order() -> None:
    plans = planned("lecture", "digits", {}, quick=False)
    assert [plan.experiment.number for plan in plans] == list(range(1, 13))
    assert [plan.name for plan in plans[9:]] == list(OWN_TASKS)


@pytest.mark.parametrize("data", ["digits", "mnist", "cifar10"])
@pytest.mark.parametrize("quick", [False, True])
def test_every_variant_can_be_played(data: str, quick: bool) -> None:
    task, _ = task_on(data)
    for plan in planned("lecture", data, {}, quick=quick):
        assert (plan.scenario.task.plain() == task) is not plan.experiment.own_task
        assert plan.experiment.claim, plan.name


def test_what_models_make_is_marked_on_tasks_of_their_own() -> None:
    for plan in planned("lecture", "mnist", {"task.recipe.epochs": 3}, quick=True):
        own = OWN_TASKS.get(plan.name)
        assert plan.experiment.own_task is (own is not None)
        assert plan.scenario.task.data == (own or "mnist")
        assert plan.scenario.task.recipe.epochs == 3


@pytest.mark.parametrize("name", OWN_TASKS)
def test_claims_name_metrics_series_and_thieves_that_there_are(name: str) -> None:
    scenario = read_scenario(FILES[f"lecture/{name}"])
    experiment = scenario.experiment
    assert experiment is not None
    thieves = {thief.name for thief in scenario.thief}
    for claim in experiment.claim:
        assert set(claim.metrics) <= set(experiment.metrics)
        assert len(experiment.chosen(claim.series)) == len(claim.series) > 0
    assert {member for series in experiment.series for member in series.members} <= thieves


@pytest.mark.parametrize("name", FILES)
def test_each_experiment_is_a_scenario_of_its_own(name: str) -> None:
    scenario: Scenario = read_scenario(FILES[name])
    assert scenario.task.data == OWN_TASKS.get(name.partition("/")[2], "digits")
    assert scenario.innocents.reporting_same >= 5
    assert scenario.innocents.reporting_other >= 5


def test_experiments_on_the_same_models_share_their_steps() -> None:
    names = {"blackbox", "whitebox", "radar"}
    plans = [p for p in planned("lecture", "digits", {}, quick=True) if p.name in names]
    protections, rounds = set(), set()
    for plan in plans:
        task = plan.scenario.task_spec("cpu", "float32")
        for match, script in plan.scenario.matches(task):
            played = match.round(script[0].move, None, 0)
            protections.add(match.protect().digest)
            rounds.add((match.thief, played.digest))
    assert len(protections) == 1
    assert len(rounds) == 6


def test_changes_come_after_variants() -> None:
    plans = planned("lecture", "digits", {"seed": 7, "innocents.reporting_same": 6}, quick=True)
    assert {plan.scenario.seed for plan in plans} == {7}
    assert {plan.scenario.innocents.reporting_same for plan in plans} == {6}


def test_data_of_a_known_shape_take_the_task_of_that_shape() -> None:
    task, like = task_on("kmnist")
    assert (task["data"], task["model"], like) == ("kmnist", "lenet5", "mnist")


def test_other_shapes_are_refused_in_a_sentence() -> None:
    with pytest.raises(ScenarioError, match=r"expected images of 1x8x8, .* found 'wine' with 13"):
        task_on("wine")


def test_an_unknown_course_is_refused_with_a_hint() -> None:
    with pytest.raises(ScenarioError, match="did you mean 'lecture'"):
        planned("lectur", "digits", {}, quick=False)


@pytest.mark.parametrize(
    ("numbers", "expected"), [(None, range(1, 13)), ("3", [3]), ("1-3, 12", [1, 2, 3, 12])]
)
def test_experiments_are_chosen_by_their_numbers(
    numbers: str | None, expected: Sequence[int]
) -> None:
    plans = planned("lecture", "digits", {}, quick=True)
    assert [plan.experiment.number for plan in chosen(plans, numbers)] == list(expected)


@pytest.mark.parametrize("numbers", ["0", "13", "9-13", "3-1", "a", "", "1,,2", "-1"])
def test_what_is_no_number_of_an_experiment_is_refused(numbers: str) -> None:
    with pytest.raises(ScenarioError, match="expected experiments of 1 to 12, found"):
        chosen(planned("lecture", "digits", {}, quick=True), numbers)
