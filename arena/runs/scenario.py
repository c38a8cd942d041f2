"""Scenario files: a tournament in TOML. What is wrong is said at once, files of players first."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from arena.errors import RegistryError, ScenarioError
from arena.game.envs.learned_agent import Learned
from arena.game.match.agents import Action, Agent, Scripted
from arena.game.match.play import MatchSpec, Pools
from arena.game.rules.score import TOLERANCE
from arena.game.rules.threat import Budget, ThreatModel, preset
from arena.game.sandbox.admit import admit
from arena.game.sandbox.cell import Cell
from arena.game.sandbox.players_file import PlayersFile
from arena.game.sides.defense import StandardOfProof
from arena.game.sides.player import PlayerSpec
from arena.runs.experiment import Experiment
from arena.runs.learn.references import folder_of, learned_agent, located, resolved
from arena.runs.scenario_errors import place, refuse_strange, said_of, sentences
from arena.runs.scenario_problems import problems_of, unplayable
from arena.world.bounds import MEMORY_MB, REPEATS, SECONDS
from arena.world.data.own_data import placed_in
from arena.world.json_values import Frozen, Json, from_toml
from arena.world.kinds.interface import Output
from arena.world.models import pretrained
from arena.world.task import TaskSpec, TaskTable


class Limits(Frozen):
    """What a step, and what a player's process, may take: `[limits]`.

    Workers enforce a step's time, and so many times that where an owner verifies so many innocents;
    the processes of players enforce all of it, and have limits of their own where nothing is said
    here.
    """

    step_s: float | None = Field(None, gt=0, le=SECONDS)
    memory_mb: int | None = Field(None, ge=4096, le=MEMORY_MB)  # less does not hold torch
    cpu_s: int | None = Field(None, ge=1, le=SECONDS)
    gpu: bool = False  # strangers' players may use the GPUs

    def cell(self) -> Cell:
        """Return the limits of a player's process."""
        usual = Cell()
        return Cell(
            memory_mb=self.memory_mb or usual.memory_mb,
            wall_s=self.step_s or usual.wall_s,
            cpu_s=self.cpu_s or usual.cpu_s,
            gpu=self.gpu,
        )


_PLAIN = r"[A-Za-z0-9][A-Za-z0-9._+-]*"  # what may be the name of a file anywhere
ThiefName = Annotated[str, Field(max_length=64, pattern=f"^{_PLAIN}$")]
OwnerName = Annotated[str, Field(max_length=64, pattern=f"^({_PLAIN})?$")]


class OwnerTable(Frozen):
    """An owner: `[[owner]]`."""

    scheme: str
    name: OwnerName = ""  # none: that of the scheme
    settings: dict[str, Json] = Field(default_factory=dict)
    protocol: StandardOfProof | None = None
    verification: Output = "weights"

    @property
    def title(self) -> str:
        """Return the name under which it plays."""
        return self.name or self.scheme

    def spec(self) -> PlayerSpec:
        """Return the player."""
        extra = {"protocol": self.protocol} if self.protocol else {}
        return PlayerSpec(name=self.scheme, settings={**self.settings, **extra})


class Move(Frozen):
    """One round of a thief: a move with its hyper-parameters, or one strength for them."""

    move: str
    strength: float | None = Field(None, ge=0, le=1)
    settings: dict[str, Json] = Field(default_factory=dict)

    def action(self) -> Action:
        """Return what the agent plays."""
        return Action(PlayerSpec(name=self.move, settings=self.settings), self.strength)


class ThreatTable(Frozen):
    """A threat model: a preset and what differs from it."""

    preset: str = "whitebox_third"
    grant: dict[str, Json] = Field(default_factory=dict)
    budget: dict[str, Json] = Field(default_factory=dict)

    def model(self) -> ThreatModel:
        """Return the threat model.

        Raises:
            RegistryError: no such preset. ValidationError: a field is not one of a threat model.
        """
        known = preset(self.preset)
        budget = Budget.as_written({**known.budget.plain(), **self.budget})
        return ThreatModel.as_written({**known.plain(), **self.grant, "budget": budget.plain()})


class ThiefTable(Frozen):
    """A thief: `[[thief]]`. `moves` are its rounds; `against` names owners, none means all."""

    name: ThiefName
    moves: tuple[str | Move, ...] = Field(min_length=1)
    threat: str | ThreatTable = "whitebox_third"
    against: tuple[str, ...] = ()

    def script(self) -> tuple[Action, ...]:
        """Return the thief's rounds as far as they are known: none where it learnt to choose."""
        if self._learned() is not None:
            return ()
        named = (Move(move=move) if isinstance(move, str) else move for move in self.moves)
        return tuple(move.action() for move in named)

    def agent(self) -> Agent:
        """Return who plays it, in one match; raises like `learned_agent`."""
        return self._learned() or Scripted(self.script())

    def may_play(self) -> tuple[PlayerSpec, ...]:
        """Return every move that it may make; raises like `learned_agent`."""
        learned = self._learned()
        return learned.moves if learned else tuple(action.move for action in self.script())

    def _learned(self) -> Learned | None:
        folder = folder_of(self.moves)
        return None if folder is None else learned_agent(folder, self.grants())

    def grants(self) -> ThreatModel:
        """Return its threat model; raises like `ThreatTable.model`."""
        table = ThreatTable(preset=self.threat) if isinstance(self.threat, str) else self.threat
        return table.model()


MAX_LOSS = 0.05
"""The fidelity that protecting may cost where a scenario says no other."""


class Scenario(Frozen):
    """A tournament: every thief against every owner, a number of times."""

    name: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    description: str = ""
    seed: int = Field(0, ge=0, lt=2**63)  # what SQLite holds
    repeats: int = Field(1, ge=1, le=REPEATS)
    device: Literal["auto", "cpu", "cuda"] = "auto"
    isolate: bool = False  # every move in a process of its own
    max_loss: float = Field(MAX_LOSS, ge=0, le=1)  # fidelity that an owner may cost and still win
    tolerance: float = Field(TOLERANCE, ge=0, le=1)  # utility that removing a mark may cost
    paired: bool = False  # owners who release the bare twin all meet the same thieves
    players: tuple[str, ...] = ()  # Python files with players, run in a sandbox unless trusted
    task: TaskTable = TaskTable()
    innocents: Pools = Pools()
    limits: Limits = Limits()
    owner: tuple[OwnerTable, ...] = Field(min_length=1)
    thief: tuple[ThiefTable, ...] = Field(min_length=1)
    experiment: Experiment | None = None  # what it is played for, for `arena reproduce`

    def task_spec(
        self, device: Literal["cpu", "cuda"], precision: str, root: int | None = None
    ) -> TaskSpec:
        """Return the task, bound to a device and to the root of its randomness (the seed)."""
        fields = {**self.task.model_dump(), "seed": self.seed if root is None else root}
        return TaskSpec.model_validate({**fields, "device": device, "precision": precision})

    def agent(self, thief: str) -> Agent:
        """Return who plays the thief of that name, in one match."""
        return next(table.agent() for table in self.thief if table.name == thief)

    def matches(self, task: TaskSpec) -> Iterator[tuple[MatchSpec, tuple[Action, ...]]]:
        """Yield every match with the script of its thief, in the order of the file.

        The script is empty where the thief learnt to choose as it goes; `agent` plays all of them.
        """
        for repeat in range(self.repeats):
            for owner in self.owner:
                for thief in self.thief:
                    if thief.against and owner.title not in thief.against:
                        continue
                    match = MatchSpec(
                        task=task,
                        owner=owner.title,
                        defense=owner.spec(),
                        thief=thief.name,
                        grants=thief.grants(),
                        verification=owner.verification,
                        pools=self.innocents,
                        tolerance=self.tolerance,
                        paired=self.paired,
                        seed=self.seed,
                        repeat=repeat,
                        secret_root=None if task.seed == self.seed else task.seed,
                    )
                    yield match, thief.script()


def read_scenario(
    path: Path, changes: Mapping[str, Json] | None = None, trusted: Collection[Path] = ()
) -> Scenario:
    """Read and check a scenario file.

    Args:
        path: the TOML file.
        changes: dotted keys and values that replace what the file says (`--set`).
        trusted: files with players that are imported here; all others are run in a sandbox.

    Raises:
        ScenarioError: with one sentence for each problem.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(
            [f"expected a scenario file at {path}, cannot read it ({error})"]
        ) from error
    with said_of(path):
        return parse_scenario(text, path.parent, changes, trusted)


def parse_scenario(
    text: str,
    folder: Path,
    changes: Mapping[str, Json] | None = None,
    trusted: Collection[Path] = (),
) -> Scenario:
    """Parse and check the text of a scenario; raises like `read_scenario`."""
    try:
        raw = from_toml(text)
    except ValueError as error:
        raise ScenarioError([f"expected TOML, found a fault: {error}"]) from error
    return check_scenario(raw, folder, changes, text, trusted)


def check_scenario(
    raw: dict[str, Any],
    folder: Path,
    changes: Mapping[str, Json] | None = None,
    text: str = "",
    trusted: Collection[Path] = (),
) -> Scenario:
    """Check the tables of a scenario.

    Args:
        raw: the tables, as a TOML file has them.
        folder: where its paths begin.
        changes: dotted keys and values that replace what the tables say.
        text: the file's text, for the numbers of lines in what is said.
        trusted: files with players that are imported here; all others are run in a sandbox.

    Raises:
        ScenarioError: with one sentence for each problem.
    """
    raw = _with_model(located(placed_in(raw, folder), folder), folder)
    for key, value in (changes or {}).items():
        try:
            _set(raw, key, value)
        except (TypeError, AttributeError) as error:  # it is no text
            raise ScenarioError([f"no key {key!r} can be set in this scenario"]) from error
    refuse_strange(raw, text)
    raw = resolved(raw, text)
    try:
        scenario = Scenario.as_written(raw)
    except ValidationError as error:
        raise ScenarioError(sentences(error, text, Scenario)) from error
    files = partial(_file_problems, scenario, text, folder, trusted)
    # without its files a scenario's players have no names, and what they need nobody knows
    for found in (files, partial(problems_of, scenario, text), partial(unplayable, scenario, text)):
        if problems := list(dict.fromkeys(found())):
            raise ScenarioError(problems)
    return scenario


def _with_model(raw: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return the tables with a pretrained model's path as seen from here."""
    task = raw.get("task")
    if not isinstance(task, dict) or not isinstance(task.get("model"), str):
        return raw
    return raw | {"task": task | {"model": pretrained.placed(task["model"], folder)}}


def _set(raw: dict[str, Any], key: str, value: Json) -> None:
    *path, last = key.split(".")
    table: Any = raw
    try:
        for step in path:
            table = _named(table, step) if isinstance(table, list) else table.setdefault(step, {})
        if isinstance(table, list):
            table[int(last)] = value
        else:
            table[last] = value
    except (ValueError, IndexError, TypeError, AttributeError) as error:
        hint = "tables in a list go by name or are counted from 0, as in owner.0.scheme"
        raise ScenarioError([f"--set {key}: the scenario has no such place; {hint}"]) from error


def _named(tables: list[Any], step: str) -> Any:
    """Return the table of a list that has a name, or else a number."""
    for table in tables:
        if isinstance(table, dict) and step in (table.get("name"), table.get("scheme")):
            return table
    return tables[int(step)]


def players_of(
    scenario: Scenario, folder: Path, trusted: Collection[Path] = ()
) -> tuple[PlayersFile, ...]:
    """Return the files with a person's own players, entered into the registry.

    Raises:
        RegistryError: one cannot be read, or nothing can be sandboxed here.
    """
    return tuple(_admitted(scenario, folder / player, trusted) for player in scenario.players)


def _admitted(scenario: Scenario, path: Path, trusted: Collection[Path]) -> PlayersFile:
    is_trusted = path.resolve() in {known.resolve() for known in trusted}
    return admit(path, scenario.limits.cell(), trusted=is_trusted)


def _file_problems(
    scenario: Scenario, text: str, folder: Path, trusted: Collection[Path]
) -> Iterator[str]:
    for player in scenario.players:
        try:
            _admitted(scenario, folder / player, trusted)
        except RegistryError as error:
            yield f"{place(text, ('players',))}{error}"
