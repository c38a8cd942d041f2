"""Players that cheat: contained, and nobody else's cell changes by a bit."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from arena.game.match.rows import RoundRow
from arena.game.match.steps.step_cache import Setting
from arena.runs.executors import InProcess, Workers
from arena.runs.ledger import Ledger
from arena.runs.scenario import parse_scenario, players_of
from arena.runs.tournament import Tournament, open_folder, task_of
from arena.world.compute import Compute
from tests.game.sandbox.conftest import needs_sandbox

pytestmark = needs_sandbox

HERE = Path(__file__).parent
BASE = """
name = "hostile"
players = ["cheats.py"]
limits = { step_s = 100, memory_mb = 6144 }

[task]
data = "digits"
model = "mlp"
recipe = { epochs = 5 }

[innocents]
calibration_same = 0
calibration_other = 0
reporting_same = 1
reporting_other = 1
calibration_odd = 0
reporting_odd = 0

[[owner]]
scheme = "uchida"
settings = { strength = 0.3 }

[[thief]]
name = "honest"
moves = ["none"]
"""
SECRET = "of the tests of hostile players"  # noqa: S105
CAUGHT = ("OK", "")  # it delivers the victim, and is caught
THIEVES = {
    "alloc": ("MEMORY", "out of memory"),
    "arch": ("INVALID", "sly"),
    "collect": CAUGHT,
    "connect": ("ERROR", "PermissionError"),
    "delete": CAUGHT,
    "delivsub": ("INVALID", "data that are none"),
    "describe": ("INVALID", "arguments of a player's own"),
    "fill": ("ERROR", "File too large"),
    "fork": ("ERROR", "PermissionError"),
    "forward": CAUGHT,
    "interrupt": ("ERROR", "KeyboardInterrupt"),
    "intquery": ("FORFEIT", "expected"),
    "killparent": CAUGHT,
    "leave": ("ERROR", "SystemExit"),
    "look_up": CAUGHT,
    "meter": ("LIMIT", "images_queried"),
    "osexit": ("ERROR", "ended its process (code 0)"),
    "pipehuge": ("ERROR", "too large"),
    "plant": CAUGHT,
    "runpatch": CAUGHT,
    "seed": CAUGHT,
    "segv": ("ERROR", "ended its process"),
    "sleep": ("TIMEOUT", "100 s"),
    "spin": ("TIMEOUT", "100 s"),
    "stdout": CAUGHT,
    "swarm": ("ERROR", "thread"),
    "thread": CAUGHT,
    "twin": ("ERROR", "digits"),
}
OWNERS = {
    "always": ("OK", ""),
    "callers": ("OK", ""),
    "exit": ("ERROR", "ended its process (code 0)"),
    "mutate": ("OK", ""),
    "nan": ("ERROR", "not JSON compliant"),
    "no-verdict": ("ERROR", "expected a Verdict, found NoneType"),
    "numpy": ("OK", ""),
    "path": ("OK", ""),
    "testsplit": ("SKIPPED", "digits"),
}
GRANTS = 'threat = { preset = "whitebox_third", budget = { images_queried = 100 } }'


def with_cheats(thieves: list[str], owners: list[str]) -> str:
    """Return the scenario with cheats: thieves against the honest owner, owners for the honest."""
    text = BASE
    for name in owners:
        text += f'\n[[owner]]\nscheme = "cheating-owner"\nname = "{name}"\n'
        text += f'settings = {{ trick = "{name}" }}\n'
    for name in thieves:
        move = f'{{ move = "cheat", settings = {{ trick = "{name}" }} }}'
        text += f'\n[[thief]]\nname = "{name}"\nmoves = [{move}]\nagainst = ["uchida"]\n{GRANTS}\n'
    return text


def play(out: Path, text: str, jobs: int = 1) -> dict[str, RoundRow]:
    """Play and return the rows by match."""
    parsed = parse_scenario(text, HERE)
    store, ledger = open_folder(out)
    task = task_of(parsed, Compute(), SECRET)
    tournament = Tournament(parsed, task, store, ledger, lambda _: None)
    if jobs == 1:
        tournament.run(InProcess(store, Setting()))
    else:
        players = players_of(parsed, HERE)
        with Workers(jobs, store.root, Setting(), limit_s=600, players=players) as workers:
            tournament.run(workers)
    rows = {row.match: row for row in ledger.rounds()}
    ledger.close()
    return rows


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results without any cheat."""
    out = tmp_path_factory.mktemp("honest")
    play(out, BASE)
    return out


def lasting(out: Path, match: str) -> list[str]:
    """Return the lines of a match that no clock can change."""
    ledger = Ledger(out / "ledger.sqlite")
    lines = [line for line in ledger.lasting().splitlines() if f'"{match}"' in line]
    ledger.close()
    return lines


def check(honest: Path, out: Path, thieves: list[str], owners: list[str], jobs: int) -> None:
    rows = play(out, with_cheats(thieves, owners), jobs)
    assert lasting(out, "uchida-vs-honest-0") == lasting(honest, "uchida-vs-honest-0") != []
    expected = {f"uchida-vs-{name}-0": THIEVES[name] for name in thieves}
    expected |= {f"{name}-vs-honest-0": OWNERS[name] for name in owners}
    for match, (status, words) in expected.items():
        row = rows[match]
        assert (row.status, words in row.message) == (status, True), (match, row.message)
        assert "BREACH" not in row.message
        assert not (row.thief in thieves and row.payoff), match
        assert row.caught or THIEVES.get(row.thief) != CAUGHT, match
    assert not left_behind()


def left_behind() -> str:
    """Return the processes that a cheat started and that still run."""
    return subprocess.run(["pgrep", "-f", "sleep 91.25"], capture_output=True, text=True).stdout


@pytest.mark.end_to_end
def test_cheats_cost_their_own_cells_alone(honest: Path, tmp_path: Path) -> None:
    check(honest, tmp_path, ["delete", "fork", "seed"], ["mutate"], 1)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("jobs", [1, 2], ids=["serial", "parallel"])
def test_every_cheat_is_contained(honest: Path, tmp_path: Path, jobs: int) -> None:
    check(honest, tmp_path, sorted(THIEVES), sorted(OWNERS), jobs)
