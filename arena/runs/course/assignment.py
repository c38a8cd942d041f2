"""An assignment: its tasks, what each is played against, and the points for what comes out.

A folder holds `assignment.toml`, which students get, and `hidden/hidden.toml`, which they do not:
another seed, other data, other opponents. Whatever the hidden part says of a task replaces what the
public part says, by dotted key, as `arena run --set` does.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from arena.errors import ScenarioError
from arena.game.match.play import Pools
from arena.runs.course.points import Part, Rule
from arena.runs.scenario import Limits, OwnerTable, ThiefTable, ThreatTable
from arena.runs.scenario_errors import sentences
from arena.runs.secret import read_secret
from arena.runs.toml_file import read_toml_file
from arena.world.json_values import Frozen, Json, Raw
from arena.world.kinds.interface import Output
from arena.world.task import TaskTable

FILE, HIDDEN = "assignment.toml", "hidden"
SUBMITTED = "submission"
"""The name under which whatever is handed in plays: the same streams of randomness for all."""
PlayerSide = Literal["thief", "owner"]


class Game(Frozen):
    """What a task is played on: the tables of a scenario, without the player that is handed in."""

    task: TaskTable = TaskTable()
    innocents: Pools = Pools()
    owner: tuple[OwnerTable, ...] = ()
    thief: tuple[ThiefTable, ...] = ()


class Exercise(Frozen):
    """One thing to hand in: `[[task]]`. The opponents are in its game."""

    name: str = Field(max_length=40, pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")
    side: PlayerSide
    file: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*\.py$")  # how the file is called
    about: str = ""
    threat: str | ThreatTable = "whitebox_third"  # of a thief that is handed in
    verification: Output = "weights"  # what an owner that is handed in may see of a suspect
    repeats: int = Field(1, ge=1, le=100)
    game: Game = Game()
    rule: tuple[Rule, ...] = Field(min_length=1)

    @property
    def most(self) -> float:
        """Return the points that can be had; penalties are none."""
        return sum(max(0.0, rule.points) for rule in self.rule)


class Screening(Frozen):
    """What an owner must not exceed to be let into the league."""

    false_positives: float = Field(0.1, ge=0, le=1)
    fidelity_loss: float = Field(0.05, ge=-1, le=1)


class _Public(Frozen):
    title: str
    seed: int = Field(0, ge=0, lt=2**63)
    hidden_share: float = Field(0.6, ge=0, le=1)  # of all points
    limits: Limits = Limits(step_s=900.0, cpu_s=300)
    screening: Screening = Screening()
    task: tuple[Exercise, ...] = Field(min_length=1)


class _Hidden(Frozen):
    seed: int = Field(1, ge=0, lt=2**63)
    expected: float = Field(0.0, ge=0)  # points that the solution in the same folder reaches
    game: dict[str, dict[str, Raw]] = Field(default_factory=dict)  # by task: dotted keys of `game`


@dataclass(frozen=True)
class Assignment:
    """An assignment as it was read; `hidden` is None in the hands of students."""

    folder: Path
    public: _Public
    hidden: _Hidden | None

    @property
    def tasks(self) -> tuple[Exercise, ...]:
        """Return what is to be handed in."""
        return self.public.task

    @property
    def most(self) -> float:
        """Return the points of the whole assignment."""
        return sum(task.most for task in self.tasks)

    def parts(self) -> list[Part]:
        """Return the public part and, where it is there, the hidden one."""
        share = self.public.hidden_share
        parts = [Part(name="public", seed=self.public.seed, share=1 - share)]
        if self.hidden is not None:
            parts.append(Part(name="hidden", seed=self.hidden.seed, share=share))
        return parts

    def secret(self, part: Part) -> str:
        """Return the secret of a part: none of the public one, which students play themselves.

        Raises:
            ScenarioError: the hidden part's cannot be read or made.
        """
        return "" if part.name == "public" else read_secret(self.folder / HIDDEN / "secret")

    def game(self, task: Exercise, part: Part) -> Game:
        """Return what a task is played on in a part.

        Raises:
            ScenarioError: the hidden part changes what is not there.
        """
        if part.name == "public" or self.hidden is None:
            return task.game
        return _changed(task, self.hidden.game.get(task.name, {}))

    def scenario(self, task: Exercise, part: Part, player: str) -> dict[str, Json]:
        """Return the tables of the scenario in which a player of the registry does a task."""
        game = self.game(task, part).model_dump(mode="json", exclude_unset=True)
        if task.side == "thief":
            threat = task.threat if isinstance(task.threat, str) else task.threat.plain()
            own: dict[str, Json] = {"name": SUBMITTED, "moves": [player], "threat": threat}
        else:
            seen = task.verification
            own = {"name": SUBMITTED, "scheme": player, "verification": seen}
        return {
            **game,
            task.side: [own],
            "name": f"{task.name}-{part.name}",
            "seed": part.seed,
            "device": "cpu",
            "repeats": task.repeats,
            "limits": self.public.limits.model_dump(mode="json", exclude_none=True),
        }


def _changed(task: Exercise, changes: Mapping[str, Raw]) -> Game:
    tables = copy.deepcopy(task.game.model_dump(mode="json", exclude_unset=True))
    for key, value in changes.items():
        *path, last = key.split(".")
        table: Any = tables
        for step in path:
            table = table.setdefault(step, {})
        table[last] = value
    try:
        return Game.as_written(tables)
    except ValidationError as error:
        said = sentences(error, "", Game)
        where = f"{HIDDEN}/hidden.toml, [game.{task.name}]"
        raise ScenarioError([f"{where}: {line}" for line in said]) from error


def read_assignment(folder: Path, *, public: bool = False) -> Assignment:
    """Read an assignment.

    Args:
        folder: holds `assignment.toml`, and `hidden/hidden.toml` where the hidden part is there.
        public: leave the hidden part unread.

    Raises:
        ScenarioError: with one sentence for each problem.
    """
    seen = read_toml_file(folder / FILE, _Public, "an assignment")
    path = folder / HIDDEN / "hidden.toml"
    hidden = (
        read_toml_file(path, _Hidden, "an assignment") if path.is_file() and not public else None
    )
    assignment = Assignment(folder, seen, hidden)
    problems = list(_problems(assignment))
    if problems:
        raise ScenarioError(problems)
    return assignment


def _problems(assignment: Assignment) -> list[str]:
    problems = []
    for task in assignment.tasks:
        other = "owner" if task.side == "thief" else "thief"
        for part in assignment.parts():
            game = assignment.game(task, part)
            if getattr(game, task.side):
                problems.append(
                    f"task {task.name!r}: expected no {task.side} in its game, found one: that "
                    "side is handed in"
                )
            if not getattr(game, other):
                problems.append(f"task {task.name!r}: expected a {other} in its game, found none")
    names = [task.name for task in assignment.tasks]
    files = [task.file for task in assignment.tasks]
    for what, found in (("name", names), ("file", files)):
        twice = {one for one in found if found.count(one) > 1}
        problems += [f"two tasks have the {what} {one!r}; rename one" for one in sorted(twice)]
    return list(dict.fromkeys(problems))
