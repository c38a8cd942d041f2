"""What `arena run` keeps up to date while it plays, and how it ends."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console, RenderableType

from arena.runs.ledger import Ledger
from arena.runs.tournament import Event
from arena.view.commands import run
from arena.view.commands.run import LiveViews
from arena.view.commands.run_options import Order, prepare
from arena.view.progress.boards import NullBoard
from arena.view.results.refresh import boards_folder
from arena.view.results.report import Report
from tests.view.conftest import Command

MATCH = Event("match", "none-vs-none-0", status="OK", n_done=1, n_total=2, payoff=1.0)


class Remembers(NullBoard):
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.n_standings = 0

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    def standings(self, table: Callable[[], RenderableType]) -> None:
        Console(quiet=True).print(table())
        self.n_standings += 1


@pytest.fixture
def out(played: Path, tmp_path: Path) -> Path:
    """A folder with the ledger of the played tournament, and nothing drawn from it."""
    shutil.copyfile(played / "ledger.sqlite", tmp_path / "ledger.sqlite")
    return tmp_path


def test_a_finished_match_has_its_views_at_once_where_they_are_live(
    out: Path, report: Report
) -> None:
    board = Remembers()
    LiveViews(board, Ledger(out / "ledger.sqlite"), out)(MATCH)
    assert board.n_standings == 1
    folders = {path.name for path in boards_folder(report, out).iterdir()}
    assert {"none", "_summary"} < folders
    assert (out / "figures" / "payoff.png").is_file()


def test_nothing_is_drawn_before_the_end_where_views_are_not_live(out: Path) -> None:
    board = Remembers()
    LiveViews(board, Ledger(out / "ledger.sqlite"))(MATCH)
    assert board.n_standings == 1
    assert [path.name for path in out.iterdir() if path.is_dir()] == []


def test_live_views_are_made_again_after_half_a_minute(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, made = SimpleNamespace(at=0.0), []
    monkeypatch.setattr(run, "time", SimpleNamespace(monotonic=lambda: now.at))
    monkeypatch.setattr(run, "refresh_views", lambda *_, wait: made.append(now.at))
    watch = LiveViews(NullBoard(), Ledger(out / "ledger.sqlite"), out)
    for now.at in (100.0, 110.0, 129.0, 131.0, 140.0):
        watch(MATCH)
    assert made == [100.0, 131.0]


def test_the_ledger_is_read_only_when_a_match_ended(out: Path) -> None:
    board = Remembers()
    watch = LiveViews(board, Ledger(out / "ledger.sqlite"), out)
    events = [Event(kind, "x", "aa") for kind in ("planned", "began", "ended")]
    for event in events:
        watch(event)
    assert board.events == events
    assert board.n_standings == 0
    assert [path.name for path in out.iterdir() if path.is_dir()] == []


def test_the_ledger_is_not_read_again_at_once(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The first match comes at 1 and reading takes until 2, so the next reading is at 22 or later.
    clock = iter([1.0, 2.0, 21.0, 23.0, 24.0])
    monkeypatch.setattr(run, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    board = Remembers()
    watch = LiveViews(board, Ledger(out / "ledger.sqlite"))
    seen = []
    for _ in range(3):
        watch(MATCH)
        seen.append(board.n_standings)
    assert seen == [1, 1, 2]
    assert len(board.events) == 3


def test_every_owner_has_its_files_at_the_end_whatever_was_missed(
    arena: Command, played: Path, scenario_file: Path, tmp_path: Path, report: Report
) -> None:
    shutil.copytree(played, tmp_path / "out")
    shutil.rmtree(tmp_path / "out" / "tensorboard")
    shutil.rmtree(tmp_path / "out" / "figures")
    assert arena("run", scenario_file, "--out", tmp_path / "out", "--jobs", 1).code == 0
    assert len(list(boards_folder(report, tmp_path / "out").iterdir())) == len(report.owners) + 1
    assert (tmp_path / "out" / "figures" / "payoff.png").is_file()


def test_it_is_said_when_a_folder_held_another_scenario(
    arena: Command, played: Path, scenario_file: Path, tmp_path: Path
) -> None:
    shutil.copytree(played, tmp_path / "out")
    head, *thieves = scenario_file.read_text(encoding="utf-8").split("[[thief]]")
    smaller = tmp_path / scenario_file.name
    smaller.write_text("[[thief]]".join([head, thieves[0]]), encoding="utf-8")
    order = ("--out", tmp_path / "out", "--jobs", 1)
    assert "another scenario" not in arena("run", scenario_file, *order).err
    n_before = len(Ledger(played / "ledger.sqlite").titles())
    done = arena("run", smaller, *order)
    n_now = len(Ledger(tmp_path / "out" / "ledger.sqlite").titles())
    assert 0 < n_now < n_before
    said = " ".join(done.err.split())
    assert f"held another scenario; {n_before - n_now} of its {n_before} matches are not" in said


@pytest.mark.parametrize(
    ("n_made", "said"), [(0, "nothing was left"), (1, "1 step was"), (5, "5 steps were")]
)
def test_the_end_says_what_was_made(
    n_made: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run._say_next(Path("runs/x"), n_made)
    assert capsys.readouterr().out.splitlines()[1].startswith(said)


def test_a_game_is_played_with_what_its_order_says(scenario_file: Path, tmp_path: Path) -> None:
    game = prepare(Order(str(scenario_file), out=tmp_path / "out", jobs=1))
    assert game.setting().cache is not None
    assert not (tmp_path / "out").exists()  # a folder is made by playing, not by preparing
