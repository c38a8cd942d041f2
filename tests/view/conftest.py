"""A tournament that plays in seconds, a ledger that needs no playing, and the command line."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from arena.game.match.rows import InnocentRow, RoundRow
from arena.game.rules.threat import METERS
from arena.view.cli import main
from arena.view.console import Console
from arena.view.plain_table import PlainTable
from arena.view.results.report import Report, results_in
from arena.world.models import Model, save_model

WIDTH = "100"
"""The columns of the terminal that commands write to."""

SCENARIO = """
name = "small"
description = "two owners against three thieves, in seconds"
seed = 3

[task]
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
scheme = "none"

[[owner]]
name = "bits+32"
scheme = "uchida"
settings = { n_bits = 32, strength = 0.3 }

[[thief]]
name = "none"
moves = ["none"]
threat = { grant = { data = 0.05 } }

[[thief]]
name = "tune"
moves = [{ move = "ft-ll", strength = 0.5 }, { move = "ft-al", settings = { epochs = 1 } }]
threat = { grant = { data = 0.05 } }

[[thief]]
name = "poor"
moves = [{ move = "ft-al", settings = { epochs = 1 } }]
threat = { budget = { steps = 1 } }
against = ["bits+32"]
"""


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


Command = Callable[..., Done]


@pytest.fixture
def arena(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Return the command line as a function; it runs in this process."""

    def call(*arguments: str | Path) -> Done:
        monkeypatch.setattr(sys, "argv", ["arena", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", WIDTH)
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return Done(int(ended.value.code or 0), said.out, said.err)

    return call


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ARENA_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def scenario_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scenario of two owners and three thieves."""
    path = tmp_path_factory.mktemp("scenario") / "small.toml"
    path.write_text(SCENARIO, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def played(scenario_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of that scenario, played once by `arena run`. Tests only read it."""
    out = tmp_path_factory.mktemp("played") / "small"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            sys, "argv", ["arena", "run", str(scenario_file), "--out", str(out), "--jobs=1"]
        )
        with pytest.raises(SystemExit) as ended:
            main()
    assert not ended.value.code
    return out


@pytest.fixture
def report(played: Path) -> Report:
    """What the ledger of that tournament holds."""
    return results_in(played)


def row(owner: str, thief: str, payoff: float | None = 0.0, **changes: Any) -> RoundRow:
    """Return a row of the ledger as `Ledger.rounds` gives it; no payoff makes a failed round."""
    scored = payoff is not None
    made: dict[str, Any] = {
        "match": f"{owner}-vs-{thief}-{changes.get('repeat', 0)}",
        "owner": owner,
        "scheme": owner,
        "thief": thief,
        "move": thief,
        "status": "OK" if scored else "ERROR",
        "message": "" if scored else "it broke",
        "reason": "so many bits agree" if scored else None,
        "payoff": payoff,
        "owner_payoff": None if payoff is None else 1 - payoff,
    }
    if scored:
        figures = ("utility", "victim_utility", "kept", "rescaled", "statistic", "threshold")
        costs = ("fidelity_loss", "cost", "move_s", "judge_s", "protect_s")
        made |= dict.fromkeys(figures, 0.75) | dict.fromkeys(costs, 0.25)
        made |= dict.fromkeys(METERS, 2.0) | {"p_value": 0.5}
    return RoundRow(**{**made, **changes})


def innocent(owner: str, *, caught: bool, rescaled: float = 0.25, **known: Any) -> InnocentRow:
    """Return a row of `Ledger.innocents`, of a model of the victim's recipe unless it is said."""
    made: dict[str, Any] = {"kind": "Neg-1", **known}
    return InnocentRow(owner=owner, caught=caught, rescaled=rescaled, **made)


def made_report(
    rounds: list[RoundRow],
    innocents: list[InnocentRow] | None = None,
    repeats: int = 1,
    against: str = "",
) -> Report:
    """Return the report of a tournament with these rows; its players are those of the rows.

    `against` names the one owner that the last thief plays.
    """
    owners = list(dict.fromkeys(found.owner for found in rounds))
    thieves = [
        {"name": name, "against": []} for name in dict.fromkeys(found.thief for found in rounds)
    ]
    if against:
        thieves[-1]["against"] = [against]
    scenario = {
        "name": "made",
        "seed": 0,
        "repeats": repeats,
        "owner": [{"name": "", "scheme": owner} for owner in owners],
        "thief": thieves,
    }
    return Report({"scenario": scenario, "versions": {}}, rounds, innocents or [])


FAST = ("--set", "strength=0.3", "--epochs=12", "--innocents=2", "--innocent-epochs=1")


def call(*words: str | Path) -> int:
    """Run the command line in this process, and return its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["arena", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
    return int(ended.value.code or 0)


@pytest.fixture(scope="session")
def own(_small: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `mine.safetensors`, and `protected`, which the command made of it."""
    folder = tmp_path_factory.mktemp("own")
    save_model(_small, folder / "mine.safetensors")
    (folder / "secret.txt").write_text("six blind mice\n")
    out, closed = f"--out={folder / 'protected'}", f"--passphrase-file={folder / 'secret.txt'}"
    assert not call("protect", folder / "mine.safetensors", "--data=digits", *FAST, out, closed)
    return folder


def printed(table: PlainTable, width: int) -> str:
    """Return what a terminal of so many columns shows of a table."""
    console, out = Console(), io.StringIO()
    console.file, console.width = out, width
    console.print(table)
    return out.getvalue()
