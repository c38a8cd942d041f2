"""Before anything trains: a scenario's data are loaded, its networks built, its players fitted."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from arena.errors import ArenaError, ScenarioError
from arena.game.match.grants import foreign, own_card
from arena.game.match.steps.step_cache import Setting
from arena.runs.scenario import Scenario, ThiefTable
from arena.runs.scenario_errors import Location, place
from arena.world.models import Model, ModelCard, build
from arena.world.models.registry import fit_of
from arena.world.rng import Rng
from arena.world.task import Task, TaskSpec, load_task
from arena.world.training import trainable


def preflight(scenario: Scenario, task: TaskSpec, text: str, cache: Path | None) -> None:
    """Find out whether what a scenario names is there and fits together; nothing is trained.

    Args:
        scenario: read, so its form is right and its names are known.
        task: the scenario's task, bound to a device.
        text: the scenario's file, so that problems name their lines.
        cache: the folder of decoded data.

    Raises:
        ScenarioError: with one sentence for each problem.
    """
    problems: list[str] = []
    with _noted(problems, text, ("task",)):
        loaded = load_task(task, cache)
        problems += _network_problems(scenario, loaded, text)
        for i, thief in enumerate(scenario.thief):
            where = ("thief", i)
            problems += _thief_problems(thief, loaded, Setting(cache=cache), text, where)
    if problems:
        raise ScenarioError(dict.fromkeys(problems))


@contextlib.contextmanager
def _noted(problems: list[str], text: str, where: Location) -> Iterator[None]:
    """Make a problem with its line of what is raised."""
    try:
        yield
    except ArenaError as error:
        problems.append(f"{place(text, where)}{error}")


def _network_problems(scenario: Scenario, task: Task, text: str) -> list[str]:
    problems: list[str] = []
    with _noted(problems, text, ("task", "model")):
        model = _built(task.card)
        if fit_of(task.card.architecture) is None:  # it learns by gradients
            with _noted(problems, text, ("task", "recipe")):
                trainable(model, task.spec.recipe)
    for name in scenario.innocents.architectures:
        with _noted(problems, text, ("innocents", "architectures")):
            _built(task.card_for(name))
    return problems


def _built(card: ModelCard) -> Model:
    return build(card, Rng(0))  # untrained, and thrown away: only whether it can be matters


def _thief_problems(
    thief: ThiefTable, task: Task, setting: Setting, text: str, where: Location
) -> list[str]:
    problems: list[str] = []
    grants = thief.grants()
    for name in (grants.pool, grants.transfer):
        with _noted(problems, text, (*where, "threat")):
            foreign(name, "train", task, setting)
    with _noted(problems, text, (*where, "threat")):
        if not grants.knows_architecture:
            _built(own_card(task, grants))
    return problems
