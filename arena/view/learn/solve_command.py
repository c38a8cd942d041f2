"""`arena solve`: the double oracle over a scenario's menu, played as a tournament that grows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from arena.runs.bench.bench import Played
from arena.runs.learn.double_oracle import DoubleOracle, Iteration
from arena.runs.learn.menu import menu_of
from arena.runs.learn.payoff_table import PayoffTable, Play
from arena.runs.learn.solution import Solution, solve, write_solution
from arena.runs.scenario import Scenario
from arena.runs.tournament import Tournament, open_folder, task_of
from arena.view.commands.failures import resumable
from arena.view.commands.run import made_folder
from arena.view.commands.run_options import Order, ReadyRun, prepare
from arena.view.console import Console
from arena.view.exit_codes import ExitCode
from arena.view.figures.exploitability import exploitability_figure
from arena.view.figures.plots import pixels, render
from arena.view.learn.solution_words import mixtures_text, print_solution, said
from arena.view.progress.boards import choose_board
from arena.world.files.atomic_write import write_whole


@dataclass(frozen=True)
class SolveOrder:
    """The command line of `arena solve`; `game` is what it has in common with `arena run`."""

    game: Order
    iterations: int = 30
    epsilon: float = 0.01
    n_strengths: int = 3


def carry_out(order: SolveOrder) -> int:
    """Solve a scenario, or go on with it, print and write the solution; return the exit code.

    Raises:
        ArenaError: it cannot be solved. Ended: it was stopped, or ended unexpectedly.
    """
    game = prepare(order.game)
    menu = menu_of(game.scenario, order.n_strengths)
    out = order.game.out or Path("runs") / "solved" / menu.name
    made_folder(out)
    console = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)
    with resumable(out), _playing(game, out, console) as play:
        oracle = DoubleOracle(PayoffTable(menu, play), order.epsilon)

        def heard(number: int, found: Iteration) -> None:
            console.print(said(number, found))

        scripted = tuple(thief.name for thief in game.scenario.thief)
        solution = solve(oracle, scripted, order.iterations, heard)
        write_solution(out, solution)
        _draw(solution, out)
    print_solution(solution, out, as_json=order.game.as_json)
    return ExitCode.DONE if solution.converged else ExitCode.NO_ANSWER


@contextmanager
def _playing(game: ReadyRun, out: Path, console: Console) -> Iterator[Play]:
    """Give what plays scenarios into one folder, with the same workers all the time."""
    store, ledger = open_folder(out)
    task = task_of(game.scenario, game.compute, game.secret)
    with (
        closing(ledger),
        choose_board(console) as board,
        game.executor(store, board.heard) as executor,
    ):

        def play(scenario: Scenario) -> Played:
            Tournament(scenario, task, store, ledger, board).run(executor)
            return Played.read(ledger)

        yield play


def _draw(solution: Solution, out: Path) -> None:
    """Write the picture of a solution, and its curves for TensorBoard."""
    png = render(exploitability_figure(solution.iterations, solution.epsilon))
    (out / "figures").mkdir(exist_ok=True)
    write_whole(out / "figures" / "exploitability.png", png)
    for old in (out / "tensorboard").glob("events.*"):  # of an earlier run: each draws all of it
        old.unlink()
    with SummaryWriter(str(out / "tensorboard")) as writer:
        for number, found in enumerate(solution.iterations, start=1):
            writer.add_scalar("solve/exploitability", found.exploitability, number)
            writer.add_scalar("solve/value", found.value, number)
            writer.add_scalar("solve/owner_gain", found.owner_gain, number)
            writer.add_scalar("solve/thief_gain", found.thief_gain, number)
            writer.add_text("solve/added", ", ".join(found.added) or "nobody", number)
        writer.add_text("solve/mixtures", mixtures_text(solution.last), 0)
        writer.add_image("solve/picture", pixels(png), 0, dataformats="HWC")
