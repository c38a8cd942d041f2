"""Which experiments there are, and each one's scenario on a data set of a person's choice."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from arena.errors import ScenarioError, did_you_mean
from arena.runs.experiment import Experiment
from arena.runs.scenario import Scenario, read_scenario
from arena.view.commands.find_scenario import shipped
from arena.world.data import known, load
from arena.world.files.cache_folder import cache_folder
from arena.world.json_values import Json
from arena.world.task import TaskTable

_RANGE = re.compile(r"(\d{1,4})(?:-(\d{1,4}))?")
_TASKS = ("quickstart", "mnist", "cifar10")  # tournaments that lend their task


@dataclass(frozen=True)
class Planned:
    """An experiment that can be played: its name, its file, and its scenario on the wanted data."""

    name: str
    path: Path
    scenario: Scenario
    experiment: Experiment


def planned(course: str, data: str, changes: dict[str, Json], *, quick: bool) -> list[Planned]:
    """Return the experiments of a course in their order.

    Args:
        course: a folder of shipped scenarios, "lecture".
        data: a data set; the task is that of the shipped tournament on data of the same shape, but
            of experiments that keep their own.
        changes: dotted keys and values that replace what the files say, after their variants.
        quick: also make the changes of the variant "quick".

    Raises:
        ScenarioError: there is no such course, or no task for such data. DataError: no such data.
    """
    paths = {name: path for name, path in shipped().items() if name.startswith(f"{course}/")}
    if not paths:
        courses = {name.partition("/")[0] for name in shipped() if "/" in name}
        raise ScenarioError(
            [f"expected a course of experiments, found {course!r}{did_you_mean(course, courses)}"]
        )
    task, like = task_on(data)
    found = []
    for path in paths.values():
        raw = _experiment(path)
        own: dict[str, Json] = {} if raw.get("own_task") else {"task": task}
        variants = _variants(raw, [like, *(["quick"] if quick else [])])
        scenario = read_scenario(path, {**own, **variants, **changes})
        if scenario.experiment is not None:
            found.append(Planned(path.stem, path, scenario, scenario.experiment))
    return sorted(found, key=lambda plan: plan.experiment.number)


def chosen(plans: Sequence[Planned], numbers: str | None) -> list[Planned]:
    """Return the experiments whose numbers are named, as "1-9,12"; all where none are.

    Raises:
        ScenarioError: what is named is no list of numbers of experiments.
    """
    if numbers is None:
        return list(plans)
    known = [plan.experiment.number for plan in plans]
    found: set[int] = set()
    for part in numbers.split(","):
        ends = _RANGE.fullmatch(part.strip())
        first = int(ends[1]) if ends else 0
        wanted = range(first, int(ends[2] or first) + 1) if ends else range(0)
        if not wanted or not set(wanted) <= set(known):
            low, high = min(known), max(known)
            told = f"expected experiments of {low} to {high}, found {part.strip()!r}"
            raise ScenarioError([f"{told}; try --experiments {low}-{high}"])
        found.update(wanted)
    return [plan for plan in plans if plan.experiment.number in found]


def _experiment(path: Path) -> dict[str, Json]:
    found: dict[str, Json] = tomllib.loads(path.read_text(encoding="utf-8")).get("experiment", {})
    return found


def _variants(experiment: dict[str, Json], names: list[str]) -> dict[str, Json]:
    variants = cast(dict[str, dict[str, Json]], experiment.get("variants", {}))
    return {key: value for name in names for key, value in variants.get(name, {}).items()}


def task_on(data: str) -> tuple[dict[str, Json], str]:
    """Return the task on a data set, and the data set of the shipped tournament it is taken from.

    Raises:
        ScenarioError: no shipped tournament has a task for data of that shape.
    """
    tasks = {}
    for name in _TASKS:
        text = shipped()[name].read_text(encoding="utf-8")
        task = TaskTable.model_validate(tomllib.loads(text)["task"])
        tasks[task.data] = task
    shapes = {info.name: info.shape for info in known()}
    shape = _shape(data, shapes)
    for like, task in tasks.items():
        if data == like or shapes[like] == shape:
            return task.model_copy(update={"data": data}).plain(), like
    said = ", ".join("x".join(map(str, shapes[like])) for like in tasks)
    found = "x".join(map(str, shape))
    raise ScenarioError([f"expected images of {said}, found {data!r} with {found}"])


def _shape(data: str, shapes: dict[str, tuple[int, ...]]) -> tuple[int, ...]:
    name = data.partition("/")[0]
    if name in shapes:
        return shapes[name]
    return load(data, cache=cache_folder()).train.input_shape
