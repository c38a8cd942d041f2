"""`arena run`: play a tournament and show it, or say what would be played."""

from __future__ import annotations

import shlex
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from arena.errors import ScenarioError, StoreError
from arena.runs.executors.staff import Staff
from arena.runs.ledger import Ledger
from arena.runs.tournament import Event, Tournament, open_folder, task_of
from arena.view.commands.dry_run import show_plan
from arena.view.commands.failures import resumable
from arena.view.commands.run_options import Order, ReadyRun, prepare
from arena.view.commands.show import print_report
from arena.view.console import Console
from arena.view.exit_codes import ExitCode
from arena.view.progress.boards import Board, choose_board
from arena.view.results.refresh import refresh_views
from arena.view.results.report import read_report
from arena.view.results.tables import live_standings

_PATIENCE = 20.0  # standings and views may take one part in so many of the time
_FRESH_S = 30.0  # and views are made again after so long at the earliest


def carry_out(order: Order, *, dry_run: bool) -> int:
    """Play what was asked for, print the results, and return the exit code.

    Raises:
        ArenaError: it cannot be played. Ended: it was stopped, or ended unexpectedly.
    """
    try:
        game = prepare(order)
    except ScenarioError as error:
        if order.as_json:  # whoever reads JSON is told in JSON too
            Console().print_json(data={"problems": list(error.problems), "rounds": []})
        raise
    _say_trusted(game)
    if dry_run:
        show_plan(game, as_json=order.as_json)
        return 0
    made_folder(game.out)
    with resumable(game.out):
        return play(game, Console(stderr=True), as_json=order.as_json)


def made_folder(out: Path) -> None:
    """Make a folder for results.

    Raises:
        StoreError: it cannot be made.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"expected a folder that can be written, found {out} ({error.strerror}); "
            "choose another --out folder"
        ) from error


def play(game: ReadyRun, console: Console, *, as_json: bool) -> int:
    """Play a tournament with its progress on `console` and its results on stdout."""
    store, ledger = open_folder(game.out)
    with closing(ledger), Staff(store) as staff:
        before = ledger.titles()
        n_made = play_into(game, staff, ledger, console)
        report = read_report(ledger)
        gone = len(set(before) - set(ledger.titles()))
    refresh_views(report, game.out)
    print_report(report, as_json=as_json)
    if not as_json:
        _say_next(game.out, n_made)
    if gone:
        console.print(
            f"{game.out} held another scenario; {gone} of its {len(before)} matches are not in "
            "this one and are shown no longer. Nothing is lost: run that scenario again to see "
            "them, or give each an --out folder of its own",
            markup=False,
        )
    scored = any(row.scored for row in report.finals)
    return 0 if scored else ExitCode.FAILED


def play_into(game: ReadyRun, staff: Staff, ledger: Ledger, console: Console) -> int:
    """Play a tournament into the staff's store and a ledger; return how many steps were made."""
    with choose_board(console) as board:
        watch = LiveViews(board, ledger, game.out if game.live else None)
        task = task_of(game.scenario, game.compute, game.secret)
        tournament = Tournament(game.scenario, task, staff.store, ledger, watch)
        tournament.run(staff.of(game, board.heard))
    return tournament.n_made


@dataclass
class LiveViews:
    """Passes events on to a board, and keeps its standings up to date meanwhile.

    And event files and figures too, in the folder `out`, where there is one.
    """

    board: Board
    ledger: Ledger
    out: Path | None = None
    _next: float = 0.0
    _next_views: float = 0.0

    def __call__(self, event: Event) -> None:
        """Take note of an event; the ledger is read again only now and then."""
        self.board(event)
        if event.kind != "match":
            return
        now = time.monotonic()
        if now >= self._next:
            self.board.standings(lambda: live_standings(read_report(self.ledger)))
            self._next = self._later(now)
        if self.out is not None and now >= self._next_views:
            refresh_views(read_report(self.ledger), self.out, wait=False)
            self._next_views = max(self._later(now), now + _FRESH_S)

    def _later(self, began: float) -> float:
        """Return when to do again what took until now."""
        now = time.monotonic()
        return now + _PATIENCE * (now - began)


def _say_trusted(game: ReadyRun) -> None:
    """Say what it means that a players' file is trusted."""
    console = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)
    for players in game.players:
        if not players.walled:
            console.print(
                f"{players.name} is trusted: it runs with all your rights, and could read keys, "
                "change results and use the network"
            )


def _say_next(out: Path, n_made: int) -> None:
    """Say what to type next."""
    console = Console(highlight=False, soft_wrap=True)
    noun = "step was" if n_made == 1 else "steps were"
    made = f"{n_made} {noun} made" if n_made else "nothing was left to make"
    console.print(f"\n{made}; results are in {out}", markup=False)
    folder = shlex.quote(str(out))
    console.print("Next:", style="bold")
    console.print(f"  arena show {folder}", markup=False)
    console.print(f"  arena page {folder} --open", markup=False)
    console.print(f"  tensorboard --logdir {shlex.quote(str(out / 'tensorboard'))}", markup=False)
