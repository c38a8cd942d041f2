"""`arena train`: a player learns from a scenario, is measured, printed and written down."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arena.errors import ScenarioError, did_you_mean
from arena.runs.learn.environments import School
from arena.runs.learn.learned_player import SIDES, LearnedPlayer, Side
from arena.runs.learn.train import Training
from arena.runs.store import ARTEFACTS, Store
from arena.runs.tournament import task_of
from arena.view.commands.failures import resumable
from arena.view.commands.run import made_folder
from arena.view.commands.run_options import Order, prepare
from arena.view.console import Console
from arena.view.exit_codes import ExitCode
from arena.view.learn.lesson_board import lesson_board
from arena.view.plain_table import PlainTable, titled


@dataclass(frozen=True)
class TrainOrder:
    """The command line of `arena train`; `game` is what it has in common with `arena run`."""

    side: str
    game: Order
    algorithm: str = "search"
    n_steps: int = 500
    n_strengths: int = 3
    n_rounds: int | None = None
    like: str = ""
    shaping: float = 0.0


def carry_out(order: TrainOrder) -> int:
    """Let a player learn; return the exit code.

    Raises:
        ArenaError: it cannot learn from that. Ended: it was stopped, or ended unexpectedly.
    """
    side = _side(order.side)
    game = prepare(order.game)
    training = Training(side, order.algorithm, order.n_steps, game.scenario.seed, order.shaping)
    out = order.game.out or Path("runs") / "learned" / f"{game.scenario.name}-{side}"
    made_folder(out)
    with resumable(out):
        school = School(
            scenario=game.scenario,
            task=task_of(game.scenario, game.compute),
            memo=Store(out / ARTEFACTS),
            setting=game.setting(),
            n_strengths=order.n_strengths,
            n_rounds=order.n_rounds,
            like=order.like,
        )
        with lesson_board(out / "tensorboard", Console(stderr=True)) as heard:
            learnt = training.learn(school, heard)
        learnt.write(out)
    print_learned(learnt.player, out, as_json=order.game.as_json)
    return ExitCode.DONE


def _side(text: str) -> Side:
    for side in SIDES:
        if text == side:
            return side
    raise ScenarioError([f"expected thief or owner, found {text!r}{did_you_mean(text, SIDES)}"])


def print_learned(player: LearnedPlayer, out: Path, *, as_json: bool) -> None:
    """Print what a player learnt, what it earns, and how it is played."""
    console = Console(highlight=False, soft_wrap=True, markup=False)
    if as_json:
        console.print_json(data=player.plain())
        return
    console.print(f"The {player.side} learnt: {chosen(player)}")
    rows = [(name, f"{payoff:.3f}") for name, payoff in player.payoffs.items()]
    rows.append(("mean", f"{player.payoff:.3f}"))
    title = "Its own pay-off against those that it learnt from"
    console.print(titled(title, PlainTable(("opponent", "pay-off"), rows)))
    key = "moves = [" if player.side == "thief" else "scheme = "
    end = "]" if player.side == "thief" else ""
    console.print("In a scenario it plays as")
    console.print(f'  {key}"learned:{out.resolve()}"{end}')
    console.print(f"  tensorboard --logdir {shlex.quote(str(out / 'tensorboard'))}")


def chosen(player: LearnedPlayer) -> str:
    """Return what a learned player plays, in words: `ft-al at 0.5, then prune at 1`."""
    table: Mapping[str, Any] = player.table
    if player.side == "owner":
        settings = ", ".join(f"{key} = {value}" for key, value in table["settings"].items())
        return f"{table['scheme']} ({settings})" if settings else str(table["scheme"])
    if player.network is not None:
        return f"a network that chooses among {player.network.n_choices} moves as it goes"
    return ", then ".join(
        move["move"] + (f" at {move['strength']:g}" if "strength" in move else "")
        for move in table["moves"]
    )
