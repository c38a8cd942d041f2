"""A small tournament that plays in seconds."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path

import pytest

from arena.game.match.steps.step_cache import MemoryMemo, Setting
from arena.game.sandbox.players_file import PlayersFile
from arena.game.sides.player import PlayerSpec
from arena.runs.executors import Executor, InProcess, Workers
from arena.runs.ledger import Ledger
from arena.runs.protect.order import Order, Protection
from arena.runs.protect.protect import protect
from arena.runs.scenario import Scenario, parse_scenario, players_of
from arena.runs.store import Store
from arena.runs.tournament import Event, Tournament, open_folder, task_of
from arena.world.compute import Compute
from arena.world.models import Model
from arena.world.task import Task
from arena.world.training import Recipe
from tests.runs.judge.exhibits import make_exhibits

HERE = Path(__file__).parent
TRUSTED = (HERE / "players.py",)
SMALL = """
name = "small"
seed = 7
players = ["players.py"]

[task]
data = "digits"
model = "mlp"
recipe = { epochs = 2 }

[innocents]
calibration_same = 1
calibration_other = 1
reporting_same = 1
reporting_other = 1
calibration_odd = 0
reporting_odd = 0

[[owner]]
scheme = "uchida"
settings = { strength = 0.3 }

[[owner]]
scheme = "none"

[[thief]]
name = "none"
moves = ["none"]
threat = { grant = { data = 0.05 } }

[[thief]]
name = "tune-twice"
moves = [{ move = "ft-ll", settings = { epochs = 1 } }, { move = "rt-al", strength = 0.5 }]
threat = { grant = { data = 0.05 } }
"""


class Played:
    """What a tournament left in its folder, and what it did on the way."""

    def __init__(self, out: Path, events: list[Event]) -> None:
        self.out, self.events = out, events

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.out / "ledger.sqlite")

    @property
    def made(self) -> list[str]:
        return [event.title for event in self.events if event.kind == "ended"]

    @property
    def status(self) -> dict[str, str]:
        return {row.match: row.status for row in self.ledger.rounds()}


def scenario(text: str = SMALL) -> Scenario:
    return parse_scenario(text, HERE, trusted=TRUSTED)


Making = Callable[[Store, Setting, tuple[PlayersFile, ...]], AbstractContextManager[Executor]]


def play_with(out: Path, making: Making, text: str = SMALL) -> Played:
    """Play a scenario in a folder with an executor of one's own."""
    events: list[Event] = []
    parsed = scenario(text)
    store, ledger = open_folder(out)
    tournament = Tournament(parsed, task_of(parsed, Compute()), store, ledger, events.append)
    setting = Setting(cell=parsed.limits.cell() if parsed.isolate else None)
    with closing(ledger), making(store, setting, players_of(parsed, HERE, TRUSTED)) as executor:
        tournament.run(executor)
    return Played(out, events)


def play(out: Path, text: str = SMALL, jobs: int = 1, limit_s: float | None = None) -> Played:
    """Play a scenario in a folder."""

    def making(
        store: Store, setting: Setting, players: tuple[PlayersFile, ...]
    ) -> AbstractContextManager[Executor]:
        if jobs == 1 and limit_s is None:
            return nullcontext(InProcess(store, setting))
        return Workers(jobs, store.root, setting, limit_s=limit_s, players=players)

    return play_with(out, making, text)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """The small tournament, played once in this process."""
    return play(tmp_path_factory.mktemp("finished"))


@pytest.fixture(scope="session")
def exhibits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a person's models. Tests only read it."""
    folder = tmp_path_factory.mktemp("exhibits")
    make_exhibits(folder)
    return folder


UCHIDA = PlayerSpec(name="uchida", settings={"strength": 0.3})


@pytest.fixture(scope="session")
def order(small_task: Task, _small: Model) -> Order:
    """A mark that takes at the first attempt, by a wide margin."""
    return Order(
        model=_small.copy(),
        task=small_task,
        scheme=UCHIDA,
        seed=1 << 127,
        epochs=(12,),
        innocents=2,
        training=Recipe(epochs=2),
    )


@pytest.fixture(scope="session")
def protection(order: Order) -> Protection:
    return protect(order, MemoryMemo(), Setting(), lambda stage: None)
